import ConvexCNN
import Foundation
import Testing

/// `ccnn train --solver`, `--step` and `--budget`.
struct SolverOptionTests {
  /// Flags of a training run with one output, over all filters of two entries.
  private static let planar = [
    "train", "--images", "images.npy", "--labels", "labels.npy", "--filter", "1x2",
    "--threads", "1", "--loss", "logistic", "--pooling", "sum",
  ]

  private func result(_ flags: [String], in folder: Folder) throws -> [String: Any] {
    let output = try Tool.run(flags + ["--json", "-", "--quiet"], in: folder)
    #expect(output.code == 0, "\(flags): \(output.error)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any])
  }

  /// Four solvers of one problem prove the same optimum, and the model says which it was.
  @Test func solversOfReLUNetworksAgree() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let runs = [
      ("cell-generation", [String]()), ("frank-wolfe", []),
      ("augmented-lagrangian", ["--cells", "all"]), ("admm", ["--cells", "all"]),
    ]
    var objectives: [Double] = []
    for (name, flags) in runs {
      let json = try result(
        Self.planar + ["--gap", "1e-4", "--solver", name, "--lambda", "0.02"] + flags, in: folder)
      #expect(json["status"] as? String == "solved")
      #expect(json["scope"] as? String == "all cells")
      #expect((json["model"] as? [String: Any])?["solver"] as? String == name)
      objectives.append(try #require(json["objective"] as? Double))
    }
    let (least, most) = (try #require(objectives.min()), try #require(objectives.max()))
    #expect(most - least <= 2e-4 * least)
  }

  @Test func gatedNetworksTakeTwoSolvers() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let objectives = try ["proximal", "admm"].map { name in
      let json = try result(
        TinyData.gated + ["--solver", name, "--gap", "1e-5"], in: folder)
      #expect(json["status"] as? String == "solved")
      return try #require(json["objective"] as? Double)
    }
    #expect(abs(objectives[0] - objectives[1]) <= 2e-5 * objectives[0])
  }

