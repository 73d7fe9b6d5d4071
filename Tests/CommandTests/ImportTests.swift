import ConvexCNN
import Foundation
import Testing

/// `ccnn import`: weights of other programs become models; files that hold anything else are refused.
struct ImportTests {
  private static let names = ["conv.weight", "conv.bias", "head.weight", "head.bias"]
  private static let data = ["--images", "images.npy", "--labels", "labels.npy"]
  private static let lambda = "0.0125"

  /// A folder with a trained model `m.safetensors` and its bare weights `w.safetensors`.
  private func trained(
    _ flags: [String], as type: Safetensors.ElementType = .float64
  ) throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let output = try Tool.run(
      ["train"] + Self.data + flags + [
        "--lambda", Self.lambda, "--output", "m.safetensors", "--quiet",
      ], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let model = try Safetensors.read(folder.path("m.safetensors"))
    try Safetensors(tensors: model.tensors.filter { Self.names.contains($0.name) })
      .write(to: folder.path("w.safetensors"), as: type)
    return folder
  }

  private func importing(_ folder: Folder, _ flags: [String]) throws -> Tool.Output {
    try Tool.run(
      ["import", "--weights", "w.safetensors", "--output", "i.safetensors"] + Self.data + flags,
      in: folder)
  }

  private func certified(_ folder: Folder, _ model: String) throws -> TrainingResult {
    let output = try Tool.run(
      ["certify", "--model", model, "--json", "-"] + Self.data, in: folder)
    #expect(output.code == 0, "\(output.error)")
    return try JSONDecoder().decode(TrainingResult.self, from: Data(output.out.utf8))
  }

  @Test(arguments: [
    ["--filter", "2x2"],
    ["--filter", "2x2", "--bias", "--loss", "squared"],
    ["--filter", "2x2", "--pooling", "sum:1x3", "--standardize", "pixel"],
    ["--filter", "2x2", "--activation", "linear"],
    ["--filter", "2x2", "--output-bias"],
    ["--filter", "2x2", "--output-bias", "--bias", "--loss", "squared"],
  ])
  func importedCopyHasTheSameCertificate(flags: [String]) throws {
    let folder = try trained(flags)
    defer { folder.remove() }
    // Filter size and biases come from the file.
    let rest = flags.filter { !["--filter", "2x2", "--bias", "--output-bias"].contains($0) }
    let output = try importing(folder, rest + ["--lambda", Self.lambda, "--json", "-"])
    #expect(output.code == 0, "\(output.error)")
    let imported = try JSONDecoder().decode(ImportResult.self, from: Data(output.out.utf8))
    let copy = try certified(folder, "i.safetensors")
    let original = try certified(folder, "m.safetensors")
    #expect(copy.objective == original.objective)
    #expect(copy.lowerBound == original.lowerBound)
    #expect((original.lowerBound.value ?? 0) > 0)
    let difference = (imported.objective.value ?? .nan) - (original.objective.value ?? .nan)
    #expect(abs(difference) <= 1e-12)
    let evaluation = try Tool.run(
      ["evaluate", "--model", "i.safetensors", "--json", "-"] + Self.data, in: folder)
    #expect(evaluation.code == 0, "\(evaluation.error)")
  }

  @Test func singlePrecisionIsReadAsItIs() throws {
    let folder = try trained(["--filter", "2x2"], as: .float32)
    defer { folder.remove() }
    let output = try importing(folder, ["--lambda", Self.lambda])
    #expect(output.code == 0, "\(output.error)")
    let given = try Safetensors.read(folder.path("w.safetensors"))
    let written = try Safetensors.read(folder.path("i.safetensors"))
    for name in ["conv.weight", "head.weight"] {
      #expect(written[name]?.elements == given[name]?.elements)
    }
  }

  @Test func signalsHaveFiltersOfRankThree() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let weights = Tensor(shape: [2, 1, 3], elements: [1, 0, -1, 0.5, 1, 0.5])
    let head = Tensor(shape: [3, 2], elements: [1, 0, 0, 1, -1, -1])
    try Safetensors(tensors: [("conv.weight", weights), ("head.weight", head)])
      .write(to: folder.path("w.safetensors"))
    let output = try Tool.run(
      [
        "import", "--weights", "w.safetensors", "--output", "i.safetensors", "--dataset",
        "waveform", "--lambda", "0.1",
      ], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let model = try Model(contentsOf: folder.path("i.safetensors"))
    #expect(model.configuration.filter.rawValue == "3")
    #expect(model.network.filters.elements == weights.elements)
    #expect(model.network.outputWeights.elements == head.transposedElements)
  }

