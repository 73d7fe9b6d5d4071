/// A file that could not be read, understood or written, and the place where it went wrong.
///
/// The description reads `path:offset: expected X, found Y. Advice.`
public struct FormatError: Error, Equatable, CustomStringConvertible {
  /// What failed: the contents of a file, or access to it.
  public enum Kind: Sendable, Equatable {
    /// The bytes do not form a valid file.
    case malformed
    /// The file cannot be opened or read.
    case unreadable
    /// The file cannot be written.
    case unwritable
  }

  /// Whether the contents or the access to the file failed.
  public let kind: Kind
  /// The file, or `archive:key` for a member of an archive.
  public let path: String
  /// Byte offset from 0, if the place is known; inside a compressed file, of the unpacked bytes
  /// unless the compressed stream itself is damaged.
  public let offset: Int?
  /// Line number from 1, in text files.
  public let line: Int?
  /// What a valid file has at this place.
  public let expected: String
  /// What this file has.
  public let found: String
  /// What to do about it: a full sentence.
  public let advice: String

  /// An error at a place in a file.
  public init(
    kind: Kind = .malformed, path: String, offset: Int? = nil, line: Int? = nil, expected: String,
    found: String, advice: String
  ) {
    self.kind = kind
    self.path = path
    self.offset = offset
    self.line = line
    self.expected = expected
    self.found = found
    self.advice = advice
  }

  /// The place, what was expected, what was found and what to do, in one line.
  public var description: String {
    let place = (offset ?? line).map { "\(path):\($0)" } ?? path
    return "\(place): expected \(expected), found \(found). \(advice)"
  }

  /// The exit status of a process that stops on this error.
  ///
  /// 65 for bad data, 74 for a file that cannot be read or written.
  public var exitCode: Int32 { kind == .malformed ? 65 : 74 }
}

extension FormatError {
  /// The same error, reported under another name of the file.
  func renamed(_ path: String) -> FormatError {
    FormatError(
      kind: kind, path: path, offset: offset, line: line, expected: expected, found: found,
      advice: advice)
  }
}
