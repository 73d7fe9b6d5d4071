public import Tensors

/// The sum of nuclear norms of symmetric matrices, one for each block of rows and each column.
///
/// Block `b` of the weights `[blockCount * h (h + 1) / 2, c]` holds in column `k` the coordinates of a symmetric `[h, h]`
/// matrix: the upper triangle row by row, entries off the diagonal times the square root of two. The nuclear norm is the
/// sum of the absolute eigenvalues.
public struct SymmetricNuclearNorm: Regularizer {
  /// Number of blocks.
  public let blockCount: Int
  /// Order `h` of the matrices.
  public let order: Int
  /// Threads that the matrices are spread over; the results do not depend on it.
  public let threads: Int

  /// A norm over blocks of matrices of some order.
  public init(blockCount: Int, order: Int, threads: Int = 1) {
    (self.blockCount, self.order, self.threads) = (blockCount, order, threads)
  }

  /// The matrix of a block and a column, shape `[h, h]`.
  public func matrix(block: Int, column: Int, of weights: Matrix) -> Matrix {
    blocks.matrix(block: block, column: column, of: weights)
  }

  private var blocks: SymmetricBlocks {
    SymmetricBlocks(count: blockCount, order: order, threads: threads)
  }

  /// The sum of absolute eigenvalues; not a number when an entry is not finite.
  public func value(_ weights: Matrix) -> Double {
    spectra(weights).reduce(0) { $0 + $1.reduce(0) { $0 + abs($1) } }
  }

  /// The largest absolute eigenvalue in each block.
  public func blockDualNorms(_ gradient: Matrix) -> [Double] {
    let spectra = spectra(gradient)
    return (0..<blockCount).map { b in
      spectra[b * gradient.columns..<(b + 1) * gradient.columns].joined().reduce(0) {
        $0.isNaN || abs($1) <= $0 ? $0 : abs($1)
      }
    }
  }

  /// Soft-thresholding of the eigenvalues of each matrix.
  ///
  /// - Complexity: O(`h^3`) per matrix.
  public func prox(_ weights: inout Matrix, step: Double) -> Double {
    let results = blocks.map(weights) { thresholded($0, step: step) }
    blocks.put(results.map(\.matrix), into: &weights)
    return results.reduce(0) { $0 + $1.norm }
  }

  /// Eigenvalues of all matrices, columns of a block one after the other.
  private func spectra(_ weights: Matrix) -> [[Double]] {
    blocks.map(weights) { matrix in
      guard matrix.firstNonFiniteIndex == nil, let eigen = try? LAPACK.symmetricEigen(matrix)
      else { return [.nan] }
      return eigen.values
    }
  }

  private func thresholded(_ matrix: Matrix, step: Double) -> (matrix: Matrix, norm: Double) {
    // A value that is not finite passes on to the caller, whose objective shows it.
    guard matrix.firstNonFiniteIndex == nil, let eigen = try? LAPACK.symmetricEigen(matrix) else {
      return (Matrix(rows: order, columns: order, repeating: .nan), .nan)
    }
    var result = Matrix(rows: order, columns: order)
    var norm = 0.0
    for (r, value) in eigen.values.enumerated() where abs(value) > step {
      let kept = value > 0 ? value - step : value + step
      norm += abs(kept)
      for e in 0..<order {
        let left = kept * eigen.vectors.elements[r * order + e]
        for f in e..<order {
          result.elements[e * order + f] += left * eigen.vectors.elements[r * order + f]
        }
      }
    }
    return (result, norm)
  }
}
