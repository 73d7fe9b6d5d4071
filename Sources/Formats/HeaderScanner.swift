/// A cursor over the text header of a binary file, for the small grammars of NPY and safetensors, and over JSON.
struct HeaderScanner {
  private let bytes: [UInt8]
  private let path: String
  private let end: Int
  private(set) var offset: Int

  init(_ bytes: [UInt8], range: Range<Int>, path: String) {
    self.bytes = bytes
    self.path = path
    self.offset = range.lowerBound
    self.end = range.upperBound
  }

  /// Sets the cursor to a place that the caller has read up to.
  mutating func move(to place: Int) { offset = min(place, end) }

  /// The next byte that is not white space, which the cursor then stands on.
  mutating func next() -> UInt8? {
    while offset < end, bytes[offset] == 0x20 || (0x09...0x0D).contains(bytes[offset]) {
      offset += 1
    }
    return offset < end ? bytes[offset] : nil
  }

  /// Steps over one character if it comes next.
  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard next() == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  /// Steps over one character, which must come next.
  mutating func require(_ character: Unicode.Scalar) throws {
    guard skip(character) else { throw error(expected: "'\(character)'") }
  }

  /// Steps over a word if it comes next.
  mutating func skip(word: StaticString) -> Bool {
    let found = next() != nil && word.withUTF8Buffer { bytes[offset..<end].starts(with: $0) }
    if found { offset += word.utf8CodeUnitCount }
    return found
  }

  /// A whole number of at most 18 digits, without sign.
  mutating func wholeNumber() throws -> Int {
    _ = next()
    let start = offset
    var value = 0
    while offset < end, (0x30...0x39).contains(bytes[offset]) {
      guard offset - start < 18 else {
        offset = start
        throw error(expected: "a whole number below 10^18")
      }
      value = value * 10 + Int(bytes[offset] - 0x30)
      offset += 1
    }
    guard offset > start else { throw error(expected: "a whole number") }
    return value
  }

  /// A list of whole numbers up to a closing bracket, which is consumed.
  ///
  /// A comma may follow the last number if `allowsTrailingComma`.
  mutating func wholeNumbers(
    until close: Unicode.Scalar, allowsTrailingComma: Bool
  ) throws -> [Int] {
    var numbers: [Int] = []
    if skip(close) { return numbers }
    while true {
      numbers.append(try wholeNumber())
      if skip(close) { return numbers }
      try require(",")
      if allowsTrailingComma && skip(close) { return numbers }
    }
  }

  /// The text between two equal quotes, without escapes.
  mutating func plainString() throws -> String {
    guard let quote = next(), quote == 0x27 || quote == 0x22 else {
      throw error(expected: "a quoted word")
    }
    guard let close = bytes[(offset + 1)..<end].firstIndex(of: quote) else {
      throw error(expected: "a closing quote")
    }
    let text = bytes[(offset + 1)..<close]
    guard !text.contains(UInt8(ascii: "\\")) else {
      throw error(expected: "a word without escapes")
    }
    offset = close + 1
    return String(decoding: text, as: UTF8.self)
  }

  /// A JSON string, with escapes.
  mutating func jsonString() throws -> String {
    try require("\"")
    var text: [UInt8] = []
    let start = offset
    while offset < end {
      let byte = bytes[offset]
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else {
          offset = start
          throw error(expected: "UTF-8 text")
        }
        offset += 1
        return string
      case UInt8(ascii: "\\"): text.append(contentsOf: try jsonEscape())
      case 0..<0x20: throw error(expected: "an escape in place of a control character")
      default:
        text.append(byte)
        offset += 1
      }
    }
    throw error(expected: "a closing quote")
  }

  /// The UTF-8 bytes that an escape stands for; the cursor stands on the backslash.
  private mutating func jsonEscape() throws -> [UInt8] {
    let simple: [UInt8: UInt8] = [
      0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D,
      0x74: 0x09,
    ]
    guard offset + 1 < end else { throw error(expected: "an escape") }
    let letter = bytes[offset + 1]
    if let byte = simple[letter] {
      offset += 2
      return [byte]
    }
    guard letter == UInt8(ascii: "u") else { throw error(expected: "a JSON escape") }
    var units = [try hexadecimalUnit()]
    if UTF16.isLeadSurrogate(units[0]) { units.append(try hexadecimalUnit()) }
    guard let string = String(validating: units, as: UTF16.self) else {
      throw error(expected: "a pair of surrogates before this place")
    }
    return Array(string.utf8)
  }

  /// The number in `\uXXXX`, which is consumed.
  private mutating func hexadecimalUnit() throws -> UInt16 {
    guard offset + 6 <= end, bytes[offset] == 0x5C, bytes[offset + 1] == UInt8(ascii: "u") else {
      throw error(expected: "an escape of the form \\uXXXX")
    }
    var value: UInt16 = 0
    for digit in bytes[(offset + 2)..<(offset + 6)] {
      guard let digitValue = Character(Unicode.Scalar(digit)).hexDigitValue else {
        throw error(expected: "an escape of the form \\uXXXX")
      }
      value = value << 4 | UInt16(digitValue)
    }
    offset += 6
    return value
  }

  /// An error at the cursor, quoting what stands there.
  func error(expected: String) -> FormatError {
    error(
      expected: expected,
      found: offset < end ? quoted(bytes[offset..<min(end, offset + 12)]) : "the end of the header")
  }

  /// An error at the cursor.
  func error(expected: String, found: String) -> FormatError {
    FormatError(
      path: path, offset: offset, expected: expected, found: found,
      advice: "The header is damaged or not of this format; write the file again.")
  }
}
