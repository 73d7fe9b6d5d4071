import Tensors

/// Convolution by patch extraction (im2col) and a dense matrix product.
struct PatchEngine: BlockedPatchEngine {
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

  func forEachBlock(
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
    padded.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      layout.forEachGroup(of: samples) { group in
        let first = (group.lowerBound - samples.lowerBound) * perSample
        layout.forEachBlock(
          of: start + group.lowerBound * layout.sampleStride, count: group.count,
          buffer: workspace.first
        ) { row, rows, patches in body(first + row, rows, patches) }
      }
    }
  }
}
