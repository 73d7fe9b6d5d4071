import ConvexCNN

/// How a call ended, as a code, with a message in the caller's buffer.
enum Outcome {
  /// The call did what it was asked.
  static let success: Int32 = 0

  /// Runs a call; what it throws becomes a code and a message that ends with a zero byte.
  static func of(
    _ message: UnsafeMutablePointer<CChar>?, _ capacity: Int64, _ body: () throws -> Void
  ) -> Int32 {
    do {
      try body()
      write("", to: message, capacity)
      return success
    } catch {
      write(text(of: error), to: message, capacity)
      return code(of: error)
    }
  }

  /// The exit code that the command-line tool has for an error.
  private static func code(of error: any Error) -> Int32 {
    switch error {
    case let error as InputError:
      switch error.kind {
      case .usage: 64
      case .data: 65
      case .access: 74
      }
    case is OptionProblems: 64
    case let error as FormatError: error.exitCode
    case is GeometryError, is ProgramError, is ArrangementError, is CertificateError: 65
    case is Trainer.Interrupted: 130
    default: 1
    }
  }

  private static func text(of error: any Error) -> String {
    if let error = error as? Trainer.Interrupted { return "interrupted during \(error.phase)" }
    return "\(error)"
  }

  /// Copies a text with a zero byte at its end, cut off where the buffer ends.
  ///
  /// - Returns: Number of bytes of the whole text, without the zero byte.
  @discardableResult
  static func write(
    _ text: String, to buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int64
  ) -> Int64 {
    let bytes = Array(text.utf8)
    guard let buffer, capacity > 0 else { return Int64(bytes.count) }
    let count = min(bytes.count, Int(capacity) - 1)
    for i in 0..<count { buffer[i] = CChar(bitPattern: bytes[i]) }
    buffer[count] = 0
    return Int64(bytes.count)
  }
}
