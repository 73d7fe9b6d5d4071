import CKernels
import Tensors

/// Where the entries of patches lie in a padded image.
///
/// Tap `t` of patch `k` is entry `positions[k] + taps[t]` of a padded sample of shape
/// `[channels, paddedHeight, paddedWidth]`, for every padding.
struct PatchLayout: Sendable {
  let geometry: PatchGeometry
  let paddedHeight: Int
  let paddedWidth: Int
  let positions: [Int32]
  let taps: [Int32]

  init(_ geometry: PatchGeometry) {
    self.geometry = geometry
    let padded = geometry.padding != .valid
    let height = geometry.imageHeight + (padded ? geometry.spanHeight - 1 : 0)
    let width = geometry.imageWidth + (padded ? geometry.spanWidth - 1 : 0)
    (paddedHeight, paddedWidth) = (height, width)
    positions = (0..<geometry.outputHeight).flatMap { row in
      (0..<geometry.outputWidth).map { column in
        Int32(row * geometry.strideRows * width + column * geometry.strideColumns)
      }
    }
    taps = (0..<geometry.channels).flatMap { channel in
      (0..<geometry.filterHeight).flatMap { row in
        (0..<geometry.filterWidth).map { column in
          let rows = channel * height + row * geometry.dilationRows
          return Int32(rows * width + column * geometry.dilationColumns)
        }
      }
    }
  }

  /// Number of entries of one padded sample.
  var sampleStride: Int { geometry.channels * paddedHeight * paddedWidth }

  /// Throws unless the images have the shape that the geometry asks for.
  static func requireShape(_ images: Tensor, _ geometry: PatchGeometry) throws {
    let expected = [-1, geometry.channels, geometry.imageHeight, geometry.imageWidth]
    guard images.shape.count == 4, Array(images.shape.dropFirst()) == Array(expected.dropFirst())
    else { throw GeometryError.shapeMismatch(expected: expected, found: images.shape) }
  }

  /// The padded images, sample after sample.
  func padded(_ images: Tensor) -> [Double] {
    guard geometry.padding != .valid else { return images.elements }
    let circular = geometry.padding == .circular
    let (height, width) = (geometry.imageHeight, geometry.imageWidth)
    let top = circular ? 0 : (geometry.spanHeight - 1) / 2
    let left = circular ? 0 : (geometry.spanWidth - 1) / 2
    let planes = images.shape[0] * geometry.channels
    var result = [Double](repeating: 0, count: planes * paddedHeight * paddedWidth)
    for plane in 0..<planes {
      for row in 0..<(circular ? paddedHeight : height) {
        let source = (plane * height + row % height) * width
        let target = (plane * paddedHeight + top + row) * paddedWidth + left
        for column in 0..<(circular ? paddedWidth : width) {
          result[target + column] = images.elements[source + column % width]
        }
      }
    }
    return result
  }

  /// Copies some patches of one padded sample, shape `[range.count, h]`.
  func extract(
    _ range: Range<Int>, of image: UnsafePointer<Double>,
    into patches: UnsafeMutablePointer<Double>
  ) {
    positions.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      ck_extract_patches(
        image, start + range.lowerBound, range.count, taps, taps.count,
        geometry.hasBias ? 1 : 0, patches)
    }
  }
}
