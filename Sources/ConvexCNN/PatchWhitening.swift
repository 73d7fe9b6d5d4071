public import Convolutions
public import Tensors

/// Whitening of patches, fitted on training patches and recorded in the model.
///
/// From the stacked training patches `M = U S V'` (without bias column, minus the mean patch if there is a bias), patch `x`
/// becomes `S^-1 V' (x - mean)` over the `r` singular values that are not zero. The whitened training patches `W` then have
/// `W' W = I`, and `W W' = I` too where patches are at most as many as their dimension and independent. A bias column
/// stays the constant 1 beside them, orthogonal to them on the training patches because their mean is removed.
///
/// Whitened patches are handed on as images of `r` channels, one pixel per position, under filters of one pixel.
public struct PatchWhitening: Sendable, Equatable {
  /// Mean patch, length `channels * height * width` of a filter; zeros without bias.
  public let mean: [Double]
  /// The map `V S^-1`, shape `[mean.count, r]`.
  public let directions: Matrix
  /// How images are cut into the patches that are whitened.
  public let source: PatchGeometry

  /// Singular values below this part of the largest count as zero.
  static let rankTolerance = 1e-10

  /// A whitening with given numbers.
  ///
  /// - Precondition: There is one row of `directions` and one mean per entry of a patch without its bias.
  public init(mean: [Double], directions: Matrix, source: PatchGeometry) {
    let size = source.patchDimension - (source.hasBias ? 1 : 0)
    precondition(
      mean.count == size && directions.rows == size,
      "PatchWhitening: expected \(size) entries, found \(mean.count) means, \(directions.rows) rows"
    )
    self.mean = mean
    self.directions = directions
    self.source = source
  }

  /// The whitening of training images.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - geometry: How they are cut into patches; with a bias, the mean is removed.
  /// - Throws: `GeometryError` when images and geometry do not fit, `InputError` when all patches are equal,
  ///   `LAPACK.Failure` when a decomposition does not converge.
  /// - Complexity: O(`n K h min(n K, h)`).
  public init(fitting images: Tensor, geometry: PatchGeometry) throws {
    var patches = try Self.taps(of: images, geometry)
    var mean = [Double](repeating: 0, count: patches.columns)
    if geometry.hasBias {
      for i in 0..<patches.rows { for e in mean.indices { mean[e] += patches[i, e] } }
      for e in mean.indices { mean[e] /= Double(patches.rows) }
      for i in 0..<patches.rows { for e in mean.indices { patches[i, e] -= mean[e] } }
    }
    let (_, values, vt) = try LAPACK.singularValues(patches)
    let rank = values.count { $0 > Self.rankTolerance * (values.first ?? 0) && $0 > 0 }
    guard rank > 0 else {
      throw InputError(
        .data, "--standardize patch-whiten", expected: "patches that differ",
        found: "\(patches.rows) equal ones", advice: "Check the images.")
    }
    var directions = Matrix(rows: mean.count, columns: rank)
    for r in 0..<rank { for e in mean.indices { directions[e, r] = vt[r, e] / values[r] } }
    self.init(mean: mean, directions: directions, source: geometry)
  }

  /// Number of channels after whitening, `r`.
  public var rank: Int { directions.columns }

  /// Whitened patches as images.
  ///
  /// - Parameter images: Batch of shape `[n, channels, height, width]`.
  /// - Returns: Batch of shape `[n, r, outputHeight, outputWidth]`.
  /// - Throws: `GeometryError` when the images have another shape than those fitted.
  /// - Complexity: O(`n K h r`).
  public func applied(to images: Tensor) throws -> Tensor {
    var patches = try Self.taps(of: images, source)
    for i in 0..<patches.rows { for e in mean.indices { patches[i, e] -= mean[e] } }
    let white = BLAS.product(patches, .plain, directions)
    let (n, count) = (images.shape[0], source.patchesPerSample)
    var result = Tensor(shape: [n, rank, source.outputHeight, source.outputWidth])
    for i in 0..<n {
      for k in 0..<count {
        for r in 0..<rank { result.elements[(i * rank + r) * count + k] = white[i * count + k, r] }
      }
    }
    return result
  }

  /// The geometry of filters on whitened patches: filters of one pixel on `r` channels, with the same bias.
  ///
  /// - Throws: `GeometryError`, which no valid geometry gives cause for.
  public func geometry() throws -> PatchGeometry {
    source.isSignal
      ? try PatchGeometry(
        channels: rank, length: source.outputWidth, filterLength: 1, hasBias: source.hasBias)
      : try PatchGeometry(
        channels: rank, imageHeight: source.outputHeight, imageWidth: source.outputWidth,
        filterHeight: 1, filterWidth: 1, hasBias: source.hasBias)
  }

  /// The stacked patches without their bias column.
  private static func taps(of images: Tensor, _ geometry: PatchGeometry) throws -> Matrix {
    let patches = try PatchSet(images: images, geometry: geometry).patches
    guard geometry.hasBias else { return patches }
    let size = patches.columns - 1
    var elements: [Double] = []
    elements.reserveCapacity(patches.rows * size)
    for i in 0..<patches.rows { elements += patches.row(i).prefix(size) }
    return Matrix(rows: patches.rows, columns: size, elements: elements)
  }
}
