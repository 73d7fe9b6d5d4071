/// A cursor over the bytes of a file that throws where a C parser would read past the end.
struct ByteReader {
  let bytes: [UInt8]
  let path: String
  private(set) var offset: Int

  init(_ bytes: [UInt8], path: String, offset: Int = 0) {
    self.bytes = bytes
    self.path = path
    self.offset = offset
  }

  /// Number of bytes after the cursor.
  var remaining: Int { bytes.count - offset }

  /// Steps over a number of bytes and returns where they are.
  mutating func take(_ count: Int, of what: String) throws -> Range<Int> {
    guard count >= 0, count <= remaining else {
      throw error(
        at: offset, expected: "\(count) bytes of \(what)", found: "\(remaining) bytes",
        advice: truncationAdvice)
    }
    defer { offset += count }
    return offset..<offset + count
  }

  /// An unsigned integer of up to 8 bytes.
  mutating func unsigned(
    _ width: Int, bigEndian: Bool = false, of what: String
  ) throws -> UInt64 {
    let range = try take(width, of: what)
    var value: UInt64 = 0
    for index in 0..<width {
      let byte = bytes[bigEndian ? range.lowerBound + index : range.upperBound - 1 - index]
      value = value << 8 | UInt64(byte)
    }
    return value
  }

  /// An unsigned integer of up to 4 bytes.
  mutating func integer(_ width: Int, bigEndian: Bool = false, of what: String) throws -> Int {
    Int(try unsigned(min(width, 4), bigEndian: bigEndian, of: what))
  }

  /// Checks that the file ends at the cursor.
  func requireEnd() throws {
    guard remaining == 0 else {
      throw error(
        at: offset, expected: "the end of the file", found: "\(remaining) more bytes",
        advice: "The file is damaged or its header is wrong; write it again.")
    }
  }

  func error(at offset: Int, expected: String, found: String, advice: String) -> FormatError {
    FormatError(path: path, offset: offset, expected: expected, found: found, advice: advice)
  }
}

/// What to do about a file that ends too early.
let truncationAdvice = "The file is cut short; copy or download it again."

/// Bytes as a reader of an error message wants them: `00 00 08 03`.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}

/// Text from a file for an error message: quoted, at most 40 characters, control characters replaced.
func quoted(_ bytes: some Collection<UInt8>) -> String {
  let shown = bytes.prefix(40).map { $0 < 32 || $0 == 127 ? UInt8(ascii: "?") : $0 }
  return "'" + String(decoding: shown, as: UTF8.self) + (bytes.count > 40 ? "...'" : "'")
}
