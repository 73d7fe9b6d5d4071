public import Tensors

/// Named tensors and text in one file, in the safetensors format of Hugging Face.
///
/// The length of a JSON header in 8 little-endian bytes, the header, then the tensors' bytes.
///
/// - Source: *safetensors* repository, README, section "Format".
public struct Safetensors: Sendable {
  /// What a file declares about one of its tensors.
  public struct Entry: Sendable, Equatable {
    /// The name of the tensor.
    public let name: String
    /// The element type as the format spells it, such as `F64`.
    public let dtype: String
    /// Extent of each axis.
    public let shape: [Int]
  }

  /// The element types that can be written.
  public enum ElementType: String, Sendable, CaseIterable {
    /// 8-byte floating-point numbers.
    case float64 = "F64"
    /// 4-byte floating-point numbers.
    case float32 = "F32"

    var numberType: NumberType { self == .float64 ? .float64 : .float32 }
  }

  /// The tensors; as read, in the order of the header.
  public var tensors: [(name: String, tensor: Tensor)]
  /// Text beside the tensors, such as the settings of a model.
  public var metadata: [String: String]
  /// What the file declared, in the order of its header; empty unless read from a file.
  public let entries: [Entry]

  /// Tensors and text to be written.
  public init(tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
    entries = []
  }

  private init(_ header: SafetensorsHeader, _ tensors: [(name: String, tensor: Tensor)]) {
    self.tensors = tensors
    metadata = header.metadata
    entries = header.entries.map { Entry(name: $0.name, dtype: $0.dtype, shape: $0.shape) }
  }

  /// The tensor of a name, or nil if there is none.
  public subscript(name: String) -> Tensor? {
    tensors.first { $0.name == name }?.tensor
  }

  /// Reads a file; every element type becomes `Double` without loss.
  ///
  /// - Parameter path: The file.
  /// - Returns: The tensors and the text.
  /// - Throws: `FormatError`, also when tensors overlap, leave holes or are not exactly covered.
  public static func read(_ path: String) throws -> Safetensors {
    try parse(try FileBytes.read(path), path: path)
  }

  static func parse(_ bytes: [UInt8], path: String) throws -> Safetensors {
    let header = try SafetensorsHeader(bytes, path: path)
    let tensors = try header.entries.map { entry in
      var reader = ByteReader(bytes, path: path, offset: header.dataOffset + entry.range.lowerBound)
      let elements = try reader.elements(entry.type, count: entry.count, bigEndian: false)
      return (name: entry.name, tensor: Tensor(shape: entry.shape, elements: elements))
    }
    return Safetensors(header, tensors)
  }

  /// Writes a file; equal contents give equal bytes, whatever the order of the tensors.
  ///
  /// - Parameters:
  ///   - path: Where the file is to be.
  ///   - type: The element type; `float32` rounds to nearest.
  /// - Throws: `FormatError` of kind `unwritable`, also when two tensors have the same name.
  public func write(to path: String, as type: ElementType = .float64) throws {
    let sorted = tensors.sorted { Self.precedes($0.name, $1.name) }
    try requireNames(sorted.map { $0.name }, path)
    var data: [UInt8] = []
    var fields: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { Self.precedes($0.key, $1.key) }
        .map { "\(Self.json($0.key)):\(Self.json($0.value))" }
      fields.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    for (name, tensor) in sorted {
      let start = data.count
      try type.numberType.append(tensor.elements, bigEndian: false, to: &data, path: path)
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      fields.append(
        "\(Self.json(name)):{\"dtype\":\"\(type.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(start),\(data.count)]}")
    }
    var header = Array("{\(fields.joined(separator: ","))}".utf8)
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    guard header.count <= SafetensorsHeader.longest else {
      throw refusal(path, "a header of at most \(SafetensorsHeader.longest) bytes", "a longer one")
    }
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    try AtomicFile.write(length + header + data, to: path)
  }

  private func requireNames(_ names: [String], _ path: String) throws {
    var seen: Set<String> = ["__metadata__"]
    for name in names where !seen.insert(name).inserted {
      throw refusal(path, "different names other than __metadata__", "'\(name)'")
    }
  }

  private func refusal(_ path: String, _ expected: String, _ found: String) -> FormatError {
    FormatError(
      kind: .unwritable, path: path, expected: expected, found: found,
      advice: "Rename or split the tensors.")
  }

  private static func precedes(_ first: String, _ second: String) -> Bool {
    first.utf8.lexicographicallyPrecedes(second.utf8)
  }

  /// A string as JSON writes it.
  private static func json(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
