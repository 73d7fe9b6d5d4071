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
      (.resonance, 5, 5646), (.resonance, 6, 533_022), (.threshold, 3, 52), (.threshold, 4, 941),
      (.threshold, 5, 47286), (.threshold, 6, 7_514_067), (.demicube, 4, 73),
      (.demicube, 5, 1878), (.demicube, 6, 145_779), (.crossPolytope, 5, 227),
      (.crossPolytope, 6, 697), (.crossPolytope, 7, 2123), (.crossPolytope, 8, 6433),
      (.crossPolytope, 9, 19427), (.crossPolytope, 10, 58537), (.permutations, 4, 1447),
      (.permutations, 5, 4_297_751),
    ] as [(CountingFamily, Int, UInt128)])
  func families(family: CountingFamily, n: Int, expected: UInt128) throws {
    let clock = ContinuousClock()
    var found: UInt128 = 0
    let t = try clock.measure { found = try half(family.rows(n)) }
    print("TIME", family, n, t)
    #expect(found == expected)
  }
}
