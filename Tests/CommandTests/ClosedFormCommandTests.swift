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
    // The verifier, which looks at patches and not at spectra, agrees.
    let certified = try Tool.run(
      [
        "certify", "--model", "m.safetensors", "--images", "images.npy", "--labels", "labels.npy",
        "--gap", "1e-6",
      ], in: folder)
    #expect(certified.code == 0)
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
}
