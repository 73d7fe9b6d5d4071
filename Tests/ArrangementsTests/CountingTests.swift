import Arrangements
import Tensors
import TestSupport
import Testing

struct CountingTests {
  private func half(_ rows: [[Double]]) throws -> UInt128 {
    try CentralArrangement(normals: Matrix(rows)).characteristicPolynomial().halfCellCount
  }

  /// The counts of `arrangements.md`.
  @Test(
    arguments: [
      (.braid, 5, 360), (.braid, 6, 2520), (.braid, 7, 20160), (.braid, 8, 181_440),
      (.braid, 9, 1_814_400), (.braid, 10, 19_958_400), (.resonance, 3, 16), (.resonance, 4, 185),
      (.resonance, 5, 5646), (.resonance, 6, 533_022),
      (.resonance, 7, 173_663_176), (.threshold, 3, 52), (.threshold, 4, 941),
      (.threshold, 5, 47286), (.threshold, 6, 7_514_067), (.demicube, 4, 73),
      (.demicube, 5, 1878), (.demicube, 6, 145_779), (.demicube, 7, 37_328_232),
      (.crossPolytope, 5, 227),
      (.crossPolytope, 6, 697), (.crossPolytope, 7, 2123), (.crossPolytope, 8, 6433),
      (.crossPolytope, 9, 19427), (.crossPolytope, 10, 58537), (.permutations, 4, 1447),
      (.permutations, 5, 4_297_751),
    ] as [(CountingFamily, Int, UInt128)])
  func families(family: CountingFamily, n: Int, expected: UInt128) throws {
    let found = try half(family.rows(n))
    #expect(found == expected)
  }

  /// `chi(t) = (t - 1)(t - 2) ... (t - n)` for the braid arrangement.
  @Test func braidPolynomial() throws {
    let rows = Matrix(CountingFamily.braid.rows(4))
    let polynomial = try CentralArrangement(normals: rows).characteristicPolynomial()
    #expect(polynomial.whitneyNumbers == [1, 10, 35, 50, 24])
    #expect(polynomial.description == "t^4 - 10 t^3 + 35 t^2 - 50 t + 24")
    #expect(polynomial.rank == 4)
    #expect(polynomial.cellCount == 120)
  }

