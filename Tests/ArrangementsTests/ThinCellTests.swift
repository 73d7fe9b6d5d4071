import Arrangements
import Tensors
import TestSupport
import Testing

struct ThinCellTests {
  /// What the witnesses of all half cells are like.
  private struct Tally {
    var cells = 0
    var withoutDoubles = 0
    var wrong = 0
    var belowFloatingPoint = 0
  }

  /// Checks every witness by exact products that share no code with the library.
  private func tally(_ rows: [[Double]]) throws -> Tally {
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    let geometry = CellGeometry(arrangement)
    var tally = Tally()
    for pattern in try CellEnumeration(arrangement).cells {
      tally.cells += 1
      if let integer = geometry.integerWitness(of: pattern) {
        if arrangement.pattern(of: integer) != pattern { tally.wrong += 1 }
      } else {
        tally.wrong += 1
      }
      guard let cell = geometry.cell(of: pattern) else {
        tally.withoutDoubles += 1
        continue
      }
      if cell.margin <= arrangement.certifiedMargin { tally.belowFloatingPoint += 1 }
      let norm = BLAS.norm(cell.witness)
      let lines = arrangement.essential.rows
      let isRight = (0..<lines.rows).allSatisfy { r in
        ExactProductTwin.sign(Array(lines.row(r)), cell.witness) == (pattern[r] ? 1 : -1)
      }
      if !isRight || cell.margin <= 0 || abs(norm - 1) > 1e-12 { tally.wrong += 1 }
    }
    return tally
  }

  @Test(arguments: [1_000, 100_000, 10_000_000])
  func momentRowsFarFromTheOriginHaveWitnesses(offset: Int) throws {
    let rows = (0..<9).map { i -> [Double] in
      let s = Double(offset + i)
      return offset > 1_000_000 ? [1, s, s * s] : [1, s, s * s, s * s * s]
    }
    let tally = try tally(rows)
    #expect(tally.wrong == 0)
    // Most cells are beyond the bounds of floating point, and still a vector of doubles is found.
    #expect(tally.withoutDoubles == 0)
    #expect(2 * tally.belowFloatingPoint > tally.cells)
  }

  @Test func nearlyParallelLargeIntegersHaveWitnesses() throws {
    let large = Double(1 << 60)
    let tally = try tally([
      [large, 1, 0], [large, 2, 0], [large, 0, 1], [large, 1, 1], [large + 256, 1, 1],
    ])
    #expect(tally.wrong == 0)
    #expect(tally.withoutDoubles == 0)
    #expect(tally.cells == 11)
  }

  @Test func extremeMagnitudesHaveIntegerWitnesses() throws {
    let mixed = try tally([
      [1e300, 1e-300, 1], [1e-300, 1e300, 1], [1, 1e-300, 1e300], [1, 1, 1], [1e300, 1e300, -1],
    ])
    #expect(mixed.wrong == 0)
    // One cell is out of reach: its coordinates differ by more than doubles can express.
    #expect(mixed.withoutDoubles == 1)
    #expect(mixed.cells == 11)
    let tiny = Double.leastNonzeroMagnitude
    let denormal = try tally([[tiny, 0], [0, tiny], [3 * tiny, tiny], [tiny, 5 * tiny]])
    #expect(denormal.wrong == 0)
    #expect(denormal.withoutDoubles == 0)
  }

  @Test func aWedgeNarrowerThanRoundingHasAnExactMargin() throws {
    // Between the lines orthogonal to (1, 1) and (2^50, 2^50 + 1) there are a few doubles.
    let rows = Matrix([[1, 1], [0x1p50, 0x1p50 + 1]])
    let arrangement = try CentralArrangement(normals: rows)
    let wedge = ActivationPattern(bits: [1], count: 2)
    let cell = try #require(arrangement.cell(of: wedge))
    #expect(cell.margin <= arrangement.certifiedMargin)
    #expect(cell.margin > 0x1p-60)
    let signs = (0..<2).map { ExactProductTwin.sign(Array(rows.row($0)), cell.witness) }
    #expect(signs == [1, -1])
  }

  @Test func theFacetsOfThinCellsAreExact() throws {
    let rows = (0..<8).map { i -> [Double] in
      let s = Double(100_000 + i)
      return [1, s, s * s, s * s * s]
    }
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    let cells = Set(try arrangement.cells)
    let expected = FacetTwin.facets(of: cells, rowCount: 8, flip: flipped)
    let geometry = CellGeometry(arrangement)
    let wrong = cells.filter { geometry.facets(of: $0) != expected[$0] }
    #expect(wrong.isEmpty)
    #expect(geometry.exactCellCount > 0)
  }
}
