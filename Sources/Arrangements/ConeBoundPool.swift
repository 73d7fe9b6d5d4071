import Tensors

/// Bounding workspaces for threads, each used by one thread at a time.
final class ConeBoundPool: Sendable {
  private let correlation: PooledCorrelation
  private let pairs: SignedPairs?
  private let idle = Guarded<[Box]>([])

  private final class Box: @unchecked Sendable {
    let bound: any ConeBound
    init(_ bound: any ConeBound) { self.bound = bound }
  }

  init(_ correlation: PooledCorrelation) {
    self.correlation = correlation
    let isSimple = correlation.entryCount == 1 && correlation.hasSingleRows
    pairs = isSimple ? SignedPairs(correlation) : nil
  }

  /// Calls a closure with a workspace that no other thread uses meanwhile.
  func withBound(_ body: (any ConeBound) -> Void) {
    let box = idle.withLock { $0.popLast() } ?? Box(make())
    body(box.bound)
    idle.withLock { $0.append(box) }
  }

  /// Bounds some cones, each on one of the threads.
  func assess(_ nodes: [ConeNode], cut: Double, threads: Int) {
    nonisolated(unsafe) let nodes = nodes
    Parallel.forEachChunk(of: nodes.count, chunk: 1, threads: threads) { index, _ in
      withBound { $0.assess(nodes[index], cut: cut) }
    }
  }

  private func make() -> any ConeBound {
    guard let pairs else { return TermConeBound(correlation) }
    return PairConeBound(pairs, dimension: correlation.patchDimension)
  }
}
