public import Tensors

/// The sum of nuclear norms of blocks, each a filter-by-output matrix.
///
/// Block `b` of the weights `[blockCount * a * h, c]` holds row `(q, e)` and column `k`; it stands for the matrix
/// `Z_b` of shape `[h, a * c]` with entry `(e, q * c + k)`. A rank-one `Z_b = u w'` is one neuron with filter `u`
/// and output weights `w` of shape `[a, c]`.
public struct BlockNuclearNorm: Regularizer {
  /// Number of blocks.
  public let blockCount: Int
  /// Patch dimension `h`.
  public let patchDimension: Int
  /// Number of windows `a`.
  public let windowCount: Int
  /// Threads that the blocks are spread over; the results do not depend on it.
  public let threads: Int

  /// A nuclear norm over blocks of given shape.
  public init(blockCount: Int, patchDimension: Int, windowCount: Int, threads: Int = 1) {
    self.blockCount = blockCount
    self.patchDimension = patchDimension
    self.windowCount = windowCount
    self.threads = threads
  }

  /// The matrix `Z_b` of shape `[h, a * c]` of one block.
  public func block(_ index: Int, of weights: Matrix) -> Matrix {
    let (h, a, c) = (patchDimension, windowCount, weights.columns)
    var result = Matrix(rows: h, columns: a * c)
    let base = index * a * h * c
    for q in 0..<a {
      for e in 0..<h {
        for k in 0..<c {
          result.elements[e * a * c + q * c + k] = weights.elements[base + (q * h + e) * c + k]
        }
      }
    }
    return result
  }

  /// Puts a matrix `Z_b` of shape `[h, a * c]` into its place.
  public func setBlock(_ index: Int, of weights: inout Matrix, to matrix: Matrix) {
    let (h, a, c) = (patchDimension, windowCount, weights.columns)
    let base = index * a * h * c
    for q in 0..<a {
      for e in 0..<h {
        for k in 0..<c {
          weights.elements[base + (q * h + e) * c + k] = matrix.elements[e * a * c + q * c + k]
        }
      }
    }
  }

  /// `sum_b |Z_b|_*`, by a full decomposition; not a number when an entry is not finite.
  ///
  /// - Accuracy: To rounding, also where blocks have low rank, as solutions do (`RegularizerIdentityTests`).
  public func value(_ weights: Matrix) -> Double {
    perBlock { index in
      let block = block(index, of: weights)
      guard block.firstNonFiniteIndex == nil, let svd = try? LAPACK.singularValues(block) else {
        return .nan
      }
      return svd.values.reduce(0, +)
    }.reduce(0, +)
  }

  /// The largest singular value of each block.
  public func blockDualNorms(_ gradient: Matrix) -> [Double] {
    perBlock { singularSpectrum(block($0, of: gradient)).values.max() ?? 0 }
  }

  /// Singular-value soft-thresholding of each block.
  ///
  /// - Complexity: O(`h^2 a c`) per block: one eigen-decomposition of the smaller Gram matrix and two products.
  public func prox(_ weights: inout Matrix, step: Double) -> Double {
    let input = weights
    let results = perBlock { index in thresholded(block(index, of: input), step: step) }
    var sum = 0.0
    for (index, result) in results.enumerated() {
      setBlock(index, of: &weights, to: result.matrix)
      sum += result.norm
    }
    return sum
  }

  /// Singular values with the singular vectors of the smaller side, from its Gram matrix.
  ///
  /// Values below `1e-8` of the largest lose relative accuracy in the Gram matrix. Neither the largest value nor
  /// what a prox keeps suffers from that: it removes small values.
  private func singularSpectrum(
    _ matrix: Matrix
  ) -> (values: [Double], vectors: Matrix, left: Bool) {
    let left = matrix.rows <= matrix.columns
    let gram =
      left
      ? BLAS.product(matrix, .plain, matrix, .transposed)
      : BLAS.product(matrix, .transposed, matrix, .plain)
    guard let eigen = try? LAPACK.symmetricEigen(gram) else {
      let nan = [Double](repeating: .nan, count: gram.rows)
      return (nan, gram, left)
    }
    return (eigen.values.map { max($0, 0).squareRoot() }, eigen.vectors, left)
  }

  private func thresholded(_ matrix: Matrix, step: Double) -> (matrix: Matrix, norm: Double) {
    let (values, vectors, left) = singularSpectrum(matrix)
    let zero = Matrix(rows: matrix.rows, columns: matrix.columns)
    // A non-finite value passes on to the caller, whose objective shows it.
    guard values.contains(where: { !($0 <= step) }) else { return (zero, 0) }
    // Q diag(shrink) Q' applied on the smaller side; rows of `vectors` are eigenvectors.
    var scaled = vectors
    var norm = 0.0
    for (i, value) in values.enumerated() {
      let factor = value <= step ? 0 : 1 - step / value
      norm += factor * value
      for e in 0..<vectors.columns { scaled[i, e] *= factor }
    }
    let shrink = BLAS.product(vectors, .transposed, scaled, .plain)
    return (
      left
        ? BLAS.product(shrink, .plain, matrix, .plain)
        : BLAS.product(matrix, .plain, shrink, .plain), norm
    )
  }

  private func perBlock<T>(_ body: (Int) -> T) -> [T] {
    var results = [T?](repeating: nil, count: blockCount)
    results.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      Parallel.forEachChunk(of: blockCount, chunk: 4, threads: threads) { _, range in
        for index in range { base[index] = body(index) }
      }
    }
    return results.compactMap { $0 }
  }
}
