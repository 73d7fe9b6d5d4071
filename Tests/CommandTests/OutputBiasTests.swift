import ConvexCNN
import Foundation
import Testing

/// `--output-bias` through the tool: training, files, certificates, baselines and what is refused.
struct OutputBiasTests {
  private static let data = ["--images", "images.npy", "--labels", "labels.npy"]

  private func folder() throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    return folder
  }

  private func train(_ folder: Folder, _ flags: [String]) throws -> TrainingResult {
    let output = try Tool.run(
      TinyData.train + flags + ["--output", "m.safetensors", "--json", "-"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    return try JSONDecoder().decode(TrainingResult.self, from: Data(output.out.utf8))
  }

  @Test(arguments: [
    ["--loss", "squared"], ["--loss", "logistic"], ["--loss", "softmax"],
    ["--loss", "logistic", "--activation", "gated", "--cells", "sample:4"],
    ["--loss", "squared", "--activation", "linear", "--standardize", "pixel"],
    ["--loss", "softmax", "--filter-rank", "2"],
  ])
  func everyCommandTakesTheModel(flags: [String]) throws {
    let folder = try folder()
    defer { folder.remove() }
    let result = try train(folder, flags + ["--output-bias", "--gap", "1e-5"])
    #expect(result.model.outputBias)
    #expect(result.status == "solved")
    #expect((result.relativeGap.value ?? 1) <= 1e-5)
    let model = try Model(contentsOf: folder.path("m.safetensors"))
    let file = try Safetensors.read(folder.path("m.safetensors"))
    let bias = try #require(model.network.outputBias)
    #expect(file["head.bias"]?.elements == bias)
    let certified = try Tool.run(
      ["certify", "--model", "m.safetensors", "--json", "-", "--gap", "1e-5"] + Self.data,
      in: folder)
    #expect(certified.code == 0, "\(certified.error)")
    let again = try JSONDecoder().decode(TrainingResult.self, from: Data(certified.out.utf8))
    #expect(again.objective == result.objective)
    #expect(again.lowerBound == result.lowerBound)
    #expect(again.claim.contains("any output bias"))
    let evaluated = try Tool.run(
      ["evaluate", "--model", "m.safetensors", "--json", "-"] + Self.data, in: folder)
    let evaluation = try JSONDecoder().decode(Evaluation.self, from: Data(evaluated.out.utf8))
    let difference = (evaluation.loss.value ?? .nan) - (result.loss.value ?? 0)
    #expect(abs(difference) <= 1e-12)
    let predicted = try Tool.run(
      ["predict", "--model", "m.safetensors", "--images", "images.npy", "--output", "p.csv"],
      in: folder)
    #expect(predicted.code == 0)
    let text = String(decoding: try folder.bytes("p.csv"), as: UTF8.self)
    let first = text.split(separator: "\n")[0].split(separator: ",").compactMap { Double($0) }
    let expected = try model.predictions(
      of: Tensor(shape: [12, 1, 4, 4], elements: TinyData.images().elements))
    for (k, value) in first.enumerated() { #expect(abs(value - expected[0, k]) <= 1e-9) }
  }

  @Test func aBiasLowersTheObjectiveAtTheSameStrength() throws {
    let folder = try folder()
    defer { folder.remove() }
    var flags = TinyData.train
    flags.removeAll { $0 == "--lambda-ratio" || $0 == "0.1" }
    func objective(_ more: [String]) throws -> Double {
      let output = try Tool.run(flags + ["--lambda", "0.02", "--json", "-"] + more, in: folder)
      let result = try JSONDecoder().decode(TrainingResult.self, from: Data(output.out.utf8))
      return try #require(result.objective.value)
    }
    let without = try objective(["--loss", "squared"])
    let with = try objective(["--loss", "squared", "--output-bias"])
    #expect(with < without)
  }

  @Test func aboveLambdaMaxTheClassSharesAreLeft() throws {
    let folder = try folder()
    defer { folder.remove() }
    try TinyData.write(
      labels: (0..<12).map { $0 < 3 ? 0 : 1 }, to: folder.path("labels.npy"))
    var flags = TinyData.train
    flags.removeAll { $0 == "--lambda-ratio" || $0 == "0.1" }
    let output = try Tool.run(
      flags + [
        "--lambda-ratio", "1.01", "--loss", "softmax", "--output-bias", "--output",
        "m.safetensors", "--quiet",
      ], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let network = try Model(contentsOf: folder.path("m.safetensors")).network
    #expect(network.neuronCount == 0)
    let bias = try #require(network.outputBias)
    // Log odds of 9 to 3 samples.
    #expect(abs(bias[1] - bias[0] - 1.0986122886681098) <= 1e-10)
  }

  @Test func baselineIsMeasuredAgainstTheSameClass() throws {
    let folder = try folder()
    defer { folder.remove() }
    let ours = try train(folder, ["--loss", "squared", "--output-bias"])
    let flags =
      ["baseline", "--optimizer", "lbfgs", "--width", "8", "--epochs", "200", "--seeds", "2"]
      + TinyData.train.dropFirst() + ["--loss", "squared", "--certify"]
    let output = try Tool.run(
      flags + ["--output-bias", "--reference", "m.safetensors", "--json", "-"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let study = try JSONDecoder().decode(BaselineStudy.self, from: Data(output.out.utf8))
    let bound = try #require(study.lowerBound.value)
    #expect(bound <= (ours.objective.value ?? 0))
    for run in study.runs { #expect((run.objective.value ?? 0) >= bound) }
    // A reference of another class says nothing about this one.
    let other = try Tool.run(flags + ["--reference", "m.safetensors"], in: folder)
    #expect(other.code == 65)
    #expect(other.error.contains("output bias"), "\(other.error)")
  }

  @Test func whatCannotBeIsRefused() throws {
    let folder = try folder()
    defer { folder.remove() }
    _ = try train(folder, ["--loss", "squared", "--output-bias"])
    let started = try Tool.run(
      TinyData.train + ["--loss", "squared", "--start", "m.safetensors"], in: folder)
    #expect(started.code == 65)
    #expect(started.error.contains("output bias"), "\(started.error)")
    // A file whose flags and tensors differ.
    let model = try Safetensors.read(folder.path("m.safetensors"))
    func write(_ names: [String], _ metadata: [String: String]) throws {
      try Safetensors(
        tensors: model.tensors.filter { names.contains($0.name) }, metadata: metadata
      ).write(to: folder.path("w.safetensors"))
    }
    let bare = ["conv.weight", "head.weight"]
    try write(bare, [:])
    let imported = try Tool.run(
      ["import", "--weights", "w.safetensors", "--output", "i.safetensors", "--lambda", "1"]
        + ["--output-bias"] + Self.data, in: folder)
    #expect(imported.code == 65)
    #expect(imported.error.contains("head.bias: expected shape [2]"), "\(imported.error)")
    try write(bare, model.metadata)
    let absentBias = try Tool.run(
      ["certify", "--model", "w.safetensors"] + Self.data, in: folder)
    #expect(absentBias.code == 65)
    #expect(absentBias.error.contains("head.bias: expected shape [2]"), "\(absentBias.error)")
    var metadata = model.metadata
    let flags = try #require(metadata["ccnn.configuration"])
    metadata["ccnn.configuration"] = flags.replacingOccurrences(
      of: "\"outputBias\":true", with: "\"outputBias\":false")
    #expect(metadata["ccnn.configuration"] != flags)
    try write(bare + ["head.bias"], metadata)
    let surplus = try Tool.run(["certify", "--model", "w.safetensors"] + Self.data, in: folder)
    #expect(surplus.code == 65)
    #expect(surplus.error.contains("none without an output bias"), "\(surplus.error)")
    let all = try Tool.run(
      TinyData.train + ["--loss", "logistic", "--cells", "all", "--output-bias"], in: folder)
    #expect(all.code == 64)
    #expect(all.error.contains("--output-bias"), "\(all.error)")
    try TinyData.write(
      labels: (0..<12).map { Double(2 * ($0 % 2)) }, to: folder.path("labels.npy"))
    let absent = try Tool.run(TinyData.train + ["--output-bias"], in: folder)
    #expect(absent.code == 65)
    #expect(absent.error.contains("a sample of every class"), "\(absent.error)")
  }
}