  /// Rows of 53 random bits: minors exceed the prime, so equality is confirmed modulo several.
  @Test(arguments: [(1, 1), (9, 1), (30, 2), (200, 3), (60, 4), (30, 5), (18, 7), (9, 9), (3, 6)])
  func generalPosition(lines: Int, columns: Int) throws {
    var generator = SeededGenerator(seed: UInt64(100 * lines + columns))
    let rows = Matrix(
      rows: lines, columns: columns, elements: (0..<lines * columns).map { _ in generator.normal() }
    )
    let arrangement = try CentralArrangement(normals: rows)
    let count = try arrangement.cellCount()
    let expected = UInt128(try #require(arrangement.generalPositionCellCount))
    let forecast = arrangement.countForecast
    #expect(count == expected)
    #expect(forecast.cellUpperBound == expected)
    #expect(forecast.lineCount == arrangement.essential.lineCount)
    #expect(forecast.rank == arrangement.rank)
  }

  @Test(arguments: 0..<40)
  func equalsTheSumOverAllSubsets(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let columns = 2 + seed % 4
    let raw = (0..<12).map { _ in (0..<columns).map { _ in generator.integer(below: 4) - 1 } }
    let lines = try CentralArrangement(normals: Matrix(raw.map { $0.map(Double.init) }))
    let rows = (0..<lines.essential.lineCount).map { lines.essential.rows.row($0).map { Int($0) } }
    let expected = WhitneyTwin.whitneyNumbers(rows).map { UInt128($0) }
    let found = try lines.characteristicPolynomial().whitneyNumbers
    #expect(found == expected)
  }

  /// The linear tree loses no cell of well-conditioned rows.
  @Test(arguments: [(20, 3), (20, 4), (16, 5), (13, 6)])
  func equalsTheLinearTree(lines: Int, columns: Int) throws {
    var generator = SeededGenerator(seed: UInt64(lines * columns))
    let rows = (0..<lines).map { _ in
      (0..<columns).map { _ in Double(generator.integer(below: 7) - 3) }
    }
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    let distinct = (0..<arrangement.essential.lineCount).map {
      Array(arrangement.essential.rows.row($0))
    }
    var tree = LinearTreeTwin(distinct)
    var patterns: Set<[Bool]> = []
    var wrong = 0
    tree.forEachHalfCell { signs, witness in
      patterns.insert(signs)
      let pattern = arrangement.pattern(of: witness)
      if !signs.indices.allSatisfy({ pattern[$0] == signs[$0] }) { wrong += 1 }
    }
    let found = try arrangement.characteristicPolynomial().halfCellCount
    #expect(wrong == 0)
    #expect(found == UInt128(patterns.count))
  }

  /// Windows of 5 / 10 / 20 / 100 / all images: the lines and counts of `arrangements.md`.
  @Test(
    arguments: [
      (1, 3, 5, 142, 8420), (1, 3, 20, 435, 78000), (1, 3, 100, 1195, 545_986),
      (1, 3, 1797, 3580, 4_123_448),
      (2, 2, 1, 42, 9490), (2, 2, 5, 166, 649_414), (2, 2, 10, 321, 4_747_676),
      (2, 2, 20, 604, 31_645_809),
    ] as [(Int, Int, Int, Int, UInt128)])
  func digits(height: Int, width: Int, count: Int, lines: Int, expected: UInt128) throws {
    let all = try DigitPatches.images()
    let images = count > 100 ? all : DigitPatches.firstImages(count).map { all[$0] }
    let patches = DigitPatches.patches(images, height: height, width: width)
    let arrangement = try CentralArrangement(normals: patches)
    let half = try arrangement.characteristicPolynomial(threads: 2).halfCellCount
    #expect(arrangement.essential.lineCount == lines)
    #expect(half == expected)
  }

  /// Three zero-padded signals of length 4 (`convex-cnn.md` 8.7: 130 cells, not 134), and all binary
  /// patches of width 3 (32 cells on 7 lines).
  @Test func degenerateSignals() throws {
    var generator = SeededGenerator(seed: 7)
    let padded = (0..<3).flatMap { _ in
      let signal = [0] + (0..<4).map { _ in generator.normal() } + [0]
      return (0..<4).map { Array(signal[$0..<$0 + 3]) }
    }
    let paddedHalf = try half(padded)
    let binaryHalf = try half(CountingFamily.resonance.rows(3))
    #expect(paddedHalf == 65)
    #expect(binaryHalf == 16)
  }

  /// A change of coordinates by large integers keeps every dependence but needs several primes.
  @Test func largeCoordinatesKeepDegeneracy() throws {
    var generator = SeededGenerator(seed: 11)
    let change = (0..<5).map { _ in
      (0..<5).map { _ in Double(generator.integer(below: 1 << 40) - 1 << 39) }
    }
    let rows = CountingFamily.resonance.rows(5).map { row in
      (0..<5).map { j in (0..<5).reduce(0) { $0 + row[$1] * change[$1][j] } }
    }
    let found = try half(rows)
    let scaled = try half(
      rows.enumerated().map { i, row in row.map { $0 * (i % 2 == 0 ? 1 : -3) } })
    #expect(found == 5646)
    #expect(scaled == 5646)
  }

  @Test func hostileRows() throws {
    let one = try half([[0, 3]])
    let equal = try half(Array(repeating: [1, 2, 3], count: 5))
    let rankOne = try half([[1, 2], [-2, -4], [0.5, 1]])
    let tiny = Double.leastNonzeroMagnitude
    let denormal = try half([[tiny, 0], [0, tiny], [tiny, tiny], [2 * tiny, tiny]])
    let extreme = try half([
      [1e300, 1e-300, 0], [1e-300, 1e300, 0], [0, 1, 1e-300], [1e300, 0, 1e-300],
      [1e300, 1e300, 1e-300],
    ])
    let powers = try half([[0x1p61, 1], [1, 1], [0x1p60, 1], [1, 0x1p62], [0x1p62, 1]])
    // (2^60 + 2^8, 1) is a line of its own, two units in the last place from (2^60, 1).
    let close = try half([[0x1p60, 1, 0], [0x1p60 + 256, 1, 0], [256, 0, 0], [0, 0, 1]])
    #expect(one == 1)
    #expect(equal == 1)
    #expect(rankOne == 1)
    #expect(denormal == 4)
    #expect(extreme == 11)
    #expect(powers == 5)
    #expect(close == 6)
  }

  /// `(a, b)` and `(1, d)` have determinant 4206108904396219991, the first prime the count uses: the
  /// rows agree modulo it, at once or after one restriction, and another prime must be taken.
  @Test func minorsDivisibleByThePrimeAreNotZero() throws {
    let (a, b, d) = (1_958_622_087.0, 47_913_385.0, 0x1p31)
    let plane = try CentralArrangement(normals: Matrix([[a, b], [1, d], [1, 0], [0, 1]]))
    let space = try CentralArrangement(
      normals: Matrix([[a, b, 1], [1, d, 0], [0, 0, 1], [1, 1, 1]]))
    let half = try plane.characteristicPolynomial().halfCellCount
    let polynomial = try space.characteristicPolynomial()
    let faces = try space.faceCounts()
    let flats = space.flats(rank: 2).map { $0.basis }
    #expect(half == 4)
    #expect(polynomial.whitneyNumbers == [1, 4, 6, 3])
    #expect(faces == [1, 12, 24, 14])
    #expect(flats == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])
  }

  /// A rank lost only to rounding: the third row is the sum of the first two, plus one unit.
  @Test func rankIsExact() throws {
    let rows: [[Double]] = [[1, 0, 0], [0, 1, 0], [1, 1, 0x1p-1000]]
    let arrangement = try CentralArrangement(normals: Matrix(rows))
    let polynomial = try arrangement.characteristicPolynomial()
    #expect(arrangement.rank == 2)
    #expect(polynomial.rank == 3)
    #expect(polynomial.halfCellCount == 4)
  }

  @Test func threadsChangeNothing() throws {
    let arrangement = try CentralArrangement(normals: Matrix(CountingFamily.threshold.rows(5)))
    let one = try arrangement.characteristicPolynomial(threads: 1)
    let two = try arrangement.characteristicPolynomial(threads: 2)
    let four = try arrangement.characteristicPolynomial(threads: 4)
    #expect(one == two)
    #expect(one == four)
  }

  @Test func countsBeyond128BitsAreRefused() {
    let largest = CharacteristicPolynomial(reduced: [1, .max / 2 - 1])
    let doubled = CharacteristicPolynomial(reduced: [1, .max / 2])
    let summed = CharacteristicPolynomial(reduced: [1, .max, 1])
    #expect(largest?.cellCount == UInt128.max - 1)
    #expect(doubled == nil)
    #expect(summed == nil)
    let forecast = CountForecast(lines: 200, rank: 200)
    let far = CountForecast(lines: 100_000, rank: 16)
    #expect(forecast.cellUpperBound == nil)
    #expect(far.cellUpperBound == nil)
    #expect(far.countingSeconds > 1e40)
    let message = ArrangementError(kind: .countTooLarge(lines: 200, rank: 200)).description
    #expect(
      message == "cell count: expected a number below 2^128, found 200 lines of rank 200 with more "
        + "cells. Use fewer rows, or reduce their rank.")
  }

