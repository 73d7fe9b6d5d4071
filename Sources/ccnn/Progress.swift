import ConvexCNN

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Progress on standard error: one line that is rewritten on a terminal, plain lines elsewhere.
///
/// Only ever used from the thread that trains.
final class Progress {
  private let isSilent: Bool
  private let isTerminal: Bool
  private let limit: Double?
  private let write: (String) -> Void
  private let watch = Stopwatch()
  private var lastShown: Double?
  private var hasOpenLine = false
  private var firstGap: (seconds: Double, gap: Double)?

  /// A progress line.
  ///
  /// - Parameters:
  ///   - isSilent: Whether nothing is shown.
  ///   - isTerminal: Whether lines can be rewritten.
  ///   - limit: Time limit in seconds, if there is one.
  ///   - write: Where text goes.
  init(
    isSilent: Bool, isTerminal: Bool = isatty(STDERR_FILENO) == 1, limit: Double? = nil,
    write: @escaping (String) -> Void = writeError
  ) {
    self.isSilent = isSilent
    self.isTerminal = isTerminal
    self.limit = limit
    self.write = write
  }

  /// A line that stays.
  func note(_ text: String) {
    guard !isSilent else { return }
    finishLine()
    write(text + "\n")
  }

  /// Shows a step of a solver, at most ten times a second on a terminal and every two seconds elsewhere.
  ///
  /// - Parameters:
  ///   - row: The step.
  ///   - target: Relative gap aimed at, if the solver measures one.
  func show(_ row: TraceRow, target: Double? = nil) {
    guard !isSilent else { return }
    let now = watch.seconds
    if let lastShown, now - lastShown < (isTerminal ? 0.1 : 2) { return }
    lastShown = now
    let text = Self.line(row, remaining: remaining(row, target: target, now: now))
    if isTerminal {
      write("\r" + text.padded(to: 79))
      hasOpenLine = true
    } else {
      write(text + "\n")
    }
  }

  /// Ends a line that is being rewritten.
  func finishLine() {
    if hasOpenLine { write("\n") }
    hasOpenLine = false
  }

  /// A step in one line of at most 79 characters.
  static func line(_ row: TraceRow, remaining: Double?) -> String {
    var text = row.phase.padded(to: 10)
    let iteration = String(row.iteration)
    text += String(repeating: " ", count: max(0, 6 - iteration.count) + 1) + iteration
    text += digits(row.objective, "  objective %.6e")
    if let bound = row.lowerBound, row.objective > 0 {
      text += digits((row.objective - bound) / row.objective, "  gap %.1e")
    }
    text += "  \(row.neuronCount) neurons"
    if let remaining { text += digits(remaining, "  %.0f s left") }
    return String(text.prefix(79))
  }

  /// Seconds left: until the gap is reached at the rate seen so far, and never past the time limit.
  private func remaining(_ row: TraceRow, target: Double?, now: Double) -> Double? {
    let untilLimit = limit.map { max(0, $0 - now) }
    guard let target, let bound = row.lowerBound, row.objective > 0 else { return untilLimit }
    let gap = (row.objective - bound) / row.objective
    guard gap > target, gap < 1 else { return untilLimit }
    guard let first = firstGap else {
      firstGap = (now, gap)
      return untilLimit
    }
    let rate = log(first.gap / gap) / max(1e-9, now - first.seconds)
    guard rate > 0 else { return untilLimit }
    let estimate = log(gap / target) / rate
    return min(estimate, untilLimit ?? .infinity)
  }
}
