/// The element types of the binary formats, and their bytes.
enum NumberType: Sendable, CaseIterable {
  case bool, uint8, int8, uint16, int16, uint32, int32, uint64, int64
  case float16, bfloat16, float32, float64

  /// Number of bytes of one element.
  var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16, .bfloat16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// The sort of numbers, as callers tell pixels, classes and targets apart.
  var elementKind: ElementKind {
    switch self {
    case .uint8: .unsignedByte
    case .float16, .bfloat16, .float32, .float64: .floating
    default: .integer
    }
  }
}

// Reading. Every value becomes the `Double` that equals it.
extension NumberType {
  /// The elements in a range of bytes, and the index of the first one that no `Double` equals.
  ///
  /// - Precondition: The range holds a whole number of elements and lies in `bytes`.
  func decode(
    _ bytes: [UInt8], range: Range<Int>, bigEndian: Bool
  ) -> (elements: [Double], firstInexact: Int?) {
    var firstInexact: Int?
    let elements = bytes.withUnsafeBytes { buffer in
      let source = UnsafeRawBufferPointer(rebasing: buffer[range])
      return [Double](unsafeUninitializedCapacity: source.count / byteCount) { target, count in
        count = source.count / byteCount
        firstInexact = decode(source, into: target, count: count, bigEndian: bigEndian)
      }
    }
    return (elements, firstInexact)
  }

  /// Overwrites `count` numbers, and returns the index of the first one that no `Double` equals.
  func decode(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Double>, count: Int,
    bigEndian: Bool
  ) -> Int? {
    switch self {
    case .bool: map(source, target, count, bigEndian) { (bits: UInt8) in bits == 0 ? 0 : 1 }
    case .uint8: map(source, target, count, bigEndian) { (bits: UInt8) in Double(bits) }
    case .int8: map(source, target, count, bigEndian) { (bits: Int8) in Double(bits) }
    case .uint16: map(source, target, count, bigEndian) { (bits: UInt16) in Double(bits) }
    case .int16: map(source, target, count, bigEndian) { (bits: Int16) in Double(bits) }
    case .uint32: map(source, target, count, bigEndian) { (bits: UInt32) in Double(bits) }
    case .int32: map(source, target, count, bigEndian) { (bits: Int32) in Double(bits) }
    case .float16: map(source, target, count, bigEndian, widenHalf)
    case .bfloat16:
      map(source, target, count, bigEndian) { (bits: UInt16) in
        Double(Float(bitPattern: UInt32(bits) << 16))
      }
    case .float32:
      map(source, target, count, bigEndian) { (bits: UInt32) in Double(Float(bitPattern: bits)) }
    case .float64:
      map(source, target, count, bigEndian) { (bits: UInt64) in Double(bitPattern: bits) }
    case .uint64:
      map(source, target, count, bigEndian) { (bits: UInt64) in
        Double(exactly: bits) ?? .nan
      }
      return target[..<count].firstIndex { $0.isNaN }
    case .int64:
      map(source, target, count, bigEndian) { (bits: Int64) in
        Double(exactly: bits) ?? .nan
      }
      return target[..<count].firstIndex { $0.isNaN }
    }
    return nil
  }

  @inline(__always)
  private func map<Bits: FixedWidthInteger>(
    _ source: UnsafeRawBufferPointer, _ target: UnsafeMutableBufferPointer<Double>, _ count: Int,
    _ bigEndian: Bool, _ value: (Bits) -> Double
  ) {
    for index in 0..<count {
      let bits = source.loadUnaligned(
        fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
      target[index] = value(bigEndian ? Bits(bigEndian: bits) : Bits(littleEndian: bits))
    }
  }
}

/// The value of a half-precision number: 1 sign, 5 exponent and 10 fraction bits.
private func widenHalf(_ bits: UInt16) -> Double {
  let fraction = Double(bits & 0x3FF)
  let exponent = Int(bits >> 10 & 0x1F)
  let magnitude =
    switch exponent {
    case 0: fraction * 0x1p-24
    case 31: fraction == 0 ? Double.infinity : Double.nan
    default: Double(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
    }
  return bits & 0x8000 == 0 ? magnitude : -magnitude
}

// Writing.
extension NumberType {
  /// The bytes of some values, or the index of the first value that this type cannot hold.
  ///
  /// Integer types hold a value only exactly; 4-byte floating point rounds it to nearest. Types
  /// that no writer offers hold nothing.
  func encode(
    _ values: [Double], bigEndian: Bool, into bytes: inout [UInt8]
  ) -> Int? {
    bytes.reserveCapacity(bytes.count + values.count * byteCount)
    switch self {
    case .uint8: return append(values, bigEndian, &bytes) { UInt8(exactly: $0) }
    case .int8: return append(values, bigEndian, &bytes) { Int8(exactly: $0) }
    case .int16: return append(values, bigEndian, &bytes) { Int16(exactly: $0) }
    case .int32: return append(values, bigEndian, &bytes) { Int32(exactly: $0) }
    case .int64: return append(values, bigEndian, &bytes) { Int64(exactly: $0) }
    case .float32: return append(values, bigEndian, &bytes) { Float($0).bitPattern }
    case .float64: return append(values, bigEndian, &bytes) { $0.bitPattern }
    default: return values.isEmpty ? nil : 0
    }
  }

  @inline(__always)
  private func append<Bits: FixedWidthInteger>(
    _ values: [Double], _ bigEndian: Bool, _ bytes: inout [UInt8], _ bits: (Double) -> Bits?
  ) -> Int? {
    for (index, value) in values.enumerated() {
      guard let bits = bits(value) else { return index }
      withUnsafeBytes(of: bigEndian ? bits.bigEndian : bits.littleEndian) {
        bytes.append(contentsOf: $0)
      }
    }
    return nil
  }

  /// Appends the bytes of some values, or throws if this type cannot hold one of them.
  func append(
    _ values: [Double], bigEndian: Bool, to bytes: inout [UInt8], path: String
  ) throws {
    if let index = encode(values, bigEndian: bigEndian, into: &bytes) {
      throw FormatError(
        kind: .unwritable, path: path, expected: "values that \(self) can hold",
        found: "\(values[index]) at index \(index)",
        advice: "Write the array with a wider element type.")
    }
  }
}

extension ByteReader {
  /// The elements of a given type from the cursor on; steps over them.
  mutating func elements(
    _ type: NumberType, count: Int, bigEndian: Bool
  ) throws -> [Double] {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: type.byteCount)
    let range = try take(overflow ? Int.max : byteCount, of: "\(count) \(type) elements")
    try FileBytes.requireMemory(forCount: count, path: path, offset: range.lowerBound)
    let (elements, inexact) = type.decode(bytes, range: range, bigEndian: bigEndian)
    if let inexact {
      throw error(
        at: range.lowerBound + inexact * type.byteCount,
        expected: "whole numbers that fit a Double exactly",
        found: "a \(type) of more than 53 bits", advice: "Use smaller numbers or floating point.")
    }
    return elements
  }
}
