import ConvexCNN
import Foundation
import Testing

/// Training runs of the built tool on tiny data.
struct TrainTests {
  /// The keys of CLI.md.
  private static let keys = [
    "schema", "status", "objective", "lowerBound", "gap", "relativeGap", "claim", "scope", "bound",
    "dualNormOverLambda", "lambda", "lambdaMax", "neuronCount", "cellCount", "loss",
    "regularization", "trainAccuracy", "testAccuracy", "seconds", "phases", "model", "version",
  ]

  private func trained(_ flags: [String], _ folder: Folder) throws -> (Tool.Output, [String: Any]) {
    try TinyData.write(to: folder)
    let output = try Tool.run(flags + ["--json", "-"], in: folder)
    let json = try JSONSerialization.jsonObject(with: Data(output.out.utf8))
    return (output, try #require(json as? [String: Any]))
  }

  private func number(_ json: [String: Any], _ key: String) throws -> Double {
    try #require(json[key] as? Double)
  }

  @Test func gatedTrainingIsSolvedAndProven() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let (output, json) = try trained(TinyData.gated + ["--gap", "1e-6"], folder)
    #expect(output.code == 0)
    let missing = Self.keys.filter { json[$0] == nil }
    #expect(missing == [])
    let words = [json["status"], json["bound"], json["scope"]].map { $0 as? String }
    #expect(words == ["solved", "exact", "the 4 cells given"])
    let objective = try number(json, "objective")
    let bound = try number(json, "lowerBound")
    let gap = try number(json, "relativeGap")
    #expect(bound <= objective)
    #expect(gap <= 1e-6)
    #expect(abs(gap - (objective - bound) / objective) <= 1e-12)
    let sum = try number(json, "loss") + number(json, "regularization")
    #expect(abs(objective - sum) <= 1e-12)
    #expect(json["testAccuracy"] is NSNull)
    let claim = try #require(json["claim"] as? String)
    #expect(claim.contains("the 4 cells given"))
    let model = try #require(json["model"] as? [String: Any])
    let flags = [model["activation"], model["filter"], model["cells"]].map { $0 as? String }
    #expect(flags == ["gated", "2x2", "sample:4"])
  }

