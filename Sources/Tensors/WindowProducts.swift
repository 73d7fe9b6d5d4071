import CKernels

/// Products of a few columns of dense rows with small matrices that several groups of columns share.
///
/// Part of each row is `a` windows of `h` numbers; all windows of a row meet the same `m` filters. BLAS would need a
/// matrix with the filters on its diagonal, `a` times as many products; only the products of one window are BLAS's own.
package struct WindowProducts: Sendable {
  /// Numbers `h` in a window.
  package let height: Int
  /// Windows `a` in a row.
  package let windowCount: Int

  /// Products for windows of a shape.
  package init(height: Int, windowCount: Int) {
    self.height = height
    self.windowCount = windowCount
  }

  private func stride(_ count: Int) -> Int { (count + 7) / 8 * 8 }

  /// `out[i, q * m + r] = sum_e x[i, q * h + e] u[r, e]`.
  ///
  /// - Parameters:
  ///   - rows: Number of rows.
  ///   - x: First window of the first row.
  ///   - lda: Distance between rows of `x`.
  ///   - filters: `u` of shape `[m, h]`.
  ///   - count: Number of filters `m`.
  ///   - out: Where the products of the first row go.
  ///   - ldc: Distance between rows of `out`.
  /// - Complexity: O(`rows a h m`).
  package func products(
    rows: Int, _ x: UnsafePointer<Double>, lda: Int, filters: UnsafePointer<Double>, count: Int,
    _ out: UnsafeMutablePointer<Double>, ldc: Int
  ) {
    guard windowCount > 1 else {
      BLAS.gemm(
        .plain, .transposed, m: rows, n: count, k: height, x, lda: lda, filters, ldb: height, out,
        ldc: ldc)
      return
    }
    let width = stride(count)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: height * width) { transposed in
      transposed.initialize(repeating: 0)
      guard let u = transposed.baseAddress else { return }
      for r in 0..<count { for e in 0..<height { u[e * width + r] = filters[r * height + e] } }
      for i in 0..<rows {
        ck_window_products(x + i * lda, windowCount, height, u, width, count, out + i * ldc)
      }
    }
  }

  /// Adds `sum_i sum_q x[i, q * h + e] cotangent[i, q * m + r]` to the gradient at `[r, e]`.
  ///
  /// - Parameters:
  ///   - rows: Number of rows.
  ///   - x: First window of the first row.
  ///   - lda: Distance between rows of `x`.
  ///   - cotangent: Shape `[rows, a * m]`, from the first row on.
  ///   - ldb: Distance between rows of the cotangent.
  ///   - count: Number of filters `m`.
  ///   - gradient: Shape `[m, h]`.
  /// - Complexity: O(`rows a h m`).
  package func addAdjoint(
    rows: Int, _ x: UnsafePointer<Double>, lda: Int, cotangent: UnsafePointer<Double>, ldb: Int,
    count: Int, to gradient: UnsafeMutablePointer<Double>
  ) {
    guard windowCount > 1 else {
      BLAS.gemm(
        .transposed, .plain, m: count, n: height, k: rows, cotangent, lda: ldb, x, ldb: lda,
        beta: 1, gradient, ldc: height)
      return
    }
    let width = stride(count)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: height * width) { transposed in
      transposed.initialize(repeating: 0)
      guard let sum = transposed.baseAddress else { return }
      for i in 0..<rows {
        ck_window_adjoint(x + i * lda, windowCount, height, cotangent + i * ldb, count, width, sum)
      }
      for r in 0..<count { for e in 0..<height { gradient[r * height + e] += sum[e * width + r] } }
    }
  }
}
