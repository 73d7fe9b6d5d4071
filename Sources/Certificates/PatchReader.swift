package import Convolutions
package import Tensors

/// Reads patches and pooling windows from their definition, pixel by pixel.
///
/// Written for the certifier alone: it shares the numbers of a geometry with the rest of the package, not its loops.
package enum PatchReader {
  /// All patches as rows `i K + k`, entries in the order channel, row, column, bias.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - geometry: Patch geometry.
  /// - Returns: Matrix of shape `[n * K, h]`.
  /// - Throws: `CertificateError` when the images are not of the geometry's size.
  package static func rows(of images: Tensor, geometry: PatchGeometry) throws -> Matrix {
    try check(images, geometry)
    let (height, width) = (geometry.imageHeight, geometry.imageWidth)
    let n = images.shape[0]
    let (h, count) = (geometry.patchDimension, geometry.patchesPerSample)
    var elements: [Double] = []
    elements.reserveCapacity(n * count * h)
    for i in 0..<n {
      for row in 0..<geometry.outputHeight {
        for column in 0..<geometry.outputWidth {
          for channel in 0..<geometry.channels {
            let plane = (i * geometry.channels + channel) * height
            for tapRow in 0..<geometry.filterHeight {
              let y = pixel(
                row * geometry.strideRows + tapRow * geometry.dilationRows, size: height,
                reach: geometry.dilationRows * (geometry.filterHeight - 1), geometry.padding)
              for tapColumn in 0..<geometry.filterWidth {
                let x = pixel(
                  column * geometry.strideColumns + tapColumn * geometry.dilationColumns,
                  size: width, reach: geometry.dilationColumns * (geometry.filterWidth - 1),
                  geometry.padding)
                if let y, let x {
                  elements.append(images.elements[(plane + y) * width + x])
                } else {
                  elements.append(0)
                }
              }
            }
          }
          if geometry.hasBias { elements.append(1) }
        }
      }
    }
    return Matrix(rows: n * count, columns: h, elements: elements)
  }

  /// Whole images as rows, entries in the order channel, row, column.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - geometry: Patch geometry.
  /// - Returns: Matrix of shape `[n, channels * height * width]`.
  /// - Throws: `CertificateError` when the images are not of the geometry's size.
  static func wholeImages(_ images: Tensor, geometry: PatchGeometry) throws -> Matrix {
    try check(images, geometry)
    return Matrix(
      rows: images.shape[0], columns: images.shape.dropFirst().reduce(1, *),
      elements: images.elements)
  }

  private static func check(_ images: Tensor, _ geometry: PatchGeometry) throws {
    let expected = [geometry.channels, geometry.imageHeight, geometry.imageWidth]
    guard Array(images.shape.dropFirst()) == expected else {
      throw CertificateError(
        place: "images", expected: "shape [n, \(expected[0]), \(expected[1]), \(expected[2])]",
        found: "\(images.shape)", advice: "Use images of the size the network was made for.")
    }
  }

  /// The pixel that a coordinate of the padded image shows; nil where it shows the zero rim.
  private static func pixel(
    _ position: Int, size: Int, reach: Int, _ padding: PatchGeometry.Padding
  ) -> Int? {
    switch padding {
    case .valid: return position
    case .circular: return position % size
    case .zero:
      let shifted = position - reach / 2
      return shifted >= 0 && shifted < size ? shifted : nil
    }
  }

  /// The windows of a pooling from the definition of the grid.
  ///
  /// - Throws: `CertificateError` when the grid does not fit on the positions.
  package static func windows(of pooling: Pooling, geometry: PatchGeometry) throws -> PooledWindows
  {
    let (height, width) = (geometry.outputHeight, geometry.outputWidth)
    if pooling.kind == .none { return .linear(.identity(height * width)) }
    let (rows, columns) = (pooling.windowRows, pooling.windowColumns)
    guard rows > 0, columns > 0, rows <= height, columns <= width else {
      throw CertificateError(
        place: "pooling", expected: "a grid of at most \(height) x \(width) windows",
        found: "\(rows) x \(columns)", advice: "Use fewer windows.")
    }
    var members: [[Int]] = []
    for r in 0..<rows {
      for c in 0..<columns {
        var positions: [Int] = []
        for y in r * height / rows..<(r + 1) * height / rows {
          for x in c * width / columns..<(c + 1) * width / columns {
            positions.append(y * width + x)
          }
        }
        members.append(positions)
      }
    }
    if pooling.kind == .max { return .maximum(members) }
    var weights = Matrix(rows: members.count, columns: height * width)
    for (q, positions) in members.enumerated() {
      for k in positions {
        weights[q, k] = pooling.kind == .average ? 1 / Double(positions.count) : 1
      }
    }
    return .linear(weights)
  }
}
