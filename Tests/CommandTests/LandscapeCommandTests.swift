import ConvexCNN
import Foundation
import Testing

/// `landscape` as a user runs it: minima that are global or not, the escape neuron, refusals and examples.
struct LandscapeCommandTests {
  private static let data = ["--images", "x.npy", "--labels", "y.npy"]
  private static let flags =
    data + ["--filter", "2", "--stride", "2", "--pooling", "sum", "--lambda", "0.1", "--quiet"]

  /// A folder with four signals, their targets, and two models: the optimum and a minimum of two neurons.
  private func folder() throws -> Folder {
    let folder = try Folder()
    try NPY.write(
      Matrix([[1, 2, -1, 1], [2, -1, 0, 1], [-1, -3, 1, 0], [3, 1, -3, 2]]),
      to: folder.path("x.npy"))
    try NPY.write(Matrix([[1], [-2], [1.5], [0.5]]), to: folder.path("y.npy"))
    let global = try Tool.run(
      ["train", "--gap", "1e-12", "--output", "global.safetensors"] + Self.flags, in: folder)
    #expect(global.code == 0, "\(global.error)")
    let local = try Tool.run(
      [
        "baseline", "--optimizer", "lbfgs", "--width", "2", "--epochs", "3000", "--output",
        "local.safetensors",
      ] + Self.flags, in: folder)
    #expect(local.code == 0, "\(local.error)")
    return folder
  }

  private func study(_ model: String, _ extra: [String] = [], in folder: Folder) throws
    -> (study: LandscapeStudy, code: Int32)
  {
    let output = try Tool.run(
      ["landscape", "--model", model, "--json", "-"] + Self.data + extra, in: folder)
    return (
      try JSONDecoder().decode(LandscapeStudy.self, from: Data(output.out.utf8)), output.code
    )
  }

  @Test func optimumIsGlobalAndStrict() throws {
    let folder = try folder()
    defer { folder.remove() }
    let (study, code) = try study(
      "global.safetensors", ["--require-minimum", "--require-global", "--gap", "1e-9"], in: folder)
    #expect(code == 0)
    #expect(study.verdict == "global")
    #expect(study.isStrictMinimum && study.isGlobal)
    #expect(abs((study.objective.value ?? 0) - 0.2181526835) < 1e-10)
    #expect(study.kinks.count == 2)
    #expect(study.escape.value == nil)
    #expect(study.threshold.value?.isMet == false)
    #expect((study.determinant.value?.largestError.value ?? 1) < 1e-13)
    #expect(study.claim.hasPrefix("Global optimum"))
  }

  @Test func localMinimumIsLeftByItsEscapeNeuron() throws {
    let folder = try folder()
    defer { folder.remove() }
    let (before, code) = try study(
      "local.safetensors", ["--require-minimum", "--escape", "e.safetensors"], in: folder)
    #expect(code == 0)
    #expect(before.verdict == "strict-minimum-not-global")
    #expect(before.kinks.count == 1)
    #expect(abs((before.objective.value ?? 0) - 0.2225752775) < 1e-9)
    #expect(abs((before.attainedDualNormOverLambda.value ?? 0) - 1.9209056) < 1e-6)
    let decrease = try #require(before.escape.value?.decrease.value)
    let (after, _) = try study("e.safetensors", in: folder)
    #expect(after.neuronCount == 3)
    let change = try #require(before.objective.value) - #require(after.objective.value)
    #expect(abs(change - decrease) < 1e-14)
    #expect(try study("local.safetensors", ["--require-global"], in: folder).code == 2)
    #expect(try study("e.safetensors", ["--require-minimum"], in: folder).code == 2)
    let table = try Tool.run(["landscape", "--model", "local.safetensors"] + Self.data, in: folder)
    #expect(table.code == 0)
    #expect(table.out.contains("loss threshold     failed"))
    #expect(table.out.contains("not global: one neuron lowers the objective by"))
  }

  @Test func polishingMovesToTheMinimumNearby() throws {
    let folder = try folder()
    defer { folder.remove() }
    // Adam ends near a minimum, not at it.
    let trained = try Tool.run(
      [
        "baseline", "--optimizer", "adam", "--width", "1", "--epochs", "3000", "--learning-rate",
        "0.003", "--output", "a.safetensors",
      ] + Self.flags, in: folder)
    #expect(trained.code == 0, "\(trained.error)")
    let (plain, _) = try study("a.safetensors", in: folder)
    let (polished, code) = try study(
      "a.safetensors", ["--polish", "--kink-tolerance", "1e-2", "--require-minimum"], in: folder)
    #expect(code == 0)
    #expect(plain.polishDistance.value == nil)
    #expect(try #require(polished.polishDistance.value) < 0.05)
    #expect(try #require(polished.slope.value) < 1e-12)
    #expect(try #require(polished.slope.value) < #require(plain.slope.value))
    #expect(polished.verdict == "strict-minimum-not-global")
  }

  @Test(arguments: [
    (["--gap", "0"], "--gap"), (["--gap", "1"], "--gap"), (["--kink-tolerance", "-1"], "0.1"),
    (["--example", "zero-neuron"], "--example"),
  ])
  func illegalOptionsAreRefused(extra: [String], word: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let output = try Tool.run(
      ["landscape", "--model", "m.safetensors"] + Self.data + extra, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains(word))
  }

  @Test func modelIsRequired() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let output = try Tool.run(["landscape"] + Self.data, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("--model or --example"))
    let unknown = try Tool.run(["landscape", "--example", "zero-neurons"], in: folder)
    #expect(unknown.code == 64)
    #expect(unknown.error.contains("zero-neuron"))
  }

  @Test func linearModelIsRefused() throws {
    let folder = try folder()
    defer { folder.remove() }
    let trained = try Tool.run(
      ["train", "--activation", "linear", "--output", "g.safetensors"] + Self.flags, in: folder)
    #expect(trained.code == 0, "\(trained.error)")
    let output = try Tool.run(["landscape", "--model", "g.safetensors"] + Self.data, in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("the ReLU activation"))
  }

  @Test(arguments: LandscapeExample.names)
  func examplesPrintTheirNumbers(name: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let table = try Tool.run(["landscape", "--example", name], in: folder)
    #expect(table.code == 0, "\(table.error)")
    let json = try Tool.run(["landscape", "--example", name, "--json", "-"], in: folder)
    let example = try JSONDecoder().decode(LandscapeExample.self, from: Data(json.out.utf8))
    #expect(example.name == name)
    #expect(!example.values.isEmpty)
    for value in example.values { #expect(table.out.contains(value.name)) }
    #expect(table.out.hasSuffix(example.claim + "\n"))
  }

  @Test func zeroNeuronsAreNeurons() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let files = ["--images", "images.npy", "--labels", "labels.npy"]
    try Safetensors(tensors: [
      ("conv.weight", Tensor(shape: [2, 1, 2, 2])), ("head.weight", Tensor(shape: [2, 2])),
    ]).write(to: folder.path("w.safetensors"))
    let made = try Tool.run(
      ["import", "--weights", "w.safetensors", "--output", "m.safetensors", "--lambda", "0.01"]
        + files, in: folder)
    #expect(made.code == 0, "\(made.error)")
    let output = try Tool.run(["landscape", "--model", "m.safetensors"] + files, in: folder)
    #expect(output.code == 0, "\(output.error)")
    #expect(output.out.contains("neuron 1 is zero"))
    #expect(output.out.contains("no neuron has weights to vary"))
    #expect(!output.out.contains("there are no neurons"))
  }
}
