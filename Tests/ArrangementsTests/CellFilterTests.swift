import Arrangements
import Tensors
import TestSupport
import Testing

struct CellFilterTests {
  @Test func theFunctionalSumsOverActiveOriginalRows() throws {
    // A repeated, an opposite and a zero row.
    let rows = [[1, 0], [0, 1], [2, 0], [-1, 0], [0, 0]]
    let arrangement = try arrangement(rows)
    let weights = [1.0, 10, 100, 1000, 10000]
    let functional = CellFunctional(weights: weights, essential: arrangement.essential)
    var checked = 0
    for cell in try arrangement.cells {
      let full = arrangement.essential.expand(cell)
      let sum = weights.indices.reduce(0) { full[$1] ? $0 + weights[$1] : $0 }
      #expect(functional.value(of: cell) == sum)
      checked += 1
    }
    #expect(checked == 4)
  }

  @Test(arguments: [1, 2, 5], [false, true])
  func filteredCellsAreThoseThatPass(threads: Int, halfOnly: Bool) throws {
    let arrangement = try arrangement(RowFamilies.threshold(4))
    let enumeration = try CellEnumeration(arrangement)
    var generator = SeededGenerator(seed: 3)
    let weights = (0..<16).map { _ in Double(generator.integer(below: 21) - 10) }
    let functional = CellFunctional(weights: weights, essential: arrangement.essential)
    let filter = CellFilter(facetCounts: 6...7, functional: functional, values: -5...20)
    let geometry = CellGeometry(arrangement)
    let all = enumeration.cells.flatMap { halfOnly ? [$0] : [$0, $0.complement] }
    let expected = all.filter { cell in
      let count = geometry.facets(of: cell)?.count ?? 0
      return (6...7).contains(count) && (-5...20).contains(functional.value(of: cell))
    }
    #expect(!expected.isEmpty && expected.count < all.count)
    var found: [ActivationPattern] = []
    var wrong = 0
    var looked = 0
    try enumeration.forEachCell(
      [.facets, .witness], where: filter, halfOnly: halfOnly, threads: threads,
      examined: {
        looked += $0
        return true
      },
      { details in
        found.append(details.pattern)
        if details.facets != geometry.facets(of: details.pattern) { wrong += 1 }
        if details.value != functional.value(of: details.pattern) { wrong += 1 }
        if details.cell?.pattern != details.pattern { wrong += 1 }
        let witness = details.cell?.witness ?? []
        if arrangement.pattern(of: witness) != details.pattern { wrong += 1 }
        return true
      })
    #expect(found == expected)
    #expect(wrong == 0)
    #expect(looked == all.count)
  }

  @Test func withoutFilterEveryCellComes() throws {
    let arrangement = try arrangement(RowFamilies.demicube(4))
    var found: [ActivationPattern] = []
    try CellEnumeration(arrangement).forEachCell(threads: 2) {
      found.append($0.pattern)
      return true
    }
    let all = Array(try arrangement.cells)
    #expect(found == all)
  }

  @Test func theSinkCanStop() throws {
    let enumeration = try CellEnumeration(arrangement(RowFamilies.threshold(4)))
    var count = 0
    let isComplete = try enumeration.forEachCell { _ in
      count += 1
      return count < 5
    }
    #expect(!isComplete)
    #expect(count == 5)
  }
}

struct CellSequenceTests {
  @Test func allCellsComeInPairs() throws {
    let arrangement = try arrangement(RowFamilies.resonance(4))
    var cells: [ActivationPattern] = []
    for cell in try arrangement.cells { cells.append(cell) }
    #expect(cells.count == 370)
    #expect(Set(cells).count == 370)
    let pairs = stride(from: 0, to: 370, by: 2).filter { cells[$0].complement != cells[$0 + 1] }
    #expect(pairs.isEmpty)
    let first = try arrangement.cells.prefix(3)
    #expect(Array(first) == Array(cells[..<3]))
  }

  @Test func tooLargeRanksAreRefused() throws {
    let wide = try CentralArrangement(normals: .identity(17))
    #expect(throws: ArrangementError.self) { try wide.cells }
    // Geometry has no such limit.
    let facets = CellGeometry(wide).facets(of: ActivationPattern(bits: [5], count: 17))
    #expect(facets == Array(0..<17))
  }
}
