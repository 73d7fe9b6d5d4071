import COpenBLAS

/// Dense linear algebra on row-major buffers, by OpenBLAS.
///
/// Every call is single-threaded: the package parallelises over samples itself, so that results have the same
/// bits for any number of threads.
public enum BLAS {
  /// Pins OpenBLAS to one thread and to kernels for this processor, once per process and before its first routine.
  static let prepared: Void = ccnn_prepare_openblas()

  /// The processor whose kernels OpenBLAS runs, as it names it.
  package static var processorName: String {
    _ = prepared
    return String(cString: openblas_get_corename())
  }

  /// Whether a factor is used as it is or transposed.
  public enum Form: Sendable {
    /// The factor itself.
    case plain
    /// The transpose of the factor.
    case transposed

    fileprivate var flag: CBLAS_TRANSPOSE { self == .plain ? CblasNoTrans : CblasTrans }
  }

  /// General product `C = alpha op(A) op(B) + beta C` on row-major storage.
  ///
  /// - Parameters:
  ///   - formA: Whether `A` is transposed.
  ///   - formB: Whether `B` is transposed.
  ///   - m: Rows of `op(A)` and of `C`.
  ///   - n: Columns of `op(B)` and of `C`.
  ///   - k: Columns of `op(A)`, rows of `op(B)`.
  ///   - alpha: Factor of the product.
  ///   - a: Entries of `A`.
  ///   - lda: Distance between rows of `A` as stored.
  ///   - b: Entries of `B`.
  ///   - ldb: Distance between rows of `B` as stored.
  ///   - beta: Factor of the old `C`; at 0 it is not read.
  ///   - c: Entries of `C`.
  ///   - ldc: Distance between rows of `C`.
  package static func gemm(
    _ formA: Form = .plain, _ formB: Form = .plain, m: Int, n: Int, k: Int, alpha: Double = 1,
    _ a: UnsafePointer<Double>, lda: Int, _ b: UnsafePointer<Double>, ldb: Int,
    beta: Double = 0, _ c: UnsafeMutablePointer<Double>, ldc: Int
  ) {
    guard m > 0, n > 0 else { return }
    _ = prepared
    cblas_dgemm(
      CblasRowMajor, formA.flag, formB.flag, numericCast(m), numericCast(n), numericCast(k), alpha,
      a, numericCast(max(lda, 1)), b, numericCast(max(ldb, 1)), beta, c, numericCast(max(ldc, 1)))
  }

  /// The product `op(A) op(B)` of two matrices.
  ///
  /// - Precondition: The inner dimensions agree.
  /// - Complexity: O(`m * n * k`).
  public static func product(
    _ a: Matrix, _ formA: Form = .plain, _ b: Matrix, _ formB: Form = .plain
  ) -> Matrix {
    let m = formA == .plain ? a.rows : a.columns
    let k = formA == .plain ? a.columns : a.rows
    let n = formB == .plain ? b.columns : b.rows
    let inner = formB == .plain ? b.rows : b.columns
    precondition(k == inner, "product: inner dimensions \(k) and \(inner) differ")
    var c = Matrix(rows: m, columns: n)
    c.elements.withUnsafeMutableBufferPointer { c in
      a.elements.withUnsafeBufferPointer { a0 in
        b.elements.withUnsafeBufferPointer { b0 in
          guard let c = c.baseAddress, let a0 = a0.baseAddress, let b0 = b0.baseAddress else {
            return
          }
          gemm(formA, formB, m: m, n: n, k: k, a0, lda: a.columns, b0, ldb: b.columns, c, ldc: n)
        }
      }
    }
    return c
  }

  /// The product `op(A) op(A)'` of a matrix with its own transpose, at half the cost of `product`.
  ///
  /// - Parameters:
  ///   - a: The matrix.
  ///   - form: `plain` for `A A'`, `transposed` for `A' A`.
  /// - Returns: The product, exactly symmetric.
  /// - Complexity: O(`m^2 k / 2`) for `op(A)` of shape `[m, k]`.
  package static func gram(_ a: Matrix, _ form: Form = .plain) -> Matrix {
    let (m, k) = form == .plain ? (a.rows, a.columns) : (a.columns, a.rows)
    var c = Matrix(rows: m, columns: m)
    guard m > 0, k > 0 else { return c }
    _ = prepared
    c.elements.withUnsafeMutableBufferPointer { c in
      cblas_dsyrk(
        CblasRowMajor, CblasUpper, form.flag, numericCast(m), numericCast(k), 1, a.elements,
        numericCast(a.columns), 0, c.baseAddress, numericCast(m))
      for i in 1..<max(m, 1) { for j in 0..<i { c[i * m + j] = c[j * m + i] } }
    }
    return c
  }

  /// The inner product of two vectors of equal length.
  public static func dot(_ x: [Double], _ y: [Double]) -> Double {
    precondition(x.count == y.count, "dot: lengths \(x.count) and \(y.count) differ")
    _ = prepared
    return cblas_ddot(numericCast(x.count), x, 1, y, 1)
  }

  /// The inner product of two buffers.
  package static func dot(
    _ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) -> Double {
    _ = prepared
    return cblas_ddot(numericCast(count), x, 1, y, 1)
  }

  /// The Euclidean norm of `count` contiguous entries, safe against overflow.
  package static func norm(_ x: UnsafePointer<Double>, count: Int) -> Double {
    _ = prepared
    return cblas_dnrm2(Int32(count), x, 1)
  }

  /// The Euclidean norm of a vector, safe against overflow.
  public static func norm(_ x: [Double]) -> Double {
    _ = prepared
    return cblas_dnrm2(numericCast(x.count), x, 1)
  }

  /// Adds a multiple: `y += alpha x`.
  public static func add(_ alpha: Double, _ x: [Double], to y: inout [Double]) {
    precondition(x.count == y.count, "add: lengths \(x.count) and \(y.count) differ")
    _ = prepared
    cblas_daxpy(numericCast(x.count), alpha, x, 1, &y, 1)
  }
}
