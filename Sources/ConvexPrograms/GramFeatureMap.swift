public import Tensors

/// A feature map together with what a squared loss needs of it: `A' A`, `A' Y` and `|Y|^2`.
///
/// With those `L(A V) = (<V, A'A V> - 2 <V, A'Y> + |Y|^2) / 2n` and its gradient `(A'A V - A'Y) / n` cost O(`d^2 c`), whatever
/// the number of samples. Predictions and adjoints still take a pass over the data.
public struct GramFeatureMap: FeatureMap {
  /// The features themselves.
  private let map: StreamedFeatureMap
  /// `A' A`, shape `[d, d]`, exactly symmetric.
  public let gram: Matrix
  /// `A' Y`, shape `[d, c]`.
  public let correlation: Matrix
  /// `|Y|^2`.
  public let targetEnergy: Double

  /// The products of features and targets, in two passes over the data.
  ///
  /// - Parameters:
  ///   - map: A map whose features are made by blocks.
  ///   - targets: Targets `Y` of shape `[n, c]`.
  /// - Complexity: O(`n d^2 / 2 + n d c`) beside two passes, O(`d^2`) memory.
  public init(_ map: StreamedFeatureMap, targets: Matrix) {
    self.map = map
    gram = map.gram
    correlation = map.adjoint(targets)
    targetEnergy = BLAS.dot(targets.elements, targets.elements)
  }

  /// Number of samples `n`.
  public var sampleCount: Int { map.sampleCount }
  /// Number of features `d`.
  public var featureCount: Int { map.featureCount }
  /// Threads the products use.
  public var threads: Int { map.threads }

  /// The predictions `A V`, in a pass over the data.
  public func predictions(of weights: Matrix) -> Matrix { map.predictions(of: weights) }
  /// The adjoint `A' G`, in a pass over the data.
  public func adjoint(_ dual: Matrix) -> Matrix { map.adjoint(dual) }

  /// `A' A V`.
  ///
  /// - Parameter weights: Shape `[d, c]`.
  /// - Returns: Shape `[d, c]`.
  /// - Complexity: O(`d^2 c`).
  public func normalProduct(_ weights: Matrix) -> Matrix {
    DenseFeatureMap(features: gram, threads: threads).predictions(of: weights)
  }

  /// Squared loss and dual point at some weights, without predictions.
  ///
  /// - Parameters:
  ///   - weights: Weights `V` of shape `[d, c]`.
  ///   - product: `A' A V`.
  /// - Returns: `|A V - Y|^2`, `<A V - Y, Y>`, and `A' (A V - Y)` of shape `[d, c]`.
  /// - Accuracy: Squares of residuals are differences, with errors of about `1e-15 |Y|^2`: a loss below `1e-12` of that of zero
  ///   weights loses most of its digits.
  public func residual(
    at weights: Matrix, product: Matrix
  ) -> (energy: Double, alongTargets: Double, correlation: Matrix) {
    let agreement = BLAS.dot(weights.elements, correlation.elements)
    let energy = BLAS.dot(weights.elements, product.elements) - 2 * agreement + targetEnergy
    var slope = product
    BLAS.add(-1, correlation.elements, to: &slope.elements)
    return (max(0, energy), agreement - targetEnergy, slope)
  }
}
