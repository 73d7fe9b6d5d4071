import Arrangements
import Tensors
import Testing

struct SamplingCoverageTests {
  @Test func countsByHand() {
    let pattern = { (bits: UInt64) in ActivationPattern(bits: [bits], count: 3) }
    let coverage = SamplingCoverage(patterns: [1, 1, 2, 3, 4, 4, 5, 5, 5, 6].map(pattern))
    #expect(coverage.drawCount == 10)
    #expect(coverage.distinctCount == 6)
    #expect(coverage.singletonCount == 3)
    #expect(coverage.doubletonCount == 2)
    #expect(abs(coverage.coveredProbability - 0.7) < 1e-15)
    #expect(coverage.estimatedCellCount == 7)
    #expect(coverage.coveredFraction(of: 8) == 0.75)
    let empty = SamplingCoverage(patterns: [])
    #expect(empty.coveredProbability == 0)
    #expect(empty.estimatedCellCount == 0)
  }

  /// The estimate agrees with how often further directions meet a known cell, within four standard
  /// errors of the two.
  @Test func goodTuringPredictsRepeats() throws {
    var generator = SeededGenerator(seed: 1)
    let elements = (0..<30 * 4).map { _ in generator.normal() }
    let arrangement = try CentralArrangement(
      normals: Matrix(rows: 30, columns: 4, elements: elements))
    let half = Double(try arrangement.characteristicPolynomial().halfCellCount)
    let coverage = arrangement.directionCoverage(drawCount: 4000, seed: 2)
    let longer = arrangement.directionCoverage(drawCount: 8000, seed: 2)
    // New cells among draws 4001...8000, each rarer than at the start of the stretch.
    let newShare = Double(longer.distinctCount - coverage.distinctCount) / 4000
    let unseen = 1 - coverage.coveredProbability
    #expect(newShare < unseen + 4 * (unseen / 4000).squareRoot())
    #expect(newShare > 1 - longer.coveredProbability - 4 * (unseen / 4000).squareRoot())
    #expect(coverage.estimatedCellCount <= 1.2 * half)
    #expect(coverage.estimatedCellCount >= Double(coverage.distinctCount))
    #expect(coverage.coveredFraction(of: UInt128(half)) <= 1)
  }

  @Test func manyDrawsSeeEveryCellOfAPlane() throws {
    let rows = Matrix([[1, 0], [0, 1], [1, 1], [1, -1]])
    let arrangement = try CentralArrangement(normals: rows)
    let coverage = arrangement.directionCoverage(drawCount: 1000, seed: 4)
    let again = arrangement.directionCoverage(drawCount: 1000, seed: 4)
    let other = arrangement.directionCoverage(drawCount: 7, seed: 5)
    #expect(coverage.coveredFraction(of: 4) == 1)
    #expect(coverage.coveredProbability == 1)
    #expect(coverage == again)
    #expect(other.drawCount == 7)
  }
}
