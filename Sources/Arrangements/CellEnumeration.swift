public import Tensors

/// Every cell of an arrangement, one at a time, exactly.
///
/// Cells come in antipodal pairs; the sweep finds one of each pair (a half cell), and the other is
/// its complement. The order depends on the arrangement and the seed, never on threads or machine.
///
/// - Complexity: O(`lines * rank^2`) memory per thread, whatever the number of cells; per half cell
///   about the time to write its pattern.
/// - Accuracy: Exact. Signs are computed in floating point with running error bounds, and whatever
///   the bounds leave open is decided in integers (`EnumerationTests`).
public struct CellEnumeration: Sendable {
  /// Largest rank that is supported.
  public static let maximumRank = 16

  /// The arrangement.
  public let arrangement: CentralArrangement
  let plan: SweepPlan

  /// The exact rank of the normals.
  public var rank: Int { plan.rank }
  /// Number of distinct lines, the length of every pattern.
  public var lineCount: Int { plan.lineCount }
  /// Words of a packed pattern.
  public var wordsPerCell: Int { plan.words }
  /// Number of cells if the lines were in general position, both of each pair; `nil` above `2^64`.
  public var upperBound: UInt64? {
    CentralArrangement.generalPositionCellCount(lines: lineCount, rank: rank)
  }

  /// Prepares the enumeration of an arrangement's cells.
  ///
  /// - Parameters:
  ///   - arrangement: The arrangement.
  ///   - maximumCells: Refuses when general position would give more cells (both of each pair).
  ///   - seed: Seed of the flag that orders the cells.
  /// - Throws: `ArrangementError` when the rank is too large or there may be too many cells.
  public init(
    _ arrangement: CentralArrangement, maximumCells: UInt64? = nil, seed: UInt64 = 0
  ) throws {
    let rows = ExactRows(arrangement.essential)
    guard rows.rank <= Self.maximumRank else {
      throw ArrangementError(kind: .rankTooLarge(rank: rows.rank, limit: Self.maximumRank))
    }
    self.arrangement = arrangement
    plan = SweepPlan(rows, seed: seed)
    if let maximumCells {
      guard let upperBound, upperBound <= maximumCells else {
        throw ArrangementError(kind: .tooManyCells(bound: upperBound, limit: maximumCells))
      }
    }
  }

  /// The number of cells, both of each pair, without forming their patterns.
  ///
  /// - Parameters:
  ///   - threads: Upper bound on the threads used.
  ///   - progress: Receives the number of cells so far, from one thread at a time; returning `false`
  ///     ends the count.
  /// - Returns: The exact number; `nil` when `progress` ended the count.
  /// - Throws: `ArrangementError` of kind `flagNotGeneric`.
  public func count(
    threads: Int, progress: (UInt64) -> Bool
  ) throws -> UInt64? {
    let tasks = SweepTask.all(plan)
    let perGroup = max(1, (tasks.count + 4095) / 4096)
    let state = Guarded((cells: UInt64(0), isDefective: false, isStopped: false))
    // Only called while the mutex is held, and never after this function returns.
    withoutActuallyEscaping(progress) { progress in
      nonisolated(unsafe) let progress = progress
      Parallel.forEachChunk(of: tasks.count, chunk: perGroup, threads: threads) { _, range in
        if state.withLock({ $0.isStopped }) { return }
        let cursor = SweepCursor(plan, countsOnly: true)
        for task in tasks[range] {
          cursor.begin(task)
          while cursor.step() {}
        }
        state.withLock { state in
          state.cells += cursor.cellCount
          if cursor.isDefective { state.isDefective = true }
          if !progress(2 * state.cells) { state.isStopped = true }
        }
      }
    }
    return try state.withLock { state in
      guard !state.isDefective else {
        throw ArrangementError(kind: .flagNotGeneric(seed: plan.seed))
      }
      return state.isStopped ? nil : 2 * state.cells
    }
  }

  /// The number of cells, both of each pair, without forming their patterns.
  ///
  /// - Parameter threads: Upper bound on the threads used.
  /// - Returns: The exact number.
  /// - Throws: `ArrangementError` of kind `flagNotGeneric`.
  public func count(threads: Int = Parallel.processorCount) throws -> UInt64 {
    try count(threads: threads) { _ in true } ?? 0
  }

  /// A number that differs for enumerations that list other cells or another order.
  ///
  /// Checkpoints carry it, so that one is not continued with other rows.
  public var fingerprint: UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ x: UInt64) {
      hash = (hash ^ x) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    mix(UInt64(rank))
    mix(UInt64(lineCount))
    mix(plan.seed)
    for x in plan.rows.mantissas { mix(UInt64(bitPattern: x)) }
    for x in plan.rows.exponents { mix(UInt64(bitPattern: Int64(x))) }
    for line in arrangement.essential.lineOfRow { mix(UInt64(bitPattern: Int64(line))) }
    for sign in arrangement.essential.signOfRow { mix(UInt64(bitPattern: Int64(sign))) }
    return hash
  }
}
