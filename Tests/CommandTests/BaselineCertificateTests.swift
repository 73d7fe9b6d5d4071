import ConvexCNN
import Foundation
import Testing

/// `ccnn baseline --certify`: how far each run stopped from the global optimum.
struct BaselineCertificateTests {
  private static let problem = [
    "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2", "--loss", "squared",
    "--lambda-ratio", "0.2", "--threads", "1", "--quiet",
  ]

  private func study(_ folder: Folder, _ flags: [String]) throws -> BaselineStudy {
    let output = try Tool.run(
      ["baseline"] + Self.problem + ["--width", "8", "--seeds", "3", "--json", "-"] + flags,
      in: folder)
    #expect(output.code == 0, "\(output.error)")
    return try JSONDecoder().decode(BaselineStudy.self, from: Data(output.out.utf8))
  }

  private func folder() throws -> Folder {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let trained = try Tool.run(
      ["train"] + Self.problem + [
        "--gap", "1e-3", "--output", "ours.safetensors", "--json", "ours.json",
      ], in: folder)
    #expect(trained.code == 0, "\(trained.error)")
    return folder
  }

  @Test(arguments: ["adam", "sgd", "lbfgs"])
  func everyRunHasTheBestBoundOfAll(optimizer: String) throws {
    let folder = try folder()
    defer { folder.remove() }
    let flags = ["--optimizer", optimizer, "--epochs", "20", "--output", "b.safetensors"]
    let study = try study(folder, flags + ["--certify"])
    let bound = try #require(study.lowerBound.value)
    let ours = try JSONDecoder().decode(
      TrainingResult.self, from: Data(try folder.bytes("ours.json")))
    let optimum = try #require(ours.objective.value)
    #expect(bound > 0)
    #expect(bound <= optimum)
    #expect(study.scope == "all cells")
    #expect(study.runs.count == 3)
    for run in study.runs {
      let objective = try #require(run.objective.value)
      #expect(run.lowerBound.value == bound)
      #expect(run.relativeGap.value == (objective - bound) / objective)
      #expect(run.claim.hasPrefix("Proven over all cells"))
    }
    let best = try #require(study.runs.first { $0.objective == study.best })
    #expect(study.claim == best.claim)
    let model = try Model(contentsOf: folder.path("b.safetensors"))
    #expect(model.certificate["claim"] == best.claim)
    // No single network proves more than all together.
    let single = try Tool.run(
      ["certify", "--model", "b.safetensors", "--json", "-"] + Self.problem.prefix(4), in: folder)
    let alone = try JSONDecoder().decode(TrainingResult.self, from: Data(single.out.utf8))
    #expect((alone.lowerBound.value ?? 1) <= bound * (1 + 1e-9))
  }

  @Test func referenceSharpensTheBound() throws {
    let folder = try folder()
    defer { folder.remove() }
    let flags = ["--optimizer", "sgd", "--epochs", "3", "--certify"]
    let alone = try study(folder, flags)
    let helped = try study(folder, flags + ["--reference", "ours.safetensors"])
    let ours = try JSONDecoder().decode(
      TrainingResult.self, from: Data(try folder.bytes("ours.json")))
    let weak = try #require(alone.lowerBound.value)
    let strong = try #require(helped.lowerBound.value)
    #expect(strong > weak)
    #expect(strong >= (ours.objective.value ?? .infinity) * (1 - 1e-3))
    #expect(helped.runs.map(\.objective) == alone.runs.map(\.objective))
    let distances = helped.runs.compactMap(\.relativeGap.value)
    #expect(distances.allSatisfy { $0 > 1e-3 })
  }

  /// One mark per seed and one in the legend; without --certify there are no gaps to draw.
  @Test func chartShowsTheGaps() throws {
    let folder = try folder()
    defer { folder.remove() }
    let flags = ["--optimizer", "lbfgs", "--epochs", "20", "--chart", "gaps.svg"]
    _ = try study(folder, flags + ["--certify"])
    let text = String(decoding: try folder.bytes("gaps.svg"), as: UTF8.self)
    #expect(text.hasPrefix("<svg"))
    #expect(text.components(separatedBy: "<circle").count - 1 == 4)
    #expect(text.contains("lbfgs, width 8"))
    let output = try Tool.run(["baseline"] + Self.problem + flags, in: folder)
    #expect(output.code == 64)
    #expect(output.error.contains("--chart"))
  }

  @Test func referenceOfAnotherArchitectureIsRefused() throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(
      ["baseline"] + Self.problem + [
        "--certify", "--reference", "ours.safetensors", "--pooling", "sum",
      ], in: folder)
    #expect(output.code == 65)
    #expect(output.error.contains("--reference: expected a model of the same architecture"))
  }

  @Test func nothingIsClaimedUnlessAskedFor() throws {
    let folder = try folder()
    defer { folder.remove() }
    let study = try study(folder, ["--epochs", "3"])
    #expect(study.lowerBound.value == nil)
    #expect(study.bound == "none")
    #expect(study.scope == nil)
    for run in study.runs {
      #expect(run.relativeGap.value == nil)
      #expect(run.claim.hasPrefix("Nothing proven"))
    }
  }

  @Test func tableShowsGapsWithinItsWidth() throws {
    let folder = try folder()
    defer { folder.remove() }
    let flags = Self.problem.filter { $0 != "--quiet" }
    let output = try Tool.run(
      ["baseline"] + flags + ["--certify", "--epochs", "3", "--width", "4"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let lines = output.out.split(separator: "\n").dropLast()
    #expect(lines.allSatisfy { $0.count <= 79 })
    #expect(lines.contains { $0.hasPrefix("  seed") && $0.hasSuffix("gap  seconds") })
    #expect(lines.contains { $0.hasPrefix("lower bound") })
  }
}
