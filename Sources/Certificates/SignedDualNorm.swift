import Tensors

/// Upper bound on the dual norm of ReLU networks that keeps the signs of the coefficients.
///
/// It bounds each coordinate of `B (M u)_+` in an orthonormal basis of `R^(a c)` by itself and takes the norm of these bounds,
/// which is at least the norm of the vector for every `u`. Let `b` be the coefficients of one coordinate.
/// With `g = M' b` and merged lines, `b . (M u)_+ = f(u) / 2` with `f(u) = g . u + sum_l b_l |v_l . u|`, up to the
/// remainder. For unit `u`, unit `v_l` and any `s_l > 0`,
///
///     t <= t^2 / (2 s_l) + s_l / 2     for t = |v_l . u|, used where b_l > 0
///     t >= t^2                         because t <= 1, used where b_l < 0
///
/// so `f(u) <= g . u + u' Q u + (1/2) sum_{b_l > 0} b_l s_l` with
/// `Q = sum_{b_l > 0} b_l / (2 s_l) v_l v_l' - sum_{b_l < 0} |b_l| v_l v_l'`, and for unit `u` and any `mu` above the
/// eigenvalues of `Q`
///
///     u' Q u + g . u <= mu + (1/4) g' (mu I - Q)^-1 g
///
/// because `(mu I - Q)` is positive definite: maximise `g . u - u' (mu I - Q) u` over all `u`. The dual norm is half the
/// larger of the bounds on `f` and on the same function of `-b`. The `s_l` come from Frank-Wolfe steps on the concave
/// function `sum_{b_l > 0} b_l (v_l' U v_l)^1/2 - sum_{b_l < 0} |b_l| v_l' U v_l + g . m`, whose linearisations have
/// exactly `s_l = (v_l' U v_l)^1/2`; each of them gives a valid bound.
enum SignedDualNorm {
  /// Largest `a c` for which coordinates are bounded one by one.
  private static let largestSize = 64
  /// Coordinates that are bounded at the same time.
  private static let batch = 4

