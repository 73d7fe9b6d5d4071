import Arrangements
import Tensors
import Testing

struct ActivationPatternTests {
  @Test func zeroProductsAndZeroRowsAreActive() {
    let rows = Matrix([[1, 0], [-1, 0], [0, 1], [0, 0]])
    let pattern = ActivationPattern(of: [2, 0], rows: rows)
    let found = (0..<4).map { pattern[$0] }
    let expected = [true, false, true, true]
    #expect(found == expected)
    #expect(pattern.activeCount == 3)
    #expect(pattern.description == "1011 (3 of 4 active)")
  }

  @Test(arguments: [1, 63, 64, 65, 127, 128, 129, 200])
  func bitsCrossWordBoundaries(count: Int) {
    var generator = SeededGenerator(seed: UInt64(count))
    let values = (0..<count).map { _ in generator.normal() }
    let pattern = ActivationPattern(
      of: [1], rows: Matrix(rows: count, columns: 1, elements: values))
    let found = (0..<count).map { pattern[$0] }
    let expected = values.map { $0 >= 0 }
    let wordCount = (count + 63) / 64
    #expect(found == expected)
    #expect(pattern.bits.count == wordCount)
    #expect(pattern.activeCount == expected.count { $0 })
  }

  @Test func bitsBeyondTheCountAreIgnored() {
    let a = ActivationPattern(bits: [~0], count: 3)
    let b = ActivationPattern(bits: [7], count: 3)
    #expect(a == b)
    #expect(a.hashValue == b.hashValue)
    #expect(a.complement.activeCount == 0)
  }

  @Test func complementIsThePatternOfTheOppositeFilter() {
    var generator = SeededGenerator(seed: 3)
    let elements = (0..<70 * 4).map { _ in generator.normal() }
    let rows = Matrix(rows: 70, columns: 4, elements: elements)
    let u = (0..<4).map { _ in generator.normal() }
    let opposite = ActivationPattern(of: u.map { -$0 }, rows: rows)
    let complement = ActivationPattern(of: u, rows: rows).complement
    #expect(opposite == complement)
  }

  @Test func longPatternsAreCutInPrint() {
    let pattern = ActivationPattern(bits: [~0, 0], count: 66)
    let expected = String(repeating: "1", count: 64) + "... (64 of 66 active)"
    #expect(pattern.description == expected)
  }
}
