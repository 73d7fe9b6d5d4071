public import Tensors

/// Whether a matrix `X` is spike-free: `{(X u)_+ : |u| <= 1} = {X u : |u| <= 1, X u >= 0}`.
///
/// That is, `(X u)_+` is `X w` with `|w| <= |u|` for every `u`. The test is complete, up to rounding:
///
/// - The range of `X` contains the positive parts of its vectors exactly when it is spanned by non-negative vectors with
///   disjoint supports, so exactly when the rows that are not zero fall into groups of positive multiples of unit vectors
///   `r_1...r_g` that are linearly independent.
/// - For those, with the rows `r` in `R` and `Q = (R R')^-1`, the least norm of `w` with `R w = y` is `(y' Q y)^1/2`. The
///   condition `y_+' Q y_+ <= y' Q y` for all `y` is `2 y_+' Q y_- <= y_-' Q y_-`. Where all entries of `Q` off the diagonal
///   are at most zero it holds; where `Q_ij > 0`, it fails for `y = e_i - t e_j` with a small `t > 0`.
///
/// Orthogonal rows, those of whitened data, are spike-free.
///
/// - Source: Ergen & Pilanci, *Convex Geometry and Duality of Over-parameterized Neural Networks*, JMLR 2021 (the notion);
///   the test is derived above.
public enum SpikeFreeness: Sendable, Equatable {
  /// It is: the largest entry of `Q` off the diagonal, over the largest on it, is at most rounding.
  case spikeFree(largestOffDiagonal: Double)
  /// It is not: as many directions of rows span a space of lower dimension.
  case dependentRows(directions: Int, rank: Int)
  /// It is not: `Q_ij > 0` for the rows with these indices.
  case spike(row: Int, other: Int, value: Double)
  /// Rounding hides the answer.
  case undecided

  /// Whether the answer is yes.
  public var isSpikeFree: Bool { if case .spikeFree = self { true } else { false } }

  /// Tests a matrix.
  ///
  /// - Parameter rows: The matrix, shape `[n, h]`.
  /// - Throws: `LAPACK.Failure` when a decomposition does not converge.
  /// - Complexity: O(`n g h + g^3`) with `g <= min(n, h) + 1` directions looked at.
  public init(of rows: Matrix) throws {
    var directions: [[Double]] = []
    var origins: [Int] = []
    for i in 0..<rows.rows {
      let row = Array(rows.row(i))
      let length = BLAS.norm(row)
      guard length > 0 else { continue }
      let unit = row.map { $0 / length }
      let isKnown = directions.contains { known in
        zip(known, unit).allSatisfy { abs($0 - $1) <= 1e-13 }
      }
      if isKnown { continue }
      directions.append(unit)
      origins.append(i)
      if directions.count > rows.columns { break }
    }
    guard !directions.isEmpty else {
      self = .spikeFree(largestOffDiagonal: 0)
      return
    }
    let unit = Matrix(directions)
    let (values, vectors) = try LAPACK.symmetricEigen(
      BLAS.product(unit, .plain, unit, .transposed))
    let largest = values.last ?? 1
    let rank = values.count { $0 > 1e-13 * Double(values.count) * largest }
    guard rank == directions.count else {
      self = .dependentRows(directions: directions.count, rank: rank)
      return
    }
    let condition = largest / values[0]
    var scaled = vectors
    for k in values.indices { for i in values.indices { scaled[k, i] /= values[k] } }
    let inverse = BLAS.product(vectors, .transposed, scaled, .plain)
    var worst = (row: 0, other: 0, value: -Double.infinity)
    var diagonal = 0.0
    for i in values.indices {
      diagonal = max(diagonal, inverse[i, i])
      for j in 0..<i where inverse[i, j] > worst.value { worst = (j, i, inverse[i, j]) }
    }
    let ratio = max(0, worst.value) / diagonal
    if ratio <= 1e-14 * Double(values.count) {
      self = .spikeFree(largestOffDiagonal: ratio)
    } else if ratio > 1e-14 * Double(values.count) * condition {
      self = .spike(row: origins[worst.row], other: origins[worst.other], value: worst.value)
    } else {
      self = .undecided
    }
  }
}
