import ConvexCNN
import Foundation
import Testing

/// `--memory` and `--features` of the built tool.
struct MemoryCommandTests {
  private struct Result: Decodable {
    let status: String
    let objective: Double
    let relativeGap: Double
    let features: String?
    let memoryLimit: Double?
    let peakMemory: Double?
  }

  private func result(_ arguments: [String], _ folder: Folder) throws -> Result {
    let output = try Tool.run(arguments + ["--json", "r.json"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    return try JSONDecoder().decode(Result.self, from: Data(folder.bytes("r.json")))
  }

  @Test(arguments: ["auto", "dense", "float", "streamed", "gram"])
  func everyKindOfFeaturesGivesTheResult(features: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let plain = try result(TinyData.gated + ["--gap", "1e-5"], folder)
    let kept = try result(
      TinyData.gated + [
        "--gap", "1e-5", "--memory", "400MiB", "--features", features, "--output",
        "m.safetensors",
      ], folder)
    #expect(plain.features == "dense")
    #expect(plain.memoryLimit == nil)
    #expect(kept.status == "solved")
    #expect(abs(kept.objective - plain.objective) <= 2e-5 * plain.objective)
    #expect(kept.features == (features == "auto" ? "dense" : features))
    #expect(kept.memoryLimit == Double(400 << 20))
    #expect(try #require(kept.peakMemory) <= Double(400 << 20))
  }

  @Test func modelsAreCertifiedEvaluatedAndUsedWithinTheLimit() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let limit = ["--memory", "400MiB", "--threads", "1"]
    let files = ["--images", "images.npy", "--labels", "labels.npy"]
    let trained = try Tool.run(TinyData.gated + ["--output", "m.safetensors"], in: folder)
    #expect(trained.code == 0)
    let certified = try Tool.run(
      ["certify", "--model", "m.safetensors", "--gap", "1e-3"] + files + limit, in: folder)
    #expect(certified.code == 0, "\(certified.error)")
    #expect(certified.out.contains("streamed within 400 MiB"))
    let whole = try Tool.run(["evaluate", "--model", "m.safetensors"] + files, in: folder)
    let streamed = try Tool.run(
      ["evaluate", "--model", "m.safetensors"] + files + limit, in: folder)
    #expect(streamed.code == 0)
    #expect(streamed.out == whole.out)
    let predicted = try Tool.run(
      ["predict", "--model", "m.safetensors", "--images", "images.npy", "--output", "p.npy"]
        + limit, in: folder)
    #expect(predicted.code == 0)
    let outputs = try NPY.read(folder.path("p.npy"))
    #expect(outputs.shape == [12, 2])
  }

  @Test func limitsThatCannotBeKeptAreUsageErrors() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let small = try Tool.run(TinyData.gated + ["--memory", "20MiB"], in: folder)
    #expect(small.code == 64)
    #expect(small.error.contains("--memory 20 MiB: expected at least"))
    let text = try Tool.run(TinyData.gated + ["--memory", "lots"], in: folder)
    #expect(text.code == 64)
    #expect(text.error.contains("such as 512MiB or 2GiB"))
    let quadratic = try Tool.run(
      TinyData.train + ["--activation", "quadratic", "--memory", "1GiB"], in: folder)
    #expect(quadratic.code == 64)
    #expect(quadratic.error.contains("no value with --activation quadratic"))
    let relu = try result(
      TinyData.train + ["--memory", "400MiB", "--gap", "1e-3", "--output", "r.safetensors"], folder)
    #expect(relu.features == nil)
    #expect(try #require(relu.peakMemory) <= Double(400 << 20))
    let gram = try Tool.run(
      TinyData.train + [
        "--activation", "gated", "--cells", "sample:4", "--loss", "softmax", "--features", "gram",
      ], in: folder)
    #expect(gram.code == 64)
    #expect(gram.error.contains("--features"))
    let packed = folder.path("images.csv")
    try CSV.write(Matrix(rows: 12, columns: 16), to: packed)
    let whole = try Tool.run(
      [
        "train", "--images", "images.csv", "--labels", "labels.npy", "--activation", "gated",
        "--cells", "sample:4", "--filter", "1x2", "--memory", "1KiB",
      ], in: folder)
    #expect(whole.code == 64)
    #expect(whole.error.contains("has to be read as a whole"))
  }
}