  @Test func strengthAsRatioIsAMultipleOfLambdaMax() throws {
    let folder = try trained(["--filter", "2x2", "--activation", "linear"])
    defer { folder.remove() }
    let output = try importing(folder, ["--activation", "linear", "--lambda-ratio", "0.25"])
    #expect(output.code == 0, "\(output.error)")
    let result = try certified(folder, "i.safetensors")
    #expect(result.lambda.value == result.lambdaMax.value.map { 0.25 * $0 })
  }

  @Test(arguments: [
    (["--activation", "relu"], "--lambda"),
    (["--lambda", "1", "--activation", "gated", "--cells", "sample:2"], "relu or linear"),
    (["--lambda", "1", "--cells", "generate"], "--cells"),
    (["--lambda", "1", "--filter-rank", "2"], "--filter-rank"),
    (["--lambda", "1", "--output", "nowhere/i.safetensors"], "--output"),
  ])
  func badOptionIsRefused(flags: [String], word: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let output = try Tool.run(
      ["import", "--weights", "w.safetensors"] + Self.data
        + (flags.contains("--output") ? [] : ["--output", "i.safetensors"]) + flags, in: folder)
    #expect(output.code == (word == "--output" ? 74 : 64))
    #expect(output.error.contains(word), "\(output.error)")
  }

  /// Files that are refused, with the words that say why.
  private static let hostile: [(tensors: [(name: String, tensor: Tensor)], words: String)] = {
    let conv = ("conv.weight", Tensor(shape: [3, 1, 2, 2]))
    let head = ("head.weight", Tensor(shape: [2, 3]))
    var broken = Tensor(shape: [3, 1, 2, 2])
    broken.elements[5] = .nan
    return [
      ([head], "tensor conv.weight: expected shape"),
      ([conv], "tensor head.weight: expected shape [2, 3], found no such tensor"),
      ([conv, head, ("head.bias", Tensor(shape: [3]))], "head.bias: expected shape [2]"),
      ([conv, head, ("conv2.weight", Tensor(shape: [2]))], "found conv2.weight"),
      ([conv, ("head.weight", Tensor(shape: [2, 4]))], "[2, 3], found shape [2, 4]"),
      ([conv, ("head.weight", Tensor(shape: [3, 3]))], "[2, 3], found shape [3, 3]"),
      ([conv, head, ("conv.bias", Tensor(shape: [2]))], "conv.bias: expected shape [3]"),
      ([("conv.weight", Tensor(shape: [3, 4])), head], "found shape [3, 4]"),
      ([("conv.weight", Tensor(shape: [3, 2, 2, 2])), head], "found shape [3, 2, 2, 2]"),
      ([("conv.weight", Tensor(shape: [0, 1, 2, 2])), head], "nowhere 0"),
      ([("conv.weight", Tensor(shape: [3, 1, 5, 2])), head], "5x2"),
      ([("conv.weight", broken), head], "conv.weight[1, 0, 0, 1]: expected a finite number"),
    ]
  }()

  @Test(arguments: hostile.indices)
  func hostileFileIsRefused(index: Int) throws {
    let (tensors, words) = Self.hostile[index]
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    try Safetensors(tensors: tensors).write(to: folder.path("w.safetensors"))
    let before = try folder.listing
    let output = try importing(folder, ["--lambda", "1"])
    #expect(output.code == 65)
    #expect(output.error.contains(words), "\(output.error)")
    let after = try folder.listing
    #expect(after == before)
  }

  @Test func otherElementTypesAndDamageAreRefused() throws {
    let folder = try trained(["--filter", "2x2"], as: .float32)
    defer { folder.remove() }
    let bytes = try folder.bytes("w.safetensors")
    var changed = Data(bytes)
    while let range = changed.range(of: Data("F32".utf8)) {
      changed.replaceSubrange(range, with: Data("I32".utf8))
    }
    for (content, words) in [
      (Array(changed), "expected elements of type F32 or F64, found I32"),
      (Array(bytes.dropLast(3)), "w.safetensors"), ([1, 2, 3], "w.safetensors"),
    ] {
      try folder.write(content, "w.safetensors")
      let output = try importing(folder, ["--lambda", "1"])
      #expect(output.code == 65)
      #expect(output.error.contains(words), "\(output.error)")
    }
  }

  @Test func weightsInPlaceOfAModelAreSentToImport() throws {
    let folder = try trained(["--filter", "2x2"])
    defer { folder.remove() }
    for command in [
      ["predict", "--images", "images.npy", "--output", "p.npy"], ["certify"] + Self.data,
    ] {
      let output = try Tool.run(command + ["--model", "w.safetensors"], in: folder)
      #expect(output.code == 65, "\(output.error)")
      #expect(output.error.contains("make one of them with ccnn import"), "\(output.error)")
    }
  }
}

extension Tensor {
  /// Elements of a matrix, column after column.
  fileprivate var transposedElements: [Double] {
    (0..<shape[1]).flatMap { c in (0..<shape[0]).map { r in elements[r * shape[1] + c] } }
  }
}
