import ConvexCNN
import Foundation
import Testing

/// `canonicalize` and `distance` as a user runs them.
struct CanonicalCommandTests {
  private static let data = ["--images", "images.npy", "--labels", "labels.npy"]

  /// A folder with the model `name.safetensors` of filters and output weights that another program trained.
  private func imported(
    _ models: [(name: String, filters: [[Double]], head: [[Double]])], flags: [String] = []
  ) throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    for (name, filters, head) in models {
      let height = filters[0].count / 2
      let conv = Tensor(shape: [filters.count, 1, height, 2], elements: filters.flatMap { $0 })
      let weights = Tensor(shape: [head.count, head[0].count], elements: head.flatMap { $0 })
      try Safetensors(tensors: [("conv.weight", conv), ("head.weight", weights)])
        .write(to: folder.path("w.safetensors"))
      let output = try Tool.run(
        [
          "import", "--weights", "w.safetensors", "--output", "\(name).safetensors", "--lambda",
          "0.01", "--loss", "squared",
        ] + Self.data + flags, in: folder)
      #expect(output.code == 0, "\(output.error)")
    }
    return folder
  }

  private func result(_ output: Tool.Output) throws -> CanonicalizationResult {
    #expect(output.code == 0, "\(output.error)")
    return try JSONDecoder().decode(CanonicalizationResult.self, from: Data(output.out.utf8))
  }

  private func predictions(_ folder: Folder, _ model: String) throws -> [Double] {
    let output = try Tool.run(
      [
        "predict", "--model", model, "--images", "images.npy", "--output", "p.npy", "--quiet",
      ], in: folder)
    #expect(output.code == 0, "\(output.error)")
    return try NPY.read(folder.path("p.npy")).elements
  }

  /// A redundant network: the normal form has the same predictions, twice over.
  @Test(arguments: ["normal", "merged"])
  func predictionsStay(form: String) throws {
    let filters: [[Double]] = [
      [1, 2, 0, -1], [2, 4, 0, -2], [-1, -2, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0],
    ]
    let folder = try imported([
      ("m", filters, [[1, -0.5, 2, 7, 1], [0, 1, -1, 3, 0.5]])
    ])
    defer { folder.remove() }
    let first = try result(
      Tool.run(
        [
          "canonicalize", "m.safetensors", "--output", "c.safetensors", "--json", "-", "--form",
          form,
        ], in: folder))
    #expect(first.neuronsBefore == 5)
    #expect(first.directionCount == (form == "normal" ? 2 : 3))
    #expect(first.linearNeuronCount == (form == "normal" ? 2 : 0))
    #expect((first.networkError.value ?? 1) <= 1e-13)
    #expect((first.formError.value ?? 1) <= 1e-13)
    #expect((first.errorBound.value ?? 1) <= 1e-14)
    if form == "merged" {
      #expect((first.weightDecayAfter.value ?? 9) <= (first.weightDecayBefore.value ?? 0))
    }
    let before = try predictions(folder, "m.safetensors")
    let after = try predictions(folder, "c.safetensors")
    #expect(zip(before, after).allSatisfy { abs($0 - $1) <= 1e-13 })
    let second = try result(
      Tool.run(
        [
          "canonicalize", "c.safetensors", "--output", "d.safetensors", "--json", "-", "--form",
          form,
        ], in: folder))
    #expect(second.neuronsAfter == first.neuronsAfter)
    #expect(second.directionCount == first.directionCount)
    let distance = try Tool.run(
      ["distance", "m.safetensors", "d.safetensors", "--json", "-"], in: folder)
    let numbers = try JSONDecoder().decode(DistanceResult.self, from: Data(distance.out.utf8))
    #expect(distance.code == 0)
    #expect((numbers.upperBound.value ?? 1) <= 1e-13)
    #expect(numbers.canonical.verdict == "pass")
    #expect((numbers.canonical.parameterDistance.value ?? 1) <= 1e-13)
  }

  @Test func tablesNameTheSteps() throws {
    let folder = try imported([
      ("m", [[1, 2, 0, -1], [-1, -2, 0, 1]], [[1, 2], [0, -1]]),
      ("n", [[1, 2, 0, -1], [0, 1, 0, 0]], [[1, 2], [0, -1]]),
    ])
    defer { folder.remove() }
    let canonical = try Tool.run(["canonicalize", "m.safetensors"], in: folder)
    #expect(canonical.code == 0)
    for word in ["merge", "flip", "export", "weight decay", "uniqueness", "beta", "same function"] {
      #expect(canonical.out.contains(word), "\(word)")
    }
    // The last line is the claim, which may be longer.
    let lines = canonical.out.components(separatedBy: "\n")
    let isNarrow = lines.dropLast(2).allSatisfy { $0.count <= 79 }
    #expect(isNarrow)
    let distance = try Tool.run(["distance", "m.safetensors", "n.safetensors"], in: folder)
    #expect(distance.code == 0)
    for word in ["as functions", "outside", "C.1", "C.3", "normal forms", "hyperplanes"] {
      #expect(distance.out.contains(word), "\(word)")
    }
  }

  /// Balanced in the largest entry, normal forms are in the stable space as given.
  @Test func balancedFormsAreInTheStableSpace() throws {
    let folder = try imported([
      ("a", [[1, 2, 0, -1], [0, 3, 1, 1]], [[1, 2], [1, 0]]),
      ("b", [[1, 2, 0, -1], [0, 3, 1, 1]], [[1, 2.02], [1, 0]]),
    ])
    defer { folder.remove() }
    for name in ["a", "b"] {
      let output = try Tool.run(
        [
          "canonicalize", "\(name).safetensors", "--output", "\(name)-c.safetensors", "--balance",
          "maximum", "--quiet",
        ], in: folder)
      #expect(output.code == 0, "\(output.error)")
    }
    let output = try Tool.run(
      ["distance", "a-c.safetensors", "b-c.safetensors", "--json", "-"], in: folder)
    let numbers = try JSONDecoder().decode(DistanceResult.self, from: Data(output.out.utf8))
    #expect(output.code == 0)
    #expect(numbers.asGiven.verdict == "pass")
    #expect(numbers.asGiven.reasons == [])
    #expect((numbers.lowerBound.value ?? 0) > 0)
    #expect((numbers.asGiven.parameterDistance.value ?? 9) <= (numbers.asGiven.bound.value ?? 0))
    let table = try Tool.run(["distance", "a-c.safetensors", "b-c.safetensors"], in: folder)
    #expect(table.out.contains("PASS"))
  }

  @Test func optionsAndKindsAreRefused() throws {
    let folder = try imported([("m", [[1, 2, 0, -1]], [[1], [2]])])
    defer { folder.remove() }
    for (arguments, code, word) in [
      (["canonicalize", "m.safetensors", "--tolerance", "0.5"], Int32(64), "--tolerance"),
      (["canonicalize", "m.safetensors", "--tolerance", "nan"], 64, "--tolerance"),
      (["canonicalize", "m.safetensors", "--form", "norm"], 64, "Did you mean normal?"),
      (["canonicalize", "m.safetensors", "--balance", "maximal"], 64, "Did you mean maximum?"),
      (["canonicalize", "m.safetensors", "--probes", "0"], 64, "--probes"),
      (["canonicalize"], 64, "file.safetensors"),
      (["canonicalize", "none.safetensors"], 74, "none.safetensors"),
      (["canonicalize", "images.npy"], 65, "images.npy"),
      (["canonicalize", "m.safetensors", "--output", "no/m.safetensors"], 74, "--output"),
      (["distance", "m.safetensors"], 64, "b.safetensors"),
      (["distance", "m.safetensors", "m.safetensors", "--max-cells", "0"], 64, "--max-cells"),
      (["distance", "m.safetensors", "m.safetensors", "--tolerance", "1"], 64, "--tolerance"),
    ] {
      let output = try Tool.run(arguments, in: folder)
      #expect(output.code == code, "\(arguments): \(output.error)")
      #expect(output.error.contains(word), "\(output.error)")
      #expect(output.out == "")
    }
    for (name, flags, words) in [
      ("max", ["--pooling", "max"], "max pooling"), ("wide", ["--pooling", "sum"], "pooling"),
      ("units", ["--standardize", "global"], "standardiz"),
      (
        "steps", ["--stride", "2"],
        "found images 1 x 4 x 4, filter 2x2, stride 2, padding valid. Only"
      ),
    ] {
      let conv = Tensor(shape: [1, 1, 2, 2], elements: [1, 2, 0, -1])
      let head = Tensor(shape: [2, 1], elements: [1, 2])
      try Safetensors(tensors: [("conv.weight", conv), ("head.weight", head)])
        .write(to: folder.path("w.safetensors"))
      let made = try Tool.run(
        [
          "import", "--weights", "w.safetensors", "--output", "\(name).safetensors", "--lambda",
          "0.01", "--loss", "squared",
        ] + Self.data + flags, in: folder)
      #expect(made.code == 0, "\(made.error)")
      let first = name == "max" ? "max.safetensors" : "m.safetensors"
      let output = try Tool.run(["distance", first, "\(name).safetensors"], in: folder)
      #expect(output.code == 65, "\(name)")
      #expect(output.error.contains(words), "\(output.error)")
    }
    let whitened = try Tool.run(
      [
        "train", "--filter", "2x2", "--lambda-ratio", "0.5", "--standardize", "patch-whiten",
        "--gap", "0.5", "--output", "white.safetensors", "--quiet",
      ] + Self.data, in: folder)
    #expect(whitened.code == 0, "\(whitened.error)")
    let refused = try Tool.run(["distance", "white.safetensors", "white.safetensors"], in: folder)
    #expect(refused.code == 65)
    #expect(refused.error.contains("patch-whiten"))
    let canonical = try Tool.run(["canonicalize", "white.safetensors"], in: folder)
    #expect(canonical.code == 0, "\(canonical.error)")
    let maximum = try Tool.run(["canonicalize", "max.safetensors"], in: folder)
    #expect(maximum.code == 0)
    #expect(maximum.out.contains("filters do not turn around"))
  }

  @Test func gatedNetworksAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let trained = try Tool.run(
      TinyData.gated + ["--output", "g.safetensors", "--quiet"], in: folder)
    #expect(trained.code == 0, "\(trained.error)")
    for arguments in [
      ["canonicalize", "g.safetensors"], ["distance", "g.safetensors", "g.safetensors"],
    ] {
      let output = try Tool.run(arguments, in: folder)
      #expect(output.code == 65)
      #expect(output.error.contains("a gated network"), "\(output.error)")
    }
  }
}
