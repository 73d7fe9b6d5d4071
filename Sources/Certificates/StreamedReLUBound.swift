package import Tensors

/// An upper bound on the dual norm of ReLU networks with linear pooling, gathered from blocks of samples.
///
/// With `b_r[q, j] = P[q, k] Lambda[i, j]` for row `r = (i, k)` and `(t)_+ = (t + |t|) / 2`, for every unit `u`
///
///     |Phi(u)' Lambda| = |sum_r b_r (x_r . u)_+| <= (|sum_r b_r x_r'|_2 + |sum_r b_r |x_r . u||) / 2,
///
/// and the last sum is `(B w^-1/2) D (w^1/2 M) u` with the diagonal matrix `D` of signs, so at most
/// `|B w^-1/2|_2 |w^1/2 M|_2`. Here `w_r = |b_r| / |x_r|`: the two factors then have Gram matrices that are sums over rows of
/// order `a c` and `h`, and nothing of the size of the data is kept. It is the first of the weighted bounds of
/// `SpectralDualNorm`, without merged lines, and never above the mass `sum_r |b_r| |x_r|`.
package struct StreamedReLUBound {
  private let weights: Matrix
  private let outputCount: Int
  /// Norms of the columns of the pooling weights.
  private let columnNorms: [Double]
  private var correlation: Matrix
  /// For each position `sum_i |x_ik| Lambda_i Lambda_i' / |Lambda_i|`, `[K, c c]`.
  private var outer: Matrix
  /// `sum_r w_r x_r x_r'`.
  private var inner: Matrix
  private var mass = 0.0
  private var rowCount = 0
  private var sampleCount = 0
  /// What rows contribute at most whose squares vanish.
  private var remainder = 0.0

  /// Nothing gathered yet.
  ///
  /// - Parameters:
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - patchDimension: `h`.
  ///   - outputCount: `c`.
  package init(weights: Matrix, patchDimension: Int, outputCount: Int) {
    self.weights = weights
    self.outputCount = outputCount
    columnNorms = (0..<weights.columns).map { k in
      BLAS.norm((0..<weights.rows).map { weights[$0, k] })
    }
    correlation = Matrix(rows: weights.rows * outputCount, columns: patchDimension)
    outer = Matrix(rows: weights.columns, columns: outputCount * outputCount)
    inner = Matrix(rows: patchDimension, columns: patchDimension)
  }

  /// Adds the patches of some samples and their rows of the dual point, `[samples, c]`.
  package mutating func add(_ patches: PooledPatches, dual: Matrix) {
    let (count, h, c) = (weights.columns, patches.patchDimension, outputCount)
    BLAS.add(
      1,
      MaskedDualNorm.correlation(patches, weights: weights, mask: nil, dual: dual).elements,
      to: &correlation.elements)
    mass += patches.massBound(weights: weights, dual: dual)
    var scaled = patches.rows
    var lengths = Matrix(rows: patches.sampleCount, columns: count)
    var squares = Matrix(rows: patches.sampleCount, columns: c * c)
    for i in 0..<patches.sampleCount {
      let row = Array(dual.row(i))
      let size = BLAS.norm(row)
      for k in 0..<count {
        let r = i * count + k
        let length = BLAS.norm(Array(patches.rows.row(r)))
        let weight = columnNorms[k] * size
        var factor = 0.0
        if length > Self.leastNorm, size > Self.leastNorm {
          factor = (weight / length).squareRoot()
          lengths[i, k] = length
        } else {
          remainder += 2 * weight * length + Self.leastNorm * (weight + columnNorms[k] * length)
        }
        for e in 0..<h { scaled[r, e] *= factor }
      }
      guard size > Self.leastNorm else { continue }
      for j in 0..<c {
        for l in 0..<c { squares[i, j * c + l] = row[j] / size * row[l] }
      }
    }
    BLAS.add(
      1, BLAS.product(scaled, .transposed, scaled, .plain).elements, to: &inner.elements)
    BLAS.add(
      1, BLAS.product(lengths, .transposed, squares, .plain).elements, to: &outer.elements)
    rowCount += patches.rows.rows
    sampleCount += patches.sampleCount
  }

  /// The bound over the samples added, with rounding margin; infinite when numbers overflow.
  ///
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  package func value() throws -> Double {
    let (a, c, h) = (weights.rows, outputCount, correlation.columns)
    guard mass.isFinite, remainder.isFinite else { return .infinity }
    guard mass > 0 else { return remainder }
    let weighted = a * c <= Self.largestOrder ? min(mass, try weightedBound()) : mass
    let linear = try MaskedDualNorm.spectralNorm(correlation)
    // Eigenvalues are at least the trace over the order, which is what errors of the sums are relative to.
    let order = Double(max(h, a * c))
    let error = 1e-9 + 4 * (Double(rowCount) + order) * order * 0x1p-52
    let margin = PooledPatches.roundingMargin(
      mass: mass, size: a * c, sampleCount: sampleCount, patchesPerSample: weights.columns,
      patchDimension: h)
    return 0.5 * (linear + weighted) * (1 + error) + margin + remainder
  }

  /// `|B w^-1/2|_2 |w^1/2 M|_2`.
  private func weightedBound() throws -> Double {
    let (a, c) = (weights.rows, outputCount)
    var gram = Matrix(rows: a * c, columns: a * c)
    for k in 0..<weights.columns where columnNorms[k] > 0 {
      for q in 0..<a where weights[q, k] != 0 {
        for p in 0..<a where weights[p, k] != 0 {
          let share = weights[q, k] * weights[p, k] / columnNorms[k]
          for j in 0..<c {
            for l in 0..<c { gram[q * c + j, p * c + l] += share * outer[k, j * c + l] }
          }
        }
      }
    }
    guard gram.firstNonFiniteIndex == nil, inner.firstNonFiniteIndex == nil else {
      return .infinity
    }
    let (first, _) = try SymmetricForms.top(gram)
    let (second, _) = try SymmetricForms.top(inner)
    // The product of the eigenvalues may vanish where that of their roots does not.
    return max(first, 0).squareRoot() * max(second, 0).squareRoot()
  }

  /// Larger Gram matrices `[a c, a c]` are not made; the mass stands for what they bound.
  private static let largestOrder = 1500

  /// Rows of norms up to this are bounded one by one: their products with each other may vanish.
  private static let leastNorm = 1e-70
}
