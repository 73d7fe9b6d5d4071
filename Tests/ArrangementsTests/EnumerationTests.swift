import Arrangements
import Tensors
import TestSupport
import Testing

/// An arrangement of integer rows.
func arrangement(_ rows: [[Int]]) throws -> CentralArrangement {
  try CentralArrangement(normals: Matrix(rows.map { $0.map(Double.init) }))
}

/// Half cells of an enumeration, as they come.
func halfCells(_ rows: [[Int]], seed: UInt64 = 0) throws -> [ActivationPattern] {
  Array(try CellEnumeration(arrangement(rows), seed: seed).cells)
}

/// Rows with a known number of pairs of cells.
struct Family: Sendable, CustomTestStringConvertible {
  let name: String
  let rows: [[Int]]
  let half: Int

  init(_ name: String, _ rows: [[Int]], _ half: Int) {
    self.name = name
    self.rows = rows
    self.half = half
  }

  var testDescription: String { name }

  static let small: [Family] = [
    Family("braid 5", RowFamilies.braid(5), 360),
    Family("braid 6", RowFamilies.braid(6), 2_520),
    Family("braid 7", RowFamilies.braid(7), 20_160),
    Family("resonance 3", RowFamilies.resonance(3), 16),
    Family("resonance 4", RowFamilies.resonance(4), 185),
    Family("resonance 5", RowFamilies.resonance(5), 5_646),
    Family("threshold 3", RowFamilies.threshold(3), 52),
    Family("threshold 4", RowFamilies.threshold(4), 941),
    Family("threshold 5", RowFamilies.threshold(5), 47_286),
    Family("demicube 4", RowFamilies.demicube(4), 73),
    Family("demicube 5", RowFamilies.demicube(5), 1_878),
    Family("demicube 6", RowFamilies.demicube(6), 145_779),
    Family("cross-polytope 5", RowFamilies.crossPolytope(5), 227),
    Family("cross-polytope 6", RowFamilies.crossPolytope(6), 697),
    Family("cross-polytope 7", RowFamilies.crossPolytope(7), 2_123),
    Family("cross-polytope 8", RowFamilies.crossPolytope(8), 6_433),
    Family("cross-polytope 9", RowFamilies.crossPolytope(9), 19_427),
    Family("cross-polytope 10", RowFamilies.crossPolytope(10), 58_537),
    Family("permutations 4", RowFamilies.permutations(4), 1_447),
  ]

  static let large: [Family] = [
    Family("braid 8", RowFamilies.braid(8), 181_440),
    Family("braid 9", RowFamilies.braid(9), 1_814_400),
    Family("resonance 6", RowFamilies.resonance(6), 533_022),
    Family("threshold 6", RowFamilies.threshold(6), 7_514_067),
    Family("permutations 5", RowFamilies.permutations(5), 4_297_751),
  ]
}

struct EnumerationTests {
  @Test(arguments: Family.small)
  func familiesHaveTheKnownCells(family: Family) throws {
    let (rows, half) = (family.rows, family.half)
    let enumeration = try CellEnumeration(arrangement(rows))
    let patterns = Set(enumeration.cells)
    #expect(patterns.count == half)
    let withComplements = patterns.union(patterns.map(\.complement))
    #expect(withComplements.count == 2 * half)
    let count = try enumeration.count(threads: 2)
    #expect(count == UInt64(2 * half))
  }

  /// Listed, with all patterns different, and counted without listing.
  @Test(arguments: Family.large)
  func largerFamiliesHaveTheKnownCells(family: Family) throws {
    let arrangement = try arrangement(family.rows)
    let enumeration = try CellEnumeration(arrangement)
    let words = enumeration.wordsPerCell
    // Different keys prove different patterns; the first word is mixed so that keys do not collide.
    var keys: [UInt64] = []
    keys.reserveCapacity(family.half)
    try enumeration.forEachBatch(threads: 2) { batch in
      for i in stride(from: 0, to: batch.words.count, by: words) {
        var key = batch.words[i]
        if words > 1 {
          for _ in 0..<2 { key = (key ^ key >> 33) &* 0xFF51_AFD7_ED55_8CCD }
          key ^= batch.words[i + 1]
        }
        keys.append(key)
      }
      return true
    }
    #expect(keys.count == family.half)
    keys.sort()
    #expect(zip(keys, keys.dropFirst()).allSatisfy { $0 != $1 })
    let counted = try arrangement.characteristicPolynomial().halfCellCount
    #expect(counted == UInt128(family.half))
  }

