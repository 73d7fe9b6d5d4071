import ConvexCNN
import Foundation
import Testing

/// `--activation quadratic` and `polynomial:A,B,C` from training to certificate, through files.
struct DegreeTwoCommandTests {
  private let data = ["--model", "m.safetensors", "--images", "images.npy"]
  private let labels = ["--labels", "labels.npy"]

  private func trained(
    _ flags: [String], gap: String = "1e-8"
  ) throws -> (folder: Folder, result: TrainingResult) {
    let folder = try Folder()
    try TinyData.write(to: folder)
    let output = try Tool.run(
      TinyData.train + flags
        + ["--output", "m.safetensors", "--json", "t.json", "--gap", gap, "--require-gap"],
      in: folder)
    #expect(output.code == 0, "\(output.error)")
    #expect(output.out.contains("not weight decay"))
    return (folder, try result(folder, "t.json"))
  }

  private func result(_ folder: Folder, _ name: String) throws -> TrainingResult {
    try JSONDecoder().decode(TrainingResult.self, from: Data(try folder.bytes(name)))
  }

  @Test(arguments: [
    ["--activation", "quadratic", "--pooling", "sum", "--loss", "squared"],
    [
      "--activation", "quadratic", "--pooling", "average:2x1", "--loss", "softmax", "--output-bias",
    ],
    ["--activation", "quadratic", "--bias", "--loss", "logistic"],
    ["--activation", "polynomial:0.09,0.5,0.47", "--loss", "squared"],
    ["--activation", "polynomial:-0.5,0,1", "--pooling", "sum:1x3", "--standardize", "global"],
  ])
  func modelsAreReadBack(flags: [String]) throws {
    let (folder, trained) = try trained(flags)
    defer { folder.remove() }
    #expect(trained.status == "solved")
    #expect(trained.bound == "exact")
    #expect(trained.relativeGap.value ?? 1 <= 1e-8)
    #expect(trained.regularizer.contains("not weight decay"))
    let isQuadratic = flags[1] == "quadratic"
    #expect((trained.momentRank.value != nil) == isQuadratic)
    let certify = try Tool.run(
      ["certify"] + data + labels + ["--gap", "1e-8", "--json", "c.json"], in: folder)
    #expect(certify.code == 0, "\(certify.error)")
    let certified = try result(folder, "c.json")
    #expect(certified.objective == trained.objective)
    #expect(certified.lowerBound == trained.lowerBound)
    #expect(certified.claim == trained.claim)
    let evaluate = try Tool.run(
      ["evaluate"] + data + labels + ["--json", "e.json", "--quiet"], in: folder)
    #expect(evaluate.code == 0, "\(evaluate.error)")
    let evaluation = try JSONDecoder().decode(
      Evaluation.self, from: Data(try folder.bytes("e.json")))
    let loss = try #require(trained.loss.value)
    #expect(abs((evaluation.loss.value ?? 0) - loss) < 1e-12 * loss)
    let predict = try Tool.run(["predict"] + data + ["--output", "p.npy"], in: folder)
    #expect(predict.code == 0, "\(predict.error)")
  }

  @Test func strongerPenaltyIsRejectedAndWarmStartStopsAtOnce() throws {
    let flags = ["--activation", "quadratic", "--loss", "squared"]
    let (folder, trained) = try trained(flags)
    defer { folder.remove() }
    let other = try Tool.run(
      ["certify"] + data + labels + ["--lambda", "0.5", "--gap", "1e-6"], in: folder)
    #expect(other.code == 2)
    let again = try Tool.run(
      TinyData.train + flags
        + ["--start", "m.safetensors", "--gap", "1e-6", "--json", "a.json", "--trace", "a.csv"],
      in: folder)
    #expect(again.code == 0, "\(again.error)")
    let objective = try #require(trained.objective.value)
    let second = try #require(try result(folder, "a.json").objective.value)
    #expect(abs(second - objective) < 1e-8 * objective)
    let trace = String(decoding: try folder.bytes("a.csv"), as: UTF8.self)
    #expect(trace.split(separator: "\n").count == 2)
  }

  @Test func localSearchIsCertifiedAndShowsItsCurvature() throws {
    let flags = [
      "--activation", "quadratic", "--loss", "squared", "--solver", "local", "--seed", "3",
    ]
    let (folder, local) = try trained(flags, gap: "1e-6")
    defer { folder.remove() }
    let landscape = try #require(local.curvature.first)
    // Patches of four entries, two outputs: five filters of each sign for both.
    #expect(landscape.filterCount == 20)
    #expect((landscape.positiveCount, landscape.negativeCount) == (5, 5))
    #expect(abs((landscape.residualNormOverLambda.value ?? 0) - 1) < 1e-4)
    let bound = try #require(landscape.suboptimality.value)
    #expect(bound < 1e-2 * (local.objective.value ?? 0))
    let (other, convex) = try trained(Array(flags.prefix(4)))
    other.remove()
    #expect(convex.curvature.isEmpty)
    let objective = try #require(convex.objective.value)
    #expect(abs((local.objective.value ?? 0) - objective) < 1e-6 * objective)
  }

  @Test(arguments: [
    ["prune"], ["optimal-set"], ["sensitivity"],
  ])
  func commandsOfDegreeOneRefuseTheModel(command: [String]) throws {
    let (folder, _) = try trained(["--activation", "quadratic", "--loss", "squared"])
    defer { folder.remove() }
    let extra = command == ["prune"] ? ["--output", "x.safetensors"] : []
    let output = try Tool.run(command + data + labels + extra, in: folder)
    #expect(output.code == 64 || output.code == 65, "\(output.code) \(output.error)")
    #expect(output.error.contains("quadratic"), "\(output.error)")
  }

  @Test(arguments: ["path", "baseline", "closed-form"])
  func commandsOfDegreeOneRefuseTheFlag(command: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(
      [command, "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2"]
        + ["--activation", "quadratic"], in: folder)
    #expect(output.code == 64, "\(output.error)")
    #expect(output.error.contains("relu, gated or linear with this command"), "\(output.error)")
  }
}
