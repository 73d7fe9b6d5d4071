package import Tensors

/// Upper bounds on the dual norm of ReLU networks with linear pooling, without enumerating cells.
///
/// Let `B` have the column `b_r[q, j] = P[q, k] Lambda[i, j]` for row `r = (i, k)`, so that `Phi(u)' Lambda = B (M u)_+`.
/// With `(t)_+ = (t + |t|) / 2`, for every unit `u`:
///
///     |B (M u)_+| <= |B M|_2 / 2 + max_u |B |M u|| / 2
///
/// and, since `|(M u)_+| <= |M u|`, also `|B|_2 |M|_2` (the **product** bound), where `B B' = (P P') x (Lambda' Lambda)` as a
/// Kronecker product; at the solution of whitened data, `M M' = t^2 I`, it is the dual norm itself.
/// `B M` is the correlation of the network with linear activation. `B |M u| = sum_l b_l |v_l . u|` over merged lines
/// (`MergedLines`), up to its remainder, and that is bounded in three ways, of which the least is taken:
///
/// - **Mass**: `sum_r |b_r| |x_r|` bounds the whole left side, by the triangle inequality.
/// - **Weighted**: for any weights `w_l > 0`, with the diagonal matrix `D` of the signs of `v_l . u`,
///   `|B D V u| = |(B w^-1/2) D (w^1/2 V) u| <= |B w^-1/2|_2 |w^1/2 V|_2`, because diagonal matrices commute and
///   `|D|_2 = 1`.
/// - **Signed** (`SignedDualNorm`), which keeps the cancellation between positive and negative coefficients; it is the
///   sharpest with one window and one output, and bounds the whole left side.
///
/// With several windows the norm of the bounds of the single windows is a bound too, since a maximum of a sum of squares is at
/// most the sum of their maxima; the lesser is taken.
///
/// The weights are improved by Frank-Wolfe steps on the dual problem: minimising `(|B w^-1/2|^2 + |w^1/2 V|^2) / 2` over
/// `w` is convex with dual `max sum_l (b_l' Y b_l)^1/2 (v_l' Z v_l)^1/2` over positive semidefinite `Y`, `Z` of trace one.
/// Every weight tried gives a valid bound, so the quality of the steps does not matter for validity.
package struct SpectralDualNorm {
  private let lines: MergedLines
  private let threads: Int

  private init(lines: MergedLines, threads: Int) {
    self.lines = lines
    self.threads = threads
  }

  /// An upper bound on `max_{|u| <= 1} |Phi(u)' Lambda|_F`, with rounding margin.
  ///
  /// - Parameters:
  ///   - patches: Data with linear pooling.
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  /// - Returns: The bound; infinite when the data overflow.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  /// - Complexity: O(`L (a c)^2 + L h^2 + (a c)^3 + h^3`) per improvement step, for `L` lines.
  package static func upperBound(
    _ patches: PooledPatches, weights: Matrix, dual: Matrix
  ) throws -> Double {
    guard weights.rows > 1 else {
      return try boundOfAllWindows(patches, weights: weights, dual: dual, limit: .infinity)
    }
    let parts = try boundsOfWindows(patches, weights: weights, dual: dual)
    let separate = parts.reduce(0) { $0 + $1 * $1 }.squareRoot() * (1 + 1e-12)
    let joint = try boundOfAllWindows(patches, weights: weights, dual: dual, limit: separate)
    return joint < separate ? joint : separate
  }

  /// The bound of each window by itself.
  private static func boundsOfWindows(
    _ patches: PooledPatches, weights: Matrix, dual: Matrix
  ) throws -> [Double] {
    let count = patches.patchesPerSample
    var bounds = [Result<Double, any Error>](repeating: .success(0), count: weights.rows)
    bounds.withUnsafeMutableBufferPointer { bounds in
      nonisolated(unsafe) let bounds = bounds
      Parallel.forEachChunk(of: weights.rows, chunk: 1, threads: patches.threads) { q, _ in
        bounds[q] = Result {
          let positions = (0..<count).filter { weights[q, $0] != 0 }
          let rows = (0..<patches.sampleCount).flatMap { i in
            positions.map { i * count + $0 }
          }
          let window = PooledPatches(
            rows: patches.rows.selectingRows(rows), sampleCount: patches.sampleCount, threads: 1)
          let weights = Matrix(
            rows: 1, columns: positions.count, elements: positions.map { weights[q, $0] })
          return try boundOfAllWindows(window, weights: weights, dual: dual, limit: .infinity)
        }
      }
    }
    return try bounds.map { try $0.get() }
  }

  /// The bound with all windows at once; what cannot be below `limit` need not be found.
  private static func boundOfAllWindows(
    _ patches: PooledPatches, weights: Matrix, dual: Matrix, limit: Double
  ) throws -> Double {
    let mass = patches.massBound(weights: weights, dual: dual)
    guard mass > 0, mass.isFinite else { return mass }
    let correlation = MaskedDualNorm.correlation(patches, weights: weights, mask: nil, dual: dual)
    let linear = try MaskedDualNorm.spectralNorm(correlation)
    let lines = MergedLines(patches, weights: weights, dual: dual)
    let bound = SpectralDualNorm(lines: lines, threads: patches.threads)
    var best = min(mass, try productBound(patches, weights: weights, dual: dual))
    best = min(best, 0.5 * (linear + (try bound.weighted())))
    let signed = try SignedDualNorm.upperBound(
      lines, windows: weights.rows, correlation: correlation, limit: min(best, limit),
      threads: patches.threads)
    best = min(best, signed)
    return best * bound.inflation + 0.5 * lines.remainder
      + patches.roundingMargin(mass: mass, size: weights.rows * dual.columns)
  }

  /// `|B|_2 |M|_2`, with the relative error of a Gram matrix and of eigenvalues.
  private static func productBound(
    _ patches: PooledPatches, weights: Matrix, dual: Matrix
  ) throws -> Double {
    let (rows, h) = (patches.rows.rows, patches.patchDimension)
    let ones = [Double](repeating: 1, count: rows)
    let gram = try SymmetricForms.gram(patches.rows, weights: ones, threads: patches.threads)
    let (top, _) = try SymmetricForms.top(gram)
    // Squares of smaller patches would underflow; the other bounds remain.
    guard top > 1e-280, top.isFinite else { return .infinity }
    let isDisjoint = (0..<weights.columns).allSatisfy { k in
      (0..<weights.rows).count { weights[$0, k] != 0 } <= 1
    }
    let pooling =
      isDisjoint
      ? (0..<weights.rows).reduce(0) { max($0, BLAS.norm(Array(weights.row($1)))) }
      : try MaskedDualNorm.spectralNorm(weights)
    let error = 1e-9 + 4 * Double(rows + h) * Double(h) * 0x1p-52
    return top.squareRoot() * pooling * (try MaskedDualNorm.spectralNorm(dual)) * (1 + error)
  }

  /// `1 + 1e-9` and the relative error of Gram matrices and their eigenvalues.
  private var inflation: Double {
    let (h, size) = (lines.directions.columns, lines.coefficients.columns)
    return 1 + 1e-9 + 4 * Double(lines.count + h + size) * Double(max(h, size)) * 0x1p-52
  }

  /// The least of the weighted bounds on `max_u |sum_l b_l |v_l . u||`.
  private func weighted() throws -> Double {
    let (h, size, count) = (lines.directions.columns, lines.coefficients.columns, lines.count)
    guard lines.coefficients.elements.contains(where: { $0 != 0 }) else { return 0 }
    var outer = scaledIdentity(size)
    var inner = scaledIdentity(h)
    var best = Double.infinity
    let work = Double(count) * Double(size * size + h * h)
    let steps = Int(min(24, max(2, 2e9 / work)))
    for step in 0..<steps {
      let coefficientEnergy = SymmetricForms.values(of: outer, at: lines.coefficients)
      let directionEnergy = SymmetricForms.values(of: inner, at: lines.directions)
      let floor = 1e-12 * (coefficientEnergy.max() ?? 0)
      // Squares of smaller coefficients would underflow; the mass bound remains.
      guard floor > 1e-280 else { return .infinity }
      let weights = (0..<count).map { l in
        (max(coefficientEnergy[l], floor) / max(directionEnergy[l], 1e-12)).squareRoot()
      }
      let first = try SymmetricForms.gram(
        lines.coefficients, weights: weights.map { 1 / $0 }, threads: threads)
      let second = try SymmetricForms.gram(lines.directions, weights: weights, threads: threads)
      let (topOuter, outerVector) = try SymmetricForms.top(first)
      let (topInner, innerVector) = try SymmetricForms.top(second)
      best = min(best, (max(topOuter, 0) * max(topInner, 0)).squareRoot())
      let rate = 2 / Double(step + 3)
      SymmetricForms.mix(&outer, with: outerVector, rate: rate)
      SymmetricForms.mix(&inner, with: innerVector, rate: rate)
    }
    return best
  }

  private func scaledIdentity(_ order: Int) -> Matrix {
    var result = Matrix.identity(order)
    for i in 0..<order { result[i, i] = 1 / Double(order) }
    return result
  }
}
