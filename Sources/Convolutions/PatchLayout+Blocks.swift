/// How patches that are not kept are extracted in every pass: block by block, the same for images in memory and for
/// samples that are read, so that products have the same bits.
extension PatchLayout {
  /// Entries of patches extracted at once: half of a usual second-level cache.
  private static let blockEntries = 65_536
  /// Rows of patches extracted at once, at least, so that products are worth their set-up.
  private static let leastBlockRows = 48

  private var blockRows: Int {
    max(Self.leastBlockRows, Self.blockEntries / geometry.patchDimension)
  }

  /// Calls `body` with consecutive groups of samples: as many as fit into a block, or one that takes several.
  func forEachGroup(of samples: Range<Int>, _ body: (Range<Int>) -> Void) {
    let size = max(1, blockRows / geometry.patchesPerSample)
    for lower in stride(from: samples.lowerBound, to: samples.upperBound, by: size) {
      body(lower..<min(lower + size, samples.upperBound))
    }
  }

  /// Calls `body` with the first row, the number of rows and the patches of consecutive blocks of a group of padded
  /// samples.
  func forEachBlock(
    of images: UnsafePointer<Double>, count: Int, buffer: AlignedBuffer,
    _ body: (Int, Int, UnsafePointer<Double>) -> Void
  ) {
    let (perSample, h) = (geometry.patchesPerSample, geometry.patchDimension)
    if count > 1 {
      let patches = buffer.reserve(count * perSample * h)
      for s in 0..<count {
        extract(0..<perSample, of: images + s * sampleStride, into: patches + s * perSample * h)
      }
      body(0, count * perSample, patches)
      return
    }
    let block = min(perSample, blockRows)
    let patches = buffer.reserve(block * h)
    for first in stride(from: 0, to: perSample, by: block) {
      let rows = first..<min(first + block, perSample)
      extract(rows, of: images, into: patches)
      body(first, rows.count, patches)
    }
  }
}
