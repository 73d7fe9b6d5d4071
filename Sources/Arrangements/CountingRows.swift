import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Rows of floating-point numbers as exact integers, and exact answers about their dependence.
///
/// Every row is a power of two times a row of integers `significand * 2^shift`. A minor of these
/// integers is zero exactly when it is zero modulo primes whose product exceeds twice its Hadamard
/// bound, so dependence is decided exactly by arithmetic modulo primes: numbers never grow, and the
/// answer holds for entries of any magnitude.
struct CountingRows: Sendable {
  let count: Int
  let columns: Int
  private let significands: [Int64]
  private let shifts: [Int32]
  /// For every row a bound on the binary logarithm of its length.
  private let bits: [Double]

  /// The integers of a matrix of finite numbers.
  init(_ matrix: Matrix) {
    count = matrix.rows
    columns = matrix.columns
    var significands: [Int64] = []
    var shifts: [Int32] = []
    var bits: [Double] = []
    for r in 0..<matrix.rows {
      let parts = matrix.row(r).map(Self.oddPart)
      let least = parts.filter { $0.odd != 0 }.map { $0.exponent }.min() ?? 0
      var largest = 0.0
      for part in parts {
        let shift = part.odd == 0 ? 0 : part.exponent - least
        significands.append(part.odd)
        shifts.append(Int32(shift))
        if part.odd != 0 {
          largest = max(largest, log2(Double(part.odd.magnitude)) + Double(shift))
        }
      }
      bits.append(Self.lengthBound(parts, least: least, largest: largest))
    }
    (self.significands, self.shifts, self.bits) = (significands, shifts, bits)
  }

  /// Slightly more than the binary logarithm of a row's length.
  private static func lengthBound(
    _ parts: [(odd: Int64, exponent: Int)], least: Int, largest: Double
  ) -> Double {
    var sum = 0.0
    for part in parts where part.odd != 0 {
      let relative = log2(Double(part.odd.magnitude)) + Double(part.exponent - least) - largest
      sum += exp2(2 * relative)
    }
    return largest + 0.5 * log2(max(sum, 1)) + 1e-6
  }

  /// The odd integer and the exponent with `x = odd * 2^exponent`; zero is `0 * 2^0`.
  private static func oddPart(_ x: Double) -> (odd: Int64, exponent: Int) {
    guard x != 0 else { return (0, 0) }
    let isSubnormal = x.exponentBitPattern == 0
    let significand = x.significandBitPattern | (isSubnormal ? 0 : 1 << 52)
    let exponent = isSubnormal ? -1074 : Int(x.exponentBitPattern) - 1075
    let zeros = significand.trailingZeroBitCount
    let odd = Int64(significand >> UInt64(zeros))
    return (x < 0 ? -odd : odd, exponent + zeros)
  }

  /// Whether a minor of at most `order` rows is zero exactly when it is zero modulo one prime.
  func isFaithful(order: Int) -> Bool {
    bits.sorted(by: >).prefix(order).reduce(0, +) < Self.bitsPerPrime - 1
  }

  /// Least binary logarithm of the primes.
  private static let bitsPerPrime = 61.0

  /// The residues of all rows in a field.
  func residues(in field: CountingField) -> [UInt64] {
    (0..<count * columns).map { field.residue(significands[$0], shift: Int(shifts[$0])) }
  }

  /// Whether some rows are linearly dependent, decided exactly.
  ///
  /// - Complexity: O(`k^2 * columns`) for each of the primes needed, for `k` rows.
  func areDependent(_ rows: [Int]) -> Bool {
    guard rows.count <= columns else { return true }
    let bound = rows.reduce(1) { $0 + bits[$1] }
    var decided = 0.0
    var number = 0
    while decided <= bound {
      let field = CountingPrimes.field(number)
      let elements = rows.flatMap { row in
        (row * columns..<(row + 1) * columns).map {
          field.residue(significands[$0], shift: Int(shifts[$0]))
        }
      }
      if field.pivotColumns(elements, columns: columns).count == rows.count { return false }
      decided += Self.bitsPerPrime
      number += 1
    }
    return true
  }

  /// Columns that span the column space, as many as the exact rank.
  func columnBasis() -> [Int] {
    var best: [Int] = []
    var (decided, number) = (0.0, 0)
    let sorted = bits.sorted(by: >)
    while best.count < min(count, columns) {
      let bound = sorted.prefix(best.count + 1).reduce(1, +)
      if decided > bound { break }
      let field = CountingPrimes.field(number)
      let found = field.pivotColumns(residues(in: field), columns: columns)
      if found.count > best.count { best = found }
      decided += Self.bitsPerPrime
      number += 1
    }
    return best
  }
}
