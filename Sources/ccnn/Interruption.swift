import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Control-C, remembered so that the current step can finish.
enum Interruption {
  private static let flag = Atomic<Bool>(false)

  /// Whether the user asked to stop.
  static var isRequested: Bool { flag.load(ordering: .relaxed) }

  /// Remembers the next SIGINT or SIGTERM instead of dying from it; a second one ends the process at once.
  ///
  /// The signals are unblocked too: a parent that starts the tool from a worker thread hands down a mask.
  static func watch() {
    _ = isRequested
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM] { sigaddset(&signals, number) }
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    for number in [SIGINT, SIGTERM] {
      signal(number) { number in
        Interruption.flag.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }
}
