import Tensors

/// Quadratic forms over many vectors, in fixed chunks, for the dual norm bounds.
enum SymmetricForms {
  /// Rows per block of a product.
  private static let block = 512

  /// `rows_l' form rows_l` for every row.
  ///
  /// - Parameters:
  ///   - form: Symmetric matrix `[d, d]`.
  ///   - rows: `[L, d]`.
  /// - Returns: One value for each row.
  static func values(of form: Matrix, at rows: Matrix) -> [Double] {
    let d = rows.columns
    var result = [Double](repeating: 0, count: rows.rows)
    for start in stride(from: 0, to: rows.rows, by: block) {
      let range = start..<min(start + block, rows.rows)
      let slice = Matrix(
        rows: range.count, columns: d,
        elements: Array(rows.elements[range.lowerBound * d..<range.upperBound * d]))
      let product = BLAS.product(slice, .plain, form)
      for l in range {
        let local = (l - start) * d
        var sum = 0.0
        for e in 0..<d { sum += product.elements[local + e] * slice.elements[local + e] }
        result[l] = sum
      }
    }
    return result
  }

  /// `sum_l weights_l rows_l rows_l'`, shape `[d, d]`; the weights may have any sign.
  ///
  /// - Complexity: O(`L d^2`), over at most eight stripes that do not depend on the number of threads.
  static func gram(_ rows: Matrix, weights: [Double], threads: Int) throws -> Matrix {
    let d = rows.columns
    let stripe = max(2048, (rows.rows + 7) / 8)
    let stripes = (rows.rows + stripe - 1) / stripe
    var partial = [Matrix](repeating: Matrix(rows: d, columns: d), count: stripes)
    partial.withUnsafeMutableBufferPointer { partial in
      nonisolated(unsafe) let partial = partial
      Parallel.forEachChunk(of: rows.rows, chunk: stripe, threads: threads) { index, range in
        partial[index] = gram(rows, weights: weights, range: range)
      }
    }
    var total = Matrix(rows: d, columns: d)
    for part in partial { BLAS.add(1, part.elements, to: &total.elements) }
    return total
  }

  private static func gram(_ rows: Matrix, weights: [Double], range: Range<Int>) -> Matrix {
    let d = rows.columns
    var total = Matrix(rows: d, columns: d)
    var scaled = [Double](repeating: 0, count: block * d)
    rows.elements.withUnsafeBufferPointer { x in
      scaled.withUnsafeMutableBufferPointer { scaled in
        total.elements.withUnsafeMutableBufferPointer { total in
          guard let x = x.baseAddress, let scaled = scaled.baseAddress,
            let total = total.baseAddress
          else { return }
          for start in stride(from: range.lowerBound, to: range.upperBound, by: block) {
            let count = min(block, range.upperBound - start)
            for l in 0..<count {
              let weight = weights[start + l]
              for e in 0..<d { scaled[l * d + e] = weight * x[(start + l) * d + e] }
            }
            BLAS.gemm(
              .transposed, .plain, m: d, n: d, k: count, scaled, lda: d, x + start * d, ldb: d,
              beta: 1, total, ldc: d)
          }
        }
      }
    }
    return total
  }

  /// The largest eigenvalue of a symmetric matrix and a unit eigenvector.
  static func top(_ matrix: Matrix) throws -> (Double, [Double]) {
    guard matrix.rows > 0 else { return (0, []) }
    guard matrix.firstNonFiniteIndex == nil else {
      return (.infinity, [Double](repeating: 0, count: matrix.rows))
    }
    let (values, vectors) = try LAPACK.symmetricEigen(matrix)
    return (values[matrix.rows - 1], Array(vectors.row(matrix.rows - 1)))
  }

  /// `matrix = (1 - rate) matrix + rate x x'`.
  static func mix(_ matrix: inout Matrix, with x: [Double], rate: Double) {
    for i in x.indices {
      for j in x.indices {
        matrix[i, j] = (1 - rate) * matrix[i, j] + rate * x[i] * x[j]
      }
    }
  }
}
