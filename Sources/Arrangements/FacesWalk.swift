/// Depth-first walk over the flats, each once, by its greedy basis.
///
/// A flat grows by a class of lines that agree on it; the larger flat's greedy basis is the smaller's
/// and the first line of the class exactly when that line comes after the smaller's last.
final class FlatWalk {
  private let setup: CountingSetup
  private let restriction: CountingRestriction
  private var levels: [CountingRestriction.Rows] = []
  private var isStopped = false

  /// Whether the prime divides a minor that is not zero.
  var isPrimeBad: Bool { restriction.isPrimeBad }

  /// Receives a greedy basis, the rows on the flat and their number; returns whether to go on.
  typealias Visitor = ([Int], CountingRestriction.Rows, Int) -> Bool

  init(_ setup: CountingSetup) {
    self.setup = setup
    restriction = setup.restriction()
    let n = setup.lineCount
    for dimension in 0...setup.rank {
      let elements = UnsafeMutablePointer<UInt64>.allocate(capacity: max(n * dimension, 1))
      levels.append((elements, .allocate(capacity: n + 1)))
    }
    setup.write(into: levels[setup.rank])
  }

  deinit {
    for level in levels {
      level.elements.deallocate()
      level.labels.deallocate()
    }
  }

  /// Visits the whole space and all flats up to a rank.
  func visit(maximumRank: Int, _ visitor: Visitor) {
    guard visitor([], levels[setup.rank], setup.lineCount), maximumRank > 0 else { return }
    for line in 0..<setup.lineCount where !isStopped && !isPrimeBad {
      visit(from: line, maximumRank: maximumRank, visitor)
    }
  }

  /// Visits the flats whose greedy basis begins with a line.
  func visit(from line: Int, maximumRank: Int, _ visitor: Visitor) {
    extend(
      [line], dimension: setup.rank, pivot: line, count: setup.lineCount,
      maximumRank: maximumRank, visitor)
  }

  /// Visits the flat that a class of rows adds to a smaller one, and those beyond it.
  private func extend(
    _ basis: [Int], dimension: Int, pivot: Int, count: Int, maximumRank: Int, _ visitor: Visitor
  ) {
    var kept = 0
    if dimension > 1 {
      kept = restriction.restrict(
        levels[dimension], dimension: dimension, pivot: pivot, range: 0..<count,
        into: levels[dimension - 1], chain: basis)
    }
    guard !isPrimeBad else { return }
    let rows = levels[dimension - 1]
    guard visitor(basis, rows, kept) else {
      isStopped = true
      return
    }
    guard basis.count < maximumRank, let last = basis.last else { return }
    for i in 0..<kept where Int(rows.labels[i]) > last && !isStopped && !isPrimeBad {
      extend(
        basis + [Int(rows.labels[i])], dimension: dimension - 1, pivot: i, count: kept,
        maximumRank: maximumRank, visitor)
    }
  }
}
