public import Tensors

/// The NPY format of NumPy: one array of numbers, versions 1.0 to 3.0.
///
/// - Source: NumPy documentation, *numpy.lib.format*.
public enum NPY {
  /// The element types that can be written.
  public enum ElementType: String, Sendable, CaseIterable {
    /// 8-byte floating-point numbers.
    case float64 = "<f8"
    /// 4-byte floating-point numbers.
    case float32 = "<f4"
    /// Unsigned bytes.
    case uint8 = "|u1"
    /// Signed 8-byte integers.
    case int64 = "<i8"

    var numberType: NumberType {
      switch self {
      case .float64: .float64
      case .float32: .float32
      case .uint8: .uint8
      case .int64: .int64
      }
    }
  }

  /// Reads an NPY file of numbers or truth values, in either byte and axis order.
  ///
  /// - Parameter path: The file.
  /// - Returns: The array in row-major order.
  /// - Throws: `FormatError`; for 8-byte integers also when no `Double` equals one.
  public static func read(_ path: String) throws -> ArrayFile {
    try parse(try FileBytes.read(path), path: path)
  }

  /// Writes an array as version 1.0 in row-major order; equal arrays give equal bytes.
  ///
  /// - Parameters:
  ///   - array: The values; `float32` rounds them to nearest, integer types must hold them exactly.
  ///   - path: Where the file is to be.
  ///   - type: The element type; by default the one that suits the kind of the array.
  /// - Throws: `FormatError` of kind `unwritable`.
  public static func write(
    _ array: ArrayFile, to path: String, as type: ElementType? = nil
  ) throws {
    let type = type ?? defaultType(of: array)
    var bytes = header(shape: array.shape, type: type)
    try type.numberType.append(array.elements, bigEndian: false, to: &bytes, path: path)
    try AtomicFile.write(bytes, to: path)
  }

  /// Writes a matrix as 8-byte floating-point numbers of shape `[rows, columns]`.
  public static func write(_ matrix: Matrix, to path: String) throws {
    try write(ArrayFile(matrix), to: path)
  }

  /// Writes a tensor as 8-byte floating-point numbers.
  public static func write(_ tensor: Tensor, to path: String) throws {
    try write(ArrayFile(tensor), to: path)
  }

  /// Writes unsigned bytes as they are.
  ///
  /// - Parameters:
  ///   - bytes: The elements in row-major order.
  ///   - shape: Extent of each axis.
  ///   - path: Where the file is to be.
  /// - Throws: `FormatError` of kind `unwritable`.
  /// - Precondition: `bytes.count` is the product of `shape`.
  public static func write(bytes: [UInt8], shape: [Int], to path: String) throws {
    let count = shape.reduce(1, *)
    precondition(
      bytes.count == count, "NPY: shape \(shape) needs \(count) bytes, found \(bytes.count)")
    try AtomicFile.write(header(shape: shape, type: .uint8) + bytes, to: path)
  }

  private static func defaultType(of array: ArrayFile) -> ElementType {
    switch array.elementKind {
    case .unsignedByte: .uint8
    case .integer: .int64
    case .floating: .float64
    }
  }

  /// Everything before the elements, padded to a multiple of 64 bytes as NumPy does.
  private static func header(shape: [Int], type: ElementType) -> [UInt8] {
    let extents =
      shape.count == 1 ? "\(shape[0])," : shape.map(String.init).joined(separator: ", ")
    var text = "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': (\(extents)), }"
    text += String(repeating: " ", count: 63 - (10 + text.utf8.count) % 64) + "\n"
    let length = text.utf8.count
    return NPYHeader.magic + [1, 0, UInt8(length & 255), UInt8(length >> 8)] + Array(text.utf8)
  }

  /// The array in the bytes of a file.
  static func parse(_ bytes: [UInt8], path: String) throws -> ArrayFile {
    var reader = ByteReader(bytes, path: path)
    let header = try NPYHeader(&reader)
    var elements = try reader.elements(
      header.type, count: header.count, bigEndian: header.isBigEndian)
    try reader.requireEnd()
    if header.isFortranOrder { elements = rowMajor(elements, shape: header.shape) }
    return ArrayFile(
      shape: header.shape, elements: elements, elementKind: header.type.elementKind)
  }

  /// The elements of a column-major array in row-major order.
  private static func rowMajor(_ elements: [Double], shape: [Int]) -> [Double] {
    guard shape.count > 1, !elements.isEmpty else { return elements }
    var strides = [1]
    for length in shape.dropLast() { strides.append((strides.last ?? 1) * length) }
    var index = [Int](repeating: 0, count: shape.count)
    var source = 0
    return elements.indices.map { _ in
      defer {
        var axis = shape.count - 1
        while axis >= 0 {
          index[axis] += 1
          source += strides[axis]
          if index[axis] < shape[axis] { break }
          source -= index[axis] * strides[axis]
          index[axis] = 0
          axis -= 1
        }
      }
      return elements[source]
    }
  }
}
