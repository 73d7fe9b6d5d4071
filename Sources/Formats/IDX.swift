/// The IDX format of the MNIST files, plain or compressed by gzip.
///
/// Two zero bytes, a type byte, the number of axes, one 4-byte extent for each, then the elements;
/// all big-endian.
///
/// - Source: LeCun, Cortes & Burges, *The MNIST database*, section "File formats".
public enum IDX {
  /// The element types of the format, by their type bytes.
  public enum ElementType: UInt8, Sendable, CaseIterable {
    /// Unsigned bytes.
    case ubyte = 0x08
    /// Signed bytes.
    case sbyte = 0x09
    /// Signed 2-byte integers.
    case short = 0x0B
    /// Signed 4-byte integers.
    case int = 0x0C
    /// 4-byte floating-point numbers.
    case float = 0x0D
    /// 8-byte floating-point numbers.
    case double = 0x0E

    var numberType: NumberType {
      switch self {
      case .ubyte: .uint8
      case .sbyte: .int8
      case .short: .int16
      case .int: .int32
      case .float: .float32
      case .double: .float64
      }
    }
  }

  /// Reads an IDX file, compressed or not.
  ///
  /// - Parameter path: The file; gzip is recognised by its first bytes, not by the name.
  /// - Returns: The array in the units of the file.
  /// - Throws: `FormatError`.
  public static func read(_ path: String) throws -> ArrayFile {
    try parse(try FileBytes.read(path), path: path)
  }

  /// Writes an IDX file; equal arrays give equal bytes.
  ///
  /// - Parameters:
  ///   - array: The values; `float` rounds them to nearest, integer types must hold them exactly.
  ///   - path: Where the file is to be.
  ///   - type: The element type; by default the one that suits the kind of the array.
  ///   - gzip: Whether to compress.
  /// - Throws: `FormatError` of kind `unwritable`.
  public static func write(
    _ array: ArrayFile, to path: String, as type: ElementType? = nil, gzip: Bool = false
  ) throws {
    let type = type ?? defaultType(of: array)
    guard (1...255).contains(array.shape.count), array.shape.allSatisfy({ $0 <= UInt32.max }) else {
      throw FormatError(
        kind: .unwritable, path: path, expected: "1 to 255 axes of at most \(UInt32.max)",
        found: "shape \(array.shape)", advice: "Write NPY instead.")
    }
    var bytes: [UInt8] = [0, 0, type.rawValue, UInt8(array.shape.count)]
    for length in array.shape {
      withUnsafeBytes(of: UInt32(length).bigEndian) { bytes.append(contentsOf: $0) }
    }
    try type.numberType.append(array.elements, bigEndian: true, to: &bytes, path: path)
    if gzip { bytes = try Deflater.deflate(bytes, wrapper: .gzip, path: path) }
    try AtomicFile.write(bytes, to: path)
  }

  private static func defaultType(of array: ArrayFile) -> ElementType {
    switch array.elementKind {
    case .unsignedByte: .ubyte
    case .integer: .int
    case .floating: .double
    }
  }

  /// The array in the bytes of a file, compressed or not.
  static func parse(_ bytes: [UInt8], path: String) throws -> ArrayFile {
    var reader = ByteReader(bytes, path: path)
    if Inflater.isGzip(bytes) { reader = ByteReader(try unpacked(bytes, path), path: path) }
    let header = try Header(&reader)
    let elements = try reader.elements(
      header.type.numberType, count: header.count, bigEndian: true)
    try reader.requireEnd()
    return ArrayFile(
      shape: header.shape, elements: elements, elementKind: header.type.numberType.elementKind)
  }

  /// Number of elements that the header of a file declares, compressed or not.
  static func declaredCount(_ path: String) throws -> Int {
    let bytes = try FileBytes.read(path)
    guard Inflater.isGzip(bytes) else {
      var reader = ByteReader(bytes, path: path)
      return try Header(&reader).count
    }
    let start = try Inflater.inflate(
      bytes, range: bytes.indices, wrapper: .gzip, limit: 4 + 4 * 255, path: path)
    var reader = ByteReader(start, path: path)
    return try Header(&reader).count
  }

  /// The unpacked file: no more than its header declares, and one byte to tell that there is more.
  private static func unpacked(_ bytes: [UInt8], _ path: String) throws -> [UInt8] {
    let longestHeader = 4 + 4 * 255
    let start = try Inflater.inflate(
      bytes, range: bytes.indices, wrapper: .gzip, limit: longestHeader, path: path)
    var reader = ByteReader(start, path: path)
    let header = try Header(&reader)
    let size = reader.offset + header.count * header.type.numberType.byteCount
    guard Inflater.canHold(size, compressed: bytes.count) else {
      throw FormatError(
        path: path, offset: 4, expected: "dimensions that \(bytes.count) compressed bytes can hold",
        found: "shape \(header.shape)", advice: truncationAdvice)
    }
    try FileBytes.requireMemory(forCount: header.count, path: path, offset: 4)
    return try Inflater.inflate(
      bytes, range: bytes.indices, wrapper: .gzip, limit: size + 1, path: path)
  }
}

extension IDX {
  /// The type and shape at the start of a file.
  struct Header {
    let type: ElementType
    let shape: [Int]
    let count: Int

    init(_ reader: inout ByteReader) throws {
      let magic = try reader.take(4, of: "IDX header")
      let bytes = reader.bytes[magic]
      guard bytes.starts(with: [0, 0]) else {
        throw reader.error(
          at: 0, expected: "an IDX file, which starts with 00 00", found: hexadecimal(bytes),
          advice: "Use IDX, NPY, NPZ, CSV, a CIFAR .bin batch or a folder of PNG files.")
      }
      guard let type = ElementType(rawValue: reader.bytes[2]) else {
        throw reader.error(
          at: 2, expected: "an element type 08, 09, 0b, 0c, 0d or 0e",
          found: hexadecimal([reader.bytes[2]]), advice: "Write the file again.")
      }
      guard reader.bytes[3] > 0 else {
        throw reader.error(
          at: 3, expected: "at least one axis", found: "0", advice: "Write the file again.")
      }
      var shape: [Int] = []
      for axis in 0..<reader.bytes[3] {
        shape.append(try reader.integer(4, bigEndian: true, of: "extent of axis \(axis)"))
      }
      guard let count = elementCount(ofShape: shape) else {
        throw reader.error(
          at: 4, expected: "dimensions whose product fits 64 bits", found: "shape \(shape)",
          advice: "The header is damaged; write the file again.")
      }
      self.type = type
      self.shape = shape
      self.count = count
    }
  }
}
