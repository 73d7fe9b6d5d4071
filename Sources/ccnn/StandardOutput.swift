import ConvexCNN

// The streams of C are variables; this process never assigns them.
#if canImport(Glibc)
  @preconcurrency import Glibc
#elseif canImport(Darwin)
  @preconcurrency import Darwin
#endif

/// Standard output, of which no byte is lost in silence.
enum StandardOutput {
  /// From now on a process whose last bytes cannot be written ends with code 74, whatever it printed them with.
  ///
  /// Writing past a limit of file sizes becomes an error like a full disk, where it would end the process by a signal.
  static func watch() {
    signal(SIGXFSZ, SIG_IGN)
    atexit {
      let isComplete = fflush(StandardOutput.stream) == 0
      let code = errno
      guard !isComplete || StandardOutput.hasFailed else { return }
      // What failed earlier has left its mark on the stream but not its reason.
      let error = StandardOutput.failure(isComplete ? nil : code)
      writeError("ccnn: \(error)\n")
      _exit(error.kind.exitCode)
    }
  }

  /// Writes bytes; they may stay in a buffer until the process ends.
  ///
  /// - Throws: `InputError` of kind `access` when they cannot be written.
  static func write(_ bytes: [UInt8]) throws {
    let written = bytes.withUnsafeBufferPointer { fwrite($0.baseAddress, 1, $0.count, stream) }
    guard written == bytes.count else { throw failure(errno) }
  }

  private static var hasFailed: Bool { ferror(stream) != 0 }

  private static var stream: UnsafeMutablePointer<FILE> {
    #if canImport(Darwin)
      stdoutp
    #else
      stdout
    #endif
  }

  private static func failure(_ code: Int32?) -> InputError {
    InputError(
      .access, "standard output", expected: "a place to write to",
      found: code.map { String(cString: strerror($0)) } ?? "an error while it was written",
      advice: "Check where it goes and whether there is space.")
  }
}
