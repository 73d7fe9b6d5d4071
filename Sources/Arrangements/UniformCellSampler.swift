public import Tensors

/// Draws cells so that every cell is equally likely, without listing them.
///
/// Random directions find large cells, and most cells are small. Here a set of fewer than `rank`
/// lines is drawn from all lines but the first, uniformly, and rejected unless it is a chain of the
/// sweep of `CellEnumeration`; chains and pairs of opposite cells correspond one to one. Draws are
/// independent. The share of sets accepted also estimates the number of cells, however many there are.
///
/// - Complexity: O(`lines * rank + rank^3`) per set drawn. The acceptance is the number of half cells
///   divided by `setCount`: 1 in general position, small where many lines meet in few flats.
/// - Accuracy: Which sets are accepted and all signs are exact (`UniformCellSamplerTests`). Sizes of
///   sets are drawn with 53 random bits, so a probability may be off by `2^-50`.
/// - Source: Whitney's theorem on broken circuits, as in Orlik & Terao, *Arrangements of
///   Hyperplanes*, 1992. Sampling by the bijection of the sweep is this package's.
public struct UniformCellSampler: Sendable {
  /// The arrangement.
  public let arrangement: CentralArrangement
  /// Number of sets drawn from, `sum_{i < rank} C(lines - 1, i)`; the half cells of lines in general
  /// position.
  public let setCount: Double
  private let plan: SweepPlan
  private let sizeWeights: [Double]
  /// Columns of the plan's values, padded to whole words.
  private let columns: [Double]

  /// Exact rank of the normals.
  public var rank: Int { plan.rank }
  /// Number of distinct lines, the length of every pattern.
  public var lineCount: Int { plan.lineCount }

  /// A sampler of the cells that an enumeration lists.
  ///
  /// Half cells are represented by the same pattern of each pair as in the enumeration.
  public init(_ enumeration: CellEnumeration) {
    arrangement = enumeration.arrangement
    plan = enumeration.plan
    var weights: [Double] = [1]
    for k in 1..<max(1, plan.rank) {
      weights.append(weights[k - 1] * Double(plan.lineCount - k) / Double(k))
    }
    sizeWeights = weights
    setCount = weights.reduce(0, +)
    let padded = 64 * plan.words
    var columns = [Double](repeating: 0, count: plan.rank * padded)
    for v in 0..<plan.rank {
      for j in 0..<plan.lineCount { columns[v * padded + j] = plan.values[v * plan.stride + j] }
    }
    self.columns = columns
  }

  /// A sampler of the cells of an arrangement.
  ///
  /// - Throws: `ArrangementError.Kind.rankTooLarge` above `CellEnumeration.maximumRank`.
  public init(_ arrangement: CentralArrangement) throws {
    self.init(try CellEnumeration(arrangement))
  }

  /// Independent draws, each pair of opposite cells equally likely, repeats included.
  ///
  /// Fewer cells than asked are returned, with `isComplete` false, when the sets drawn reach their
  /// limit or `progress` ends the search.
  ///
  /// - Parameters:
  ///   - count: Number of draws wanted.
  ///   - seed: Seed of the draws; the result depends on it and never on the number of threads.
  ///   - choosingSides: Whether a fair coin decides between the two cells of a pair, so that every
  ///     cell is equally likely; otherwise the pattern is the one that the enumeration lists.
  ///   - maximumAttempts: Largest number of sets drawn; `10_000 * count + 1_000_000` when `nil`.
  ///   - threads: Upper bound on the threads used.
  ///   - progress: Receives the numbers of draws and of sets so far; returning `false` ends the
  ///     search.
  /// - Returns: The draws in order.
  /// - Throws: `ArrangementError` of kind `flagNotGeneric`.
  /// - Precondition: `count >= 0`.
  public func sample(
    count: Int, seed: UInt64, choosingSides: Bool = false, maximumAttempts: Int? = nil,
    threads: Int = Parallel.processorCount, progress: (Int, Int) -> Bool = { _, _ in true }
  ) throws -> UniformCellSample {
    precondition(count >= 0, "UniformCellSampler: expected a count of at least 0, found \(count)")
    var result = UniformCellSample(
      wanted: count, setCount: setCount, wordsPerCell: plan.words, lineCount: plan.lineCount)
    let limit = maximumAttempts ?? 10_000 * count + 1_000_000
    var seeds = SeededGenerator(seed: seed)
    let idle = Guarded<[ChainSampler]>([])
    while !result.isComplete, result.attempts < limit {
      // Chunks depend on the seed only; how many are drawn before looking at them does not matter.
      let share = Double(result.count + 1) / Double(result.attempts + 2)
      let needed = Double(count - result.count) / share / Double(Self.chunk)
      let waveLength = max(1, min(Int(min(needed, 1e6).rounded(.up)), 64 * max(1, threads)))
      let wave = (0..<waveLength).map { index in
        Chunk(
          seed: seeds.next(), sets: min(Self.chunk, limit - result.attempts - index * Self.chunk))
      }
      let drawn = draw(wave, choosingSides: choosingSides, threads: threads, idle)
      guard drawn.allSatisfy({ !$0.isDefective }) else {
        throw ArrangementError(kind: .flagNotGeneric(seed: plan.seed))
      }
      for chunk in drawn where !result.isComplete { result.append(chunk) }
      if !progress(result.count, result.attempts) { break }
    }
    return result
  }

