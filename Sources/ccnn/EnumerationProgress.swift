import ConvexCNN
import Foundation

/// Progress of an enumeration on standard error, with time left.
///
/// Only ever called from one thread at a time.
final class EnumerationProgress {
  private let isSilent: Bool
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let upperBound: Double?
  private let watch = Stopwatch()
  private var lastShown = 0.0
  private var hasOpenLine = false
  private var first: UInt64?

  /// Progress towards at most `upperBound` cells, split over shards.
  init(isSilent: Bool, upperBound: UInt64?, shards: Int) {
    self.isSilent = isSilent
    self.upperBound = upperBound.map { Double($0) / Double(shards) }
  }

  /// Says before the run what there is to do.
  func announce(rows: Int, _ enumeration: CellEnumeration) {
    let bound = enumeration.upperBound.map { "at most \($0) cells" } ?? "more than 2^64 cells"
    let time = upperBound.map { String(format: ", about %.2g s at most", $0 * 3e-8) } ?? ""
    note(
      "ccnn: \(rows) rows, \(enumeration.lineCount) lines, rank \(enumeration.rank): \(bound)"
        + time)
  }

  /// A line that stays.
  func note(_ text: String) {
    guard !isSilent else { return }
    finishLine()
    writeError(text + "\n")
  }

  /// Shows how many cells have been found, at most ten times a second on a terminal and every two
  /// seconds elsewhere.
  func show(_ cells: UInt64) {
    let now = watch.seconds
    if first == nil { first = cells }
    guard !isSilent, now - lastShown >= (isTerminal ? 0.1 : 2) else { return }
    lastShown = now
    var text = "\(cells) cells"
    let found = Double(cells - (first ?? 0))
    if let upperBound, found > 0 {
      let left = max(0, upperBound - Double(cells)) * now / found
      text += String(format: "  %.0f s, at most %.0f s left", now, left)
    }
    if isTerminal {
      writeError("\r" + text.padding(toLength: 79, withPad: " ", startingAt: 0))
      hasOpenLine = true
    } else {
      writeError(text + "\n")
    }
  }

  /// Ends a line that is being rewritten.
  func finishLine() {
    if hasOpenLine { writeError("\n") }
    hasOpenLine = false
  }
}
