import COpenBLAS

/// Factorisations of dense matrices, by LAPACK inside OpenBLAS.
public enum LAPACK {
  /// Failure of a factorisation: what was asked and LAPACK's `info` code.
  public struct Failure: Error, Equatable, CustomStringConvertible {
    /// Name of the LAPACK routine.
    public let routine: String
    /// LAPACK's code; positive when the iteration did not converge or a minor is not positive.
    public let info: Int
    /// The failure in words.
    public var description: String {
      "\(routine): expected info 0, found \(info). The matrix has non-finite entries or is not of the required kind."
    }
  }

  /// Eigenvalues in ascending order and orthonormal eigenvectors of a symmetric matrix.
  ///
  /// - Parameter matrix: Symmetric matrix of shape `[d, d]`; only one triangle is read.
  /// - Returns: `values` of length `d`, ascending, and `vectors` of shape `[d, d]` whose *rows* are the
  ///   eigenvectors.
  /// - Throws: `Failure` when the iteration does not converge.
  /// - Complexity: O(`d^3`).
  public static func symmetricEigen(
    _ matrix: Matrix
  ) throws -> (values: [Double], vectors: Matrix) {
    precondition(matrix.rows == matrix.columns, "symmetricEigen: matrix is not square")
    let d = matrix.rows
    guard d > 0 else { return ([], matrix) }
    var a = matrix.elements
    var values = [Double](repeating: 0, count: d)
    var n = Int32(d)
    var lwork = Int32(1 + 6 * d + 2 * d * d)
    var liwork = Int32(3 + 5 * d)
    var work = [Double](repeating: 0, count: Int(lwork))
    var iwork = [Int32](repeating: 0, count: Int(liwork))
    var info: Int32 = 0
    var lda = n
    _ = BLAS.prepared
    dsyevd_("V", "U", &n, &a, &lda, &values, &work, &lwork, &iwork, &liwork, &info, 1, 1)
    guard info == 0 else { throw Failure(routine: "dsyevd", info: Int(info)) }
    return (values, Matrix(rows: d, columns: d, elements: a))
  }

  /// Thin singular value decomposition `A = U diag(s) V'`.
  ///
  /// - Parameter matrix: Any matrix of shape `[m, n]`; `r = min(m, n)`.
  /// - Returns: `u` of shape `[m, r]`, `values` descending of length `r`, `vt` of shape `[r, n]`.
  /// - Throws: `Failure` when the iteration does not converge.
  /// - Complexity: O(`m n r`).
  public static func singularValues(
    _ matrix: Matrix
  ) throws -> (u: Matrix, values: [Double], vt: Matrix) {
    let (m, n) = (matrix.rows, matrix.columns)
    let r = min(m, n)
    guard r > 0 else {
      return (Matrix(rows: m, columns: 0), [], Matrix(rows: 0, columns: n))
    }
    // Row-major A is column-major A', whose left vectors are V and right vectors U.
    var a = matrix.elements
    var values = [Double](repeating: 0, count: r)
    var left = [Double](repeating: 0, count: n * r)
    var right = [Double](repeating: 0, count: r * m)
    var (rows, columns, rank) = (Int32(n), Int32(m), Int32(r))
    var (lda, ldu, ldvt) = (rows, rows, rank)
    var iwork = [Int32](repeating: 0, count: 8 * r)
    var info: Int32 = 0
    var query = [0.0]
    var lwork: Int32 = -1
    _ = BLAS.prepared
    dgesdd_(
      "S", &rows, &columns, &a, &lda, &values, &left, &ldu, &right, &ldvt, &query, &lwork, &iwork,
      &info, 1)
    lwork = Int32(query[0])
    rank = Int32(r)
    var work = [Double](repeating: 0, count: max(1, Int(lwork)))
    dgesdd_(
      "S", &rows, &columns, &a, &lda, &values, &left, &ldu, &right, &ldvt, &work, &lwork, &iwork,
      &info, 1)
    guard info == 0 else { throw Failure(routine: "dgesdd", info: Int(info)) }
    return (
      Matrix(rows: m, columns: r, elements: right), values,
      Matrix(rows: r, columns: n, elements: left)
    )
  }

  /// Solves `A x = b` for a symmetric positive definite matrix by Cholesky factorisation.
  ///
  /// - Parameters:
  ///   - matrix: Symmetric positive definite matrix of shape `[d, d]`.
  ///   - rightHandSide: Vector of length `d`.
  /// - Returns: Vector `x` of length `d`.
  /// - Throws: `Failure` when the matrix is not positive definite.
  /// - Complexity: O(`d^3`).
  public static func solvePositiveDefinite(
    _ matrix: Matrix, _ rightHandSide: [Double]
  ) throws -> [Double] {
    let column = Matrix(rows: rightHandSide.count, columns: 1, elements: rightHandSide)
    return try solvePositiveDefinite(matrix, column).elements
  }

