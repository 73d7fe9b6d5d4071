/// Decimal numbers in bytes, each as the nearest `Double`.
///
/// Up to 15 digits with a small exponent are one exact product or quotient (Clinger's fast path);
/// everything else goes to the standard library.
///
/// - Source: Clinger, *How to Read Floating Point Numbers Accurately*, PLDI 1990.
struct NumberParser {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Whether a value so far had a point, an exponent or was not finite.
  private(set) var hasFraction = false

  private static let powers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]
  private let powers = NumberParser.powers

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The number in the field at a position, which moves to the comma, line end or end of the bytes
  /// behind it; nil if the field is not a number.
  mutating func value(at position: inout Int) -> Double? {
    var index = position
    skipBlanks(&index)
    let start = index
    var isNegative = false
    if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
      isNegative = bytes[index] == UInt8(ascii: "-")
      index += 1
    }
    var mantissa: UInt64 = 0
    let firstDigit = index
    while index < bytes.count, bytes[index] &- 0x30 < 10 {
      mantissa = mantissa &* 10 &+ UInt64(bytes[index] &- 0x30)
      index += 1
    }
    var digits = index - firstDigit
    var exponent = 0
    var isFraction = false
    if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
      isFraction = true
      index += 1
      let firstPlace = index
      while index < bytes.count, bytes[index] &- 0x30 < 10 {
        mantissa = mantissa &* 10 &+ UInt64(bytes[index] &- 0x30)
        index += 1
      }
      exponent = firstPlace - index
      digits += index - firstPlace
    }
    guard digits > 0 else { return slowValue(at: &position, start) }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      isFraction = true
      guard let shift = decimalExponent(&index) else { return nil }
      exponent += shift
    }
    let end = index
    guard isFieldEnd(&index) else { return nil }
    hasFraction = hasFraction || isFraction
    position = index
    // 15 digits are below 2^53, 19 digits below 2^64.
    guard digits <= 19, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 else {
      return standardValue(start..<end)
    }
    let magnitude =
      exponent < 0 ? Double(mantissa) / powers[-exponent] : Double(mantissa) * powers[exponent]
    return isNegative ? -magnitude : magnitude
  }

  /// The exponent behind the letter at `index`; far ones are cut to a size that still overflows.
  private func decimalExponent(_ index: inout Int) -> Int? {
    index += 1
    var isNegative = false
    if index < bytes.count, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
      isNegative = bytes[index] == UInt8(ascii: "-")
      index += 1
    }
    let first = index
    var value = 0
    while index < bytes.count, bytes[index] &- 0x30 < 10 {
      value = min(value * 10 + Int(bytes[index] - 0x30), 1 << 20)
      index += 1
    }
    guard index > first else { return nil }
    return isNegative ? -value : value
  }

  private func skipBlanks(_ index: inout Int) {
    while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
  }

  /// Steps over blanks; whether the field ends there.
  private func isFieldEnd(_ index: inout Int) -> Bool {
    skipBlanks(&index)
    guard index < bytes.count else { return true }
    switch bytes[index] {
    case UInt8(ascii: ","), 0x0A: return true
    case 0x0D: return index + 1 == bytes.count || bytes[index + 1] == 0x0A
    default: return false
    }
  }

  /// A field without a leading digit: quoted, not finite, or not a number at all.
  private mutating func slowValue(at position: inout Int, _ start: Int) -> Double? {
    var end = start
    while end < bytes.count, bytes[end] != UInt8(ascii: ","), bytes[end] != 0x0A,
      bytes[end] != 0x0D
    {
      end += 1
    }
    var last = end
    while last > start, bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 { last -= 1 }
    var index = end
    guard isFieldEnd(&index) else { return nil }
    let value: Double?
    if last - start > 2, bytes[start] == UInt8(ascii: "\""), bytes[last - 1] == UInt8(ascii: "\"") {
      let content = UnsafeBufferPointer(rebasing: bytes[(start + 1)..<(last - 1)])
      var inner = NumberParser(content)
      var innerPosition = 0
      // No number has quotes inside, and reading those would nest as deeply as the file likes.
      value =
        content.contains(UInt8(ascii: "\"")) ? nil : inner.value(at: &innerPosition)
      hasFraction = hasFraction || inner.hasFraction
    } else {
      value = Self.nonFinite(String(decoding: bytes[start..<last], as: UTF8.self).lowercased())
      hasFraction = hasFraction || value != nil
    }
    if value != nil { position = end }
    return value
  }

  private static func nonFinite(_ word: String) -> Double? {
    switch word {
    case "nan", "+nan", "-nan": .nan
    case "inf", "+inf", "infinity", "+infinity": .infinity
    case "-inf", "-infinity": -.infinity
    default: nil
    }
  }

  /// The standard library's reading of digits that have already been checked.
  private func standardValue(_ range: Range<Int>) -> Double? {
    Double(String(decoding: bytes[range], as: UTF8.self))
  }
}
