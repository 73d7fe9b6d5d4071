public import Tensors

/// The last diagonal entries of positive semidefinite matrices whose other diagonal entries have the same sum.
///
/// Block `b` of the weights `[blockCount * d (d + 1) / 2, c]` holds in column `k` the coordinates of a symmetric `[d, d]`
/// matrix `Z = [[Z1, z], [z', Z4]]` (`SymmetricNuclearNorm` says which). `R` is the sum of the `Z4` on the cone
/// `{Z >= 0, tr Z1 = Z4}` of each matrix, and infinite elsewhere: the gauge of the atoms `(u, 1) (u, 1)'` with `|u| = 1`.
///
/// It is no norm, since a cone has no negatives: `blockDualNorms` is `max_u (u, 1)' G (u, 1)`, at least 0. A program that has
/// each cone twice, with features of opposite signs, sees both signs.
public struct TraceLinkedCone: Regularizer {
  /// Number of blocks.
  public let blockCount: Int
  /// Order `d` of the matrices.
  public let order: Int
  /// Threads that the matrices are spread over; the results do not depend on it.
  public let threads: Int

  /// Cones of matrices of some order, at least 2.
  public init(blockCount: Int, order: Int, threads: Int = 1) {
    (self.blockCount, self.order, self.threads) = (blockCount, order, threads)
  }

  /// The matrix of a block and a column, shape `[d, d]`.
  public func matrix(block: Int, column: Int, of weights: Matrix) -> Matrix {
    blocks.matrix(block: block, column: column, of: weights)
  }

  private var blocks: SymmetricBlocks {
    SymmetricBlocks(count: blockCount, order: order, threads: threads)
  }

  /// The sum of the last diagonal entries of matrices in the cone, which is not checked.
  public func value(_ weights: Matrix) -> Double {
    let (size, c) = (SymmetricCoordinates.count(order: order), weights.columns)
    return (0..<blockCount).reduce(0) { sum, b in
      (0..<c).reduce(sum) { $0 + weights.elements[((b + 1) * size - 1) * c + $1] }
    }
  }

  /// `max(0, max_u (u, 1)' G (u, 1))` over unit `u`, the largest over the columns of each block.
  public func blockDualNorms(_ gradient: Matrix) -> [Double] {
    let c = gradient.columns
    let norms = blocks.map(gradient, Self.largest)
    return (0..<blockCount).map { b in
      norms[b * c..<(b + 1) * c].reduce(0) { $0.isNaN || $1 <= $0 ? $0 : $1 }
    }
  }

  /// The projection of each matrix, less the step in its last diagonal entry, on the cone.
  ///
  /// - Complexity: About 10 eigen-decompositions per matrix, O(`d^3`) each.
  public func prox(_ weights: inout Matrix, step: Double) -> Double {
    let results = blocks.map(weights) { matrix in
      var moved = matrix
      moved[order - 1, order - 1] -= step
      return Self.projected(moved)
    }
    blocks.put(results, into: &weights)
    return value(weights)
  }

  /// The nearest matrix with `Z >= 0` and `tr Z1 = Z4`: the positive part of `W - nu J` with `J = diag(1, ..., 1, -1)` and the
  /// `nu` at which its inner product with `J`, which does not grow with `nu`, vanishes.
  ///
  /// - Parameter matrix: Symmetric `W`, `[d, d]`.
  /// - Returns: The projection; the traces differ by rounding.
  static func projected(_ matrix: Matrix) -> Matrix {
    let d = matrix.rows
    guard matrix.firstNonFiniteIndex == nil else {
      return Matrix(rows: d, columns: d, repeating: .nan)
    }
    var best = positivePart(matrix, shift: 0)
    var (low, high) = (0.0, 0.0)
    var (atLow, atHigh) = (best.link, best.link)
    let size = max(BLAS.norm(matrix.elements), .leastNormalMagnitude)
    guard abs(best.link) > 1e-16 * size else { return best.matrix }
    // A bracket: the link falls by at least nothing and at most d per unit of nu.
    var width = abs(best.link) / Double(d)
    while atLow < 0 || atHigh > 0 {
      if atHigh > 0 {
        (low, atLow) = (high, atHigh)
        high += width
        best = positivePart(matrix, shift: high)
        atHigh = best.link
      } else {
        (high, atHigh) = (low, atLow)
        low -= width
        best = positivePart(matrix, shift: low)
        atLow = best.link
      }
      width *= 2
    }
    // The Illinois rule keeps both ends moving.
    var side = 0
    for _ in 0..<100 where abs(best.link) > 1e-16 * size && high - low > 0 {
      let middle = atLow > atHigh ? low + (high - low) * atLow / (atLow - atHigh) : low
      let nu = middle > low && middle < high ? middle : 0.5 * (low + high)
      guard nu > low, nu < high else { break }
      best = positivePart(matrix, shift: nu)
      if best.link > 0 {
        (low, atLow) = (nu, best.link)
        if side == 1 { atHigh *= 0.5 }
        side = 1
      } else {
        (high, atHigh) = (nu, best.link)
        if side == -1 { atLow *= 0.5 }
        side = -1
      }
    }
    return best.matrix
  }

  /// The positive part of `W - nu J` and its inner product with `J`.
  private static func positivePart(
    _ matrix: Matrix, shift nu: Double
  ) -> (matrix: Matrix, link: Double) {
    let d = matrix.rows
    var shifted = matrix
    for e in 0..<d { shifted[e, e] += e == d - 1 ? nu : -nu }
    guard let (values, vectors) = try? LAPACK.symmetricEigen(shifted) else {
      return (Matrix(rows: d, columns: d, repeating: .nan), 0)
    }
    var result = Matrix(rows: d, columns: d)
    for (r, value) in values.enumerated() where value > 0 {
      for e in 0..<d {
        let left = value * vectors.elements[r * d + e]
        for f in 0..<d { result.elements[e * d + f] += left * vectors.elements[r * d + f] }
      }
    }
    let link = (0..<d).reduce(0) { $0 + ($1 == d - 1 ? -result[$1, $1] : result[$1, $1]) }
    return (result, link)
  }

  /// `max_u (u, 1)' form (u, 1)` over unit `u`, by the secular equation of the sphere.
  static func largest(_ form: Matrix) -> Double {
    let h = form.rows - 1
    var quadratic = Matrix(rows: h, columns: h)
    for e in 0..<h { for f in 0..<h { quadratic[e, f] = form[e, f] } }
    let linear = (0..<h).map { form[$0, h] }
    guard form.firstNonFiniteIndex == nil, let eigen = try? LAPACK.symmetricEigen(quadratic)
    else { return .nan }
    let products = (0..<h).map { BLAS.dot(Array(eigen.vectors.row($0)), linear) }
    let top = eigen.values[h - 1]
    func distance(_ r: Int, _ shift: Double) -> Double { shift + (top - eigen.values[r]) }
    // mu + sum_r p_r^2 / (mu - lambda_r) is convex in mu; its slope vanishes between 0 and |p| above the largest value.
    var (low, high) = (0.0, BLAS.norm(products))
    for _ in 0..<100 where high - low > 1e-16 * high {
      let middle = 0.5 * (low + high)
      let slope = (0..<h).reduce(0) {
        let ratio = products[$1] == 0 ? 0 : products[$1] / distance($1, middle)
        return $0 + ratio * ratio
      }
      if slope > 1 { low = middle } else { high = middle }
    }
    let tail = (0..<h).reduce(0) {
      $0 + (products[$1] == 0 ? 0 : products[$1] * products[$1] / distance($1, high))
    }
    return top + high + tail + form[h, h]
  }
}
