import ConvexCNN
import Foundation
import Testing

/// `optimal-set`, `prune` and `sensitivity` as a user runs them.
struct OptimalSetCommandTests {
  private static let data = ["--images", "images.npy", "--labels", "labels.npy"]

  private func trained(gap: String = "1e-9") throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let flags = [
      "train", "--filter", "1x2", "--lambda-ratio", "0.1", "--threads", "1", "--gap", gap,
      "--output", "m.safetensors", "--quiet",
    ]
    let output = try Tool.run(flags + Self.data, in: folder)
    #expect(output.code == 0, "\(output.error)")
    return folder
  }

  private func run(_ command: String, _ extra: [String], in folder: Folder) throws -> Tool.Output {
    try Tool.run([command, "--model", "m.safetensors"] + Self.data + extra, in: folder)
  }

  private func json(_ output: Tool.Output) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any])
  }

  @Test func theSetIsReportedAndItsMembersAreWritten() throws {
    let folder = try trained()
    defer { folder.remove() }
    let output = try run(
      "optimal-set",
      [
        "--json", "-", "--output", "set", "--vertices", "100", "--samples", "2", "--test-fraction",
        "0.25",
      ],
      in: folder)
    // The split takes other training data than the model had: its correlations are not those of an optimum.
    #expect(output.code == 2)
    #expect(output.error.contains("not accurate enough") || output.error.contains("not optimal"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("set")))
    let good = try run(
      "optimal-set", ["--json", "-", "--output", "set", "--vertices", "100", "--samples", "2"],
      in: folder)
    #expect(good.code == 0, "\(good.error)")
    let keys = try json(good)
    #expect(keys["scope"] as? String == "all cells")
    #expect(keys["dimension"] as? Int != nil)
    #expect(keys["isUnique"] as? Bool != nil)
    #expect((keys["directions"] as? [[String: Any]])?.isEmpty == false)
    #expect(keys["hasAllVertices"] as? Bool == true)
    #expect(keys["isMember"] is NSNull)
    for name in ["least-norm", "smallest", "vertex-1", "sample-1", "sample-2"] {
      let path = "set/\(name).safetensors"
      let check = try Tool.run(
        ["certify", "--model", path, "--gap", "1e-6"] + Self.data, in: folder)
      #expect(check.code == 0, "\(name): \(check.error)")
    }
    let again = try run("optimal-set", ["--output", "set"], in: folder)
    #expect(again.code == 74)
    #expect(again.error.contains("a folder with files in it"))
    let questions = try run(
      "optimal-set",
      [
        "--member", "set/sample-1.safetensors", "--joined-to", "set/vertex-1.safetensors", "--json",
        "-",
      ],
      in: folder)
    let answers = try json(questions)
    #expect(answers["isMember"] as? Bool == true)
    #expect(answers["connection"] as? String == "joined")
    let table = try run("optimal-set", [], in: folder)
    #expect(table.out.contains("over all cells"))
    let lines = table.out.components(separatedBy: "\n").dropLast(2)
    #expect(lines.allSatisfy { $0.count <= 79 })
  }

  @Test func anInaccurateModelIsNoOptimum() throws {
    let folder = try trained(gap: "1e-1")
    defer { folder.remove() }
    // Local search from two neurons ends above the optimum.
    let local = try Tool.run(
      [
        "baseline", "--filter", "1x2", "--lambda-ratio", "0.1", "--threads", "1", "--width", "2",
        "--epochs", "3", "--output", "m.safetensors", "--quiet",
      ] + Self.data, in: folder)
    #expect(local.code == 0, "\(local.error)")
    for command in ["optimal-set", "sensitivity"] {
      let output = try run(command, [], in: folder)
      #expect(output.code == 2)
      #expect(output.error.contains("smaller --gap"))
    }
    let smallest = try run("prune", ["--smallest"], in: folder)
    #expect(smallest.code == 2)
  }

  @Test func aTrainedNetworkIsStationaryOverItsOwnCells() throws {
    let folder = try trained()
    defer { folder.remove() }
    let output = try run("certify", ["--own-cells", "--json", "-"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let keys = try json(output)
    #expect((keys["ownCellsGap"] as? Double ?? 1) <= 1e-6)
    #expect((keys["ownCellCount"] as? Double ?? 0) >= 1)
    let plain = try json(try run("certify", ["--json", "-"], in: folder))
    #expect(plain["ownCellsGap"] is NSNull)
    #expect(try run("certify", ["--own-cells"], in: folder).out.contains("a stationary point"))
  }

  @Test func pruningWritesTheKeysOfTheContract() throws {
    let folder = try trained()
    defer { folder.remove() }
    let output = try run(
      "prune", ["--output", "p.safetensors", "--json", "-", "--require-minimal", "--compare"],
      in: folder)
    #expect(output.code == 0, "\(output.error)")
    let keys = try json(output)
    let before = try #require(keys["neuronsBefore"] as? Int)
    let after = try #require(keys["neuronsAfter"] as? Int)
    #expect(after <= before)
    #expect(after <= (try #require(keys["bound"] as? Int)))
    #expect(keys["minimal"] as? Bool == true)
    #expect((keys["maxPredictionChange"] as? Double ?? 1) <= 1e-9)
    let objectives = ["objectiveBefore", "objectiveAfter"].compactMap { keys[$0] as? Double }
    #expect(objectives.count == 2)
    #expect(abs(objectives[0] - objectives[1]) <= 1e-9 * objectives[0])
    let check = try Tool.run(
      ["certify", "--model", "p.safetensors", "--gap", "1e-6"] + Self.data, in: folder)
    #expect(check.code == 0)
    let budget = try run("prune", ["--neurons", "1", "--json", "-"], in: folder)
    #expect(budget.code == 0)
    #expect((try json(budget)["neuronsAfter"] as? Int ?? 9) <= 1)
    // A budget says nothing about minimality.
    let strict = try run("prune", ["--neurons", "0", "--require-minimal"], in: folder)
    #expect(strict.code == 2)
  }

  @Test func sensitivityWritesItsFiles() throws {
    let folder = try trained()
    defer { folder.remove() }
    let output = try run(
      "sensitivity",
      [
        "--json", "-", "--predictions", "p.npy", "--leave-one-out", "l.csv", "--leverages", "h.npy",
        "--refit", "1",
      ], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let keys = try json(output)
    let slope = try #require(keys["objectiveSlope"] as? Double)
    #expect(slope > 0)
    #expect(keys["isDifferentiable"] as? Bool != nil)
    #expect((keys["refits"] as? [Any])?.count == 1)
    #expect(try NPY.read(folder.path("p.npy")).shape == [12, 2])
    let leverages = try NPY.read(folder.path("h.npy"))
    #expect(leverages.shape == [12, 1])
    let freedom = try #require(keys["degreesOfFreedom"] as? Double)
    #expect(abs(leverages.elements.reduce(0, +) - freedom) <= 1e-9 * max(1, freedom))
    #expect(FileManager.default.fileExists(atPath: folder.path("l.csv")))
  }

  @Test(arguments: [
    ("optimal-set", ["--tolerance", "0"], "--tolerance"),
    ("optimal-set", ["--samples", "3"], "--output"),
    ("optimal-set", ["--width", "3"], "--joined-to"),
    ("prune", ["--neurons", "-1"], "--neurons"),
    ("prune", ["--method", "magnitud", "--neurons", "1"], "magnitude"),
    ("prune", ["--method", "random"], "--neurons"),
    ("prune", ["--smallest", "--neurons", "2"], "--smallest"),
    ("sensitivity", ["--predictions", "p.txt"], ".npy"),
    ("sensitivity", ["--refit", "12"], "--refit"),
  ])
  func wrongUseIsExplained(command: String, extra: [String], mentions: String) throws {
    let folder = try trained(gap: "1e-1")
    defer { folder.remove() }
    let output = try run(command, extra, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains(mentions), "\(output.error)")
  }

  @Test func outputsThatCannotBeWrittenAreSaidBeforeAnyWork() throws {
    let folder = try trained(gap: "1e-1")
    defer { folder.remove() }
    let output = try run("prune", ["--output", "none/p.safetensors"], in: folder)
    #expect(output.code == 74)
    let missing = try Tool.run(["prune", "--model", "none.safetensors"] + Self.data, in: folder)
    #expect(missing.code == 74)
  }
}
