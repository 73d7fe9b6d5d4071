import Dispatch
import Synchronization

/// Loops over fixed chunks on several threads.
///
/// Chunk boundaries depend on the problem only, never on the number of threads, and each chunk writes to its own
/// place; callers reduce the chunks in order. Results then have the same bits for any number of threads.
public enum Parallel {
  /// Number of processors the system offers.
  public static var processorCount: Int { ThreadCount.available }

  /// Runs `body` once for each chunk of `0..<count`, on at most `threads` threads, and waits for all.
  ///
  /// - Parameters:
  ///   - count: Number of items.
  ///   - chunk: Items per chunk; the last chunk may be shorter.
  ///   - threads: Upper bound on the threads used; 1 runs on the caller's.
  ///   - body: Receives the chunk's number and its range of items. Called concurrently.
  /// - Precondition: `chunk > 0`.
  package static func forEachChunk(
    of count: Int, chunk: Int, threads: Int, _ body: (Int, Range<Int>) -> Void
  ) {
    precondition(chunk > 0, "forEachChunk: expected a positive chunk, found \(chunk)")
    let chunks = (count + chunk - 1) / chunk
    let workers = min(threads, chunks)
    guard workers > 1 else {
      for index in 0..<chunks { body(index, index * chunk..<min(count, (index + 1) * chunk)) }
      return
    }
    // Its orderings say again what waiting for all implies, for thread sanitizers that do not see into Dispatch: what was
    // written before the loop is seen by all chunks, and what they wrote by the code behind it.
    let next = Atomic<Int>(0)
    next.store(0, ordering: .releasing)
    withoutActuallyEscaping(body) { body in
      // The closure is only called before `concurrentPerform` returns.
      nonisolated(unsafe) let body = body
      DispatchQueue.concurrentPerform(iterations: workers) { _ in
        while true {
          let index = next.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
          guard index < chunks else { return }
          body(index, index * chunk..<min(count, (index + 1) * chunk))
        }
      }
    }
    _ = next.load(ordering: .acquiring)
  }
}
