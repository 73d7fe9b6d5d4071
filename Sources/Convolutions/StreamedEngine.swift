import Tensors

/// Convolution by patch extraction and a dense matrix product, of samples that are read in every pass.
///
/// Blocks are those of `PatchEngine`, so that results have the same bits.
struct StreamedEngine: BlockedPatchEngine {
  let layout: PatchLayout
  let source: any SampleSource

  func forEachBlock(
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
