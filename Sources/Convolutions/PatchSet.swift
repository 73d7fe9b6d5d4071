public import Tensors

/// All patches of a batch of images, stacked.
public struct PatchSet: Sendable {
  /// The patches, shape `[n * K, h]`; row `i * K + k` is patch `k` of sample `i`.
  public let patches: Matrix
  /// The geometry that they were cut with.
  public let geometry: PatchGeometry

  /// Cuts every patch out of a batch of images.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - geometry: Where a filter looks.
  /// - Throws: `GeometryError.shapeMismatch` when the images have another shape than the geometry.
  /// - Complexity: O(`n * K * h`) time and memory.
  /// - Accuracy: Exact; values are copied, never recomputed (`PatchSetTests`).
  /// - Source: Ergen & Pilanci, *Implicit Convex Regularizers of CNN Architectures*, ICLR 2021 (the matrices `X_k`).
  public init(images: Tensor, geometry: PatchGeometry) throws {
    try PatchLayout.requireShape(images, geometry)
    self.geometry = geometry
    let layout = PatchLayout(geometry)
    patches = Self.stacked(layout.padded(images), layout, threads: 1)
  }

  /// The stacked patches of padded images.
  static func stacked(_ padded: [Double], _ layout: PatchLayout, threads: Int) -> Matrix {
    let samples = padded.count / layout.sampleStride
    let perSample = layout.geometry.patchesPerSample
    let dimension = layout.geometry.patchDimension
    let elements = [Double](unsafeUninitializedCapacity: samples * perSample * dimension) {
      buffer, count in
      count = samples * perSample * dimension
      padded.withUnsafeBufferPointer { images in
        guard let image = images.baseAddress, let start = buffer.baseAddress else { return }
        nonisolated(unsafe) let (source, target) = (image, start)
        Parallel.forEachChunk(of: samples, chunk: 16, threads: threads) { _, range in
          for i in range {
            layout.extract(
              0..<perSample, of: source + i * layout.sampleStride,
              into: target + i * perSample * dimension)
          }
        }
      }
    }
    return Matrix(rows: samples * perSample, columns: dimension, elements: elements)
  }
}
