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

/// Numbers of cells, of cells with other facets than the twin's, and of facets of all cells.
private func compare(
  _ arrangement: CentralArrangement
) throws -> (cells: Int, wrong: Int, facets: Int) {
  let cells = Set(try arrangement.cells)
  let expected = FacetTwin.facets(
    of: cells, rowCount: arrangement.essential.lineCount, flip: flipped)
  let geometry = CellGeometry(arrangement)
  var (wrong, facets) = (0, 0)
  for cell in cells {
    let found = geometry.facets(of: cell)
    if found != expected[cell] { wrong += 1 }
    facets += found?.count ?? 0
  }
  return (cells.count, wrong, facets)
}

struct CellGeometryTests {
  @Test(arguments: Family.small.filter { $0.half < 10_000 })
  func familiesHaveTheTwinsFacets(family: Family) throws {
    let arrangement = try arrangement(family.rows)
    let (cells, wrong, facets) = try compare(arrangement)
    #expect(cells == 2 * family.half)
    #expect(wrong == 0)
    // Every face of one dimension less bounds two cells.
    let faces = try arrangement.faceCounts()
    #expect(UInt128(facets) == 2 * faces[faces.count - 2])
  }

  @Test(arguments: [(50, 2), (40, 3), (30, 4), (20, 5), (14, 6), (13, 7), (11, 9), (12, 11)])
  func generalPositionHasTheTwinsFacets(lines: Int, dimension: Int) throws {
    var generator = SeededGenerator(seed: UInt64(lines))
    let entries = (0..<lines * dimension).map { _ in generator.normal() }
    let arrangement = try CentralArrangement(
      normals: Matrix(rows: lines, columns: dimension, elements: entries))
    let (_, wrong, facets) = try compare(arrangement)
    #expect(wrong == 0)
    // Each line meets the others in an arrangement in general position, of one dimension less.
    let restricted = CentralArrangement.generalPositionCellCount(
      lines: lines - 1, rank: dimension - 1)
    #expect(restricted.map { 2 * UInt64(lines) * $0 } == UInt64(facets))
  }

  @Test(arguments: 0..<40)
  func degenerateIntegerRowsHaveTheTwinsFacets(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(1000 + seed))
    let d = 2 + generator.integer(below: 4)
    let n = d + 3 + generator.integer(below: 30 - 4 * d)
    let size = 1 + generator.integer(below: 2)
    var rows = (0..<n).map { _ in
      (0..<d).map { _ in generator.integer(below: 2 * size + 1) - size }
    }
    rows.append((0..<d).map { $0 == 0 ? 1 : 0 })
    let (_, wrong, _) = try compare(arrangement(rows))
    #expect(wrong == 0)
  }

  @Test func degenerateFloatingRowsHaveTheTwinsFacets() throws {
    // Rows with zeros in common places and sums of others: ties that are no small integers.
    var generator = SeededGenerator(seed: 7)
    var rows: [[Double]] = []
    for _ in 0..<4 {
      let x = [0, 0] + (0..<4).map { _ in generator.normal() } + [0, 0]
      for k in 0..<5 { rows.append(Array(x[k..<k + 4])) }
    }
    let (_, wrong, facets) = try compare(CentralArrangement(normals: Matrix(rows)))
    #expect(wrong == 0)
    #expect(facets > 0)
  }

  @Test(arguments: [Family.small[4], Family.small[6], Family.small[9]], [20, 44])
  func aChangeOfCoordinatesChangesNoFacets(family: Family, bits: Int) throws {
    var generator = SeededGenerator(seed: 12)
    let d = family.rows[0].count
    let change = (0..<d).map { _ in
      (0..<d).map { _ in generator.integer(below: 1 << bits) - 1 << (bits - 1) }
    }
    let changed = family.rows.map { row in
      (0..<d).map { k in (0..<d).reduce(0) { $0 + row[$1] * change[$1][k] } }
    }
    let plain = try compare(arrangement(family.rows))
    let found = try compare(arrangement(changed))
    #expect(found.wrong == 0)
    #expect(found.facets == plain.facets)
  }

  @Test func realPatchesHaveTheTwinsFacets() throws {
    let images = Array(try DigitPatches.images().prefix(1))
    let patches = DigitPatches.patches(images, height: 2, width: 2)
    let (cells, wrong, _) = try compare(CentralArrangement(normals: patches))
    #expect(cells > 1_000)
    #expect(wrong == 0)
  }

  @Test func floatingPointDecidesSmallIntegers() throws {
    // The exact path is a thousand times slower; small integers must not need it.
    for family in [Family.small[5], Family.small[10], Family.small[18]] {
      let arrangement = try arrangement(family.rows)
      let geometry = CellGeometry(arrangement)
      for cell in try CellEnumeration(arrangement).cells { _ = geometry.facets(of: cell) }
      #expect(geometry.exactCellCount == 0)
    }
  }

  @Test func fewLinesHaveTheirFacets() throws {
    let single = try CellGeometry(arrangement([[2, -1]]))
    let one = single.facets(of: ActivationPattern(bits: [1], count: 1))
    #expect(one == [0])
    let reduced = try CellGeometry(arrangement([[1, 0, 0], [0, 0, 1]]))
    let two = reduced.facets(of: ActivationPattern(bits: [2], count: 2))
    #expect(two == [0, 1])
  }

  @Test func aPatternOfNoCellHasNoFacets() throws {
    let geometry = try CellGeometry(arrangement([[1, 0], [0, 1], [1, 1]]))
    // The third row is the sum of the others.
    let none = ActivationPattern(bits: [3], count: 3)
    let facets = geometry.facets(of: none)
    let neighbors = geometry.neighbors(of: none)
    let witness = geometry.integerWitness(of: none)
    #expect(facets == nil)
    #expect(neighbors == nil)
    #expect(witness == nil)
    let steps = Array(geometry.walk(from: none))
    #expect(steps.isEmpty)
  }

  @Test(arguments: [Family.small[0], Family.small[4], Family.small[7], Family.small[18]])
  func neighborsAreMutualAndTheWalkReachesAllCells(family: Family) throws {
    let arrangement = try arrangement(family.rows)
    let cells = Set(try arrangement.cells)
    let start = try #require(cells.first)
    let steps = Array(CellGeometry(arrangement).walk(from: start))
    #expect(steps.count == cells.count)
    #expect(Set(steps.map(\.pattern)) == cells)
    let neighbors = Dictionary(uniqueKeysWithValues: steps.map { ($0.pattern, $0.neighbors) })
    let oneSided = steps.filter { step in
      step.neighbors.contains { neighbor in
        let back = neighbors[neighbor.pattern] ?? []
        return !back.contains { $0.facet == neighbor.facet && $0.pattern == step.pattern }
      }
    }
    #expect(oneSided.isEmpty)
  }

  @Test func aSharedGeometryAnswersTheSame() throws {
    let arrangement = try arrangement(RowFamilies.threshold(4))
    let first = CellGeometry(arrangement)
    let second = CellGeometry(sharing: first)
    let third = CellGeometry(try CellEnumeration(arrangement))
    var different = 0
    for cell in try arrangement.cells {
      let expected = first.facets(of: cell)
      if second.facets(of: cell) != expected || third.facets(of: cell) != expected {
        different += 1
      }
    }
    #expect(different == 0)
  }
}
