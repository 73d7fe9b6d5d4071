import Arrangements
import Tensors
import TestSupport
import Testing

struct WitnessTests {
  @Test(arguments: [Family.small[0], Family.small[4], Family.small[7], Family.small[18]])
  func everyWitnessReproducesItsPattern(family: Family) throws {
    let arrangement = try arrangement(family.rows)
    let cells = try CellEnumeration(arrangement).cells.map { arrangement.cell(of: $0) }
    let found = cells.compactMap { $0 }
    #expect(found.count == cells.count)
    let wrong = found.filter {
      arrangement.pattern(of: $0.witness) != $0.pattern
        || $0.margin <= arrangement.certifiedMargin
    }
    #expect(wrong.isEmpty)
  }

  @Test func theWitnessIsTheDeepestPoint() throws {
    // Of the cone between e_1 and e_2 in the plane, the bisector.
    let plane = try arrangement([[1, 0], [0, 1]])
    let cell = plane.cell(of: ActivationPattern(bits: [3], count: 2))
    let margin = cell?.margin ?? 0
    #expect(abs(margin - 0.5.squareRoot()) < 1e-12)
  }

  @Test func aPatternOfNoCellHasNoWitness() throws {
    // a_3 = a_1 + a_2 cannot be negative where both are positive.
    let plane = try arrangement([[1, 0], [0, 1], [1, 1]])
    let cell = plane.cell(of: ActivationPattern(bits: [3], count: 3))
    #expect(cell == nil)
  }
}
