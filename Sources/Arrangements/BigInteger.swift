/// An integer of any size.
///
/// Sign and magnitude; the magnitude's words are stored least significant first. Schoolbook
/// arithmetic, meant for the few hundred bits of exact geometry.
public struct BigInteger: Sendable, Hashable {
  /// Whether the number is below zero.
  public let isNegative: Bool
  /// The words of the magnitude, least significant first.
  ///
  /// The last is not zero; zero has none.
  public let words: [UInt64]

  /// Zero.
  static let zero = BigInteger(isNegative: false, words: [])

  private init(isNegative: Bool, words: [UInt64]) {
    self.isNegative = isNegative
    self.words = words
  }

  /// The number with a sign and words that may end with zeros.
  private init(trimming words: [UInt64], isNegative: Bool) {
    var words = words
    while words.last == 0 { words.removeLast() }
    self.init(isNegative: isNegative && !words.isEmpty, words: words)
  }

  /// A small integer.
  public init(_ x: Int64) { self.init(isNegative: x < 0, words: x == 0 ? [] : [x.magnitude]) }

  /// -1, 0 or 1.
  public var sign: Int { words.isEmpty ? 0 : isNegative ? -1 : 1 }

  /// Number of bits of the magnitude; 0 for zero.
  public var bitCount: Int {
    words.last.map { 64 * words.count - $0.leadingZeroBitCount } ?? 0
  }

  /// The number with the other sign.
  package static prefix func - (x: BigInteger) -> BigInteger {
    BigInteger(isNegative: !x.isNegative && !x.words.isEmpty, words: x.words)
  }

  package static func + (a: BigInteger, b: BigInteger) -> BigInteger {
    if a.isNegative == b.isNegative {
      return BigInteger(isNegative: a.isNegative, words: sum(a.words, b.words))
    }
    if isLess(a.words, b.words) {
      return BigInteger(trimming: difference(b.words, a.words), isNegative: b.isNegative)
    }
    return BigInteger(trimming: difference(a.words, b.words), isNegative: a.isNegative)
  }

  package static func - (a: BigInteger, b: BigInteger) -> BigInteger { a + -b }

  package static func * (a: BigInteger, b: BigInteger) -> BigInteger {
    guard !a.words.isEmpty, !b.words.isEmpty else { return zero }
    var result = [UInt64](repeating: 0, count: a.words.count + b.words.count)
    for i in a.words.indices {
      var carry: UInt64 = 0
      for j in b.words.indices {
        let product = a.words[i].multipliedFullWidth(by: b.words[j])
        let (low, first) = product.low.addingReportingOverflow(carry)
        let (total, second) = low.addingReportingOverflow(result[i + j])
        result[i + j] = total
        carry = product.high &+ (first ? 1 : 0) &+ (second ? 1 : 0)
      }
      result[i + b.words.count] = carry
    }
    return BigInteger(trimming: result, isNegative: a.isNegative != b.isNegative)
  }

  /// The number times `2^count`.
  ///
  /// - Precondition: `count >= 0`.
  package func shifted(by count: Int) -> BigInteger {
    guard count > 0, !words.isEmpty else { return self }
    let (whole, bits) = count.quotientAndRemainder(dividingBy: 64)
    var result = [UInt64](repeating: 0, count: whole + words.count + 1)
    for (i, word) in words.enumerated() {
      result[whole + i] |= word << UInt64(bits)
      if bits > 0 { result[whole + i + 1] = word >> UInt64(64 - bits) }
    }
    return BigInteger(trimming: result, isNegative: isNegative)
  }

