import Arrangements
import Tensors
import TestSupport
import Testing

struct FacesTests {
  private func gaussian(_ lines: Int, _ columns: Int) throws -> CentralArrangement {
    var generator = SeededGenerator(seed: UInt64(lines + columns))
    let elements = (0..<lines * columns).map { _ in generator.normal() }
    return try CentralArrangement(
      normals: Matrix(rows: lines, columns: columns, elements: elements))
  }

  private func quantised(_ lines: Int, _ columns: Int, seed: Int) throws -> CentralArrangement {
    var generator = SeededGenerator(seed: UInt64(seed))
    let rows = (0..<lines).map { _ in
      (0..<columns).map { _ in Double(generator.integer(below: 4) - 1) }
    }
    return try CentralArrangement(normals: Matrix(rows))
  }

  /// `convex-cnn.md` 8.10.
  @Test(
    arguments: [
      (30, 2, [1, 60, 60]), (24, 3, [1, 552, 1104, 554]), (12, 4, [1, 440, 1320, 1344, 464]),
      (1, 1, [1, 2]), (9, 1, [1, 2]), (1, 3, [1, 2]), (2, 5, [1, 4, 4]),
    ] as [(Int, Int, [UInt128])])
  func generalPosition(lines: Int, columns: Int, expected: [UInt128]) throws {
    let found = try gaussian(lines, columns).faceCounts()
    #expect(found == expected)
  }

  @Test(arguments: 0..<12)
  func equalsTheMoebiusSums(seed: Int) throws {
    let arrangement = try quantised(9, 2 + seed % 3, seed: seed)
    let rows = (0..<arrangement.essential.lineCount).map {
      arrangement.essential.rows.row($0).map { Int($0) }
    }
    let expected = WhitneyTwin.faceCounts(rows).map { UInt128($0) }
    let found = try arrangement.faceCounts()
    #expect(found == expected)
  }

  /// The faces of the unit sphere: `sum_k (-1)^k f_k = (-1)^rank` with the origin.
  @Test(arguments: 1...7)
  func eulerIdentity(columns: Int) throws {
    for arrangement in [
      try gaussian(columns + 6, columns), try quantised(20, columns, seed: columns),
      try CentralArrangement(normals: Matrix(CountingFamily.braid.rows(columns))),
    ] {
      let counts = try arrangement.faceCounts()
      let cells = try arrangement.cellCount()
      let sum = counts.enumerated().reduce(0) {
        $0 + ($1.offset % 2 == 0 ? 1 : -1) * Int($1.element)
      }
      #expect(sum == ((counts.count - 1) % 2 == 0 ? 1 : -1))
      #expect(counts.last == cells)
    }
  }

  /// Faces of the braid arrangement are ordered set partitions, flats are set partitions of `n + 1`
  /// elements.
  @Test func braidFacesAndFlats() throws {
    let arrangement = try CentralArrangement(normals: Matrix(CountingFamily.braid.rows(4)))
    let faces = try arrangement.faceCounts()
    let flats = (0...5).map { arrangement.flats(rank: $0).count }
    #expect(faces == [1, 30, 150, 240, 120])
    #expect(flats == [1, 10, 25, 15, 1, 0])
  }

  @Test func flatsAreDistinctAndKnowTheirLines() throws {
    let arrangement = try CentralArrangement(normals: Matrix(CountingFamily.resonance.rows(4)))
    let flats = arrangement.flats(rank: 2)
    let closures = flats.map { arrangement.lines(containing: $0) }
    let pairCount = closures.reduce(0) { $0 + $1.count * ($1.count - 1) / 2 }
    let bases = flats.map { $0.basis }
    let increasing = bases.allSatisfy { $0.count == 2 && $0[0] < $0[1] }
    let sorted = bases.sorted { $0.lexicographicallyPrecedes($1) }
    #expect(Set(closures).count == flats.count)
    // Every two of the 15 lines lie in exactly one flat of rank 2.
    #expect(pairCount == 15 * 14 / 2)
    #expect(increasing)
    #expect(bases == sorted)
    #expect(zip(closures, bases).allSatisfy { Array($0.prefix(2)) == $1 })
  }

  @Test(arguments: 0...3)
  func directionsSpanTheFlat(rank: Int) throws {
    let arrangement = try CentralArrangement(normals: Matrix(CountingFamily.threshold.rows(3)))
    for flat in arrangement.flats(rank: rank) {
      let directions = arrangement.directions(of: flat)
      let lines = arrangement.essential.rows.selectingRows(arrangement.lines(containing: flat))
      let products = BLAS.product(directions, .plain, lines, .transposed)
      let gram = BLAS.product(directions, .plain, directions, .transposed)
      let largest = products.elements.reduce(0) { max($0, abs($1)) }
      let error = zip(gram.elements, Matrix.identity(4 - rank).elements).reduce(0) {
        max($0, abs($1.0 - $1.1))
      }
      #expect(directions.rows == 4 - rank)
      #expect(largest < 1e-14)
      #expect(error < 1e-14)
    }
  }

  @Test func flatsStopWhenTold() throws {
    let arrangement = try gaussian(20, 4)
    var seen: [Flat] = []
    arrangement.forEachFlat(rank: 3) { flat in
      seen.append(flat)
      return seen.count < 5
    }
    #expect(seen.map { $0.basis } == [[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 5], [0, 1, 6]])
    #expect(seen[0].rank == 3)
  }

  @Test func threadsChangeNothing() throws {
    let arrangement = try quantised(40, 4, seed: 3)
    let one = try arrangement.faceCounts(threads: 1)
    let two = try arrangement.faceCounts(threads: 2)
    #expect(one == two)
  }

  @Test func progressGrowsAndCanStop() throws {
    let arrangement = try CentralArrangement(normals: Matrix(CountingFamily.threshold.rows(4)))
    var shares: [Double] = []
    let counts = try arrangement.faceCounts(threads: 2) {
      shares.append($0)
      return true
    }
    let expected = try arrangement.faceCounts()
    #expect(counts == expected)
    #expect(shares == shares.sorted())
    #expect(abs((shares.last ?? 0) - 1) < 1e-9)
    var calls = 0
    let stopped = try arrangement.faceCounts(threads: 2) { _ in
      calls += 1
      return calls < 3
    }
    #expect(stopped == nil)
    #expect(calls == 3)
  }
}
