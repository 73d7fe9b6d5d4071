import Certificates
import ConvexPrograms
import Tensors

/// What holds along every path, checked on the numbers of one.
package enum PathChecks {
  /// What is certain about one point, in absolute numbers.
  package struct Numbers: Sendable {
    package let lambda: Double
    let loss: Double
    /// `sum_j |u_j| |W_j|_F`.
    let regularizer: Double
    /// Objective minus proven lower bound.
    let gap: Double

    package init(lambda: Double, loss: Double, regularizer: Double, gap: Double) {
      (self.lambda, self.loss) = (lambda, loss)
      (self.regularizer, self.gap) = (regularizer, gap)
    }
  }

  /// The first pair of neighbors whose numbers no two points with these gaps can have; nil when there is none.
  ///
  /// For strengths `a > b` with gaps `e`, `f`: adding `P_a(x_a) <= P_a(x_b) + e` and `P_b(x_b) <= P_b(x_a) + f` gives
  /// `(a - b) (R_a - R_b) <= e + f`, and then `L_b - L_a <= b (R_a - R_b) + f`.
  package static func monotonicityViolation(_ points: [Numbers]) -> Int? {
    points.indices.dropFirst().first { k in
      let (above, below) = (points[k - 1], points[k])
      let rounding = 1e-10 * (above.loss + above.lambda * above.regularizer)
      let slack = above.gap + below.gap + rounding
      let fall = above.regularizer - below.regularizer
      return (above.lambda - below.lambda) * fall > slack
        || below.loss - above.loss > below.lambda * max(0, fall) + below.gap + rounding
    }
  }

  /// The largest change of `nu / lambda` between neighbors over what is allowed; nil unless the loss is squared.
  ///
  /// The dual optimum `nu` is the projection of `-Y/n` on `lambda C`, so `nu / lambda` changes by at most
  /// `|Y|/n |1/a - 1/b|` (without the means of `Y` where there is an output bias). Predictions whose gap is `e` are
  /// within `sqrt(2 n e)` of the optimal ones.
  static func largestJumpRatio(
    _ points: [Numbers], gradients: [Matrix], loss: any Loss, hasOutputBias: Bool
  ) -> Double? {
    guard let squared = loss as? SquaredLoss, points.count > 1 else { return nil }
    let n = Double(loss.sampleCount)
    var targets = squared.targets
    if hasOutputBias { targets = targets.withoutColumnMeans }
    let size = BLAS.norm(targets.elements) / n
    return (1..<points.count).map { k in
      let (above, below) = (points[k - 1], points[k])
      var change = gradients[k].elements.map { $0 / below.lambda }
      BLAS.add(-1 / above.lambda, gradients[k - 1].elements, to: &change)
      let allowed =
        size * abs(1 / below.lambda - 1 / above.lambda)
        + (2 * above.gap / n).squareRoot() / above.lambda
        + (2 * below.gap / n).squareRoot() / below.lambda
      return BLAS.norm(change) / max(allowed, .leastNormalMagnitude)
    }.max()
  }
}
