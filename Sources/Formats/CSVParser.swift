import Tensors

/// One pass over the bytes of a table.
struct CSVParser {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let path: String
  private var position = 0
  private var line = 1
  private var values: [Double] = []
  private var numbers: NumberParser

  init(_ bytes: UnsafeBufferPointer<UInt8>, path: String) {
    self.bytes = bytes
    self.path = path
    numbers = NumberParser(bytes)
  }

  mutating func table() throws -> CSV.Table {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    let header = headerFields()
    if header != nil { skipLine() }
    var columns = header?.count
    var rows = 0
    while !isAtBlankEnd() {
      let start = position
      let fields = try row()
      guard fields == columns ?? fields else {
        throw error(
          expected: "\(columns ?? fields) values as in the lines before", found: "\(fields)",
          advice: "Give every line the same number of values.")
      }
      if columns == nil {
        values.reserveCapacity(fields * (bytes.count / max(position - start, 1) * 9 / 8 + 1))
      }
      columns = fields
      rows += 1
      line += 1
    }
    guard rows > 0, let columns else {
      throw error(
        expected: "a line of numbers", found: "the end of the file",
        advice: "Write one sample per line, values separated by commas.")
    }
    return CSV.Table(
      header: header, values: Matrix(rows: rows, columns: columns, elements: values),
      isInteger: !numbers.hasFraction)
  }

  /// Reads the values of one line up to and with its end; returns their number.
  private mutating func row() throws -> Int {
    var fields = 0
    while true {
      let start = position
      guard let value = numbers.value(at: &position) else { throw notANumber(start, fields) }
      values.append(value)
      fields += 1
      guard position < bytes.count else { return fields }
      let separator = bytes[position]
      position += 1
      if separator == UInt8(ascii: ",") { continue }
      if separator == UInt8(ascii: "\r") { position = min(position + 1, bytes.count) }
      return fields
    }
  }

  /// Whether nothing but line ends and blanks follows.
  private func isAtBlankEnd() -> Bool {
    var index = position
    while index < bytes.count {
      let byte = bytes[index]
      guard byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D else { return false }
      index += 1
    }
    return true
  }

  private func notANumber(_ start: Int, _ fields: Int) -> FormatError {
    let text = bytes[start...].prefix { $0 != UInt8(ascii: ",") && $0 != 0x0A && $0 != 0x0D }
    return error(
      expected: "a number in column \(fields + 1)",
      found: text.isEmpty ? "an empty field" : quoted(text),
      advice: "Write one sample per line, values separated by commas"
        + (line == 1 && fields == 0 ? "; a header begins with a name." : "."))
  }

  private func error(expected: String, found: String, advice: String) -> FormatError {
    FormatError(path: path, line: line, expected: expected, found: found, advice: advice)
  }
}

// The header.
extension CSVParser {
  /// The fields of the first line if it is a header, with quotes removed: if its first field is a name.
  private func headerFields() -> [String]? {
    guard !isAtBlankEnd() else { return nil }
    var fields: [[UInt8]] = [[]]
    var isQuoted = false
    for byte in bytes[position...] {
      if byte == 0x0A { break }
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if byte == UInt8(ascii: ",") && !isQuoted {
        // The fields of a long line of numbers are never kept as text.
        if fields.count == 1, Self.isNumber(fields[0]) { return nil }
        fields.append([])
      } else if byte != 0x0D {
        fields[fields.count - 1].append(byte)
      }
    }
    if fields.count == 1, Self.isNumber(fields[0]) { return nil }
    let names = fields.map(Self.unquoted)
    return Self.isName(names[0]) ? names : nil
  }

  /// Words for values that are missing; a line that begins with one is a damaged sample.
  private static let missing: Set<String> = ["na", "n/a", "null", "nil", "none", "missing"]

  /// Whether a field that is no number can be the name of a column: `?`, `2f` and nothing cannot.
  private static func isName(_ field: String) -> Bool {
    guard let first = field.first(where: { !$0.isWhitespace }) else { return false }
    return (first.isLetter || first == "_" || first == "#")
      && !missing.contains(field.lowercased().filter { !$0.isWhitespace })
  }

  private static func isNumber(_ field: [UInt8]) -> Bool {
    field.withUnsafeBufferPointer { bytes in
      var parser = NumberParser(bytes)
      var position = 0
      return parser.value(at: &position) != nil
    }
  }

  private static func unquoted(_ field: [UInt8]) -> String {
    let quote = UInt8(ascii: "\"")
    guard field.count >= 2, field.first == quote, field.last == quote else {
      return String(decoding: field, as: UTF8.self)
    }
    return String(decoding: field[1..<(field.count - 1)], as: UTF8.self)
      .replacing("\"\"", with: "\"")
  }

  private mutating func skipLine() {
    while position < bytes.count, bytes[position] != 0x0A { position += 1 }
    position = min(position + 1, bytes.count)
    line += 1
  }
}
