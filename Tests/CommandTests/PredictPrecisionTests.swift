import ConvexCNN
import Testing

/// `ccnn predict --precision`.
struct PredictPrecisionTests {
  private let flags = ["predict", "--model", "m.safetensors", "--images", "images.npy", "--quiet"]

  private func folder(_ training: [String]) throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let output = try Tool.run(
      training + ["--output", "m.safetensors", "--quiet", "--standardize", "pixel"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    return folder
  }

  private func predict(_ more: [String], in folder: Folder) throws -> [Double] {
    let output = try Tool.run(flags + more + ["--output", "p.npy"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    return try LabelSource.read(folder.path("p.npy")).elements
  }

  @Test(arguments: [TinyData.gated, TinyData.train + ["--loss", "logistic"]])
  func floatIsCloseToDouble(training: [String]) throws {
    let folder = try folder(training)
    defer { folder.remove() }
    let expected = try predict([], in: folder)
    let found = try predict(["--precision", "float"], in: folder)
    let largest = expected.reduce(0) { max($0, abs($1)) }
    let error = zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(found.count == expected.count)
    #expect(error <= 1e-5 * largest)
    #expect(error > 0)
    let named = try predict(["--precision", "double"], in: folder)
    #expect(named == expected)
  }

  @Test func bitsDoNotDependOnThreadsOrMemory() throws {
    let folder = try folder(TinyData.gated)
    defer { folder.remove() }
    let float = ["--precision", "float", "--convolution", "direct"]
    let alone = try predict(float + ["--threads", "1"], in: folder)
    let shared = try predict(float + ["--threads", "2"], in: folder)
    let streamed = try predict(float + ["--threads", "2", "--memory", "400MiB"], in: folder)
    #expect(shared == alone)
    #expect(streamed == alone)
  }

  @Test func whatSinglePrecisionDoesNotHaveIsRefused() throws {
    let folder = try folder(TinyData.gated)
    defer { folder.remove() }
    let product = try Tool.run(
      flags + ["--precision", "float", "--convolution", "im2col", "--output", "p.npy"], in: folder)
    #expect(product.code == 64)
    #expect(
      product.error.contains("expected auto, direct or fft with --precision float"),
      "\(product.error)")
    let name = try Tool.run(flags + ["--precision", "single", "--output", "p.npy"], in: folder)
    #expect(name.code == 64)
    #expect(name.error.contains("double") && name.error.contains("float"), "\(name.error)")
    try NPY.write(Tensor(shape: [1, 4, 4], repeating: 1e35), to: folder.path("images.npy"))
    let large = try Tool.run(flags + ["--precision", "float", "--output", "p.npy"], in: folder)
    #expect(large.code == 65)
    #expect(large.error.contains("Use double precision"), "\(large.error)")
    let names = try folder.listing
    #expect(!names.contains("p.npy"))
  }
}