  /// The bound on `max_{|u| <= 1} |B (M u)_+|`, without the remainder of the merging.
  ///
  /// - Parameters:
  ///   - lines: Merged lines with coefficients in the order `(q, j)`.
  ///   - windows: Number of windows `a`.
  ///   - correlation: `B M` with its rows in the order `(j, q)`, `[c a, h]`.
  ///   - limit: A bound that is known already: the search ends when it cannot be improved.
  ///   - threads: Threads that the coordinates are shared among.
  /// - Returns: The bound, or infinity when it would not improve on the limit.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  static func upperBound(
    _ lines: MergedLines, windows: Int, correlation: Matrix, limit: Double, threads: Int
  ) throws -> Double {
    let size = lines.coefficients.columns
    // The norm of many bounds is hardly ever the least bound, and each takes time.
    guard size > 0, size <= largestSize else { return .infinity }
    let outputs = size / max(windows, 1)
    let order = (0..<size).map { $0 % outputs * windows + $0 / outputs }
    let linear = correlation.selectingRows(order)
    let basis = try self.basis(lines, threads: threads)
    let coefficients = BLAS.product(lines.coefficients, .plain, basis, .transposed)
    let gradients = BLAS.product(basis, .plain, linear, .plain)
    var total = 0.0
    // The last rows of the basis belong to the largest coefficients. Batches do not depend on the number of threads.
    for end in stride(from: size, to: 0, by: -batch) {
      let coordinates = max(0, end - batch)..<end
      var values = [Result<Double, any Error>](repeating: .success(0), count: coordinates.count)
      values.withUnsafeMutableBufferPointer { values in
        nonisolated(unsafe) let values = values
        Parallel.forEachChunk(of: coordinates.count, chunk: 1, threads: threads) { index, _ in
          let coordinate = coordinates.lowerBound + index
          let b = (0..<lines.count).map { coefficients[$0, coordinate] }
          values[index] = Result {
            try upperBound(lines, b, Array(gradients.row(coordinate)))
          }
        }
      }
      total = try values.reduce(total) {
        let value = try $1.get()
        return $0 + value * value
      }
      guard total < limit * limit else { return .infinity }
    }
    return total.squareRoot()
  }

  /// An orthonormal basis of the coefficients: the eigenvectors of their Gram matrix as rows, the largest last.
  static func basis(_ lines: MergedLines, threads: Int) throws -> Matrix {
    let size = lines.coefficients.columns
    let gram = try SymmetricForms.gram(
      lines.coefficients, weights: [Double](repeating: 1, count: lines.count), threads: threads)
    guard size > 1, gram.firstNonFiniteIndex == nil else { return .identity(size) }
    return try LAPACK.symmetricEigen(gram).vectors
  }

  /// The bound on `max_{|u| <= 1} |sum_r b_r (x_r . u)_+|` of one coordinate.
  private static func upperBound(
    _ lines: MergedLines, _ b: [Double], _ g: [Double]
  ) throws -> Double {
    let upper = try bound(lines, b, g)
    let lower = try bound(lines, b.map { -$0 }, g.map { -$0 })
    return 0.5 * max(0, upper, lower)
  }

  /// The bound on `max_{|u| = 1} g . u + sum_l b_l |v_l . u|`.
  private static func bound(
    _ lines: MergedLines, _ b: [Double], _ g: [Double]
  ) throws -> Double {
    let h = g.count
    var average = Matrix.identity(h)
    for e in 0..<h { average[e, e] = 1 / Double(h) }
    var best = Double.infinity
    let work = Double(lines.count) * Double(h * h + 8) * Double(lines.coefficients.columns)
    for step in 0..<Int(min(40, max(6, 1e9 / work))) {
      let energies = SymmetricForms.values(of: average, at: lines.directions)
      var spread = 0.0
      var weights = b
      for l in b.indices where b[l] > 0 {
        let s = max(energies[l], 1e-6).squareRoot()
        weights[l] = b[l] / (2 * s)
        spread += b[l] * s
      }
      let form = try SymmetricForms.gram(lines.directions, weights: weights, threads: 1)
      let (value, point) = try maximize(form: form, linear: g)
      // The Gram matrix sums terms of both signs: its error is relative to the sum of their sizes.
      let size = weights.reduce(0) { $0 + abs($1) }
      let margin = Double(lines.count + 4 * h + 8) * 0x1p-52 * (size + spread)
      best = min(best, value + 0.5 * spread + margin)
      SymmetricForms.mix(&average, with: point, rate: 2 / Double(step + 3))
    }
    return best
  }

  /// An upper bound on `max_{|u| = 1} u' form u + linear . u`, and a unit vector near the maximiser.
  static func maximize(form: Matrix, linear g: [Double]) throws -> (Double, [Double]) {
    let h = g.count
    guard form.firstNonFiniteIndex == nil else {
      return (.infinity, [Double](repeating: 0, count: h))
    }
    let (values, vectors) = try LAPACK.symmetricEigen(form)
    let inBasis = (0..<h).map { i in BLAS.dot(Array(vectors.row(i)), g) }
    let top = values[h - 1]
    let length = BLAS.norm(g)
    let scale = abs(top) + abs(values[0]) + length
    guard scale > 0 else { return (0, Array(vectors.row(h - 1))) }
    func slope(_ mu: Double) -> Double {
      (0..<h).reduce(1) { sum, i in
        let ratio = 0.5 * inBasis[i] / (mu - values[i])
        return sum - ratio * ratio
      }
    }
    // The distance of mu from the eigenvalues stays far above their rounding errors.
    var low = top + 1e-6 * scale
    var high = max(low, top + 0.5 * length)
    if slope(low) < 0 {
      for _ in 0..<60 {
        let middle = 0.5 * (low + high)
        if slope(middle) < 0 { low = middle } else { high = middle }
      }
    } else {
      high = low
    }
    let value = (0..<h).reduce(high) { $0 + 0.25 * inBasis[$1] * inBasis[$1] / (high - values[$1]) }
    return (value + 1e-9 * scale, maximizer(inBasis, values, vectors, mu: high))
  }

  /// The unit vector along `(mu I - Q)^-1 g / 2`, completed along the top eigenvector where that is shorter than one.
  private static func maximizer(
    _ g: [Double], _ values: [Double], _ vectors: Matrix, mu: Double
  ) -> [Double] {
    let h = g.count
    var local = (0..<h).map { 0.5 * g[$0] / (mu - values[$0]) }
    let length = BLAS.norm(local)
    if length < 1 {
      let missing = (1 - length * length).squareRoot()
      local[h - 1] += local[h - 1] < 0 ? -missing : missing
    }
    var point = [Double](repeating: 0, count: h)
    for i in 0..<h { BLAS.add(local[i], Array(vectors.row(i)), to: &point) }
    let norm = BLAS.norm(point)
    return norm > 0 ? point.map { $0 / norm } : Array(vectors.row(h - 1))
  }
}
