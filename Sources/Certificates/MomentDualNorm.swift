package import Tensors

/// Upper bounds on the dual norm of ReLU networks with linear pooling by semidefinite programs of moments.
///
/// As in `SignedDualNorm`, each coordinate of `B (M u)_+` in an orthonormal basis of `R^(a c)` is bounded by itself, and the
/// norm of these bounds is taken. For one coordinate with coefficients `b` on merged lines and `g = M' b`,
///
///     max_u |b . (M u)_+| = 1/2 max over both signs, max_u |g . u| + (sign) sum_l b_l |v_l . u|,
///
/// since the sum is even in `u`; `g` is one more line with a positive coefficient. `MomentRelaxation` bounds each sign. The
/// larger of the two is improved until the norm meets the target, steps no longer pay, or time is up.
///
/// The order `d` of the moments is the largest with at most `usualSize` monomials of degree `d`; where that leaves a
/// target unmet, the next order follows if it has at most `largestSize`.
package struct MomentDualNorm {
  /// Monomials of degree `d` up to which a first order is used.
  private static let usualSize = 370
  /// Monomials of degree `d` up to which another order follows.
  private static let largestSize = 500
  /// Largest `a c` for which coordinates are bounded one by one.
  private static let largestEntryCount = 16
  /// Steps that each sign may take in an order.
  private static let stepLimit = 40
  /// Steps looked back to see whether they pay, and the share they have to gain.
  private static let patience = (steps: 6, share: 0.002)

  private let lines: MergedLines
  /// Coefficients `[lines, a c]` and linear parts `[a c, h]` in the basis.
  private let coefficients: Matrix
  private let linear: Matrix
  private let threads: Int

  /// An upper bound on `max_{|u| <= 1} |Phi(u)' Lambda|_F`, with rounding margin.
  ///
  /// - Parameters:
  ///   - patches: Data with linear pooling.
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  ///   - target: Bounds at or below this need not be sharper.
  ///   - effort: Limits of time; the same steps are made on every machine when it does not end them.
  /// - Returns: The bound; infinite when the data overflow, when there are too many coordinates, or no step was made in time.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  /// - Complexity: O(`L s^2 + 30 s^3`) per step for `L` lines and `s` monomials.
  /// - Accuracy: Within 15 % of the dual norm on Gaussian rows of up to six entries (`RESULTS-bounds.md`); looser where
  ///   many rows of both signs nearly cancel.
  package static func upperBound(
    _ patches: PooledPatches, weights: Matrix, dual: Matrix, target: Double, effort: BoundEffort
  ) throws -> Double {
    let size = weights.rows * dual.columns
    let mass = patches.massBound(weights: weights, dual: dual)
    guard mass > 0, mass.isFinite else { return mass }
    guard size <= largestEntryCount else { return .infinity }
    let lines = MergedLines(patches, weights: weights, dual: dual)
    let margin =
      0.5 * lines.remainder + patches.roundingMargin(mass: mass, size: size)
      // Sums over coordinates of the basis, which is orthonormal to a small multiple of its size, and the direction of the
      // linear part, which is within (h + 2) 2^-52 of the true one and at most as long as the mass.
      + Double(32 * size * size + 2 * patches.patchDimension + 64) * 0x1p-52 * mass
    let correlation = MaskedDualNorm.correlation(patches, weights: weights, mask: nil, dual: dual)
    let bound = try MomentDualNorm(
      lines, windows: weights.rows, correlation: correlation, threads: patches.threads)
    return try bound.norm(target: target - margin, effort: effort) * (1 + 1e-12) + margin
  }

  private init(
    _ lines: MergedLines, windows: Int, correlation: Matrix, threads: Int
  ) throws {
    let size = lines.coefficients.columns
    let outputs = size / max(windows, 1)
    let order = (0..<size).map { $0 % outputs * windows + $0 / outputs }
    let basis = try SignedDualNorm.basis(lines, threads: threads)
    coefficients = BLAS.product(lines.coefficients, .plain, basis, .transposed)
    linear = BLAS.product(basis, .plain, correlation.selectingRows(order), .plain)
    (self.lines, self.threads) = (lines, threads)
  }

  /// The norm of the bounds of all coordinates.
  private func norm(target: Double, effort: BoundEffort) throws -> Double {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .seconds(min(effort.seconds, 1e9)))
    let isOver = { clock.now >= end || effort.isInterrupted() }
    var best = [Double](repeating: .infinity, count: linear.rows * 2)
    for order in Self.orders(dimension: linear.columns) {
      let forms = SphereForms(dimension: linear.columns, order: order)
      try improve(&best, forms, target: target, isOver: isOver)
      if Self.norm(best) <= target || isOver() { break }
    }
    return Self.norm(best)
  }

  /// Half the norm of the larger bounds of both signs.
  private static func norm(_ bounds: [Double]) -> Double {
    let squares = stride(from: 0, to: bounds.count, by: 2).map { i in
      let larger = max(0, bounds[i], bounds[i + 1])
      return larger * larger
    }
    return 0.5 * squares.reduce(0, +).squareRoot()
  }

  /// The orders to use for filters of some dimension, one after the other.
  static func orders(dimension: Int) -> [Int] {
    let sizes = (1...ModulusBounds.largestDegree).map {
      SphereForms.size(dimension: dimension, degree: $0)
    }
    let usual = max(1, sizes.filter { $0 <= usualSize }.count)
    let largest = max(usual, sizes.filter { $0 <= largestSize }.count)
    return usual == largest ? [usual] : [usual, largest]
  }

  /// Steps of the relaxations of one order, always of the one whose bound is largest.
  private func improve(
    _ best: inout [Double], _ forms: SphereForms, target: Double, isOver: () -> Bool
  ) throws {
    var relaxations = [MomentRelaxation?](repeating: nil, count: best.count)
    var histories = [[Double]](repeating: [], count: best.count)
    while Self.norm(best) > target, !isOver() {
      // The bound of the smaller sign does not matter.
      let larger = stride(from: 0, to: best.count, by: 2).map { i in
        best[i] >= best[i + 1] ? i : i + 1
      }
      let open = larger.filter { Self.pays(histories[$0]) }
      guard let index = open.max(by: { best[$0] < best[$1] }) else { return }
      var relaxation = relaxations[index] ?? relaxationStart(index, forms)
      relaxations[index] = nil
      try relaxation.step()
      best[index] = min(best[index], relaxation.bound)
      histories[index].append(best[index])
      relaxations[index] = relaxation
    }
  }

  /// Whether more steps are worth it.
  private static func pays(_ history: [Double]) -> Bool {
    guard history.count > 2 * patience.steps else { return true }
    guard history.count < stepLimit else { return false }
    let now = history[history.count - 1]
    return now < history[history.count - 1 - patience.steps] * (1 - patience.share)
  }

  /// The relaxation of a coordinate and a sign.
  private func relaxationStart(_ index: Int, _ forms: SphereForms) -> MomentRelaxation {
    let (coordinate, sign) = (index / 2, index % 2 == 0 ? 1.0 : -1.0)
    var b = (0..<lines.count).map { sign * coefficients[$0, coordinate] }
    var rows = lines.directions.elements
    let g = Array(linear.row(coordinate))
    let length = BLAS.norm(g)
    if length > 0 {
      rows += g.map { $0 / length }
      b.append(length)
    }
    return MomentRelaxation(
      forms, directions: Matrix(rows: b.count, columns: g.count, elements: rows), coefficients: b,
      threads: threads)
  }
}
