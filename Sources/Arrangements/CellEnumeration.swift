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
  /// - Parameter threads: Upper bound on the threads used.
  /// - Returns: The exact number.
  /// - Throws: `ArrangementError` of kind `flagNotGeneric`.
  public func count(threads: Int = Parallel.processorCount) throws -> UInt64 {
    let tasks = SweepTask.all(plan)
    let groups = 4096
    let perGroup = max(1, (tasks.count + groups - 1) / groups)
    let chunks = (tasks.count + perGroup - 1) / perGroup
    var counts = [UInt64](repeating: 0, count: chunks)
    var isDefective = [Bool](repeating: false, count: chunks)
    counts.withUnsafeMutableBufferPointer { counts in
      isDefective.withUnsafeMutableBufferPointer { isDefective in
        nonisolated(unsafe) let (counts, isDefective) = (counts, isDefective)
        Parallel.forEachChunk(of: tasks.count, chunk: perGroup, threads: threads) { index, range in
          // The largest subtrees come last in the list; start with them.
          let cursor = SweepCursor(plan, countsOnly: true)
          for task in tasks[range] {
            cursor.begin(task)
            while cursor.step() {}
          }
          counts[index] = cursor.cellCount
          isDefective[index] = cursor.isDefective
        }
      }
    }
    guard !isDefective.contains(true) else {
      throw ArrangementError(kind: .flagNotGeneric(seed: plan.seed))
    }
    return 2 * counts.reduce(0, +)
  }
}
