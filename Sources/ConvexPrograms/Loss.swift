public import Tensors

/// A convex loss of the predictions of a network, averaged over the samples.
///
/// `L(F) = (1/n) sum_i l_i(F_i)` for predictions `F` of shape `[n, c]`; the targets are part of the value.
///
/// Laws, checked for every conformer by `LossIdentityTests`:
/// - Fenchel-Young: `L(F) + conjugate(G) >= <F, G>`, with equality at `G = gradient(F)`.
/// - The gradient is the derivative of the value; `hessianProduct` is the derivative of the gradient.
/// - `smoothness` bounds the Lipschitz constant of the gradient.
/// - `gradient(F) * s` is in the domain of the conjugate for every `s` in `0...largestDualScale`.
public protocol Loss: Sendable {
  /// Name on the command line and in results: `squared`, `logistic` or `softmax`.
  var name: String { get }
  /// Number of samples `n`.
  var sampleCount: Int { get }
  /// Number of outputs `c` of the network.
  var outputCount: Int { get }
  /// Lipschitz constant of the gradient of `L` in the predictions.
  var smoothness: Double { get }

  /// The part of `L` that belongs to some samples: `(1/n) sum_{i in samples} l_i`.
  ///
  /// - Parameters:
  ///   - samples: Range of sample indices.
  ///   - predictions: Their predictions, `[samples.count, c]` row-major.
  ///   - gradient: Where the derivative by the predictions goes, same shape, or nil.
  /// - Returns: The part of the loss.
  func value(
    samples: Range<Int>, predictions: UnsafePointer<Double>,
    gradient: UnsafeMutablePointer<Double>?
  ) -> Double

  /// The product of the Hessian of `L` at some predictions with a direction, for some samples.
  ///
  /// - Parameters:
  ///   - samples: Range of sample indices.
  ///   - predictions: Their predictions, `[samples.count, c]` row-major.
  ///   - direction: Direction, same shape.
  ///   - product: Where the product goes, same shape; may be `direction`.
  func hessianProduct(
    samples: Range<Int>, predictions: UnsafePointer<Double>, direction: UnsafePointer<Double>,
    into product: UnsafeMutablePointer<Double>)

  /// The convex conjugate `L*(G) = sup_F <F, G> - L(F)`, `+infinity` outside its domain.
  ///
  /// - Parameter dual: Dual point of shape `[n, c]`, in the units of the gradient of `L`.
  /// - Returns: The conjugate, or `+infinity`.
  func conjugate(at dual: Matrix) -> Double

  /// Largest `s` with `s * gradient` in the domain of the conjugate, `+infinity` when all are.
  ///
  /// - Parameter gradient: Gradient of `L` at some predictions, `[n, c]`.
  /// - Returns: A positive scale, or `+infinity`.
  func largestDualScale(gradient: Matrix) -> Double

  /// Share of samples whose class the predictions name correctly; nil for regression targets.
  func accuracy(of predictions: Matrix) -> Double?

  /// The same loss on some of the samples, averaged over those.
  func selecting(_ samples: [Int]) -> any Loss
}

extension Loss {
  /// The loss of all samples.
  ///
  /// - Parameter predictions: Predictions of shape `[n, c]`.
  /// - Returns: The mean loss.
  public func value(at predictions: Matrix) -> Double {
    checkShape(predictions)
    return predictions.elements.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return value(samples: 0..<sampleCount, predictions: base, gradient: nil)
    }
  }

  /// The gradient of the loss by the predictions, of shape `[n, c]`.
  public func gradient(at predictions: Matrix) -> Matrix { valueAndGradient(at: predictions).1 }

  /// The loss and its gradient by the predictions.
  ///
  /// - Parameter predictions: Predictions of shape `[n, c]`.
  /// - Returns: The value, and the gradient of shape `[n, c]`.
  public func valueAndGradient(at predictions: Matrix) -> (Double, Matrix) {
    checkShape(predictions)
    var gradient = Matrix(rows: sampleCount, columns: outputCount)
    let value = gradient.elements.withUnsafeMutableBufferPointer { g in
      predictions.elements.withUnsafeBufferPointer { f in
        guard let f = f.baseAddress, let g = g.baseAddress else { return 0.0 }
        return self.value(samples: 0..<sampleCount, predictions: f, gradient: g)
      }
    }
    return (value, gradient)
  }

  private func checkShape(_ predictions: Matrix) {
    precondition(
      predictions.rows == sampleCount && predictions.columns == outputCount,
      "Loss: expected predictions [\(sampleCount), \(outputCount)], found [\(predictions.rows), \(predictions.columns)]"
    )
  }
}
