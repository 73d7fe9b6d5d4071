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

  @Test func reluTrainingClaimsNoGlobalOptimum() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let (output, json) = try trained(TinyData.train, folder)
    #expect(output.code == 0)
    let bound = try #require(json["bound"] as? String)
    #expect(bound == "spectral" || bound == "none")
    let missing = Self.keys.filter { json[$0] == nil }
    #expect(missing == [])
    let lower = try number(json, "lowerBound")
    let objective = try number(json, "objective")
    #expect(lower <= objective)
    let claim = try #require(json["claim"] as? String)
    #expect(claim.contains("not proven"))
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

  @Test(arguments: [TinyData.train, TinyData.gated, TinyData.train + ["--standardize", "pixel"]])
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
    let flags = TinyData.train + ["--pooling", "max", "--require-gap", "--output", "m.safetensors"]
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
