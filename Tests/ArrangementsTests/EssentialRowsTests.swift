import Arrangements
import Tensors
import TestSupport
import Testing

struct EssentialRowsTests {
  @Test func rowsOnOneLineMergeWithSignAndScale() {
    let matrix = Matrix([[2, 4], [0, 0], [-1, -2], [3, 0], [1, 2], [0, -5]])
    let essential = EssentialRows(matrix)
    let representatives = Matrix([[1, 2], [1, 0], [0, 1]])
    let lines = [0, -1, 0, 1, 0, 2]
    let signs: [Int8] = [1, 0, -1, 1, 1, -1]
    let scales: [Double] = [2, 0, 1, 3, 1, 5]
    let multiplicity = [3, 1, 1]
    #expect(essential.rows == representatives)
    #expect(essential.lineOfRow == lines)
    #expect(essential.signOfRow == signs)
    #expect(essential.scales == scales)
    #expect(essential.multiplicity == multiplicity)
    #expect(essential.zeroRowCount == 1)
  }

  /// Patches of width 3 of random signals, as integers.
  private func patches(levels: Int, seed: UInt64) -> [[Int]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<20).flatMap { _ in
      let signal = (0..<9).map { _ in generator.integer(below: levels) }
      return (0..<7).map { Array(signal[$0..<$0 + 3]) }
    }
  }

  @Test(
    arguments: [(2, 1.0), (3, 1), (17, 16), (6, 255), (256, 255), (40, 1000)], [1, 2] as [UInt64])
  func agreesWithExactTwin(data: (levels: Int, unit: Double), seed: UInt64) {
    let integers = patches(levels: data.levels, seed: seed)
    let twin = IntegerLines.find(integers)
    let essential = EssentialRows(Matrix(integers.map { $0.map { Double($0) / data.unit } }))
    let signs = essential.signOfRow.map { Int($0) }
    #expect(essential.lineOfRow == twin.line)
    #expect(signs == twin.sign)
  }

  @Test func binarySignalsHaveSevenLines() {
    let integers = patches(levels: 2, seed: 5)
    let essential = EssentialRows(Matrix(integers.map { $0.map { Double($0) } }))
    #expect(essential.lineCount == 7)
  }

  @Test func bytesInSinglePrecisionMergeLikeTheirIntegers() {
    let integers =
      patches(levels: 256, seed: 9).map { $0 + [255] } + [[3, 6, 9, 0], [1, 2, 3, 0]]
    let twin = IntegerLines.find(integers)
    let rows = integers.map { $0.map { Double(Float($0) / 255) } }
    let essential = EssentialRows(Matrix(rows))
    #expect(essential.lineOfRow == twin.line)
  }

  @Test func closeRowsStayApart() {
    let x = 0.7310585786300049
    let matrix = Matrix([[1, x], [1, x.nextUp], [-2, -2 * x], [1e9, 1e9 + 1], [1, 1]])
    let lines = EssentialRows(matrix).lineOfRow
    let expected = [0, 1, 0, 2, 3]
    #expect(lines == expected)
  }

  @Test func extremeMagnitudesAreComparedExactly() {
    let matrix = Matrix([
      [0x1p1000, 0x1.8p1000], [0x1p-1060, 0x1.8p-1060], [2, 3], [0x1p1000, 0x1p-1000],
      [0x1p1000, 0x1.8p-1000], [-0x1p60, -0x1.8p60],
    ])
    let lines = EssentialRows(matrix).lineOfRow
    let expected = [0, 0, 0, 1, 2, 0]
    #expect(lines == expected)
  }

  @Test func positiveScalingOfRowsChangesNothing() {
    var generator = SeededGenerator(seed: 11)
    let integers = patches(levels: 4, seed: 12).map { $0.map { Double($0) - 1 } }
    let reals = (0..<30).map { _ in (0..<3).map { _ in generator.normal() } }
    let rows = integers + reals + reals
    let scaled = rows.indices.map { r in
      let factor = r < integers.count ? Double(1 + r % 7) : 0x1p-3 * Double(1 << (r % 5))
      return rows[r].map { $0 * factor }
    }
    let (plain, other) = (EssentialRows(Matrix(rows)), EssentialRows(Matrix(scaled)))
    #expect(plain.rows == other.rows)
    #expect(plain.lineOfRow == other.lineOfRow)
    #expect(plain.signOfRow == other.signOfRow)
  }

  @Test func rowsAreSignTimesScaleTimesRepresentative() {
    var generator = SeededGenerator(seed: 21)
    let elements = (0..<600).map { _ in Double(generator.integer(below: 256)) / 255 }
    let matrix = Matrix(rows: 300, columns: 2, elements: elements)
    let essential = EssentialRows(matrix)
    var worst = 0.0
    for r in 0..<300 where essential.lineOfRow[r] >= 0 {
      let factor = Double(essential.signOfRow[r]) * essential.scales[r]
      for j in 0..<2 {
        worst = max(worst, abs(factor * essential.rows[essential.lineOfRow[r], j] - matrix[r, j]))
      }
    }
    #expect(worst <= 0x1p-51)
  }

  @Test func expandedPatternIsThePatternOfTheOriginalRows() {
    let integers = patches(levels: 3, seed: 31).map { $0.map { Double($0) - 1 } }
    let matrix = Matrix(integers + [[0, 0, 0]])
    let essential = EssentialRows(matrix)
    var generator = SeededGenerator(seed: 32)
    for _ in 0..<20 {
      let u = (0..<3).map { _ in generator.normal() }
      let expanded = essential.expand(ActivationPattern(of: u, rows: essential.rows))
      let direct = ActivationPattern(of: u, rows: matrix)
      #expect(expanded == direct)
    }
  }

  @Test func inactivePatternLeavesOnlyZeroRowsActive() throws {
    let essential = EssentialRows(Matrix([[1, 2], [0, 0], [-1, 0], [-3, 0]]))
    let inactive = try #require(essential.inactivePattern)
    let expanded = essential.expand(inactive)
    #expect(expanded.activeCount == 1)
    #expect(expanded[1])
    let antipodal = EssentialRows(Matrix([[1, 2], [-1, -2]]))
    #expect(antipodal.lineCount == 1)
    #expect(antipodal.inactivePattern == nil)
  }

  @Test func manyRowsMergeInLinearTime() {
    var generator = SeededGenerator(seed: 41)
    let elements = (0..<200_000 * 4).map { _ in Double(generator.integer(below: 3)) }
    let essential = EssentialRows(Matrix(rows: 200_000, columns: 4, elements: elements))
    // 3^4 - 1 nonzero patterns, of which the 15 with entries in {0, 2} repeat those in {0, 1}.
    #expect(essential.lineCount == 65)
    #expect(essential.multiplicity.reduce(0, +) + essential.zeroRowCount == 200_000)
  }
}
