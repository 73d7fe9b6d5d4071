package import ConvexPrograms
package import Convolutions
package import Tensors

/// A linear architecture with circular filters as large as the images, as the certifier sees it.
///
/// Position `k` sees the whole image, shifted: entry `t` of its patch is pixel `k + t`, both coordinates modulo the sizes. With
/// one output weight per position a network is therefore linear in the image,
///
///     f(x)_o = sum_e x[e, p] Z[(e, p), o] ,   Z[(e, p), o] = sum_j sum_k W_j[k, o] u_j[e, p - k] ,
///
/// and neither predictions nor the dual norm need its `d^2` numbers of patches.
package struct CircularImages: Sendable {
  /// Channels of an image.
  package let channels: Int
  /// Rows of an image.
  package let height: Int
  /// Columns of an image.
  package let width: Int

  /// Pixels `d` of one channel.
  package var pixelCount: Int { height * width }

  /// Images of one channel.
  init(height: Int, width: Int) { (channels, self.height, self.width) = (1, height, width) }

  /// The images of an architecture; nil when it is another one.
  package init?(_ geometry: PatchGeometry, _ pooling: Pooling, _ activation: Activation) {
    guard activation == .linear, pooling.kind == .none, geometry.padding == .circular,
      !geometry.hasBias,
      (geometry.filterHeight, geometry.filterWidth) == (geometry.imageHeight, geometry.imageWidth),
      geometry.strideRows == 1, geometry.strideColumns == 1, geometry.dilationRows == 1,
      geometry.dilationColumns == 1
    else { return nil }
    (channels, height, width) = (geometry.channels, geometry.imageHeight, geometry.imageWidth)
  }

  /// The weights `Z` of a network, added up pixel by pixel.
  ///
  /// - Parameter network: Network of this architecture.
  /// - Returns: Shape `[channels d, c]`.
  /// - Complexity: O(`m c channels d^2`).
  package func weights(of network: Network) -> Matrix {
    let (d, c) = (pixelCount, network.outputCount)
    var planes = [Double](repeating: 0, count: c * channels * d)
    planes.withUnsafeMutableBufferPointer { planes in
      network.filters.elements.withUnsafeBufferPointer { filters in
        guard let planes = planes.baseAddress, let filters = filters.baseAddress else { return }
        for j in 0..<network.neuronCount {
          for k in 0..<d {
            for o in 0..<c {
              let weight = network.outputWeights[j * d + k, o]
              guard weight != 0 else { continue }
              for e in 0..<channels {
                addShifted(
                  filters + (j * channels + e) * d, times: weight, by: k,
                  to: planes + (o * channels + e) * d)
              }
            }
          }
        }
      }
    }
    return Matrix(rows: c, columns: channels * d, elements: planes).transposed
  }

  /// `target[p] += weight plane[p - k]`.
  private func addShifted(
    _ plane: UnsafePointer<Double>, times weight: Double, by k: Int,
    to target: UnsafeMutablePointer<Double>
  ) {
    let (down, right) = (k / width, k % width)
    for row in 0..<height {
      let source = plane + row * width
      let sum = target + (row + down) % height * width
      for column in 0..<width - right { sum[column + right] += weight * source[column] }
      for column in width - right..<width { sum[column + right - width] += weight * source[column] }
    }
  }
}

extension ProblemView {
  /// The predictions of a network, by a forward pass of the certifier's own.
  ///
  /// - Parameters:
  ///   - network: Network of the architecture.
  ///   - masks: Patterns of its gates, one for each neuron; nil without gates.
  /// - Returns: Shape `[n, c]`.
  func predictions(of network: Network, masks: [[UInt64]]?) -> Matrix {
    if let circularImages {
      var result = BLAS.product(
        allPatches.rows, .plain, circularImages.weights(of: network), .plain)
      if let bias = network.outputBias {
        for e in result.elements.indices { result.elements[e] += bias[e % bias.count] }
      }
      return result
    }
    return CertifiedPredictions(
      patches: allPatches, windows: windows, activation: network.activation,
      filters: network.filters, masks: masks, outputWeights: network.outputWeights,
      outputBias: network.outputBias
    ).values()
  }
}
