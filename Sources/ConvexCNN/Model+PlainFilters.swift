import Convolutions
import Formats
import Tensors

// Filters as other programs have them: on images, with the bias apart.

/// Filters on images with their bias apart.
struct PlainFilters: Equatable {
  /// Shape `[m, channels, height, width]`; `[m, channels, length]` for signals.
  var weights: Tensor
  /// Shape `[m]`; nil without a bias column.
  var bias: Tensor?
}

extension Model {
  /// Filters on the images that `Standardization.applied(to:)` is given when patches are whitened, on its result otherwise.
  ///
  /// The response `S^-1 V' (x - mean) . v + b` of filter `(v, b)` to a whitened patch is `x . w + b - mean . w` with
  /// `w = V S^-1 v`.
  ///
  /// - Parameter filters: Filters or gates of the network, `[m, h]`.
  /// - Returns: The same filters on images.
  func plainFilters(_ filters: Matrix) -> PlainFilters {
    let whitening = standardization.whitening
    let geometry = whitening?.source ?? network.geometry
    let size = filters.columns - (geometry.hasBias ? 1 : 0)
    let m = filters.rows
    var weights: [Double] = []
    var biases: [Double] = []
    for j in 0..<m {
      let row = filters.row(j)
      var taps = Array(row.prefix(size))
      var bias = geometry.hasBias ? filters[j, size] : 0
      if let whitening {
        let directions = whitening.directions
        taps = (0..<directions.rows).map { e in
          (0..<size).reduce(0) { $0 + directions[e, $1] * taps[$1] }
        }
        bias -= zip(taps, whitening.mean).reduce(0) { $0 + $1.0 * $1.1 }
      }
      weights += taps
      biases.append(bias)
    }
    let extents =
      geometry.isSignal
      ? [geometry.channels, geometry.filterWidth]
      : [geometry.channels, geometry.filterHeight, geometry.filterWidth]
    return PlainFilters(
      weights: Tensor(shape: [m] + extents, elements: weights),
      bias: geometry.hasBias ? Tensor(shape: [m], elements: biases) : nil)
  }

  /// Throws unless every number is finite in single precision.
  func requireSinglePrecision(_ tensor: Tensor, _ name: String) throws {
    guard let bad = tensor.elements.firstIndex(where: { !Float($0).isFinite }) else { return }
    throw InputError(
      .data, "tensor \(name)\(DatasetLoader.index(bad, in: tensor.shape))",
      expected: "a number of at most \(Float.greatestFiniteMagnitude)",
      found: "\(tensor.elements[bad])",
      advice: "Single precision has no larger ones; scale the images or balance the network.")
  }
}
