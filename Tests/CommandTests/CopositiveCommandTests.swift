import ConvexCNN
import Foundation
import Testing

/// `ccnn copositive`: bounds, order, exit codes, refusals.
struct CopositiveCommandTests {
  private static let flags = [
    "copositive", "--images", "images.npy", "--labels", "labels.npy", "--filter", "1x2",
    "--lambda-ratio", "0.2", "--loss", "squared", "--threads", "2",
  ]

  @Test func boundsAreOrderedAndExactForTwoEntries() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let output = try Tool.run(
      Self.flags + ["--gap", "1e-5", "--require-gap", "--json", "r.json"], in: folder)
    #expect(output.code == 0, "\(output.error)")
    #expect(output.out.contains("not contradicted"))
    let data = try Data(contentsOf: folder.url.appendingPathComponent("r.json"))
    let study = try JSONDecoder().decode(CopositiveStudy.self, from: data)
    #expect(study.isExact && study.orderingViolation == nil && study.scope == "all cells")
    #expect(study.exactness == ["two entries": study.cellCount])
    let nuclear = try #require(study.nuclear.lowerBound.value)
    let relaxed = try #require(study.relaxed.lowerBound.value)
    let objective = try #require(study.optimum.upperBound.value)
    #expect(nuclear <= relaxed * (1 + 1e-9) && relaxed <= objective * (1 + 1e-9))
    #expect((study.relativeGap.value ?? 1) <= 1e-5)
  }

  /// The proof of the relaxed bound certifies a network that `train` found, and no other data.
  @Test(arguments: ["1x2", "1x3"])
  func multipliersAreCheckedByCertify(filter: String) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let problem =
      ["--images", "images.npy", "--labels", "labels.npy", "--filter", filter]
      + ["--lambda", "0.02", "--loss", "squared", "--pooling", "sum", "--stride", "2"]
    let made = try Tool.run(
      ["copositive"] + problem + ["--gap", "1e-4", "--multipliers", "p.json", "--quiet"],
      in: folder)
    #expect(made.code == 0, "\(made.error)")
    let trained = try Tool.run(
      ["train"] + problem + ["--gap", "1e-5", "--output", "m.safetensors", "--quiet"], in: folder)
    #expect(trained.code == 0, "\(trained.error)")
    let check = ["certify", "--model", "m.safetensors", "--images", "images.npy"]
    let flags = ["--labels", "labels.npy", "--gap", "1e-3", "--check-multipliers", "p.json"]
    let checked = try Tool.run(check + flags, in: folder)
    #expect(checked.code == 0, "\(checked.out) \(checked.error)")
    #expect(checked.out.contains("multipliers"))
    try TinyData.write(
      labels: (0..<12).map { Double($0 / 6) }, to: folder.path("labels.npy"))
    let other = try Tool.run(check + flags, in: folder)
    #expect(other.code == 2, "\(other.out) \(other.error)")
  }

  /// Neither bounds of single cones nor cutting them go on after the limit of time.
  @Test func theLimitOfTimeEndsTheRelaxation() throws {
    let folder = try Folder()
    defer { folder.remove() }
    var generator = SeededGenerator(seed: 9)
    var images = Tensor(shape: [4, 3, 3])
    for e in images.elements.indices { images.elements[e] = generator.normal() }
    try NPY.write(images, to: folder.path("images.npy"))
    try TinyData.write(
      labels: [1.5, -0.5, 0.75, -1], kind: .floating, to: folder.path("labels.npy"))
    let output = try Tool.run(
      [
        "copositive", "--images", "images.npy", "--labels", "labels.npy", "--filter", "2x2",
        "--pooling", "sum", "--loss", "squared", "--lambda-ratio", "0.1", "--threads", "1",
        "--max-seconds", "0.01", "--json", "-",
      ], in: folder)
    #expect(output.code == 0, "\(output.error)")
    let study = try JSONDecoder().decode(CopositiveStudy.self, from: Data(output.out.utf8))
    #expect(study.relaxed.status == "time-limit" && study.splitCellCount == 0)
    #expect(study.orderingViolation == nil)
    let lower = try #require(study.relaxed.lowerBound.value)
    let upper = try #require(study.optimum.upperBound.value)
    #expect(lower <= upper)
  }

  @Test func tooManyCellsAndOtherFlagsAreRefused() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let few = try Tool.run(Self.flags + ["--max-cells", "4"], in: folder)
    #expect(few.code == 65 && few.error.contains("at most 4 cells"))
    for flags in [
      ["--activation", "linear"], ["--output-bias"], ["--filter-rank", "1"], ["--gap", "2"],
      ["--max-cells", "0"], ["--cells", "all"],
    ] {
      let output = try Tool.run(Self.flags + flags, in: folder)
      #expect(output.code == 64, "\(flags)")
      #expect(output.error.contains(flags[0]), "\(flags)")
    }
  }
}