  /// Solves `A X = B` for a symmetric positive definite matrix by Cholesky factorisation.
  ///
  /// - Parameters:
  ///   - matrix: Symmetric positive definite matrix of shape `[d, d]`.
  ///   - rightHandSides: Matrix of shape `[d, c]`.
  /// - Returns: Matrix `X` of shape `[d, c]`.
  /// - Throws: `Failure` when the matrix is not positive definite.
  /// - Complexity: O(`d^3 + d^2 c`).
  public static func solvePositiveDefinite(
    _ matrix: Matrix, _ rightHandSides: Matrix
  ) throws -> Matrix {
    precondition(matrix.rows == matrix.columns, "solvePositiveDefinite: matrix is not square")
    precondition(
      rightHandSides.rows == matrix.rows,
      "solvePositiveDefinite: \(matrix.rows) equations, right-hand side of \(rightHandSides.rows)")
    guard matrix.rows > 0, rightHandSides.columns > 0 else { return rightHandSides }
    var a = matrix.elements
    // LAPACK takes the right-hand sides column after column.
    var x = rightHandSides.transposed
    var (n, count) = (Int32(matrix.rows), Int32(rightHandSides.columns))
    var (lda, ldb) = (n, n)
    var info: Int32 = 0
    _ = BLAS.prepared
    dpotrf_("U", &n, &a, &lda, &info, 1)
    guard info == 0 else { throw Failure(routine: "dpotrf", info: Int(info)) }
    dpotrs_("U", &n, &count, a, &lda, &x.elements, &ldb, &info, 1)
    guard info == 0 else { throw Failure(routine: "dpotrs", info: Int(info)) }
    return x.transposed
  }

  /// Solves `A x = b` for a symmetric positive definite matrix in its own memory.
  ///
  /// - Parameters:
  ///   - matrix: Symmetric positive definite matrix of shape `[d, d]`, of which only the lower triangle is read; its
  ///     Cholesky factor replaces it.
  ///   - rightHandSide: Vector of length `d`.
  /// - Returns: Vector `x` of length `d`.
  /// - Throws: `Failure` when the matrix is not positive definite.
  /// - Complexity: O(`d^3`) time; no memory but for the vector.
  package static func solvePositiveDefinite(
    overwriting matrix: inout Matrix, _ rightHandSide: [Double]
  ) throws -> [Double] {
    precondition(
      matrix.rows == matrix.columns && rightHandSide.count == matrix.rows,
      "solvePositiveDefinite: matrix \(matrix.rows) x \(matrix.columns), "
        + "right-hand side of \(rightHandSide.count)")
    guard matrix.rows > 0 else { return rightHandSide }
    var x = rightHandSide
    var (n, count, info) = (Int32(matrix.rows), Int32(1), Int32(0))
    var (lda, ldb) = (n, n)
    // Row-major lower is column-major upper.
    _ = BLAS.prepared
    dpotrf_("U", &n, &matrix.elements, &lda, &info, 1)
    guard info == 0 else { throw Failure(routine: "dpotrf", info: Int(info)) }
    dpotrs_("U", &n, &count, matrix.elements, &lda, &x, &ldb, &info, 1)
    guard info == 0 else { throw Failure(routine: "dpotrs", info: Int(info)) }
    return x
  }

  /// Solves `A X = B` for a square matrix by LU factorisation with partial pivoting.
  ///
  /// - Parameters:
  ///   - matrix: Matrix of shape `[d, d]`.
  ///   - rightHandSides: Matrix of shape `[d, c]`.
  /// - Returns: Matrix `X` of shape `[d, c]`.
  /// - Throws: `Failure` when the matrix is singular to working precision.
  /// - Complexity: O(`d^3 + d^2 c`).
  public static func solve(_ matrix: Matrix, _ rightHandSides: Matrix) throws -> Matrix {
    precondition(matrix.rows == matrix.columns, "solve: matrix is not square")
    precondition(
      rightHandSides.rows == matrix.rows,
      "solve: \(matrix.rows) equations, right-hand side of \(rightHandSides.rows)")
    guard matrix.rows > 0, rightHandSides.columns > 0 else { return rightHandSides }
    var a = matrix.transposed
    var x = rightHandSides.transposed
    var (n, count) = (Int32(matrix.rows), Int32(rightHandSides.columns))
    var (lda, ldb) = (n, n)
    var pivots = [Int32](repeating: 0, count: matrix.rows)
    var info: Int32 = 0
    _ = BLAS.prepared
    dgesv_(&n, &count, &a.elements, &lda, &pivots, &x.elements, &ldb, &info)
    guard info == 0 else { throw Failure(routine: "dgesv", info: Int(info)) }
    return x.transposed
  }
}
