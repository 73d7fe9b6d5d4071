#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// JSON that other programs read: sorted keys, numbers finite or null.
package enum JSON {
  /// The text of a value, with a line break at the end.
  ///
  /// - Parameter value: A value whose numbers are finite; wrap others in `Finite`.
  /// - Returns: Indented JSON.
  /// - Throws: `EncodingError` when a number is infinite or not a number.
  package static func text(of value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
  }

  /// The text of an object with `details` as its last key, each part of them in one line.
  ///
  /// - Parameters:
  ///   - value: A value that is written as an object.
  ///   - details: What a report shows beside it; absent parts are null.
  /// - Returns: JSON whose first lines are those of `value` alone.
  /// - Throws: `EncodingError` when a number is infinite or not a number.
  package static func text(of value: some Encodable, details: RunDetails) throws -> String {
    let parts = [
      ("data", try line(of: details.data)), ("predictions", try line(of: details.predictions)),
      ("trace", try line(of: details.trace)), ("weights", try line(of: details.weights)),
    ]
    let lines = parts.map { "    \"\($0.0)\" : \($0.1)" }.joined(separator: ",\n")
    return try text(of: value).dropLast(3) + ",\n  \"details\" : {\n\(lines)\n  }\n}\n"
  }

  /// The text of a value in one line.
  static func line(of value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }
}

/// A number that is written as null when it is absent, infinite or not a number.
public struct Finite: Sendable, Equatable, Codable {
  /// The number, nil when there is no finite one.
  public let value: Double?

  /// The number if it is finite.
  ///
  /// - Parameter value: Any number, or nil.
  public init(_ value: Double?) { self.value = value.flatMap { $0.isFinite ? $0 : nil } }

  /// Reads a number or null.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    self.init(container.decodeNil() ? nil : try container.decode(Double.self))
  }

  /// Writes the number or null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let value { try container.encode(value) } else { try container.encodeNil() }
  }
}

/// A value that is written as null when it is absent, so that its key is always there.
public struct Nullable<Value: Sendable & Equatable & Codable>: Sendable, Equatable, Codable {
  /// The value, nil when there is none.
  public let value: Value?

  /// The value, or none.
  public init(_ value: Value?) { self.value = value }

  /// Reads a value or null.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    self.init(container.decodeNil() ? nil : try container.decode(Value.self))
  }

  /// Writes the value or null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let value { try container.encode(value) } else { try container.encodeNil() }
  }
}
