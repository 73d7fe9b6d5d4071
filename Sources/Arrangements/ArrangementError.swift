/// What is wrong with the rows an arrangement was asked for.
public struct ArrangementError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kinds of failure.
  public enum Kind: Equatable, Sendable {
    /// The matrix has no rows or no columns.
    case empty(rows: Int, columns: Int)
    /// An entry is infinite or not a number.
    case nonFinite(row: Int, column: Int)
    /// Every row is zero, so there is no hyperplane.
    case allRowsZero(rows: Int)
    /// The singular values of the rows did not converge.
    case rankNotFound(reason: String)
    /// The number of cells does not fit into 128 bits.
    case countTooLarge(lines: Int, rank: Int)
    /// The normals span more dimensions than enumeration supports.
    case rankTooLarge(rank: Int, limit: Int)
    /// More cells than the caller allowed; `bound` is `nil` above `2^64`.
    case tooManyCells(bound: UInt64?, limit: UInt64)
    /// The random flag of the sweep lies in special position, which has probability near zero.
    case flagNotGeneric(seed: UInt64)
  }

  /// The kind of failure, with its numbers.
  public let kind: Kind

  /// The failure of a kind.
  package init(kind: Kind) { self.kind = kind }

  /// The failure in words: where, what was expected, what was found, what to do.
  public var description: String {
    switch kind {
    case .empty(let rows, let columns):
      "normals: expected at least one row and one column, found shape [\(rows), \(columns)]. "
        + "Pass one row per patch."
    case .nonFinite(let row, let column):
      "normals[\(row), \(column)]: expected a finite number, found an infinite one or NaN. "
        + "Remove or repair sample data before cutting patches."
    case .allRowsZero(let rows):
      "normals: expected a row that is not zero, found \(rows) zero rows. "
        + "Check that the images are not blank."
    case .rankNotFound(let reason):
      "normals: expected singular values, found \(reason) "
        + "Scale the data to moderate magnitudes."
    case .countTooLarge(let lines, let rank):
      "cell count: expected a number below 2^128, found \(lines) lines of rank \(rank) with more "
        + "cells. Use fewer rows, or reduce their rank."
    case .rankTooLarge(let rank, let limit):
      "normals: expected at most \(limit) dimensions to enumerate cells in, found rank \(rank). "
        + "Use a smaller filter, or sample cells."
    case .tooManyCells(let bound, let limit):
      "cells: expected at most \(limit) cells, found a bound of "
        + "\(bound.map { "\($0)" } ?? "more than 2^64"). Raise the limit, or sample cells."
    case .flagNotGeneric(let seed):
      "cells: expected a flag in general position, found one that is not with seed \(seed). "
        + "Choose another seed."
    }
  }
}
