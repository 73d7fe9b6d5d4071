public import Convolutions
public import Tensors

/// The convolution written as its definition: five loops and a function that reads a padded pixel.
public struct NaiveConvolution {
  let images: Tensor
  let geometry: PatchGeometry

  /// A naive convolution over a batch of images.
  public init(images: Tensor, geometry: PatchGeometry) {
    self.images = images
    self.geometry = geometry
  }

  /// The pixel that a filter sees; row and column may lie beyond the rim.
  func pixel(_ sample: Int, _ channel: Int, _ row: Int, _ column: Int) -> Double {
    let (height, width) = (geometry.imageHeight, geometry.imageWidth)
    var (r, c) = (row, column)
    switch geometry.padding {
    case .valid: break
    case .circular: (r, c) = (row % height, column % width)
    case .zero:
      r -= geometry.dilationRows * (geometry.filterHeight - 1) / 2
      c -= geometry.dilationColumns * (geometry.filterWidth - 1) / 2
    }
    guard r >= 0, r < height, c >= 0, c < width else { return 0 }
    return images.elements[((sample * geometry.channels + channel) * height + r) * width + c]
  }

  /// Patch `k` of a sample.
  public func patch(_ sample: Int, _ k: Int) -> [Double] {
    let row = k / geometry.outputWidth * geometry.strideRows
    let column = k % geometry.outputWidth * geometry.strideColumns
    var patch: [Double] = []
    for channel in 0..<geometry.channels {
      for r in 0..<geometry.filterHeight {
        for c in 0..<geometry.filterWidth {
          patch.append(
            pixel(
              sample, channel, row + r * geometry.dilationRows,
              column + c * geometry.dilationColumns))
        }
      }
    }
    return geometry.hasBias ? patch + [1] : patch
  }

  /// All patches, shape `[n * K, h]`.
  public var patches: Matrix {
    Matrix(
      (0..<images.shape[0]).flatMap { i in
        (0..<geometry.patchesPerSample).map { patch(i, $0) }
      })
  }

  /// Responses of filters `[m, h]`, shape `[n * K, m]`.
  public func responses(of filters: Matrix) -> Matrix {
    let patches = patches
    return Matrix(
      (0..<patches.rows).map { row in
        (0..<filters.rows).map { j in
          zip(patches.row(row), filters.row(j)).reduce(0) { $0 + $1.0 * $1.1 }
        }
      })
  }

  /// The sum over patches of cotangent times patch, shape `[m, h]`.
  public func adjoint(_ cotangent: Matrix) -> Matrix {
    let patches = patches
    var gradient = Matrix(rows: cotangent.columns, columns: patches.columns)
    for row in 0..<patches.rows {
      for j in 0..<cotangent.columns {
        for t in 0..<patches.columns { gradient[j, t] += cotangent[row, j] * patches[row, t] }
      }
    }
    return gradient
  }
}