  /// The quotient by a number that divides this one without remainder.
  ///
  /// Each word of the quotient is found from the lowest word that is left, by the inverse of the
  /// divisor modulo `2^64`.
  ///
  /// - Precondition: `divisor` is not zero and divides the number.
  /// - Source: Jebelean, *An Algorithm for Exact Division*, Journal of Symbolic Computation 1993.
  package func dividedExactly(by divisor: BigInteger) -> BigInteger {
    precondition(!divisor.words.isEmpty, "dividedExactly: the divisor is zero")
    guard divisor.words != [1], !words.isEmpty else {
      return divisor.isNegative ? -self : self
    }
    let shift = divisor.trailingZeroBitCount
    let odd = Self.shiftedDown(divisor.words, by: shift)
    var rest = Self.shiftedDown(words, by: shift)
    var inverse = odd[0]
    for _ in 0..<5 { inverse = inverse &* (2 &- odd[0] &* inverse) }
    let count = max(0, rest.count - odd.count + 1)
    var quotient = [UInt64](repeating: 0, count: count)
    for i in 0..<count {
      let digit = rest[i] &* inverse
      quotient[i] = digit
      guard digit != 0 else { continue }
      var borrow: UInt64 = 0
      for j in i..<rest.count {
        if j - i >= odd.count, borrow == 0 { break }
        let product =
          j - i < odd.count ? digit.multipliedFullWidth(by: odd[j - i]) : (high: 0, low: 0)
        let (low, first) = rest[j].subtractingReportingOverflow(product.low)
        let (total, second) = low.subtractingReportingOverflow(borrow)
        rest[j] = total
        borrow = product.high &+ (first ? 1 : 0) &+ (second ? 1 : 0)
      }
    }
    return BigInteger(trimming: quotient, isNegative: isNegative != divisor.isNegative)
  }

  /// Number of zero bits at the end; 0 for zero.
  var trailingZeroBitCount: Int {
    guard let i = words.firstIndex(where: { $0 != 0 }) else { return 0 }
    return 64 * i + words[i].trailingZeroBitCount
  }

  /// The magnitude's leading bits as a number in `[1/2, 1]`, with the sign, and the exponent of two.
  ///
  /// The product differs from the number by at most one part in `2^53`; zero has fraction 0.
  package var fraction: (value: Double, exponent: Int) {
    guard let top = words.last else { return (0, 0) }
    var leading = top << UInt64(top.leadingZeroBitCount)
    if top.leadingZeroBitCount > 0, words.count > 1 {
      leading |= words[words.count - 2] >> UInt64(64 - top.leadingZeroBitCount)
    }
    let value = Double(leading) * 0x1p-64
    return (isNegative ? -value : value, bitCount)
  }

  private static func shiftedDown(_ words: [UInt64], by count: Int) -> [UInt64] {
    let (whole, bits) = count.quotientAndRemainder(dividingBy: 64)
    var result = Array(words[whole...])
    if bits > 0 {
      for i in result.indices {
        result[i] >>= UInt64(bits)
        if i + 1 < result.count { result[i] |= result[i + 1] << UInt64(64 - bits) }
      }
    }
    while result.last == 0 { result.removeLast() }
    return result
  }

  private static func isLess(_ a: [UInt64], _ b: [UInt64]) -> Bool {
    if a.count != b.count { return a.count < b.count }
    for i in a.indices.reversed() where a[i] != b[i] { return a[i] < b[i] }
    return false
  }

  private static func sum(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
    let (long, short) = a.count < b.count ? (b, a) : (a, b)
    var result = long
    var carry: UInt64 = 0
    for i in result.indices {
      if i >= short.count, carry == 0 { break }
      let (low, first) = result[i].addingReportingOverflow(i < short.count ? short[i] : 0)
      let (total, second) = low.addingReportingOverflow(carry)
      result[i] = total
      carry = first || second ? 1 : 0
    }
    if carry > 0 { result.append(carry) }
    return result
  }

  /// `a - b` for `a >= b`, not trimmed.
  private static func difference(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
    var result = a
    var borrow: UInt64 = 0
    for i in result.indices {
      if i >= b.count, borrow == 0 { break }
      let (low, first) = result[i].subtractingReportingOverflow(i < b.count ? b[i] : 0)
      let (total, second) = low.subtractingReportingOverflow(borrow)
      result[i] = total
      borrow = first || second ? 1 : 0
    }
    return result
  }
}

extension BigInteger: CustomStringConvertible {
  /// The number in decimal digits.
  public var description: String {
    guard !words.isEmpty else { return "0" }
    var rest = words
    var groups: [UInt64] = []
    while !rest.isEmpty {
      var remainder: UInt64 = 0
      for i in rest.indices.reversed() {
        (rest[i], remainder) = UInt64(1_000_000_000_000_000_000)
          .dividingFullWidth((remainder, rest[i]))
      }
      groups.append(remainder)
      while rest.last == 0 { rest.removeLast() }
    }
    let digits = groups.reversed().enumerated().map { index, group in
      let text = String(group)
      return index == 0 ? text : String(repeating: "0", count: 18 - text.utf8.count) + text
    }
    return (isNegative ? "-" : "") + digits.joined()
  }
}
