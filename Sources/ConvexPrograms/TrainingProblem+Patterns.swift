import Convolutions
public import Tensors

extension TrainingProblem {
  /// Number of different patterns that some filters have: filters that share one have the same features as a linear map.
  ///
  /// With linear pooling a pattern says which patches are active, and zero counts as active. Under max pooling it says of
  /// every window of every sample which patch wins, or that none is active: cells that agree in this are merged, as in
  /// `ConeProgram`. A filter on a boundary counts for one pattern only: products below `1e-12 |x| |u|` are zero, and the first
  /// of equal patches wins. All filters of a linear network share one pattern.
  ///
  /// - Parameter filters: Filters of shape `[m, h]`, none zero.
  /// - Returns: The number of patterns, at most `m`.
  /// - Complexity: O(`n K h m`) time, O(`n m / 64`) memory beside the patches of a sample.
  /// - Accuracy: Patterns are compared by sums of two random 64-bit numbers per active (or winning) patch.
  public func patternCount(of filters: Matrix) -> Int {
    let m = filters.rows
    guard activation == .relu, m > 0 else { return min(1, m) }
    let norms = (0..<m).map { BLAS.norm(Array(filters.row($0))) }
    let chunk = 64
    let chunkCount = (sampleCount + chunk - 1) / chunk
    var sums = [[PatternSum]](
      repeating: [PatternSum](repeating: PatternSum(), count: m), count: chunkCount)
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { index, samples in
        for i in samples { addPatterns(ofSample: i, filters, norms, to: &sums[index]) }
      }
    }
    let totals = (0..<m).map { j in
      sums.reduce(into: PatternSum()) { total, part in total.add(part[j]) }
    }
    return Set(totals).count
  }

  /// Adds the active, or winning, patches of one sample to the sums of all filters.
  private func addPatterns(
    ofSample i: Int, _ filters: Matrix, _ norms: [Double], to sums: inout [PatternSum]
  ) {
    let patches = patches(ofSample: i)
    let responses = BLAS.product(patches, .plain, filters, .transposed)
    let lengths = (0..<patches.rows).map { BLAS.norm(Array(patches.row($0))) }
    for j in norms.indices {
      func response(_ k: Int) -> Double {
        let slack = 1e-12 * lengths[k] * norms[j]
        return abs(responses[k, j]) <= slack ? 0 : responses[k, j]
      }
      if poolingMap.isLinear {
        for k in 0..<patches.rows where response(k) >= 0 { sums[j].add(i * patches.rows + k) }
        continue
      }
      var winners = [(patch: Int, value: Double)?](repeating: nil, count: windowCount)
      for k in 0..<patches.rows {
        let (value, q) = (response(k), poolingMap.windows[k])
        // Equal up to rounding counts as equal.
        let slack = 1e-12 * lengths[k] * norms[j]
        if value >= 0, value > (winners[q]?.value ?? -.infinity) + slack {
          winners[q] = (k, value)
        }
      }
      for winner in winners { if let winner { sums[j].add(i * patches.rows + winner.patch) } }
    }
  }
}

/// The sum of two random numbers for each member of a set of positions.
private struct PatternSum: Hashable {
  private var first: UInt64 = 0
  private var second: UInt64 = 0

  mutating func add(_ position: Int) {
    first &+= Self.mixed(UInt64(position) &* 2)
    second &+= Self.mixed(UInt64(position) &* 2 &+ 1)
  }

  mutating func add(_ other: PatternSum) {
    first &+= other.first
    second &+= other.second
  }

  /// The finalizer of SplitMix64.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value &* 0x9E37_79B9_7F4A_7C15 &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
