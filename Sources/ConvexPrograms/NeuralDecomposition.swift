public import Tensors

/// A positive semidefinite matrix with `tr Z1 = Z4` as a sum of `weight (u, 1) (u, 1)'` with unit `u`.
///
/// From eigenvectors `p_i` scaled by roots of eigenvalues, `Z = sum_i p_i p_i'`. With `J = diag(1, ..., 1, -1)` the numbers
/// `g_i = p_i' J p_i` add up to zero. While one is positive and one negative, the rotation
///
///     y = (p_i + t p_j) / (1 + t^2)^(1/2),   p_j <- (p_j - t p_i) / (1 + t^2)^(1/2)
///
/// with a root `t` of `g_i + 2 t p_i' J p_j + t^2 g_j` keeps the sum and makes `y' J y` zero. Then `y = (s, d)` with
/// `|s| = |d|`, a neuron with filter `s / d` and weight `d^2`. At most as many neurons as the rank come out.
///
/// - Source: Bartan & Pilanci, *Neural spectrahedra and semidefinite lifts*, 2021.
public struct NeuralDecomposition {
  /// Filters of norm 1, `h` numbers each, and positive weights.
  public let neurons: [(filter: [Double], weight: Double)]
  /// Largest `| |s| - |d| |` before filters were scaled to norm 1, over the root of the trace of the matrix.
  public let defect: Double

  /// The decomposition of a matrix.
  ///
  /// - Parameter matrix: Symmetric `[h + 1, h + 1]`, in the cone up to rounding.
  /// - Throws: `LAPACK.Failure` when entries are not finite.
  /// - Complexity: O(`h^3`).
  public init(of matrix: Matrix) throws {
    let (values, vectors) = try LAPACK.symmetricEigen(matrix)
    let d = matrix.rows
    let largest = max(values.last ?? 0, 0)
    var rest = values.indices.filter { values[$0] > 1e-15 * largest && values[$0] > 0 }.map { r in
      vectors.row(r).map { $0 * values[r].squareRoot() }
    }
    var finished: [[Double]] = []
    while rest.count > 1 {
      let links = rest.map { Self.link($0, $0) }
      guard let i = links.indices.max(by: { links[$0] < links[$1] }),
        let j = links.indices.min(by: { links[$0] < links[$1] }), links[i] > 0, links[j] < 0
      else { break }
      let t = Self.root(links[i], Self.link(rest[i], rest[j]), links[j])
      let scale = 1 / (1 + t * t).squareRoot()
      let (p, r) = (rest[i], rest[j])
      finished.append((0..<d).map { scale * (p[$0] + t * r[$0]) })
      rest[j] = (0..<d).map { scale * (r[$0] - t * p[$0]) }
      rest.remove(at: i)
    }
    finished += rest
    var (neurons, worst): ([(filter: [Double], weight: Double)], Double) = ([], 0)
    let trace = values.reduce(0) { $0 + max(0, $1) }
    for y in finished {
      let (s, last) = (Array(y.dropLast()), y[d - 1])
      let length = BLAS.norm(s)
      worst = max(worst, abs(length - abs(last)))
      guard last * last > 1e-14 * trace, length > 0 else { continue }
      let sign: Double = last < 0 ? -1 : 1
      neurons.append((s.map { sign * $0 / length }, last * last))
    }
    self.neurons = neurons
    defect = trace > 0 ? worst / trace.squareRoot() : 0
  }

  /// `p' J r`.
  private static func link(_ p: [Double], _ r: [Double]) -> Double {
    let last = p.count - 1
    return (0..<last).reduce(0) { $0 + p[$1] * r[$1] } - p[last] * r[last]
  }

  /// The root of the smaller size of `first + 2 t mixed + t^2 second`, for `first > 0 > second`.
  private static func root(_ first: Double, _ mixed: Double, _ second: Double) -> Double {
    let radical = (mixed * mixed - first * second).squareRoot()
    // The stable form: no difference of nearly equal numbers.
    return -first / (mixed + (mixed < 0 ? -radical : radical))
  }
}
