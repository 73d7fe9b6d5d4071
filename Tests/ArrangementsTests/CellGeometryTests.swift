import Arrangements
import Tensors
import TestSupport
import Testing

/// A pattern with one bit flipped.
func flipped(_ pattern: ActivationPattern, _ line: Int) -> ActivationPattern {
  var bits = pattern.bits
  bits[line >> 6] ^= 1 << UInt64(line & 63)
  return ActivationPattern(bits: bits, count: pattern.count)
}

/// Facets of all cells, by the geometry and by the twin; and how many cells were decided exactly.
private func check(_ arrangement: CentralArrangement) throws -> (cells: Int, exact: Int) {
  let cells = Set(try arrangement.cells)
  let expected = FacetTwin.facets(
    of: cells, rowCount: arrangement.essential.lineCount, flip: flipped)
  let geometry = CellGeometry(arrangement)
  var wrong = 0
  for cell in cells where geometry.facets(of: cell) != expected[cell] { wrong += 1 }
  #expect(wrong == 0)
  return (cells.count, geometry.exactCellCount)
}

struct CellGeometryTests {
  @Test(arguments: Family.small.filter { $0.half < 20_000 })
  func familiesHaveTheTwinsFacets(family: Family) throws {
    let arrangement = try arrangement(family.rows)
    let start = ContinuousClock.now
    let geometry = CellGeometry(arrangement)
    var count = 0
    for cell in try arrangement.cells { count += geometry.facets(of: cell)?.count ?? 0 }
    let t = ContinuousClock.now - start
    let (cells, exact) = try check(arrangement)
    print("FAM", family.name, arrangement.essential.lineCount, arrangement.rank, cells, exact, Double(count) / Double(cells), t / cells)
    #expect(exact == 0)
  }

  @Test(arguments: [(50, 2), (40, 3), (30, 4), (20, 5), (16, 6), (14, 7), (12, 9), (13, 12)])
  func generalPositionHasTheTwinsFacets(lines: Int, dimension: Int) throws {
    var generator = SeededGenerator(seed: UInt64(lines))
    let entries = (0..<lines * dimension).map { _ in generator.normal() }
    let arrangement = try CentralArrangement(
      normals: Matrix(rows: lines, columns: dimension, elements: entries))
    let start = ContinuousClock.now
    let geometry = CellGeometry(arrangement)
    var count = 0
    for cell in try arrangement.cells { count += geometry.facets(of: cell)?.count ?? 0 }
    let t = ContinuousClock.now - start
    let (cells, exact) = try check(arrangement)
    print("GEN", lines, dimension, cells, exact, Double(count) / Double(cells), t / cells)
  }
}
