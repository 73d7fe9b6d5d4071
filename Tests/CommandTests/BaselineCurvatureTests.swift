import ConvexCNN
import Foundation
import Testing

/// `baseline` with curvature, dropout and promised rates, as a user runs it.
struct BaselineCurvatureTests {
  private static let data = ["--images", "x.npy", "--labels", "y.npy"]

  private func folder(noise: Double = 1) throws -> Folder {
    let folder = try Folder()
    var generator = SeededGenerator(seed: 9)
    let x = Matrix(rows: 5, columns: 6, elements: (0..<30).map { _ in 0.5 * generator.normal() })
    let y = Matrix(rows: 5, columns: 1, elements: (0..<5).map { _ in noise * generator.normal() })
    try NPY.write(x, to: folder.path("x.npy"))
    try NPY.write(y, to: folder.path("y.npy"))
    return folder
  }

  private func run(_ extra: [String], in folder: Folder) throws -> Tool.Output {
    try Tool.run(["baseline", "--filter", "4", "--pooling", "sum"] + Self.data + extra, in: folder)
  }

  @Test func curvatureIsReportedWithAndWithoutDropout() throws {
    let folder = try folder()
    defer { folder.remove() }
    let flags = [
      "--optimizer", "sgd", "--width", "4", "--epochs", "20", "--batch-size", "3", "--curvature",
    ]
    let plain = try run(flags + ["--json", "-"], in: folder)
    #expect(plain.code == 0, "\(plain.error)")
    let study = try JSONDecoder().decode(BaselineStudy.self, from: Data(plain.out.utf8))
    let curvature = try #require(study.runs[0].curvature.value)
    #expect(curvature.stepCount == 40)
    #expect(try (0...1).contains(#require(curvature.positiveShare.value)))
    #expect(study.runs[0].maskedCurvature.value == nil)
    #expect(plain.out.contains("\"maskedCurvature\" : null"))
    let dropped = try run(flags + ["--dropout", "0.5", "--json", "-"], in: folder)
    let other = try JSONDecoder().decode(BaselineStudy.self, from: Data(dropped.out.utf8))
    #expect(other.dropout == 0.5)
    let masked = try #require(other.runs[0].maskedCurvature.value)
    #expect(masked != other.runs[0].curvature.value)
    let table = try run(flags + ["--dropout", "0.5"], in: folder)
    #expect(table.out.contains("  with dropout"))
    #expect(table.out.contains("of 40 steps"))
  }

  @Test(arguments: [
    (["--optimizer", "lbfgs", "--curvature"], "--curvature"),
    (["--optimizer", "lbfgs", "--dropout", "0.2"], "--dropout"), (["--dropout", "1"], "--dropout"),
    (["--curvature", "--pooling", "max"], "--curvature"),
    (["--optimizer", "gd", "--batch-size", "2"], "--batch-size"),
    (["--require-rate"], "--require-rate"),
    (["--activation", "tanh"], "--optimizer"),
    (["--activation", "tanh", "--optimizer", "gd", "--width", "7"], "--width"),
    (["--activation", "gelu", "--optimizer", "gd", "--lambda", "0.1"], "--lambda"),
    (["--activation", "gelu", "--optimizer", "gd", "--certify"], "--certify"),
    (["--activation", "softplus", "--optimizer", "gd", "--loss", "logistic"], "--loss squared"),
  ])
  func illegalOptionsAreRefused(extra: [String], word: String) throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(
      ["baseline", "--filter", "4"] + Self.data + extra, in: folder)
    #expect(output.code == 64 || output.code == 65, "\(output.error)")
    #expect(output.error.contains(word), "\(output.error)")
  }

  @Test func ratesArePromisedKeptAndRefused() throws {
    let folder = try folder(noise: 0.2)
    defer { folder.remove() }
    let flags = ["--activation", "softplus", "--optimizer", "gd", "--epochs", "20"]
    let wide = try run(
      flags + ["--width", "20000", "--require-rate", "--json", "-"], in: folder)
    #expect(wide.code == 0, "\(wide.error)")
    let study = try JSONDecoder().decode(LinearRateStudy.self, from: Data(wide.out.utf8))
    #expect(study.isIssued && study.isKept)
    #expect(study.steps == 20)
    #expect(
      try #require(study.finalResidualNorm.value) <= #require(study.promisedResidualNorm.value))
    let narrow = try run(flags + ["--width", "200"], in: folder)
    #expect(narrow.code == 0)
    #expect(narrow.out.contains("No rate promised"))
    #expect(try run(flags + ["--width", "200", "--require-rate"], in: folder).code == 2)
  }
}
