public import ConvexPrograms
public import Tensors

extension Certificate {
  /// A lower bound of the optimum from stationarity under scaling, as in the Burer-Monteiro theory.
  ///
  /// For `G = grad L(F)` at the predictions of the network, `R = sum_j |u_j| |W_j|_F`, any optimal network `(F', R')` and a
  /// bound `Omega` of the dual norm of `G`,
  ///
  ///     p* = L(F') + lambda R' >= p - e - (Omega - lambda)_+ R' >= p - e - (Omega / lambda - 1)_+ p*
  ///
  /// with `e = <G, F> + lambda R`, which is zero where the scale of the network is stationary. So
  /// `p* >= (p - e) / max(1, Omega / lambda)`. `lowerBound`, the best multiple of `G`, is never below it.
  ///
  /// - Parameters:
  ///   - loss: The loss, with the targets of the certified network.
  ///   - predictions: Predictions of the certified network, `[n, c]`.
  /// - Returns: The bound, at least 0; nil where no bound on the dual norm is proven, or for networks with an output bias.
  /// - Accuracy: Rounding is covered by a margin of `1e-12` of the objective and of `<|G|, |F|>`.
  /// - Source: Sahiner et al., *Scaling Convex Neural Networks with Burer-Monteiro Factorization*, ICLR 2024 (the bound at
  ///   stationary points). The term `e` makes it hold at every network.
  public func stationaryBound(loss: any Loss, predictions: Matrix) -> Double? {
    guard let ratio = dualNormOverLambda, !hasOutputBias else { return nil }
    let gradient = loss.gradient(at: predictions)
    let (slope, mass) = zip(gradient.elements, predictions.elements).reduce((0.0, 0.0)) {
      ($0.0 + $1.0 * $1.1, $0.1 + abs($1.0 * $1.1))
    }
    let excess = slope + regularization
    let margin = 1e-12 * (objective + mass)
    return max(0, (objective - excess - margin) / max(1, ratio))
  }
}
