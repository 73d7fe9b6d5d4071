public import Convolutions
public import Tensors

/// A shift and scale of pixels, or whitening of patches, that is fitted on training data and recorded in the model.
///
/// `x' = (x - mean) / scale`, with one number for all pixels (`global`) or one for each pixel (`pixel`); `PatchWhitening`.
public struct Standardization: Sendable, Equatable {
  /// How the numbers are shared between pixels.
  public enum Mode: String, Sendable, CaseIterable, Codable {
    /// Pixels are used as they are.
    case none
    /// One mean and one scale for all pixels.
    case global
    /// One mean and one scale for each pixel of each channel.
    case pixel
    /// Patches become orthonormal columns.
    case patchWhiten = "patch-whiten"
  }

  /// How the numbers are shared between pixels.
  public let mode: Mode
  /// Means: empty, shape `[1]`, or the shape `[channels, height, width]` of one image.
  public let mean: Tensor
  /// Positive scales, same shape as `mean`.
  public let scale: Tensor
  /// The whitening of patches, in that mode only.
  public let whitening: PatchWhitening?

  /// The standardization that changes nothing.
  public static let identity = Standardization(
    mode: .none, mean: Tensor(shape: [0], elements: []), scale: Tensor(shape: [0], elements: []))

  /// A standardization with given numbers.
  ///
  /// - Precondition: `mean` and `scale` have equal shapes.
  public init(mode: Mode, mean: Tensor, scale: Tensor) {
    precondition(
      mean.shape == scale.shape,
      "Standardization: mean has shape \(mean.shape), scale \(scale.shape)")
    self.mode = mode
    self.mean = mean
    self.scale = scale
    whitening = nil
  }

  /// The whitening of patches.
  public init(_ whitening: PatchWhitening) {
    mode = .patchWhiten
    (mean, scale) = (Self.identity.mean, Self.identity.scale)
    self.whitening = whitening
  }

  /// The standardization of training images in a mode, whatever it is.
  ///
  /// - Parameters:
  ///   - mode: How the numbers are shared between pixels.
  ///   - images: Training batch of shape `[n, channels, height, width]`, `n >= 1`.
  ///   - geometry: How images are cut into patches.
  /// - Throws: `InputError`, `GeometryError` or `LAPACK.Failure` when patches cannot be whitened.
  public init(fitting mode: Mode, to images: Tensor, geometry: PatchGeometry) throws {
    if mode == .patchWhiten {
      self.init(try PatchWhitening(fitting: images, geometry: geometry))
    } else {
      self.init(fitting: mode, to: images)
    }
  }

  /// Mean and standard deviation of training images; a deviation of zero becomes the scale 1.
  ///
  /// - Parameters:
  ///   - mode: How the numbers are shared between pixels.
  ///   - images: Training batch of shape `[n, channels, height, width]`, `n >= 1`.
  /// - Precondition: The mode is not `patchWhiten`, which needs a geometry.
  public init(fitting mode: Mode, to images: Tensor) {
    self.init(fitting: mode, to: TensorSource(images))
  }

  /// Mean and standard deviation of training samples that are read twice; a deviation of zero becomes the scale 1.
  ///
  /// - Parameters:
  ///   - mode: How the numbers are shared between pixels.
  ///   - source: At least one training sample.
  /// - Precondition: The mode is not `patchWhiten`, which needs a geometry.
  public init(fitting mode: Mode, to source: any SampleSource) {
    precondition(mode != .patchWhiten, "Standardization: patch-whiten needs a geometry")
    guard mode != .none else {
      self = .identity
      return
    }
    let pixels = mode == .global ? 1 : source.sampleSize
    let count = Double(max(1, source.sampleCount * source.sampleSize / max(1, pixels)))
    func forEach(_ body: (Int, Double) -> Void) {
      let block = max(1, 131_072 / max(1, source.sampleSize))
      for lower in stride(from: 0, to: source.sampleCount, by: block) {
        let batch = source.batch(lower..<min(lower + block, source.sampleCount))
        for (i, x) in batch.elements.enumerated() { body(i % pixels, x) }
      }
    }
    var mean = [Double](repeating: 0, count: pixels)
    forEach { mean[$0] += $1 }
    for p in 0..<pixels { mean[p] /= count }
    var scale = [Double](repeating: 0, count: pixels)
    forEach { p, x in
      let difference = x - mean[p]
      scale[p] += difference * difference
    }
    for p in 0..<pixels {
      let deviation = (scale[p] / count).squareRoot()
      // Rounding of the mean leaves about eps |mean| where all values are equal.
      scale[p] = deviation > 1e-12 * abs(mean[p]) ? deviation : 1
    }
    let shape = mode == .global ? [1] : source.sampleShape
    self.init(
      mode: mode, mean: Tensor(shape: shape, elements: mean),
      scale: Tensor(shape: shape, elements: scale))
  }

  /// Images in the units the network was trained in.
  ///
  /// - Parameter images: Batch of shape `[n, channels, height, width]`.
  /// - Returns: Batch of the same shape; of the shape `[n, r, outputHeight, outputWidth]` for whitened patches.
  /// - Throws: `GeometryError` when patches are whitened and the images have another shape.
  /// - Precondition: For `pixel`, images have the shape that was fitted.
  public func applied(to images: Tensor) throws -> Tensor {
    if let whitening { return try whitening.applied(to: images) }
    guard mode != .none else { return images }
    let pixels = mean.elements.count
    precondition(
      mode == .global || Array(images.shape.dropFirst()) == mean.shape,
      "Standardization: expected images \(mean.shape), found \(images.shape.dropFirst())")
    var result = images
    for i in result.elements.indices {
      result.elements[i] =
        (images.elements[i] - mean.elements[i % pixels])
        / scale.elements[i % pixels]
    }
    return result
  }

  /// The geometry of filters on what `applied(to:)` returns.
  ///
  /// - Parameter geometry: How images are cut into patches.
  /// - Returns: The same, or filters of one pixel on whitened patches.
  /// - Throws: `GeometryError`, which no valid geometry gives cause for.
  public func geometry(of geometry: PatchGeometry) throws -> PatchGeometry {
    try whitening?.geometry() ?? geometry
  }
}
