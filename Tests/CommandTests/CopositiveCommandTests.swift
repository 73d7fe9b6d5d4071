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
