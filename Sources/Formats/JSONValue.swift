/// A JSON document whose numbers keep the digits of the file.
public indirect enum JSONValue: Sendable, Equatable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number as it is written, for example `1e-05`.
  case number(String)
  /// A string, escapes resolved.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object; members in the order of the file, each name once.
  case object([Member])

  /// A name and its value.
  public struct Member: Sendable, Equatable {
    /// The name, escapes resolved.
    public let name: String
    /// The value.
    public let value: JSONValue

    /// A member of an object.
    public init(_ name: String, _ value: JSONValue) { (self.name, self.value) = (name, value) }
  }

  /// Most bytes of a document.
  public static let largestSize = 64 << 20
  /// Most objects and arrays inside each other.
  public static let largestDepth = 64

  /// Reads a document.
  ///
  /// - Parameter path: The file.
  /// - Throws: `FormatError` with the line when the file cannot be read, is larger than `largestSize`, or is not JSON as RFC 8259
  ///   has it: among others, when a name is there twice or strings are not UTF-8.
  public init(contentsOf path: String) throws {
    try self.init(parsing: try FileBytes.read(path), path: path)
  }

  /// Parses a document.
  ///
  /// - Parameters:
  ///   - bytes: The text in UTF-8.
  ///   - path: Name of the document in errors.
  /// - Throws: As `init(contentsOf:)`.
  /// - Complexity: O(`bytes.count`).
  public init(parsing bytes: [UInt8], path: String) throws {
    guard bytes.count <= Self.largestSize else {
      throw FormatError(
        path: path, expected: "a JSON document of at most \(Self.largestSize) bytes",
        found: "\(bytes.count) bytes", advice: "Name a result of ccnn.")
    }
    var parser = JSONParser(bytes: bytes, path: path)
    self = try parser.document()
  }

  /// The member of an object with a name; nil for other values and names.
  ///
  /// - Parameter name: The name.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// What the value is, in words.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .number(let digits): "the number \(digits)"
    case .string: "a string"
    case .array(let values): "an array of \(values.count)"
    case .object: "an object"
    }
  }
}
