import ConvexPrograms
import Tensors

/// What `AugmentedLagrangian` asks of a program `minimize L(A x) + lambda sum_b |x_b|`, where blocks may lie in cones.
protocol LagrangianProgram {
  /// Loss `L` of one output.
  var loss: any Loss { get }
  /// Strength.
  var lambda: Double { get }
  /// Number of blocks of a point.
  var blockCount: Int { get }
  /// The point that is all zero.
  var zero: Matrix { get }
  /// Whether dual norms cost little beside Newton steps, so that the gap may end a round.
  var endsRoundsEarly: Bool { get }
  /// Largest Frobenius norm of a block of `A`, squared.
  var largestSquare: Double { get }
  /// Predictions `A x`, shape `[n, 1]`.
  func predictions(of point: Matrix) -> Matrix
  /// What proximal steps need of `A' nu`.
  func slope(of dual: Matrix) -> [Double]
  /// Dual norm of a dual point, from its slope.
  func dualNorm(slope: [Double]) -> Double
  /// The proximal point of `x - sigma A' nu`: its projections on the cones, shortened by `sigma lambda`.
  func proximalPoint(center: Matrix, slope: [Double], sigma: Double) -> ProximalPoint
  /// The direction `-(I + sigma A J A' H)^{-1} r`, with `J` the derivative of the proximal map and `H = diag(roots)^2`.
  ///
  /// - Returns: Nil where rounding leaves no positive definite matrix.
  func newtonDirection(at point: LagrangianPoint, roots: [Double]) -> [Double]?
}

/// A proximal point and its predictions.
struct ProximalPoint {
  /// The point, of the shape of the center.
  let point: Matrix
  /// Blocks that are not zero, in ascending order.
  let activeBlocks: [Int]
  /// `A p`, length `n`.
  let image: [Double]
}

extension LagrangianProgram {
  /// `sum_b |x_b|`.
  func regularization(of point: Matrix) -> Double { GroupNorm(blockCount: blockCount).value(point) }

  /// The symmetric root `d d' + s (I - d d')` of the derivative `d d' + s^2 (I - d d')` of a group norm's proximal map.
  static func symmetricRoot(_ d: [Double], shrinkage: Double) -> [Double] {
    var root = [Double](repeating: 0, count: d.count * d.count)
    for e in d.indices {
      for f in d.indices { root[e * d.count + f] = (1 - shrinkage) * d[e] * d[f] }
      root[e * d.count + e] += shrinkage
    }
    return root
  }

  /// The Newton direction for a factor `U` with `U U' = A J A'`, shape `[n, active coordinates]`.
  func direction(factor: Matrix, at point: LagrangianPoint, roots: [Double]) -> [Double]? {
    var scaled = factor
    for i in roots.indices where roots[i] != 1 {
      for e in i * factor.columns..<(i + 1) * factor.columns { scaled.elements[e] *= roots[i] }
    }
    let right = Matrix(
      rows: roots.count, columns: 1, elements: zip(roots, point.residual).map { -$0 * $1 })
    guard let change = coordinateChange(scaled, right, sigma: point.sigma) else { return nil }
    let image = BLAS.product(factor, .plain, change).elements
    return zip(point.residual, image).map { -$0 - $1 }
  }

  /// The change `c = sigma U' H dF` of the active coordinates: `(I / sigma + U' H U) c = -U' H r`.
  ///
  /// Among many coordinates it comes from a system of the order of the samples, with fewer digits.
  private func coordinateChange(_ scaled: Matrix, _ right: Matrix, sigma: Double) -> Matrix? {
    let (n, m) = (scaled.rows, scaled.columns)
    if m <= 2 * n {
      var gram = BLAS.gram(scaled, .transposed)
      for k in 0..<m { gram[k, k] += 1 / sigma }
      let inner = BLAS.product(scaled, .transposed, right)
      if let change = try? LAPACK.solvePositiveDefinite(gram, inner) { return change }
    }
    var full = BLAS.gram(scaled)
    for e in full.elements.indices { full.elements[e] *= sigma }
    for i in 0..<n { full[i, i] += 1 }
    guard let y = try? LAPACK.solvePositiveDefinite(full, right) else { return nil }
    var change = BLAS.product(scaled, .transposed, y)
    for e in change.elements.indices { change.elements[e] *= sigma }
    return change
  }
}