  @Test(arguments: [(50, 2), (40, 3), (30, 4), (20, 5), (16, 6), (14, 7), (12, 9), (20, 16)])
  func generalPositionHasTheFormulasCells(lines: Int, dimension: Int) throws {
    var generator = SeededGenerator(seed: UInt64(lines))
    let entries = (0..<lines * dimension).map { _ in generator.normal() }
    let enumeration = try CellEnumeration(
      CentralArrangement(normals: Matrix(rows: lines, columns: dimension, elements: entries)))
    let count = try enumeration.count()
    #expect(count == enumeration.upperBound)
    #expect(enumeration.rank == dimension)
    if count < 200_000 {
      let patterns = Set(enumeration.cells)
      #expect(UInt64(2 * patterns.count) == count)
    }
  }

  @Test(arguments: 0..<60)
  func smallArrangementsAgreeWithTheTwin(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let d = 2 + generator.integer(below: 4)
    let n = d + generator.integer(below: d > 4 ? 6 : 13 - d)
    let size = 1 + generator.integer(below: 3)
    var rows = (0..<n).map { _ in (0..<d).map { _ in generator.integer(below: 2 * size + 1) - size }
    }
    for i in 0..<d { rows.append((0..<d).map { $0 == i ? 1 : 0 }) }
    rows.removeAll { row in row.allSatisfy { $0 == 0 } }
    let arrangement = try arrangement(rows)
    let half = Array(try CellEnumeration(arrangement, seed: UInt64(seed)).cells)
    let expected = CellTwin.cells(rows)
    let found = half.flatMap { [$0, $0.complement] }.map { cell in
      let full = arrangement.essential.expand(cell)
      return (0..<full.count).map { full[$0] }
    }
    #expect(found.count == expected.count)
    #expect(Set(found) == expected)
  }

  @Test(arguments: [Family.small[1], Family.small[4], Family.small[7], Family.small[9]], [20, 44])
  func aChangeOfCoordinatesChangesNothing(family: Family, bits: Int) throws {
    // Large coordinates overflow the integers of the fast path, so ties are decided modulo primes.
    var generator = SeededGenerator(seed: 11)
    let d = family.rows[0].count
    let change = (0..<d).map { _ in
      (0..<d).map { _ in generator.integer(below: 1 << bits) - 1 << (bits - 1) }
    }
    let changed = family.rows.map { row in
      (0..<d).map { k in (0..<d).reduce(0) { $0 + row[$1] * change[$1][k] } }
    }
    let first = try Self.expandedCells(arrangement(family.rows))
    let second = try Self.expandedCells(arrangement(changed))
    #expect(first == second)
  }

  /// All cells over the original rows.
  private static func expandedCells(
    _ arrangement: CentralArrangement
  ) throws -> Set<ActivationPattern> {
    let half = try CellEnumeration(arrangement).cells
    return Set(half.flatMap { [$0, $0.complement] }.map(arrangement.essential.expand))
  }

  @Test func rankDeficientRowsAreReduced() throws {
    // Rows of rank 3 in 6 dimensions have the cells of their three-dimensional coordinates.
    var generator = SeededGenerator(seed: 3)
    let inner = (0..<10).map { _ in (0..<3).map { _ in generator.integer(below: 7) - 3 } }
    let frame = (0..<3).map { _ in (0..<6).map { _ in generator.integer(below: 9) - 4 } }
    let outer = inner.map { row in
      (0..<6).map { k in (0..<3).reduce(0) { $0 + row[$1] * frame[$1][k] } }
    }
    let enumeration = try CellEnumeration(arrangement(outer))
    #expect(enumeration.rank == 3)
    let count = try enumeration.count()
    let expected = try CellEnumeration(arrangement(inner)).count()
    #expect(count == expected)
  }

  @Test func degenerateSignalsHaveTheKnownCells() throws {
    // Windows of three of all binary signals: seven lines, 32 cells instead of 44.
    let binary = try CellEnumeration(arrangement(RowFamilies.resonance(3)))
    #expect(binary.lineCount == 7)
    let binaryCount = try binary.count()
    #expect(binaryCount == 32)
    // All windows of three of three levels but the constant ones: eighteen lines.
    var levels: [[Int]] = []
    for code in 1..<27 {
      let row = [code / 9, code / 3 % 3, code % 3]
      if row != [1, 1, 1], row != [2, 2, 2] { levels.append(row) }
    }
    let threeLevels = try CellEnumeration(arrangement(levels))
    let cells = CellTwin.cells(levels).count
    let threeLevelCount = try threeLevels.count()
    #expect(threeLevelCount == UInt64(cells))
    #expect(threeLevels.lineCount == 18)
    // Three signals of length four, padded with zeros: twelve lines, 130 cells instead of 134.
    var generator = SeededGenerator(seed: 1)
    var padded: [[Double]] = []
    for _ in 0..<3 {
      let x = [0] + (0..<4).map { _ in generator.normal() } + [0]
      for k in 0..<4 { padded.append(Array(x[k..<k + 3])) }
    }
    let zeroPadded = try CellEnumeration(CentralArrangement(normals: Matrix(padded)))
    #expect(zeroPadded.upperBound == 134)
    let paddedCount = try zeroPadded.count()
    #expect(paddedCount == 130)
  }