  /// The half cell that corresponds to a set of lines.
  ///
  /// - Parameter lines: Fewer than `rank` different lines, none of them line 0.
  /// - Returns: The pattern that the enumeration lists; `nil` when the set is dependent, spans line 0,
  ///   or contains a broken circuit. The patterns of all sets are all half cells, each once.
  /// - Throws: `ArrangementError` of kind `flagNotGeneric`.
  /// - Precondition: The lines are different numbers in `1..<lineCount`, fewer than `rank`.
  /// - Complexity: O(`lineCount * rank + rank^3`).
  public func cell(of lines: [Int]) throws -> ActivationPattern? {
    let sorted = lines.sorted(by: >)
    precondition(
      sorted.count < rank && Set(sorted).count == sorted.count
        && sorted.allSatisfy { (1..<lineCount).contains($0) },
      "cell(of:): expected fewer than \(rank) lines in 1..<\(lineCount), found \(lines)")
    let sampler = ChainSampler(plan, sizeWeights: sizeWeights)
    let isChain = columns.withUnsafeBufferPointer { columns in
      columns.baseAddress.map { sampler.examine(sorted, $0) } ?? false
    }
    guard !sampler.isDefective else {
      throw ArrangementError(kind: .flagNotGeneric(seed: plan.seed))
    }
    guard isChain else { return nil }
    return ActivationPattern(
      bits: (0..<plan.words).map { sampler.bits[$0] }, count: plan.lineCount)
  }

  /// Sets that are drawn with one seed.
  private static let chunk = 256

  /// A seed and how many sets to draw from it.
  private struct Chunk {
    let seed: UInt64
    let sets: Int
  }

  private func draw(
    _ wave: [Chunk], choosingSides: Bool, threads: Int, _ idle: borrowing Guarded<[ChainSampler]>
  ) -> [UniformCellSample.Chunk] {
    var drawn = [UniformCellSample.Chunk](
      repeating: UniformCellSample.Chunk(), count: wave.count)
    drawn.withUnsafeMutableBufferPointer { drawn in
      // Every chunk has its own place, and no two threads have the same chunk.
      nonisolated(unsafe) let drawn = drawn
      Parallel.forEachChunk(of: wave.count, chunk: 1, threads: threads) { index, _ in
        let sampler =
          idle.withLock { $0.popLast() } ?? ChainSampler(plan, sizeWeights: sizeWeights)
        drawn[index] = draw(wave[index], choosingSides: choosingSides, sampler)
        idle.withLock { $0.append(sampler) }
      }
    }
    return drawn
  }

  private func draw(
    _ chunk: Chunk, choosingSides: Bool, _ sampler: ChainSampler
  ) -> UniformCellSample.Chunk {
    var result = UniformCellSample.Chunk()
    guard chunk.sets > 0 else { return result }
    var generator = SeededGenerator(seed: chunk.seed)
    result.sets = chunk.sets
    let last = plan.words - 1
    let lastMask = ~UInt64(0) >> UInt64(64 * plan.words - plan.lineCount)
    columns.withUnsafeBufferPointer { columns in
      guard let columns = columns.baseAddress else { return }
      for set in 0..<chunk.sets where sampler.attempt(columns, &generator) {
        result.accepted.append(set)
        let mask: UInt64 = choosingSides && generator.next() >> 63 == 1 ? ~0 : 0
        for w in 0..<last { result.words.append(sampler.bits[w] ^ mask) }
        result.words.append((sampler.bits[last] ^ mask) & lastMask)
      }
    }
    result.isDefective = sampler.isDefective
    return result
  }
}
