import Synchronization
import Tensors

/// Share of a count that is done, told to the caller from one thread at a time, and whether to go on.
final class CountingProgress: Sendable {
  private let stopped = Atomic<Bool>(false)
  private let done = Guarded(0.0)
  /// Only called while it is locked, and never after the count returns.
  private nonisolated(unsafe) let report: (Double) -> Bool

  /// Progress told to a closure, which returns whether to go on.
  init(_ report: @escaping (Double) -> Bool) { self.report = report }

  /// Whether the caller asked to stop.
  var isStopped: Bool { stopped.load(ordering: .relaxed) }

  /// Begins anew, with another prime.
  func restart() { done.withLock { $0 = 0 } }

  /// Adds a share of the whole.
  func advance(_ share: Double) {
    guard !isStopped else { return }
    done.withLock { done in
      done += share
      if !report(min(1, done)) { stopped.store(true, ordering: .relaxed) }
    }
  }

  /// `C(k, size) / C(n, size)`: the share of the sets among the first `k` of `n` lines.
  static func share(of k: Int, among n: Int, size: Int) -> Double {
    var share = 1.0
    for i in 0..<size where i < n { share *= Double(max(0, k - i)) / Double(n - i) }
    return share
  }
}