  @Test func sixSignalsOfThreeLevelsHave98Cells() throws {
    // Random signals of six samples of length eight, chosen among thousands because their windows of
    // three lie on twelve lines with 98 cells: lines in general position would have 134.
    let signals = [
      [1, 1, 2, 1, 0, 1, 1, 0], [0, 1, 0, 2, 1, 0, 2, 0], [1, 0, 2, 1, 0, 1, 0, 1],
      [0, 0, 0, 0, 0, 2, 0, 0], [1, 1, 0, 0, 1, 1, 0, 2], [1, 1, 2, 1, 1, 2, 1, 0],
    ]
    let windows = signals.flatMap { signal in (0..<6).map { Array(signal[$0..<$0 + 3]) } }
    #expect(windows.count == 36)
    let arrangement = try arrangement(windows)
    let enumeration = try CellEnumeration(arrangement)
    #expect(enumeration.lineCount == 12)
    #expect(enumeration.upperBound == 134)
    let listed = Set(try arrangement.cells)
    #expect(listed.count == 98)
    let lines = (0..<12).map { r in arrangement.essential.rows.row(r).map { Int($0) } }
    #expect(CellTwin.cells(lines).count == 98)
  }

  @Test(arguments: [1_000, 100_000, 10_000_000])
  func momentRowsFarFromTheOriginAreDecidedExactly(offset: Int) throws {
    // (1, s, s^2, s^3) for consecutive s is in general position with tiny relative determinants.
    let rows = (0..<20).map { i in
      let s = offset + i
      return offset > 1_000_000 ? [1, s, s * s] : [1, s, s * s, s * s * s]
    }
    let enumeration = try CellEnumeration(arrangement(rows))
    let patterns = Set(enumeration.cells)
    #expect(UInt64(2 * patterns.count) == enumeration.upperBound)
  }
}

extension EnumerationTests {
  /// Pencils of more cells than a buffer has room for come in several batches: 700 lines in the plane
  /// and in space, some of them parallel on a flat.
  @Test(arguments: [2, 3], [1, 2])
  func longPencilsComeInParts(dimension: Int, threads: Int) throws {
    var generator = SeededGenerator(seed: UInt64(dimension))
    let rows = (0..<700).map { _ in
      (0..<dimension).map { _ in generator.integer(below: dimension == 2 ? 2000 : 40) - 20 }
    }
    let arrangement = try arrangement(rows)
    let enumeration = try CellEnumeration(arrangement)
    var patterns: Set<[UInt64]> = []
    var (count, largest) = (0, 0)
    try enumeration.forEachBatch(threads: threads) { batch in
      for i in 0..<batch.count { patterns.insert(batch[i].bits) }
      count += batch.count
      largest = max(largest, batch.words.count)
      return true
    }
    let expected = try arrangement.characteristicPolynomial().halfCellCount
    #expect(UInt128(count) == expected)
    #expect(patterns.count == count)
    #expect(largest <= 1 << 15)
    let listed = enumeration.cells.map(\.bits)
    #expect(listed.count == count)
    #expect(Set(listed) == patterns)
  }
}

struct EnumerationHostileTests {
  private func count(_ rows: [[Double]]) throws -> UInt64 {
    let enumeration = try CellEnumeration(CentralArrangement(normals: Matrix(rows)))
    let count = try enumeration.count()
    let patterns = Set(enumeration.cells)
    #expect(UInt64(2 * patterns.count) == count)
    return count
  }

  @Test func extremeMagnitudesAreExact() throws {
    let tiny = Double.leastNonzeroMagnitude
    let denormal = try count([[tiny, 0], [0, tiny], [3 * tiny, tiny], [tiny, 5 * tiny]])
    #expect(denormal == 8)
    let mixed = try count([[1e300, 1e-300], [1e300, -1e-300], [1, 1], [1e-300, 1e300], [0, 1]])
    #expect(mixed == 10)
    let mixedThree = try count([
      [1e300, 1e-300, 1], [1e-300, 1e300, 1], [1, 1e-300, 1e300], [1, 1, 1], [1e300, 1e300, -1],
    ])
    #expect(mixedThree == 22)
  }

