import Tensors

extension ProblemView {
  /// Checks that directions are orthonormal and that filters lie in their span.
  ///
  /// - Throws: `CertificateError` otherwise.
  static func check(_ directions: Matrix, filters: Matrix, dimension: Int) throws {
    guard directions.columns == dimension, 1...dimension ~= directions.rows,
      directions.firstNonFiniteIndex == nil
    else {
      throw CertificateError(
        place: "directions",
        expected: "1 to \(dimension) directions of patch dimension \(dimension)",
        found: "shape [\(directions.rows), \(directions.columns)]",
        advice: "Use the leading directions of these patches.")
    }
    let products = BLAS.product(directions, .plain, directions, .transposed)
    let deviation = zip(products.elements, Matrix.identity(directions.rows).elements).reduce(0) {
      max($0, abs($1.0 - $1.1))
    }
    guard deviation <= 1e-12 else {
      throw CertificateError(
        place: "directions", expected: "orthonormal rows to 1e-12",
        found: "a deviation of \(deviation)",
        advice: "Orthonormalise them.")
    }
    guard filters.rows > 0 else { return }
    let coordinates = BLAS.product(filters, .plain, directions, .transposed)
    let projected = BLAS.product(coordinates, .plain, directions)
    for j in 0..<filters.rows {
      let size = BLAS.norm(Array(filters.row(j)))
      let rest = BLAS.norm(zip(filters.row(j), projected.row(j)).map { $0 - $1 })
      guard rest <= 1e-9 * size else {
        throw CertificateError(
          place: "filter \(j)",
          expected: "a filter in the span of the \(directions.rows) directions",
          found: "a distance of \(rest / size) of its length",
          advice: "Certify this network without --filter-rank.")
      }
    }
  }

  /// The patches in the coordinates of directions.
  static func project(_ patches: PooledPatches, on directions: Matrix) -> PooledPatches {
    PooledPatches(
      rows: BLAS.product(patches.rows, .plain, directions, .transposed),
      sampleCount: patches.sampleCount, threads: patches.threads)
  }

  /// What the dual norm over all filters can exceed that over filters in the span of directions.
  ///
  /// For a unit filter `u` with part `p` in the span, `|Phi(u)' Lambda - Phi(p)' Lambda| = |B ((M u)_+ - (M p)_+)|` is at most
  /// `|B|_2 |M (u - p)| <= |B|_2 sigma`, with `sigma` the largest singular value of the patches without their parts in the
  /// span, and at most `sum_r |b_r| |x_r - V' V x_r|`. `B` has the blocks `P[q, k] Lambda`, so
  /// `|B|_2 = max_q |P[q, .]| |Lambda|_2` for windows that do not overlap.
  ///
  /// - Parameters:
  ///   - patches: All of the patches.
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - directions: Orthonormal, `[r, h]`.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  /// - Returns: The lesser of both, with rounding margin.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  static func bridge(
    _ patches: PooledPatches, weights: Matrix, directions: Matrix, dual: Matrix
  ) throws -> Double {
    var rest = patches.rows
    let inside = BLAS.product(
      BLAS.product(patches.rows, .plain, directions, .transposed), .plain, directions)
    BLAS.add(-1, inside.elements, to: &rest.elements)
    let residual = PooledPatches(
      rows: rest, sampleCount: patches.sampleCount, threads: patches.threads)
    let mass = residual.massBound(weights: weights, dual: dual)
    let rounding = patches.roundingMargin(
      mass: patches.massBound(weights: weights, dual: dual), size: weights.rows * dual.columns)
    let gram = try SymmetricForms.gram(
      rest, weights: [Double](repeating: 1, count: rest.rows), threads: patches.threads)
    let (top, _) = try SymmetricForms.top(gram)
    let trace = (0..<gram.rows).reduce(0) { $0 + gram[$1, $1] }
    let slack = Double(rest.rows + 4 * gram.rows + 8) * 0x1p-52 * trace
    let sigma = (max(0, top) + slack).squareRoot()
    let pooled = (0..<weights.rows).reduce(0) { largest, q in
      max(largest, (0..<weights.columns).reduce(0) { $0 + weights[q, $1] * weights[q, $1] })
    }
    let spread = pooled.squareRoot() * BLAS.norm(dual.elements) * sigma
    return min(mass, spread) * (1 + 1e-9) + rounding
  }
}
