import ConvexCNN

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Progress of an enumeration on standard error, with time left.
///
/// Only ever called from one thread at a time.
final class EnumerationProgress {
  private let isSilent: Bool
  private let isTerminal: Bool
  private let clock: () -> Double
  private let write: (String) -> Void
  private var total: Double?
  private var isExact = false
  private var lastShown = 0.0
  private var hasOpenLine = false
  /// Where the present work began: its seconds and what was done by then.
  private var start = (seconds: 0.0, done: 0.0)

  /// Progress on a stream.
  ///
  /// - Parameters:
  ///   - isSilent: Whether nothing is shown.
  ///   - isTerminal: Whether lines can be rewritten.
  ///   - clock: Seconds since some moment.
  ///   - write: Where text goes.
  init(
    isSilent: Bool, isTerminal: Bool = isatty(STDERR_FILENO) == 1, clock: (() -> Double)? = nil,
    write: @escaping (String) -> Void = writeError
  ) {
    self.isSilent = isSilent
    self.isTerminal = isTerminal
    self.write = write
    let watch = Stopwatch()
    self.clock = clock ?? { watch.seconds }
  }

  /// Says before the run how many cells there can be and how long counting and listing may take.
  func announce(rows: Int, _ forecast: CountForecast, threads: Int, faces: Bool) {
    let bound = forecast.cellUpperBound.map { "at most \($0) cells" } ?? "more than 2^128 cells"
    note("ccnn: \(rows) rows, \(forecast.lineCount) lines, rank \(forecast.rank): \(bound)")
    let each = 1 / Double(threads)
    let counting = min(forecast.countingSeconds, forecast.sweepCountingSeconds)
    var text = "ccnn: estimated at most \(Self.duration(each * counting)) to count"
    if faces { text += ", \(Self.duration(each * forecast.faceCountingSeconds)) to count faces" }
    text += ", \(Self.duration(each * forecast.listingSeconds)) to list"
    note(threads == 1 ? text : text + " on \(threads) threads")
  }

  /// A line that stays.
  func note(_ text: String) {
    guard !isSilent else { return }
    finishLine()
    write(text + "\n")
  }

  /// Begins to go through cells.
  ///
  /// - Parameters:
  ///   - cells: How many there are to go through.
  ///   - isExact: Whether there are not fewer.
  ///   - done: How many an earlier run went through.
  func expect(cells: UInt128?, isExact: Bool, done: UInt64 = 0) {
    total = cells.map { Double($0) }
    self.isExact = isExact
    start = (clock(), Double(done))
  }

  /// Shows how many cells have been found, at most ten times a second on a terminal and every two
  /// seconds elsewhere.
  func show(_ cells: UInt64) {
    show { now in
      var text = "\(cells) cells  \(Self.duration(now - start.seconds))"
      let found = Double(cells) - start.done
      if let total, found > 0 {
        let left = max(0, total - Double(cells)) * (now - start.seconds) / found
        text += ", \(isExact ? "" : "at most ")\(Self.duration(left)) left"
      }
      return text
    }
  }

  /// Shows the share of a count that is done.
  ///
  /// - Parameters:
  ///   - what: What the share is of, or was done.
  ///   - share: From 0 to 1; the first share of a count is taken for its beginning.
  ///   - limit: Seconds after which the count is given up.
  func show(_ what: String, share: Double, limit: Double? = nil) {
    if start.seconds == 0 || share < start.done { start = (clock(), share) }
    show { now in
      let spent = now - start.seconds
      var text = digits(100 * share, "%.1f %% ") + what + "  " + Self.duration(spent)
      let found = share - start.done
      if found > 0 {
        let left = (1 - share) * spent / found
        text += ", \(Self.duration(min(left, limit.map { max(0, $0 - spent) } ?? left))) left"
      }
      return text
    }
  }

  private func show(_ line: (Double) -> String) {
    let now = clock()
    guard !isSilent, now - lastShown >= (isTerminal ? 0.1 : 2) else { return }
    lastShown = now
    if isTerminal {
      write("\r" + line(now).padded(to: 79))
      hasOpenLine = true
    } else {
      write(line(now) + "\n")
    }
  }

  /// Ends a line that is being rewritten.
  func finishLine() {
    if hasOpenLine { write("\n") }
    hasOpenLine = false
  }

  /// A time in the unit that suits it.
  static func duration(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.1: "0.1 s"
    case ..<10: digits(seconds, "%.1f s")
    case ..<600: digits(seconds, "%.0f s")
    case ..<36_000: digits(seconds / 60, "%.0f min")
    case ..<864_000: digits(seconds / 3600, "%.0f h")
    case ..<3.2e8: digits(seconds / 86_400, "%.0f days")
    default: digits(seconds / 3.156e7, "%.2g years")
    }
  }
}