  /// Both ways to train the same ReLU network end at the same objective.
  @Test func allCellsAndGeneratedCellsAgree() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let flags =
      TinyData.train + [
        "--filter", "1x2", "--loss", "logistic", "--lambda-ratio", "0.2", "--gap", "1e-7",
      ]
    let (output, all) = try trained(flags + ["--cells", "all"], folder)
    #expect(output.code == 0)
    let missing = Self.keys.filter { all[$0] == nil }
    #expect(missing == [])
    #expect(all["status"] as? String == "solved")
    #expect(all["lambdaMaxKind"] as? String == "exact over all cells")
    let objective = try number(all, "objective")
    #expect(try number(all, "estimatedGap") <= 1e-8)
    #expect(try number(all, "lowerBound") <= objective)
    let (_, generated) = try trained(flags, folder)
    #expect(abs(try number(generated, "objective") - objective) <= 1e-6 * objective)
    // Twelve pairs of neighbors in each of twelve images, all on lines of their own.
    #expect(all["cellCount"] as? Int == 288)
  }

  @Test func modelOverAllCellsIsCertifiedAndStarted() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let flags =
      TinyData.train + [
        "--filter", "1x2", "--loss", "logistic", "--cells", "all", "--gap", "1e-7",
      ]
    let (first, json) = try trained(flags + ["--output", "m.safetensors"], folder)
    #expect(first.code == 0)
    let objective = try number(json, "objective")
    let certified = try Tool.run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--json",
        "-",
      ], in: folder)
    #expect(certified.code == 0)
    let report = try JSONSerialization.jsonObject(with: Data(certified.out.utf8))
    let parts = try #require(report as? [String: Any])
    #expect(try number(parts, "objective") == objective)
    let (again, restarted) = try trained(flags + ["--start", "m.safetensors"], folder)
    #expect(again.code == 0)
    #expect(abs(try number(restarted, "objective") - objective) <= 1e-12 * objective)
  }

  @Test func reluTrainingIsProvenOverAllCells() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let (output, json) = try trained(TinyData.train, folder)
    #expect(output.code == 0)
    let bound = try #require(json["bound"] as? String)
    #expect(bound == "branch")
    let status = try #require(json["status"] as? String)
    #expect(status == "solved")
    let gap = try number(json, "relativeGap")
    #expect(gap <= 1e-3)
    let missing = Self.keys.filter { json[$0] == nil }
    #expect(missing == [])
    let lower = try number(json, "lowerBound")
    let objective = try number(json, "objective")
    #expect(lower <= objective)
    let claim = try #require(json["claim"] as? String)
    #expect(claim.hasPrefix("Proven over all cells: within"))
    #expect(!claim.contains("not proven"))
  }

  @Test(arguments: [
    ["--activation", "linear"], ["--pooling", "max"], ["--bias"], ["--lambda-ratio", "5"],
  ])
  func otherArchitecturesTrain(flags: [String]) throws {
    let folder = try Folder()
    defer { folder.remove() }
    var arguments = TinyData.train
    if flags.first == "--lambda-ratio" {
      arguments.removeAll { $0 == "--lambda-ratio" || $0 == "0.1" }
    }
    try TinyData.write(to: folder)
    let output = try Tool.run(
      arguments + flags + ["--output", "m.safetensors", "--quiet"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let model = try Model(contentsOf: folder.path("m.safetensors"))
    let count = model.network.neuronCount
    #expect((count == 0) == (flags.first == "--lambda-ratio"))
  }

  @Test(arguments: [
    TinyData.train, TinyData.gated, TinyData.train + ["--standardize", "pixel"],
    TinyData.train + ["--activation", "linear"], TinyData.train + ["--output-bias"],
  ])
  func modelBitsDoNotDependOnThreads(flags: [String]) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    for threads in ["1", "2"] {
      let arguments = flags.map { $0 } + ["--output", "m\(threads).safetensors", "--quiet"]
      let index = try #require(arguments.firstIndex(of: "--threads"))
      var changed = arguments
      changed[index + 1] = threads
      let output = try Tool.run(changed, in: folder)
      #expect(output.code == 0)
    }
    let one = try folder.bytes("m1.safetensors")
    let two = try folder.bytes("m2.safetensors")
    #expect(one == two)
  }

  @Test func quietPrintsNothing() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(TinyData.gated + ["--quiet"], in: folder)
    #expect(output.code == 0)
    #expect(output.out == "")
    #expect(output.error == "")
  }

  @Test func tableIsNarrowAndEndsWithTheClaim() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(TinyData.gated + ["--json", "r.json"], in: folder)
    let result = try JSONDecoder().decode(
      TrainingResult.self, from: Data(try folder.bytes("r.json")))
    let lines = output.out.split(separator: "\n").map(String.init)
    #expect(lines.last == result.claim)
    let widest = lines.dropLast().map(\.count).max() ?? 0
    #expect(widest <= 79)
    let isASCII = output.out.utf8.allSatisfy { $0 < 128 }
    #expect(isASCII)
  }

  @Test func requiredGapThatIsNotProvenExitsWithTwo() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    // Filters of 17 entries are beyond branch and bound, and max pooling has no other bound.
    let flags = [
      "train", "--images", "images.npy", "--labels", "labels.npy", "--filter", "4x4", "--bias",
      "--lambda-ratio", "0.1", "--pooling", "max", "--require-gap", "--output", "m.safetensors",
    ]
    let output = try Tool.run(flags, in: folder)
    #expect(output.code == 2)
    #expect(output.error.contains("expected a proven relative gap"))
    // The model is complete and was written.
    let names = try folder.listing
    #expect(names.contains("m.safetensors"))
  }

  @Test func tooManyGatesAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = TinyData.gated.map { $0 == "sample:4" ? "sample:9000000" : $0 }
    let output = try Tool.run(flags + ["--max-cells", "100"], in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("--max-cells 100"))
  }

  @Test func traceIsCSV() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(TinyData.gated + ["--trace", "t.csv"], in: folder)
    #expect(output.code == 0)
    let text = String(decoding: try folder.bytes("t.csv"), as: UTF8.self)
    let lines = text.split(separator: "\n")
    #expect(lines.count >= 2)
    let counts = Set(lines.map { $0.count { $0 == "," } })
    #expect(counts == [6])
  }

  @Test func splitOffSamplesAreEvaluated() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let (output, json) = try trained(TinyData.gated + ["--test-fraction", "0.34"], folder)
    #expect(output.code == 0)
    let accuracy = try number(json, "testAccuracy")
    #expect(accuracy >= 0 && accuracy <= 1)
  }

  @Test func warmStartFromASolutionIsNoWorse() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let first = try Tool.run(
      TinyData.train + ["--output", "m.safetensors", "--json", "1.json"], in: folder)
    let second = try Tool.run(
      TinyData.train + ["--start", "m.safetensors", "--json", "2.json"], in: folder)
    #expect(first.code == 0)
    #expect(second.code == 0, "\(second.error)")
    let results = try ["1.json", "2.json"].map {
      try JSONDecoder().decode(TrainingResult.self, from: Data(try folder.bytes($0)))
    }
    let cold = try #require(results[0].objective.value)
    let warm = try #require(results[1].objective.value)
    #expect(warm <= cold * (1 + 1e-9))
  }

  @Test func gatedStartContinuesOverTheSameGatesOnly() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let first = try Tool.run(TinyData.gated + ["--output", "m.safetensors"], in: folder)
    let start = ["--start", "m.safetensors"]
    let same = try Tool.run(TinyData.gated + start, in: folder)
    let before = try folder.listing
    let fewer = TinyData.gated.map { $0 == "sample:4" ? "sample:3" : $0 }
    let others = [fewer + start, TinyData.gated + start + ["--seed", "1"]]
    let refused = try others.map { try Tool.run($0 + ["--output", "n.safetensors"], in: folder) }
    let after = try folder.listing
    #expect(first.code == 0)
    #expect(same.code == 0, "\(same.error)")
    #expect(refused.map(\.code) == [64, 64])
    #expect(refused.allSatisfy { $0.error.contains("--start: expected the gates that --cells") })
    #expect(after == before)
  }

  @Test func jsonOnStandardOutputIsAlone() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(TinyData.gated + ["--json", "-"], in: folder)
    let result = try JSONDecoder().decode(TrainingResult.self, from: Data(output.out.utf8))
    #expect(output.code == 0)
    #expect(result.status == "solved")
  }

  @Test func interruptionWritesNothing() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Tool.path)
    process.arguments = [
      "train", "--dataset", "digits", "--filter", "3x3", "--pooling", "average:2x2", "--gap",
      "1e-9", "--lambda-ratio", "0.001", "--quiet", "--output", "m.safetensors", "--max-seconds",
      "60",
    ]
    process.currentDirectoryURL = folder.url
    process.standardError = FileHandle.nullDevice
    try process.run()
    Thread.sleep(forTimeInterval: 1.5)
    process.interrupt()
    // The current step may take a while; a run that never ends is a failure, not a hanging test.
    for _ in 0..<600 where process.isRunning { Thread.sleep(forTimeInterval: 0.1) }
    let hasEnded = !process.isRunning
    if !hasEnded { process.terminate() }
    process.waitUntilExit()
    let code = process.terminationStatus
    let names = try folder.listing
    #expect(hasEnded)
    #expect(code == 130)
    #expect(names == [])
  }
}

struct FilterRankCommandTests {
  @Test func restrictedFiltersAreProvenWithinTheirDirections() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags =
      TinyData.train + [
        "--filter-rank", "2", "--output", "m.safetensors", "--json", "r.json", "--require-gap",
      ]
    let output = try Tool.run(flags, in: folder)
    #expect(output.code == 0)
    let result = try JSONDecoder().decode(
      TrainingResult.self, from: Data(try folder.bytes("r.json")))
    #expect(result.scope == "all cells in 2 leading directions")
    #expect(result.model.filterRank == 2)
    #expect(result.claim.contains("Over all filters the optimum is at least"))
    let checked = try Tool.run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--gap", "2e-3", "--bound", "branch",
      ], in: folder)
    #expect(checked.code == 0)
    #expect(checked.out.contains("all cells in 2 leading directions"))
  }
}
