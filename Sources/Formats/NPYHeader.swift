/// What the header of an NPY file says about its elements.
struct NPYHeader {
  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]

  let type: NumberType
  let isBigEndian: Bool
  let isFortranOrder: Bool
  let shape: [Int]
  let count: Int

  /// Reads a header; the cursor then stands on the first element.
  init(_ reader: inout ByteReader) throws {
    let length = try Self.length(&reader)
    let range = try reader.take(length, of: "NPY header")
    var scanner = HeaderScanner(reader.bytes, range: range, path: reader.path)
    var fields = Fields()
    try scanner.require("{")
    while !scanner.skip("}") {
      try fields.read(&scanner)
      if scanner.skip("}") { break }
      try scanner.require(",")
    }
    guard scanner.next() == nil else { throw scanner.error(expected: "the end of the header") }
    guard let type = fields.type, let order = fields.isFortranOrder, let shape = fields.shape,
      let count = fields.count
    else {
      throw scanner.error(expected: "the keys descr, fortran_order and shape", found: "fewer")
    }
    self.type = type.number
    self.isBigEndian = type.isBigEndian
    self.isFortranOrder = order
    self.shape = shape
    self.count = count
  }

  /// Checks the magic bytes and the version, and reads the length of the header text.
  private static func length(_ reader: inout ByteReader) throws -> Int {
    let start = reader.bytes.prefix(magic.count)
    guard start.elementsEqual(magic) else {
      throw reader.error(
        at: 0, expected: "an NPY file, which starts with 93 'NUMPY'",
        found: start.isEmpty ? "an empty file" : hexadecimal(start),
        advice: "Write the array with numpy.save.")
    }
    _ = try reader.take(magic.count, of: "NPY magic")
    let major = try reader.integer(1, of: "NPY version")
    let minor = try reader.integer(1, of: "NPY version")
    guard (1...3).contains(major), minor == 0 else {
      throw reader.error(
        at: 6, expected: "NPY version 1.0, 2.0 or 3.0", found: "\(major).\(minor)",
        advice: "Write the array with numpy.save.")
    }
    return try reader.integer(major == 1 ? 2 : 4, of: "NPY header length")
  }
}

extension NPYHeader {
  /// The entries of the dictionary, as far as they have been read.
  private struct Fields {
    var type: (number: NumberType, isBigEndian: Bool)?
    var isFortranOrder: Bool?
    var shape: [Int]?
    var count: Int?

    mutating func read(_ scanner: inout HeaderScanner) throws {
      _ = scanner.next()
      let keyStart = scanner
      let key = try scanner.plainString()
      try scanner.require(":")
      switch key {
      case "descr" where type == nil: type = try Self.type(&scanner)
      case "fortran_order" where isFortranOrder == nil:
        isFortranOrder = scanner.skip(word: "True")
        if isFortranOrder == false && !scanner.skip(word: "False") {
          throw scanner.error(expected: "True or False")
        }
      case "shape" where shape == nil:
        _ = scanner.next()
        let start = scanner
        try scanner.require("(")
        let extents = try scanner.wholeNumbers(until: ")", allowsTrailingComma: true)
        guard extents.count <= 64, let product = elementCount(ofShape: extents) else {
          throw start.error(
            expected: "at most 64 dimensions whose product fits 64 bits",
            found: "shape \(extents.prefix(64))")
        }
        shape = extents
        count = product
      default:
        throw keyStart.error(
          expected: "each of the keys descr, fortran_order and shape once",
          found: quoted(Array(key.utf8)))
      }
    }

    /// A type such as `'<f8'`: byte order, kind, bytes of one element.
    private static func type(
      _ scanner: inout HeaderScanner
    ) throws -> (number: NumberType, isBigEndian: Bool) {
      _ = scanner.next()
      let start = scanner
      let supported = "an element type b1, u1 to u8, i1 to i8 or f2 to f8 with its byte order"
      guard let quote = scanner.next(), quote == 0x27 || quote == 0x22 else {
        throw start.error(expected: supported)
      }
      let description = try scanner.plainString()
      let numbers: [String: NumberType] = [
        "b1": .bool, "u1": .uint8, "i1": .int8, "u2": .uint16, "i2": .int16, "u4": .uint32,
        "i4": .int32, "u8": .uint64, "i8": .int64, "f2": .float16, "f4": .float32, "f8": .float64,
      ]
      guard let order = description.first, let number = numbers[String(description.dropFirst())],
        order == "<" || order == ">" || (order == "|" && number.byteCount == 1)
      else {
        throw start.error(expected: supported, found: quoted(Array(description.utf8)))
      }
      return (number, order == ">")
    }
  }
}
