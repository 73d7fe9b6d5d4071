import Arrangements
import Tensors
import TestSupport
import Testing

struct SamplingMethodTests {
  /// Patches of three digit images, with their class.
  private static func patches() throws -> (rows: Matrix, labels: [Int]) {
    let images = try DigitPatches.images()
    let rows = DigitPatches.patches(Array(images[..<3]), height: 2, width: 2)
    return (rows, (0..<rows.rows).map { $0 / 49 })
  }

  @Test(arguments: SamplingMethod.allCases)
  func cellsAreDistinctAndWitnessesHaveTheirPatterns(method: SamplingMethod) throws {
    let (rows, labels) = try Self.patches()
    let arrangement = try CentralArrangement(normals: rows)
    let sample = try arrangement.sampleCells(
      by: method, count: 30, seed: 2, patches: rows, labels: labels)
    let inactive = arrangement.essential.inactivePattern
    #expect(sample.cells.count == 30)
    #expect(Set(sample.cells.map(\.pattern)).count == 30)
    for cell in sample.cells {
      #expect(arrangement.pattern(of: cell.witness) == cell.pattern)
      #expect(cell.margin > arrangement.certifiedMargin)
      #expect(cell.pattern != inactive)
    }
    let coverage = sample.coverage
    #expect((coverage != nil) == method.drawsIndependently)
    if let coverage { #expect(coverage.distinctCount >= 30) }
    let again = try arrangement.sampleCells(
      by: method, count: 30, seed: 2, patches: rows, labels: labels, threads: 1)
    let other = try arrangement.sampleCells(
      by: method, count: 30, seed: 3, patches: rows, labels: labels)
    #expect(again == sample)
    #expect(other != sample)
  }

  @Test(arguments: SamplingMethod.allCases)
  func pairedCellsAreNeverOpposite(method: SamplingMethod) throws {
    let (rows, labels) = try Self.patches()
    let arrangement = try CentralArrangement(normals: rows)
    let sample = try arrangement.sampleCells(
      by: method, count: 40, seed: 1, patches: rows, labels: labels, droppingInactive: false,
      pairingOpposites: true)
    #expect(sample.cells.count == 40)
    #expect(sample.cells.allSatisfy { $0.pattern[0] })
    #expect(Set(sample.cells.map(\.pattern)).count == 40)
    for cell in sample.cells { #expect(arrangement.pattern(of: cell.witness) == cell.pattern) }
  }

  /// Methods differ: no two choose the same cells.
  @Test func methodsChooseDifferentCells() throws {
    let (rows, labels) = try Self.patches()
    let arrangement = try CentralArrangement(normals: rows)
    let samples = try SamplingMethod.allCases.map {
      try Set(
        arrangement.sampleCells(by: $0, count: 20, seed: 1, patches: rows, labels: labels).cells
          .map(\.pattern))
    }
    #expect(Set(samples).count == SamplingMethod.allCases.count)
  }

  @Test func coverageCountsEveryDirection() throws {
    let arrangement = try arrangement(RowFamilies.threshold(3))
    let sample = arrangement.sampleCells(
      count: 104, seed: 4, maximumAttempts: 2000, droppingInactive: false)
    let coverage = try #require(sample.coverage)
    #expect(coverage.distinctCount == sample.cells.count)
    #expect(coverage.drawCount <= sample.attempts)
    #expect(coverage.drawCount > coverage.distinctCount)
  }

  /// All half cells of an arrangement, found by drawing until none is missing.
  @Test func distinctUniformCellsAreWhatWasAskedFor() throws {
    let sampler = try UniformCellSampler(try arrangement(RowFamilies.threshold(3)))
    let half = try sampler.sampleDistinct(count: 52, seed: 3, pairingOpposites: true)
    #expect(half.patterns.count == 52 && Set(half.patterns).count == 52)
    #expect(half.patterns.allSatisfy { $0[0] })
    #expect(half.coverage.distinctCount == 52)
    #expect(half.coverage.drawCount <= half.draws.count)
    let whole = try sampler.sampleDistinct(count: 104, seed: 3)
    #expect(Set(whole.patterns).count == 104)
    let more = try sampler.sampleDistinct(count: 105, seed: 3)
    #expect(more.patterns.count == 104)
    #expect(more.coverage.drawCount == 50 * 105 + 1000)
    let stopped = try sampler.sampleDistinct(count: 50, seed: 3) { _, _ in false }
    #expect(stopped.patterns.count <= 50)
  }
}
