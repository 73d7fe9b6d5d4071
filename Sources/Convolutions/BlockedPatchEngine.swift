import Tensors

/// An engine that cuts patches out block by block and multiplies them with a dense matrix product (im2col).
///
/// Engines with the same blocks have results with the same bits, wherever their samples come from.
protocol BlockedPatchEngine: ConvolutionEngine {
  /// Where patches are in an image.
  var layout: PatchLayout { get }

  /// Calls `body` with the first row (counted from the start of the range), the number of rows and the patches of
  /// consecutive blocks.
  func forEachBlock(
    _ samples: Range<Int>, _ workspace: ConvolutionWorkspace,
    _ body: (Int, Int, UnsafePointer<Double>) -> Void)
}

extension BlockedPatchEngine {
  func responses(
    filters: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into responses: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let h = layout.geometry.patchDimension
    forEachBlock(samples, workspace) { row, rows, patches in
      BLAS.gemm(
        .plain, .transposed, m: rows, n: m, k: h, patches, lda: h, filters, ldb: h,
        responses + row * m, ldc: m)
    }
  }

  func accumulateAdjoint(
    cotangent: UnsafePointer<Double>, count m: Int, samples: Range<Int>,
    into gradient: UnsafeMutablePointer<Double>, workspace: inout ConvolutionWorkspace
  ) {
    let h = layout.geometry.patchDimension
    forEachBlock(samples, workspace) { row, rows, patches in
      BLAS.gemm(
        .transposed, .plain, m: m, n: h, k: rows, cotangent + row * m, lda: m, patches, ldb: h,
        beta: 1, gradient, ldc: h)
    }
  }
}
