/// The JSON header of a safetensors file, checked against the bytes behind it.
struct SafetensorsHeader {
  /// Longest header that is read, as in the reference implementation.
  static let longest = 100_000_000

  /// One tensor; its range counts from the first byte behind the header.
  struct Entry {
    let name: String
    let dtype: String
    let type: NumberType
    let shape: [Int]
    let count: Int
    let range: Range<Int>
    let offset: Int
  }

  let entries: [Entry]
  let metadata: [String: String]
  let dataOffset: Int

  private static let types: [String: NumberType] = [
    "BOOL": .bool, "U8": .uint8, "I8": .int8, "U16": .uint16, "I16": .int16, "U32": .uint32,
    "I32": .int32, "U64": .uint64, "I64": .int64, "F16": .float16, "BF16": .bfloat16,
    "F32": .float32, "F64": .float64,
  ]

  init(_ bytes: [UInt8], path: String) throws {
    var reader = ByteReader(bytes, path: path)
    let length = try reader.unsigned(8, of: "safetensors header length")
    guard length <= Self.longest else {
      throw reader.error(
        at: 0, expected: "a safetensors header of at most \(Self.longest) bytes",
        found: "\(length)", advice: "The file is damaged or not of this format.")
    }
    let range = try reader.take(Int(length), of: "safetensors header")
    dataOffset = range.upperBound
    var scanner = HeaderScanner(bytes, range: range, path: path)
    var entries: [Entry] = []
    var metadata: [String: String]?
    var names: Set<String> = []
    try Self.object(&scanner) { name, start, scanner in
      guard names.insert(name).inserted else {
        throw start.error(expected: "each name once", found: quoted(Array(name.utf8)))
      }
      if name == "__metadata__" {
        metadata = try Self.strings(&scanner)
      } else {
        entries.append(try Self.entry(name, &scanner))
      }
    }
    guard scanner.next() == nil else { throw scanner.error(expected: "the end of the header") }
    self.entries = entries
    self.metadata = metadata ?? [:]
    try requireCoverage(reader)
  }

  /// Reads `{"name": value, ...}`; `value` reads one value and is given its name and place.
  private static func object(
    _ scanner: inout HeaderScanner,
    _ value: (String, HeaderScanner, inout HeaderScanner) throws -> Void
  ) throws {
    try scanner.require("{")
    if scanner.skip("}") { return }
    while true {
      _ = scanner.next()
      let start = scanner
      let name = try scanner.jsonString()
      try scanner.require(":")
      try value(name, start, &scanner)
      if scanner.skip("}") { return }
      try scanner.require(",")
    }
  }

  private static func strings(_ scanner: inout HeaderScanner) throws -> [String: String] {
    var strings: [String: String] = [:]
    try object(&scanner) { name, start, scanner in
      let text = try scanner.jsonString()
      guard strings.updateValue(text, forKey: name) == nil else {
        throw start.error(expected: "each key once", found: quoted(Array(name.utf8)))
      }
    }
    return strings
  }

  private static func entry(_ name: String, _ scanner: inout HeaderScanner) throws -> Entry {
    _ = scanner.next()
    let start = scanner
    var dtype: String?
    var shape: [Int]?
    var offsets: [Int]?
    try object(&scanner) { key, start, scanner in
      switch key {
      case "dtype" where dtype == nil: dtype = try scanner.jsonString()
      case "shape" where shape == nil: shape = try list(&scanner)
      case "data_offsets" where offsets == nil: offsets = try list(&scanner)
      default:
        throw start.error(
          expected: "each of dtype, shape and data_offsets once", found: quoted(Array(key.utf8)))
      }
    }
    guard let dtype, let shape, let offsets else {
      throw start.error(expected: "dtype, shape and data_offsets of '\(name)'", found: "fewer")
    }
    guard let type = types[dtype] else {
      throw start.error(
        expected: "a dtype of \(types.keys.sorted().joined(separator: ", "))",
        found: quoted(Array(dtype.utf8)))
    }
    guard let count = elementCount(ofShape: shape) else {
      throw start.error(
        expected: "dimensions whose product fits 64 bits", found: "shape \(shape.prefix(64))")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1],
      offsets[1] - offsets[0] == count * type.byteCount
    else {
      throw start.error(
        expected: "data_offsets that span the \(count * type.byteCount) bytes of '\(name)'",
        found: "\(offsets.prefix(4))")
    }
    return Entry(
      name: name, dtype: dtype, type: type, shape: shape, count: count,
      range: offsets[0]..<offsets[1], offset: start.offset)
  }

  private static func list(_ scanner: inout HeaderScanner) throws -> [Int] {
    try scanner.require("[")
    return try scanner.wholeNumbers(until: "]", allowsTrailingComma: false)
  }

  /// Checks that the tensors follow each other without holes up to the end of the file.
  private func requireCoverage(_ reader: ByteReader) throws {
    var end = 0
    let ordered = entries.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    for entry in ordered {
      guard entry.range.lowerBound == end else {
        throw reader.error(
          at: entry.offset, expected: "'\(entry.name)' at byte \(end) of the data",
          found: "\(entry.range.lowerBound)",
          advice: "Tensors must not overlap or leave holes; write the file again.")
      }
      end = entry.range.upperBound
    }
    guard end <= reader.remaining else {
      throw reader.error(
        at: reader.bytes.count, expected: "\(end) bytes of tensors",
        found: "\(reader.remaining) bytes", advice: truncationAdvice)
    }
    guard end == reader.remaining else {
      throw reader.error(
        at: dataOffset + end, expected: "the end of the file",
        found: "\(reader.remaining - end) more bytes",
        advice: "The file is damaged or its header is wrong; write it again.")
    }
  }
}
