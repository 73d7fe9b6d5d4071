public import Tensors

extension UniformCellSampler {
  /// Different cells, a uniformly random set of all of that size.
  public struct DistinctCells: Sendable, Equatable {
    /// The patterns over the lines, in the order first drawn.
    public let patterns: [ActivationPattern]
    /// How much the draws up to the last new cell have seen.
    public let coverage: SamplingCoverage
    /// All draws made, with the estimate of the number of half cells.
    public let draws: UniformCellSample
  }

  /// Draws cells until as many different ones as wanted have come.
  ///
  /// Fewer are returned after `50 * count + 1000` draws, or when `UniformCellSampler.sample` ends.
  ///
  /// - Parameters:
  ///   - count: Number of different cells wanted.
  ///   - seed: Seed of the draws.
  ///   - pairingOpposites: Whether opposite cells count as one, shown by that in which the first line is
  ///     active; otherwise every cell of a pair is equally likely.
  ///   - threads: Upper bound on the threads used.
  ///   - progress: Receives the numbers of draws and of sets so far; returning `false` ends the
  ///     search.
  /// - Returns: The cells.
  /// - Throws: `ArrangementError` of kind `flagNotGeneric`.
  /// - Precondition: `count >= 0`.
  public func sampleDistinct(
    count: Int, seed: UInt64, pairingOpposites: Bool = false,
    threads: Int = Parallel.processorCount, progress: (Int, Int) -> Bool = { _, _ in true }
  ) throws -> DistinctCells {
    let limit = 50 * count + 1000
    var wanted = min(limit, count + count / 8 + 16)
    while true {
      // A longer sample with the same seed begins with the shorter one.
      let draws = try sample(
        count: wanted, seed: seed, choosingSides: !pairingOpposites, threads: threads,
        progress: progress)
      let found = Self.distinct(draws, count: count, pairingOpposites: pairingOpposites)
      if found.patterns.count == count || wanted == limit || !draws.isComplete { return found }
      wanted = min(limit, 2 * wanted)
    }
  }

  private static func distinct(
    _ draws: UniformCellSample, count: Int, pairingOpposites: Bool
  ) -> DistinctCells {
    var patterns: [ActivationPattern] = []
    var counts: [ActivationPattern: Int] = [:]
    for i in 0..<draws.count where patterns.count < count {
      let pattern = pairingOpposites ? draws[i].withFirstActive : draws[i]
      counts[pattern, default: 0] += 1
      if counts[pattern] == 1 { patterns.append(pattern) }
    }
    return DistinctCells(
      patterns: patterns, coverage: SamplingCoverage(counts: counts.values), draws: draws)
  }

  /// The same with witnesses, without cells too thin to prove one.
  func sampleCells(
    count: Int, seed: UInt64, droppingInactive: Bool, pairingOpposites: Bool, threads: Int,
    isStopped: @Sendable () -> Bool
  ) throws -> CellSample {
    let inactive = droppingInactive ? arrangement.essential.inactivePattern : nil
    var wanted = count
    while true {
      let found = try sampleDistinct(
        count: wanted, seed: seed, pairingOpposites: pairingOpposites, threads: threads,
        progress: { _, _ in !isStopped() })
      var cells = [Cell?](repeating: nil, count: found.patterns.count)
      cells.withUnsafeMutableBufferPointer { cells in
        // Every cell has its own place.
        nonisolated(unsafe) let cells = cells
        Parallel.forEachChunk(of: cells.count, chunk: 1, threads: threads) { index, _ in
          guard !isStopped() else { return }
          cells[index] = arrangement.cell(of: found.patterns[index])
        }
      }
      let kept = cells.compactMap { $0 }.filter { $0.pattern != inactive }
      let isDone = kept.count >= count || found.patterns.count < wanted
      if isDone || wanted > 2 * count + 16 || isStopped() {
        return CellSample(
          cells: Array(kept.prefix(count)), attempts: found.coverage.drawCount,
          isExhaustive: false, coverage: found.coverage)
      }
      wanted += count - kept.count + 1 + wanted / 4
    }
  }
}