  /// The share grows to one, whether flats are remembered or not, and `false` ends the count.
  @Test(arguments: [CountingFamily.threshold, .resonance], [1, 2])
  func progressGrowsAndCanStop(family: CountingFamily, threads: Int) throws {
    let arrangement = try CentralArrangement(normals: Matrix(family.rows(5)))
    var shares: [Double] = []
    let polynomial = try arrangement.characteristicPolynomial(threads: threads) {
      shares.append($0)
      return true
    }
    let expected = try arrangement.characteristicPolynomial()
    #expect(polynomial == expected)
    #expect(shares == shares.sorted())
    #expect(abs((shares.last ?? 0) - 1) < 1e-9)
    #expect(shares.count >= arrangement.essential.lineCount / 2)
    var calls = 0
    let stopped = try arrangement.characteristicPolynomial(threads: threads) { _ in
      calls += 1
      return calls < 3
    }
    #expect(stopped == nil)
    #expect(calls == 3)
  }

  @Test func forecastsGrowWithTheWork() {
    let small = CountForecast(lines: 100, rank: 3)
    let large = CountForecast(lines: 100, rank: 5)
    #expect(small.cellUpperBound == 9902)
    #expect(small.listingSeconds == 4951 * 80e-9)
    #expect(abs(small.countingSeconds - 4950 * 12e-9 - 101 * 300e-9) < 1e-12)
    #expect(abs(small.sweepCountingSeconds - 4951 * 18e-9 - 100 * 300e-9) < 1e-12)
    #expect(small.faceCountingSeconds == 4 * small.countingSeconds)
    #expect(large.countingSeconds > 100 * small.countingSeconds)
  }
}
