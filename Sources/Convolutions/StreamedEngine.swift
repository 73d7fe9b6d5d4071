import Tensors

/// Convolution by patch extraction and a dense matrix product, of samples that are read in every pass.
///
/// The same arithmetic in the same order as `PatchEngine`, so that results have the same bits.
struct StreamedEngine: ConvolutionEngine {
  let layout: PatchLayout
  let source: any SampleSource

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
  /// consecutive blocks.
  private func forEachBlock(
    _ samples: Range<Int>, _ workspace: ConvolutionWorkspace,
    _ body: (Int, Int, UnsafePointer<Double>) -> Void
  ) {
    let perSample = layout.geometry.patchesPerSample
    layout.forEachGroup(of: samples) { group in
      let first = (group.lowerBound - samples.lowerBound) * perSample
      layout.padded(source.batch(group)).withUnsafeBufferPointer {
        guard let start = $0.baseAddress else { return }
        layout.forEachBlock(of: start, count: group.count, buffer: workspace.first) {
          row, rows, patches in body(first + row, rows, patches)
        }
      }
    }
  }
}

extension PatchLayout {
  /// Throws unless the samples have the shape that the geometry asks for.
  static func requireShape(_ source: any SampleSource, _ geometry: PatchGeometry) throws {
    let expected = [geometry.channels, geometry.imageHeight, geometry.imageWidth]
    guard source.sampleShape == expected else {
      throw GeometryError.shapeMismatch(
        expected: [-1] + expected, found: [source.sampleCount] + source.sampleShape)
    }
  }
}
