/// Reads JSON as RFC 8259 has it, with the cursor that reads the headers of safetensors.
struct JSONParser {
  private var scanner: HeaderScanner
  private let bytes: [UInt8]
  private let path: String

  init(bytes: [UInt8], path: String) {
    (self.bytes, self.path) = (bytes, path)
    scanner = HeaderScanner(bytes, range: bytes.indices, path: path)
  }

  /// The value of the whole document.
  mutating func document() throws -> JSONValue {
    do {
      let result = try value(depth: 1)
      guard scanner.next() == nil else { throw scanner.error(expected: "the end of the document") }
      return result
    } catch let error as FormatError {
      // Text is looked up by its lines.
      let offset = min(error.offset ?? 0, bytes.count)
      throw FormatError(
        path: path, line: 1 + bytes[..<offset].count { $0 == 0x0A }, expected: error.expected,
        found: offset < bytes.count ? error.found : "the end of the file",
        advice: "The file is damaged or not JSON; write it again.")
    }
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    guard depth <= JSONValue.largestDepth else {
      throw scanner.error(expected: "at most \(JSONValue.largestDepth) values inside each other")
    }
    switch scanner.next() {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try list(from: "[", to: "]") { elements.append(try $0.value(depth: depth + 1)) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try scanner.jsonString())
    case UInt8(ascii: "-"), (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return .number(try number())
    default:
      if scanner.skip(word: "null") { return .null }
      if scanner.skip(word: "true") { return .bool(true) }
      if scanner.skip(word: "false") { return .bool(false) }
      throw scanner.error(expected: "a JSON value")
    }
  }

  private mutating func members(depth: Int) throws -> [JSONValue.Member] {
    var result: [JSONValue.Member] = []
    var names: Set<String> = []
    try list(from: "{", to: "}") { parser in
      _ = parser.scanner.next()
      let place = parser.scanner
      let name = try parser.scanner.jsonString()
      guard names.insert(name).inserted else {
        throw place.error(expected: "each name once", found: quoted(Array(name.utf8)) + " again")
      }
      try parser.scanner.require(":")
      result.append(JSONValue.Member(name, try parser.value(depth: depth + 1)))
    }
    return result
  }

  /// Reads items between brackets, separated by commas.
  private mutating func list(
    from open: Unicode.Scalar, to close: Unicode.Scalar,
    _ item: (inout JSONParser) throws -> Void
  ) throws {
    try scanner.require(open)
    if scanner.skip(close) { return }
    while true {
      try item(&self)
      if scanner.skip(close) { return }
      guard scanner.skip(",") else { throw scanner.error(expected: "',' or '\(close)'") }
    }
  }

  /// The digits of a number, as they are written.
  private mutating func number() throws -> String {
    let start = scanner.offset
    func byte(_ position: Int) -> UInt8? { position < bytes.count ? bytes[position] : nil }
    var position = start
    func digits() throws {
      let first = position
      while let digit = byte(position), 0x30...0x39 ~= digit { position += 1 }
      guard position > first else {
        scanner.move(to: position)
        throw scanner.error(expected: "a digit")
      }
    }
    if byte(position) == UInt8(ascii: "-") { position += 1 }
    if byte(position) == UInt8(ascii: "0") { position += 1 } else { try digits() }
    if byte(position) == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if byte(position) == UInt8(ascii: "e") || byte(position) == UInt8(ascii: "E") {
      position += 1
      if byte(position) == UInt8(ascii: "+") || byte(position) == UInt8(ascii: "-") {
        position += 1
      }
      try digits()
    }
    scanner.move(to: position)
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }
}
