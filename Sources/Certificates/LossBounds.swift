import ConvexPrograms
import Tensors

/// Bounds on the second and third derivatives of the loss of one sample by its predictions.
///
/// - Squared: Hessian 1, constant.
/// - Logistic: `s (1 - s) <= 1/4`, whose derivative is at most `1 / (6 sqrt(3))`.
/// - Softmax: the variance of `b` under the probabilities is at most `range(b)^2 / 4 <= |b|^2 / 2`, and its derivative
///   along `a` is `E (a - E a) (b - E b)^2 <= sqrt(2) |a| |b|^2 / 2`.
///
/// Other losses have infinite bounds.
struct LossBounds {
  /// Largest eigenvalue of the Hessian.
  let curvature: Double
  /// Largest change of the Hessian, in norm, over that of the predictions.
  let change: Double

  init(_ loss: any Loss) {
    (curvature, change) =
      switch loss {
      case is SquaredLoss: (1, 0)
      case is LogisticLoss: (0.25, 0.0963)
      case is SoftmaxLoss: (0.5, 0.7072)
      default: (.infinity, .infinity)
      }
  }
}

/// Bounds on the derivatives of the predictions of a sample by the weights.
struct JacobianBounds {
  /// Largest norm of a first derivative, over the samples.
  let largest: Double
  /// Largest norm of a second derivative along unit directions, over the samples.
  let largestSecond: Double
}

extension SensitivitySystem {
  /// Bounds on the derivatives of the loss.
  var lossBounds: LossBounds { LossBounds(loss) }

  /// Bounds on the derivatives of the predictions, filters varied in all directions.
  ///
  /// With `A_ij` the map of filter `j` to its pooled responses, first derivatives have at most the norm
  /// `(sum_j |A_ij u_j|^2 + |W_j|^2 |A_ij|^2)^(1/2)`, and 1 more under the root for an output bias; second ones `max_j |A_ij|`.
  ///
  /// - Complexity: O(`n a h m`).
  func jacobianBounds() -> JacobianBounds {
    let (h, n) = (patches.patchDimension, patches.sampleCount)
    var squares = [Double](repeating: network.outputBias == nil ? 0 : 1, count: n)
    var second = 0.0
    let outer = network.outputNorms
    for (j, face) in faces.enumerated() {
      let filter = Array(network.filters.row(j))
      let pooled = face.pooled(patches, weights: weights, samples: 0..<n)
      for i in 0..<n {
        var (size, response) = (0.0, 0.0)
        for q in 0..<windows {
          let row = pooled[(i * windows + q) * h..<(i * windows + q + 1) * h]
          size += row.reduce(0) { $0 + $1 * $1 }
          let product = zip(row, filter).reduce(0) { $0 + $1.0 * $1.1 }
          response += product * product
        }
        squares[i] += response + outer[j] * outer[j] * size
        second = max(second, size)
      }
    }
    return JacobianBounds(
      largest: (squares.max() ?? 0).squareRoot() * (1 + 1e-9),
      largestSecond: second.squareRoot() * (1 + 1e-9))
  }

  /// What rounding can change in the slope: `2 (n + K + h + m a + 16) 2^-53` of the sizes of its summands, the rounding of
  /// the predictions counted by the curvature of the loss.
  func slopeRounding(_ sizes: JacobianBounds) -> Double {
    let n = Double(patches.sampleCount)
    let terms =
      n + Double(patches.patchesPerSample + patches.patchDimension + network.neuronCount * windows)
    let norm = BLAS.norm(network.filters.elements + network.outputWeights.elements)
    let gradients = (0..<patches.sampleCount).reduce(0.0) { sum, i in
      sum + BLAS.norm(Array(gradient.row(i)))
    }
    // A prediction is a sum of products of weights and responses.
    let prediction = sizes.largest * norm
    return 2 * (terms + 16) * 0x1p-53
      * (gradients * sizes.largest + lambda * norm
        + min(lossBounds.curvature, 1) * sizes.largest * prediction)
  }
}
