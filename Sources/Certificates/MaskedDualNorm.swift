package import Tensors

/// Upper bound on the dual norm of gated and linear networks with linear pooling.
///
/// For a neuron that is linear on the rows its mask keeps, `Phi(u)' Lambda = T u` with
///
///     T[(q, j), e] = sum_i Lambda[i, j] sum_k P[q, k] D[i, k] x_ik[e]        [a c, h]
///
/// so `max_{|u| <= 1} |Phi(u)' Lambda|_F` is the largest singular value of `T`, and over several gates the largest of those.
/// The computed value is multiplied by `1 + 1e-9` and increased by the margin for the rounding of `T`.
package enum MaskedDualNorm {
  /// The bound over the masks given, or over the mask that keeps every row.
  ///
  /// - Parameters:
  ///   - patches: Data with linear pooling.
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - masks: Patterns as packed bits, or nil for the linear activation.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  /// - Returns: The bound; infinite when the data overflow.
  /// - Throws: `LAPACK.Failure` when the singular value iteration does not converge.
  /// - Complexity: O(`n K h`) time per mask, plus `a` products `[c, n] [n, h]`.
  package static func upperBound(
    _ patches: PooledPatches, weights: Matrix, masks: [[UInt64]]?, dual: Matrix
  ) throws -> Double {
    let count = masks?.count ?? 1
    var norms = [Result<Double, any Error>](repeating: .success(0), count: count)
    norms.withUnsafeMutableBufferPointer { norms in
      nonisolated(unsafe) let norms = norms
      Parallel.forEachChunk(of: count, chunk: 1, threads: patches.threads) { index, _ in
        norms[index] = Result {
          let t = correlation(patches, weights: weights, mask: masks?[index], dual: dual)
          return try spectralNorm(t)
        }
      }
    }
    let largest = try norms.reduce(0) { try max($0, $1.get()) }
    let mass = patches.massBound(weights: weights, dual: dual)
    return largest * (1 + 1e-9)
      + patches.roundingMargin(mass: mass, size: weights.rows * dual.columns)
  }

  /// The matrix `T` of one mask with its rows in the order `(j, q)`, shape `[c a, h]`.
  static func correlation(
    _ patches: PooledPatches, weights: Matrix, mask: [UInt64]?, dual: Matrix
  ) -> Matrix {
    let (a, c, h) = (weights.rows, dual.columns, patches.patchDimension)
    let block = 64
    var total = Matrix(rows: c * a, columns: h)
    var pooled = [Double](repeating: 0, count: block * a * h)
    total.elements.withUnsafeMutableBufferPointer { total in
      pooled.withUnsafeMutableBufferPointer { pooled in
        dual.elements.withUnsafeBufferPointer { dual in
          guard let total = total.baseAddress, let pooled = pooled.baseAddress,
            let dual = dual.baseAddress
          else { return }
          for start in stride(from: 0, to: patches.sampleCount, by: block) {
            let samples = start..<min(start + block, patches.sampleCount)
            pool(patches, weights: weights, mask: mask, samples: samples, into: pooled)
            BLAS.gemm(
              .transposed, .plain, m: c, n: a * h, k: samples.count, dual + start * c, lda: c,
              pooled, ldb: a * h, beta: 1, total, ldc: a * h)
          }
        }
      }
    }
    return total
  }

  /// `sum_k P[q, k] D[i, k] x_ik` for some samples, `[samples, a, h]`.
  static func pool(
    _ patches: PooledPatches, weights: Matrix, mask: [UInt64]?, samples: Range<Int>,
    into pooled: UnsafeMutablePointer<Double>
  ) {
    let (a, h, count) = (weights.rows, patches.patchDimension, patches.patchesPerSample)
    pooled.update(repeating: 0, count: samples.count * a * h)
    patches.rows.elements.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress else { return }
      for (s, i) in samples.enumerated() {
        for k in 0..<count {
          let r = i * count + k
          if let mask, (mask[r >> 6] >> UInt64(r & 63)) & 1 == 0 { continue }
          let row = x + r * h
          for q in 0..<a {
            let weight = weights.elements[q * count + k]
            if weight == 0 { continue }
            let target = pooled + (s * a + q) * h
            for e in 0..<h { target[e] += weight * row[e] }
          }
        }
      }
    }
  }

  /// The largest singular value of a matrix; infinite when an entry is not finite.
  static func spectralNorm(_ matrix: Matrix) throws -> Double {
    guard matrix.firstNonFiniteIndex == nil else { return .infinity }
    guard matrix.rows > 0, matrix.columns > 0 else { return 0 }
    return try LAPACK.singularValues(matrix).values.first ?? 0
  }
}
