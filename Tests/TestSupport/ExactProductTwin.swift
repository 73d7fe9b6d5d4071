/// Exact signs of products of floating-point vectors, by a sum with fixed point.
///
/// Every product of two doubles is an integer below `2^106` times a power of two between `2^-2148` and
/// `2^1942`; the sum is kept in digits that cover that whole range.
package enum ExactProductTwin {
  /// The sign of `sum_k x_k y_k`.
  ///
  /// - Parameters:
  ///   - x: Finite numbers.
  ///   - y: As many finite numbers.
  /// - Returns: -1, 0 or 1.
  package static func sign(_ x: [Double], _ y: [Double]) -> Int {
    // Digits to base 2^32, digit 0 of weight 2^-2176, as sums that do not overflow 64 bits.
    var digits = [Int64](repeating: 0, count: 140)
    for (a, b) in zip(x, y) where a != 0 && b != 0 {
      let (p, q) = (parts(a), parts(b))
      let product = p.magnitude.multipliedFullWidth(by: q.magnitude)
      let sign: Int64 = (a < 0) != (b < 0) ? -1 : 1
      for (half, word) in [product.low, product.high].enumerated() {
        let place = p.exponent + q.exponent + 2176 + 64 * half
        let (first, shift) = place.quotientAndRemainder(dividingBy: 32)
        var index = first
        var rest = UInt128(word) << UInt128(shift)
        while rest != 0 {
          digits[index] += sign * Int64(rest & 0xFFFF_FFFF)
          rest >>= 32
          index += 1
        }
      }
    }
    var carry: Int64 = 0
    var isZero = true
    for index in digits.indices {
      let sum = digits[index] + carry
      carry = sum >> 32
      if sum & 0xFFFF_FFFF != 0 { isZero = false }
    }
    return carry < 0 ? -1 : isZero && carry == 0 ? 0 : 1
  }

  private static func parts(_ x: Double) -> (magnitude: UInt64, exponent: Int) {
    let isSubnormal = x.exponentBitPattern == 0
    return (
      x.significandBitPattern | (isSubnormal ? 0 : 1 << 52),
      isSubnormal ? -1074 : Int(x.exponentBitPattern) - 1075
    )
  }
}
