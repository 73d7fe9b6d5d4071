import ArgumentParser
import ConvexCNN
import Reports

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An end of the tool that is not a success: what to say and with which code to exit.
struct Failure: Error {
  /// Code of the process.
  let code: Int32
  /// Lines for standard error.
  let message: String

  /// A failure with a code and a message.
  init(code: Int32, message: String) {
    self.code = code
    self.message = message
  }

  /// The failure of an error of the library; nil when it is the argument parser's own.
  init?(_ error: any Error) {
    switch error {
    case let failure as Failure: self = failure
    case let error as InputError: self.init(code: error.kind.exitCode, message: "\(error)")
    case let error as OptionProblems: self.init(code: 64, message: "\(error)")
    case let error as FormatError: self.init(code: error.exitCode, message: "\(error)")
    case is GeometryError, is ProgramError, is ArrangementError, is CertificateError:
      self.init(code: 65, message: "\(error)")
    case let error as ChartError: self.init(code: 65, message: "\(error)")
    case is LAPACK.Failure: self.init(code: 1, message: "\(error)")
    default: return nil
    }
  }

  /// Prints the message and ends the process.
  func exit() -> Never {
    for line in message.split(separator: "\n") { writeError("ccnn: \(line)\n") }
    leave(code)
  }
}

extension InputError.Kind {
  /// The code of a process that stops on such an error.
  var exitCode: Int32 {
    switch self {
    case .usage: 64
    case .data: 65
    case .access: 74
    }
  }
}

/// Writes text to standard error, unbuffered.
func writeError(_ text: String) {
  var text = text
  text.withUTF8 { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
}

/// `exit(3)`, under a name that `Failure.exit` does not hide.
private func leave(_ code: Int32) -> Never { exit(code) }
