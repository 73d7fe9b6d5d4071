import Tensors

/// Convolution by patch extraction (im2col) and a dense matrix product.
struct PatchEngine: ConvolutionEngine {
  /// Rows of patches extracted at once when they are not cached.
  private static let blockRows = 2048

  let layout: PatchLayout
  let padded: [Double]
  /// All patches, when they fit within the budget.
  let patches: Matrix?

  init(layout: PatchLayout, images: Tensor, cacheBytes: Int, threads: Int) {
    self.layout = layout
    let geometry = layout.geometry
    let count = images.shape[0] * geometry.patchesPerSample * geometry.patchDimension
    let padded = layout.padded(images)
    if count * MemoryLayout<Double>.stride <= cacheBytes {
      patches = PatchSet.stacked(padded, layout, threads: threads)
      self.padded = []
    } else {
      patches = nil
      self.padded = padded
    }
  }

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

  /// Calls `body` with the first row (counted from the start of the range), the number of rows and the patches of
  /// consecutive blocks of samples.
  private func forEachBlock(
    _ samples: Range<Int>, _ workspace: ConvolutionWorkspace,
    _ body: (Int, Int, UnsafePointer<Double>) -> Void
  ) {
    let perSample = layout.geometry.patchesPerSample
    let h = layout.geometry.patchDimension
    if let patches {
      patches.elements.withUnsafeBufferPointer {
        guard let start = $0.baseAddress else { return }
        body(0, samples.count * perSample, start + samples.lowerBound * perSample * h)
      }
      return
    }
    let block = max(1, Self.blockRows / perSample)
    let buffer = workspace.first.reserve(min(block, samples.count) * perSample * h)
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      for lower in stride(from: samples.lowerBound, to: samples.upperBound, by: block) {
        let upper = min(lower + block, samples.upperBound)
        for i in lower..<upper {
          layout.extract(
            start + i * layout.sampleStride, into: buffer + (i - lower) * perSample * h)
        }
        body((lower - samples.lowerBound) * perSample, (upper - lower) * perSample, buffer)
      }
    }
  }
}