  @Test func nearlyParallelLargeIntegersAreDistinct() throws {
    let large = Double(1 << 60)
    let cells = try count([
      [large, 1, 0], [large, 2, 0], [large, 0, 1], [large, 1, 1], [large + 256, 1, 1],
    ])
    let reduced = CellTwin.cells([
      [1 << 20, 1, 0], [1 << 20, 2, 0], [1 << 20, 0, 1], [1 << 20, 1, 1], [(1 << 20) + 1, 1, 1],
    ])
    #expect(cells == UInt64(reduced.count))
  }

  @Test func fewLinesWork() throws {
    let single = try count([[0.3, 0.7]])
    #expect(single == 2)
    let equal = try count([[1, 2, 3], [1, 2, 3], [-2, -4, -6]])
    #expect(equal == 2)
    let rankOne = try count([[2], [-3], [0]])
    #expect(rankOne == 2)
    let allEqual = try count([[1, 2], [1, 2], [1, 2], [1, 2]])
    #expect(allEqual == 2)
    let twoLines = try count([[1, 0, 0], [0, 0, 1]])
    #expect(twoLines == 4)
  }

  @Test func badRowsAreRefused() throws {
    let notANumber = kind { _ = try CentralArrangement(normals: Matrix([[1, 2], [.nan, 1]])) }
    #expect(notANumber == .nonFinite(row: 1, column: 0))
    let zero = kind { _ = try CentralArrangement(normals: Matrix([[0, 0], [0, 0]])) }
    #expect(zero == .allRowsZero(rows: 2))
    let wide = try CentralArrangement(normals: .identity(17))
    let wideKind = kind { _ = try CellEnumeration(wide) }
    #expect(wideKind == .rankTooLarge(rank: 17, limit: 16))
    let plane = try CentralArrangement(normals: .identity(2))
    let manyKind = kind { _ = try CellEnumeration(plane, maximumCells: 3) }
    #expect(manyKind == .tooManyCells(bound: 4, limit: 3))
  }

  private func kind(_ work: () throws -> Void) -> ArrangementError.Kind? {
    do {
      try work()
      return nil
    } catch {
      return (error as? ArrangementError)?.kind
    }
  }
}

struct EnumerationOrderTests {
  private static func words(
    _ enumeration: CellEnumeration, threads: Int, shard: EnumerationShard = .all, from: Int = 0
  ) throws -> [UInt64] {
    var words: [UInt64] = []
    try enumeration.forEachBatch(threads: threads, shard: shard, startTask: from) { batch in
      words += batch.words
      return true
    }
    return words
  }

  @Test(arguments: [2, 3, 4, 6])
  func orderDoesNotDependOnThreads(dimension: Int) throws {
    var generator = SeededGenerator(seed: 5)
    let n = [0, 0, 300, 200, 90, 0, 30][dimension]
    let rows = (0..<n).map { _ in (0..<dimension).map { _ in generator.integer(below: 17) } }
    let enumeration = try CellEnumeration(arrangement(rows))
    let one = try Self.words(enumeration, threads: 1)
    let two = try Self.words(enumeration, threads: 2)
    let five = try Self.words(enumeration, threads: 5)
    let listed = enumeration.cells.flatMap(\.bits)
    #expect(one == two)
    #expect(one == five)
    #expect(one == listed)
  }

  @Test func shardsAreDisjointAndComplete() throws {
    let enumeration = try CellEnumeration(arrangement(RowFamilies.threshold(4)))
    let all = Set(enumeration.cells.map(\.bits))
    var union: Set<[UInt64]> = []
    var total = 0
    for index in 0..<3 {
      let shard = try Self.words(
        enumeration, threads: 2, shard: EnumerationShard(index: index, count: 3))
      total += shard.count
      union.formUnion(shard.map { [$0] })
    }
    #expect(total == all.count)
    #expect(union == all)
  }

  @Test func aLaterStartGivesTheRest() throws {
    let enumeration = try CellEnumeration(arrangement(RowFamilies.threshold(4)))
    let all = try Self.words(enumeration, threads: 1)
    var before = 0
    var counts: [Int] = [0]
    try enumeration.forEachBatch(
      threads: 1, taskFinished: { _ in counts.append(before) }
    ) { batch in
      before += batch.words.count
      return true
    }
    for start in [1, counts.count / 2, counts.count - 1] {
      let rest = try Self.words(enumeration, threads: 2, from: start)
      #expect(rest == Array(all[counts[start]...]))
    }
  }

  @Test func aSinkCanStop() throws {
    let enumeration = try CellEnumeration(arrangement(RowFamilies.threshold(5)))
    for threads in [1, 2] {
      var batches = 0
      let isComplete = try enumeration.forEachBatch(threads: threads) { _ in
        batches += 1
        return batches < 3
      }
      #expect(!isComplete)
      #expect(batches == 3)
    }
  }
}
