import ConvexCNN
import Foundation
import Testing

/// `ccnn closed-form`: values, reasons, exit codes, models.
struct ClosedFormCommandTests {
  private static let flags = [
    "closed-form", "--images", "images.npy", "--labels", "labels.npy", "--threads", "1",
  ]

  private static func result(_ folder: Folder, _ flags: [String]) throws -> (
    Tool.Output, ClosedFormResult
  ) {
    let output = try Tool.run(Self.flags + flags + ["--json", "r.json"], in: folder)
    let data = try Data(contentsOf: folder.url.appendingPathComponent("r.json"))
    return (output, try JSONDecoder().decode(ClosedFormResult.self, from: data))
  }

  @Test func whitenedClassesAreExactAndTheModelIsCertified() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = ["--filter", "4x4", "--standardize", "patch-whiten", "--lambda", "0.05"]
    let (output, result) = try Self.result(folder, flags + ["--output", "m.safetensors"])
    #expect(output.code == 0)
    #expect(output.out.contains("Exact: the optimum over all networks"))
    // Two classes of six samples, one patch each: sum_j (b sqrt(6) - b^2 / 2) / 12 with b = 12 lambda.
    let b = 0.6
    let expected = 2 * (b * 6.0.squareRoot() - b * b / 2) / 12
    #expect(abs((result.value.value ?? 0) - expected) <= 1e-12)
    #expect(result.neuronCount == 2)
    let certified = try Tool.run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--gap", "1e-6",
      ], in: folder)
    #expect(certified.code == 0)
    let evaluated = try Tool.run(
      [
        "evaluate", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
      ], in: folder)
    #expect(evaluated.out.contains("accuracy 100.00 %"))
  }

  @Test func dataWithoutAFormExitWithTwoAndTheReason() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let (output, result) = try Self.result(
      folder, ["--filter", "4x4", "--output", "m.safetensors"])
    #expect(output.code == 2)
    #expect(output.error.contains("M M' = t^2 I"))
    #expect(output.out.contains("No closed form."))
    #expect(result.family == "none" && result.value.value == nil)
    #expect(try folder.listing.contains("m.safetensors") == false)
  }

  @Test func valuesThatAreOnlyBoundsExitWithTwo() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    var generator = SeededGenerator(seed: 1)
    try NPY.write(
      ArrayFile(
        shape: [12, 3], elements: (0..<36).map { _ in generator.normal() }, elementKind: .floating),
      to: folder.path("labels.npy"))
    let (output, result) = try Self.result(
      folder, ["--filter", "4x4", "--standardize", "patch-whiten", "--lambda-ratio", "0.1"])
    #expect(output.code == 2)
    #expect(result.verdict == "lower-bound")
    #expect(output.error.contains("not completely positive"))
  }

  @Test(arguments: ["squared", "softmax"])
  func circularNetworksAreSolvedInTheFourierDomain(loss: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = [
      "--filter", "4x4", "--activation", "linear", "--padding", "circular", "--pooling", "none",
      "--loss", loss, "--lambda-ratio", "0.1",
    ]
    let (output, result) = try Self.result(folder, flags + ["--output", "m.safetensors"])
    #expect(output.code == 0)
    #expect(result.family == "circular-program")
    #expect(result.neuronCount == 1)
    #expect((result.relativeGap.value ?? 1) <= 1e-9)
    // The verifier, which has transforms of its own, agrees.
    let certified = try Tool.run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--gap", "1e-6",
      ], in: folder)
    #expect(certified.code == 0)
  }

  /// 40 images of 64 x 64: the direct program would need 5 GiB of features, the patches as much.
  @Test func largeCircularNetworksAreCertified() throws {
    let folder = try Folder()
    defer { folder.remove() }
    var generator = SeededGenerator(seed: 9)
    for (name, shape) in [("images.npy", [40, 64, 64]), ("labels.npy", [40])] {
      try NPY.write(
        ArrayFile(
          shape: shape, elements: (0..<shape.reduce(1, *)).map { _ in generator.normal() },
          elementKind: .floating), to: folder.path(name))
    }
    let (output, result) = try Self.result(
      folder,
      [
        "--filter", "64x64", "--activation", "linear", "--padding", "circular", "--pooling", "none",
        "--lambda-ratio", "0.2", "--gap", "1e-7", "--output", "m.safetensors",
      ])
    #expect(output.code == 0)
    #expect((result.relativeGap.value ?? 1) <= 1e-7)
    let certified = try Tool.run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--gap", "1e-7",
      ], in: folder)
    #expect(certified.code == 0)
    #expect(certified.out.contains("(exact, all cells)"))
  }

  @Test(arguments: [
    ["--activation", "gated"], ["--cells", "all"], ["--filter-rank", "2"], ["--gap", "0"],
    ["--gates", "centered"],
  ])
  func flagsWithoutMeaningAreRefused(extra: [String]) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(Self.flags + ["--filter", "4x4"] + extra, in: folder)
    #expect(output.code == 64)
  }

  /// Five signals of four points, and what the flags of three layers say about them.
  private static func threeLayers(_ folder: Folder, _ flags: [String]) throws -> Tool.Output {
    var generator = SeededGenerator(seed: 3)
    func write(_ shape: [Int], _ name: String) throws {
      try NPY.write(
        ArrayFile(
          shape: shape, elements: (0..<shape.reduce(1, *)).map { _ in generator.normal() },
          elementKind: .floating), to: folder.path(name))
    }
    try write([5, 4], "signals.npy")
    try write([5], "targets.npy")
    return try Tool.run(
      [
        "closed-form", "--images", "signals.npy", "--labels", "targets.npy", "--threads", "1",
        "--filter", "4", "--layers", "3",
      ] + flags, in: folder)
  }

  private static let circular = ["--padding", "circular", "--pooling", "none", "--lambda", "0.05"]

  @Test func threeLayersAreSolvedOverAllCells() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let output = try Self.threeLayers(
      folder, Self.circular + ["--json", "r.json", "--output", "m.safetensors"])
    #expect(output.code == 0)
    // Five samples in general position in four dimensions: 2 (1 + 4 + 6 + 4) cells.
    #expect(output.out.contains("Proven over all 30 cells of circular networks of three layers"))
    #expect(output.out.contains("weights of positions, ReLU"))
    let result = try JSONDecoder().decode(
      ClosedFormResult.self, from: Data(contentsOf: folder.url.appendingPathComponent("r.json")))
    #expect(result.family == "circular-relu-program" && result.layers == 3)
    #expect(result.cellCount == 30)
    #expect((result.relativeGap.value ?? 1) <= 1e-6)
    // The tensors are the network: its objective, from the file alone.
    let file = try Safetensors.read(folder.path("m.safetensors"))
    let conv = try #require(file["conv.weight"])
    let positions = try #require(file["positions.weight"])
    let head = try #require(file["head.weight"])
    let samples = try NPY.read(folder.path("signals.npy")).elements
    let targets = try NPY.read(folder.path("targets.npy")).elements
    var objective = 0.0
    for (i, y) in targets.enumerated() {
      var prediction = 0.0
      for j in head.elements.indices {
        var sum = 0.0
        for k in 0..<4 {
          for t in 0..<4 {
            sum +=
              positions.elements[4 * j + k] * conv.elements[4 * j + t]
              * samples[4 * i + (k + t) % 4]
          }
        }
        prediction += head.elements[j] * max(0, sum)
      }
      objective += 0.5 * (prediction - y) * (prediction - y) / 5
    }
    for weight in positions.elements + head.elements { objective += 0.025 * weight * weight }
    #expect(conv.shape == [head.elements.count, 1, 1, 4])
    #expect(abs(objective - (result.objective.value ?? 0)) <= 1e-12)
  }

  @Test(arguments: [
    (["--padding", "valid", "--pooling", "none", "--lambda", "1"], "--padding: expected circular"),
    (["--padding", "circular", "--lambda", "1"], "--pooling: expected none with --layers 3"),
    (["--padding", "circular", "--pooling", "none"], "--lambda: expected a number > 0"),
    (
      ["--padding", "circular", "--pooling", "none", "--lambda-ratio", "0.1"],
      "found \"--lambda-ratio 0.1\""
    ),
    (circular + ["--activation", "linear"], "--activation: expected relu with --layers 3"),
    (circular + ["--bias"], "--bias: expected no such flag"),
    (circular + ["--output-bias"], "--output-bias: expected no such flag"),
    (circular + ["--loss", "softmax"], "--loss: expected squared"),
    (circular + ["--stride", "2"], "--stride: expected 1"),
    (
      circular + ["--standardize", "patch-whiten"], "--standardize: expected none, global or pixel"
    ),
    (circular + ["--layers", "4"], "--layers: expected 2 or 3"),
    (circular + ["--filter", "3"], "filters as large as the images, 4"),
  ])
  func flagsThatDoNotGoWithThreeLayersAreRefused(flags: [String], message: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    let output = try Self.threeLayers(folder, flags)
    #expect(output.code == 64)
    #expect(output.error.contains(message))
  }

  /// A limit of time ends both circular programs with bounds, not with a claim.
  @Test func unsolvedCircularProgramsSaySo() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let limit = ["--max-seconds", "1e-9", "--gap", "1e-12", "--output", "m.safetensors"]
    let (output, result) = try Self.result(
      folder,
      [
        "--filter", "4x4", "--activation", "linear", "--padding", "circular", "--pooling", "none",
        "--lambda-ratio", "0.001",
      ] + limit)
    #expect(output.code == 2)
    #expect(result.verdict == "unknown")
    #expect(output.error.contains("Raise --max-seconds"))
    #expect(result.value.value == result.lowerBound.value)
    #expect((result.value.value ?? 1) < (result.objective.value ?? 0))
    let deep = try Self.threeLayers(folder, Self.circular + limit)
    #expect(deep.code == 2)
    #expect(deep.error.contains("Raise --max-seconds"))
    #expect(try folder.listing.contains("m.safetensors") == false)
  }

  @Test(arguments: [
    (["--bias"], "Leave out --bias"), (["--output-bias"], "Leave out --output-bias"),
    (
      ["--activation", "linear", "--padding", "circular"], "--filter 4x4 --stride 1 --pooling none"
    ),
    (["--padding", "circular", "--pooling", "none"], "--layers 3"),
  ])
  func refusalsSayWhichFlagToChange(flags: [String], advice: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(Self.flags + ["--filter", "4x4"] + flags, in: folder)
    #expect(output.code == 2)
    #expect(output.error.hasPrefix("ccnn: closed form, "))
    #expect(output.error.contains(advice))
  }
}