  /// Every step has its effect, and the budget is kept and its gap reported.
  @Test func stepsAndBudgetOfFrankWolfe() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    var networks: Set<[Double]> = []
    for step in ["fixed", "line-search", "away", "pairwise", "fully-corrective"] {
      let flags =
        Self.planar + [
          "--lambda", "0.05", "--solver", "frank-wolfe", "--budget", "1.5", "--step", step,
          "--gap", "0.05", "--output", "m.safetensors",
        ]
      let json = try result(flags, in: folder)
      #expect(try #require(json["budgetGap"] as? Double) <= 0.05)
      let model = try Model(contentsOf: folder.path("m.safetensors"))
      #expect(model.configuration.frankWolfe.step.rawValue == step)
      #expect(model.configuration.frankWolfe.budget == 1.5)
      #expect(model.network.regularization <= 1.5 * (1 + 1e-12))
      networks.insert(model.network.filters.elements)
    }
    #expect(networks.count == 5)
    let plain = try result(Self.planar + ["--lambda", "0.05"], in: folder)
    #expect(plain["budgetGap"] is NSNull)
  }

  /// Alternation descends from a baseline's network.
  @Test func semiNMFKeepsThePatternsOfTheStart() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let model = Self.planar + ["--lambda", "0.02"]
    let baseline = try Tool.run(
      ["baseline"] + model.dropFirst() + [
        "--width", "6", "--epochs", "20", "--output", "b.safetensors", "--quiet",
        "--json", "b.json",
      ], in: folder)
    #expect(baseline.code == 0, "\(baseline.error)")
    let study = try JSONDecoder().decode(
      BaselineStudy.self, from: Data(try folder.bytes("b.json")))
    let json = try result(
      model + ["--solver", "semi-nmf", "--start", "b.safetensors", "--gap", "1e-6"], in: folder)
    let before = try #require(study.best.value)
    #expect(try #require(json["objective"] as? Double) < before)
  }

  /// Repair leads a baseline's network to the proven optimum; `--method` is another name of `--solver`.
  @Test func repairLeadsToTheProvenOptimum() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let model = Self.planar + ["--lambda", "0.02", "--gap", "1e-6"]
    let best = try #require(try result(model, in: folder)["objective"] as? Double)
    let baseline = try Tool.run(
      ["baseline"] + Self.planar.dropFirst() + [
        "--lambda", "0.02", "--width", "3", "--epochs", "2", "--output", "b.safetensors",
        "--quiet", "--json", "b.json",
      ], in: folder)
    #expect(baseline.code == 0, "\(baseline.error)")
    let json = try result(
      model + ["--method", "repair", "--start", "b.safetensors", "--trace", "t.csv"], in: folder)
    let objective = try #require(json["objective"] as? Double)
    #expect(abs(objective - best) <= 2e-6 * best)
    #expect(json["status"] as? String == "solved")
    let escapes = try #require(json["escapes"] as? [[String: Any]])
    for escape in escapes {
      let (before, after) = (escape["before"] as? Double, escape["after"] as? Double)
      #expect(try #require(before) > #require(after))
    }
    let rows = String(decoding: try folder.bytes("t.csv"), as: UTF8.self)
      .split(separator: "\n").dropFirst().compactMap { Double($0.split(separator: ",")[3]) }
    #expect(rows.count > escapes.count)
    #expect(zip(rows, rows.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(json["pricing"] as? String != nil)
    let refused = try Tool.run(model + ["--solver", "repair"], in: folder)
    #expect(refused.code == 64)
    #expect(refused.error.contains("--start with --solver repair"))
  }

  /// Without a start it descends from random neurons, which the seed decides.
  @Test func semiNMFStartsFromRandomNeurons() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = Self.planar + ["--lambda", "0.02", "--gap", "1e-6"]
    let best = try #require(
      try result(flags, in: folder)["objective"] as? Double)
    let objectives = try ["1", "1", "2"].map { seed in
      let json = try result(flags + ["--solver", "semi-nmf", "--seed", seed], in: folder)
      #expect(json["scope"] as? String == "all cells")
      #expect(try #require(json["cellCount"] as? Int) <= 64)
      return try #require(json["objective"] as? Double)
    }
    #expect(objectives[0] == objectives[1])
    #expect(objectives[0] != objectives[2])
    #expect(objectives.allSatisfy { $0 >= best * (1 - 1e-6) && $0 <= 1.5 * best })
    // What the method has no answer to is refused.
    for (flag, message) in [("--output-bias", "an output bias"), ("--pooling", "linear pooling")] {
      let other = flag == "--pooling" ? Self.planar.dropLast() + ["max"] : Self.planar + [flag]
      let refused = try Tool.run(
        other + ["--lambda", "0.02", "--solver", "semi-nmf"], in: folder)
      #expect(refused.code == 65, "\(refused.error)")
      #expect(refused.error.contains(message), "\(refused.error)")
    }
  }

  @Test(arguments: [
    (["--solver", "admm"], "--solver: expected cell-generation or frank-wolfe or semi-nmf"),
    (["--solver", "frankwolfe"], "Did you mean frank-wolfe?"),
    (["--step", "away"], "--step: expected no value without --solver frank-wolfe"),
    (["--budget", "1"], "--budget: expected no value without --solver frank-wolfe"),
    (["--solver", "frank-wolfe", "--budget", "0"], "--budget: expected a finite number > 0"),
    (["--solver", "frank-wolfe", "--step", "long"], "--step: expected one of"),
    (["--solver", "frank-wolfe", "--max-cells", "5"], "--max-cells"),
    (["--solver", "proximal", "--cells", "all"], "augmented-lagrangian or admm"),
  ])
  func otherFlagsAreRefused(flags: [String], message: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(Self.planar + flags, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains(message), "\(output.error)")
  }
}
