import Tensors

/// An estimate of the smallest eigenvalue of a symmetric operator, by Lanczos' method.
///
/// The value returned is a Rayleigh quotient, so it is never below the smallest eigenvalue: it can refute that an operator
/// is positive definite and cannot prove it. Vectors are orthogonalized against all before.
///
/// - Source: Golub & Van Loan, *Matrix Computations*, 2013, section 10.1.
struct Lanczos {
  /// Most products with the operator.
  var stepLimit = 200
  /// Ends when the residual of the estimate is at most this share of the largest value met.
  var tolerance = 1e-9

  /// The estimate.
  ///
  /// - Parameters:
  ///   - dimension: Length of vectors, positive.
  ///   - product: The operator.
  /// - Returns: The Rayleigh quotient and the number of products.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  func smallestEigenvalue(
    dimension: Int, product: ([Double]) -> [Double]
  ) throws -> (value: Double, steps: Int) {
    var generator = SeededGenerator(seed: 1)
    var basis: [[Double]] = []
    var (diagonal, offDiagonal): ([Double], [Double]) = ([], [])
    var vector = (0..<dimension).map { _ in generator.normal() }
    var length = BLAS.norm(vector)
    var value = Double.infinity
    while basis.count < min(stepLimit, dimension) {
      for e in vector.indices { vector[e] /= length }
      basis.append(vector)
      var next = product(vector)
      diagonal.append(BLAS.dot(vector, next))
      for _ in 0..<2 {
        for other in basis { BLAS.add(-BLAS.dot(other, next), other, to: &next) }
      }
      length = BLAS.norm(next)
      let (values, last) = try Self.tridiagonal(diagonal, offDiagonal)
      value = values[0]
      let scale = max(abs(values[0]), abs(values[values.count - 1]))
      if length * abs(last) <= tolerance * scale { break }
      offDiagonal.append(length)
      vector = next
    }
    return (value, basis.count)
  }

  /// Eigenvalues of a symmetric tridiagonal matrix, and the last entry of the first eigenvector.
  private static func tridiagonal(
    _ diagonal: [Double], _ offDiagonal: [Double]
  ) throws -> (values: [Double], last: Double) {
    let n = diagonal.count
    var matrix = Matrix(rows: n, columns: n)
    for e in 0..<n {
      matrix[e, e] = diagonal[e]
      if e + 1 < n {
        matrix[e, e + 1] = offDiagonal[e]
        matrix[e + 1, e] = offDiagonal[e]
      }
    }
    let (values, vectors) = try LAPACK.symmetricEigen(matrix)
    return (values, vectors[0, n - 1])
  }
}
