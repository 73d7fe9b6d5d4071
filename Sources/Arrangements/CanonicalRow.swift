/// Exact comparison of the directions of rows of floating-point numbers.
///
/// Two rows span one line when `a_j b_p = b_j a_p` for all `j`, with `p` the first coordinate that
/// is not zero. The test is exact in rationals, with one allowance for how data are stored: a row
/// whose entries are all multiples `k / s` of one unit, rounded, is replaced by the integers `k`.
/// Bytes divided by 255 are proportional only so.
enum CanonicalRow {
  /// Units in which data are commonly stored, tried in this order; the first that fits all entries
  /// is taken.
  ///
  /// Multiplication by 1 and 16 is exact, so there the entries must be integers exactly. 255 and
  /// 65535 are bytes and 16-bit samples scaled to one, 1000 is three decimals.
  private static let units: [Double] = [1, 16, 255, 1000, 65535]

  /// What became of one row.
  struct Result {
    /// Index of the first entry that is not zero; `nil` for a zero row.
    var first: Int?
    /// Whether that entry was negative, so that the row was negated.
    var isNegated = false
    /// Bound on the relative change of any entry, relative to that entry: zero unless rounded units
    /// were recognised.
    var error = 0.0
    /// Hash of the direction; rows on one line have equal hashes.
    var hash: UInt64 = 0
  }

  /// Writes the canonical multiple of a row: coprime integers, or the row times a power of two.
  ///
  /// - Parameters:
  ///   - row: The row, `count` finite entries.
  ///   - target: Receives the multiple whose first nonzero entry is positive.
  ///   - count: Number of entries.
  /// - Returns: What was found; `first` is `nil` for a zero row, and then nothing is written.
  static func write(
    _ row: UnsafePointer<Double>, into target: UnsafeMutablePointer<Double>, count: Int
  ) -> Result {
    var result = Result()
    guard let first = (0..<count).first(where: { row[$0] != 0 }) else { return result }
    result.first = first
    result.isNegated = row[first] < 0
    if let error = recoverIntegers(row, into: target, count: count) {
      result.error = error
      removeCommonDivisor(target, count: count)
    } else {
      scaleByPowerOfTwo(row, into: target, count: count)
    }
    if result.isNegated { for j in 0..<count { target[j] = 0 - target[j] } }
    result.hash = directionHash(target, first: first, count: count)
    return result
  }

  /// Writes the integers when every entry is a multiple of one unit; the largest relative rounding.
  private static func recoverIntegers(
    _ row: UnsafePointer<Double>, into target: UnsafeMutablePointer<Double>, count: Int
  ) -> Double? {
    for unit in units {
      var worst = 0.0
      var fits = true
      for j in 0..<count {
        guard let (integer, error) = multiple(row[j], of: unit) else {
          fits = false
          break
        }
        target[j] = integer
        if error > worst { worst = error }
      }
      if fits { return worst }
    }
    return nil
  }

  /// The integer `k` with `x = k / unit` up to rounding to `Double` (or `Float`, for bytes).
  @inline(__always)
  private static func multiple(_ x: Double, of unit: Double) -> (Double, Double)? {
    let scaled = x * unit
    guard abs(scaled) < 0x1p51 else { return nil }
    // Adding and subtracting 1.5 * 2^52 rounds to an integer.
    let integer = (scaled + 0x1.8p52) - 0x1.8p52
    if unit <= 16 { return integer == scaled ? (integer, 0) : nil }
    guard abs(integer) <= 0x1p20 else { return nil }
    let distance = abs(integer / unit - x)
    if distance <= 0x1p-51 * abs(x) { return (integer, 0x1p-51) }
    if unit == 255, Double(Float(x)) == x, distance <= 0x1p-23 * abs(x) {
      return (integer, 0x1p-23)
    }
    return nil
  }

  /// Divides integers by their greatest common divisor.
  private static func removeCommonDivisor(_ row: UnsafeMutablePointer<Double>, count: Int) {
    var divisor = 0
    for j in 0..<count {
      var (a, b) = (divisor, Int(abs(row[j])))
      while b != 0 { (a, b) = (b, a % b) }
      divisor = a
      if divisor == 1 { return }
    }
    for j in 0..<count { row[j] /= Double(divisor) }
  }

  /// Brings the largest entry into `[1, 2)` where that loses no bit, and copies the row otherwise.
  private static func scaleByPowerOfTwo(
    _ row: UnsafePointer<Double>, into target: UnsafeMutablePointer<Double>, count: Int
  ) {
    var largest = 0.0
    for j in 0..<count where abs(row[j]) > largest { largest = abs(row[j]) }
    let exponent = min(max(Int(largest.exponent), -1000), 1000)
    let factor = Double(sign: .plus, exponent: -exponent, significand: 1)
    for j in 0..<count {
      target[j] = row[j] * factor
      if row[j] != 0, !target[j].isNormal {
        for i in 0..<count { target[i] = row[i] }
        return
      }
    }
  }

  /// Hash of the quotients `x_j / x_first`.
  ///
  /// Division rounds correctly, so equal directions give equal quotients.
  private static func directionHash(
    _ row: UnsafePointer<Double>, first: Int, count: Int
  ) -> UInt64 {
    var hash = UInt64(first)
    let pivot = row[first]
    for j in first + 1..<max(count, first + 1) {
      // Adding zero turns -0 into 0.
      hash = (hash ^ (row[j] / pivot + 0).bitPattern) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    hash = hash &* 0xBF58_476D_1CE4_E5B9
    return hash ^ (hash >> 32)
  }

  /// Whether two canonical rows with the same first nonzero coordinate span the same line, exactly.
  static func spanSameLine(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, first: Int, count: Int
  ) -> Bool {
    if (0..<count).allSatisfy({ a[$0] == b[$0] }) { return true }
    return (0..<count).allSatisfy { productsAreEqual(a[$0], b[first], b[$0], a[first]) }
  }

  /// Whether `a b = c d` for the exact products of finite numbers.
  static func productsAreEqual(_ a: Double, _ b: Double, _ c: Double, _ d: Double) -> Bool {
    if a == 0 || b == 0 || c == 0 || d == 0 { return (a == 0 || b == 0) == (c == 0 || d == 0) }
    guard ((a < 0) != (b < 0)) == ((c < 0) != (d < 0)) else { return false }
    let (a, b, c, d) = (oddPart(a), oddPart(b), oddPart(c), oddPart(d))
    // A product of odd numbers is odd, so odd part and exponent of a product are unique.
    guard a.exponent + b.exponent == c.exponent + d.exponent else { return false }
    return a.odd.multipliedFullWidth(by: b.odd) == c.odd.multipliedFullWidth(by: d.odd)
  }

  /// The odd integer and the exponent with `|x| = odd * 2^exponent`.
  private static func oddPart(_ x: Double) -> (odd: UInt64, exponent: Int) {
    let isSubnormal = x.exponentBitPattern == 0
    let significand = x.significandBitPattern | (isSubnormal ? 0 : 1 << 52)
    let exponent = isSubnormal ? -1074 : Int(x.exponentBitPattern) - 1075
    let shift = significand.trailingZeroBitCount
    return (significand >> UInt64(shift), exponent + shift)
  }
}
