package import ConvexPrograms
package import Tensors

/// A dual point whose multiples prove lower bounds, with the loss whose conjugate they are put into.
package struct DualDirection {
  /// The point, `[n, c]`.
  package let point: Matrix
  /// The point is about `factor` times the gradient of the loss.
  package var factor = 1.0
  /// Largest multiple that counts; the conjugate may allow less.
  package var end = Double.infinity
  /// The loss; where sums of the point are zero, targets may be without their means.
  package let loss: any Loss

  /// The gradient of a loss.
  package init(gradient: Matrix, of loss: any Loss) {
    point = gradient
    self.loss = loss
  }

  /// The gradient of a loss, balanced so that its sums over the samples are exactly zero.
  ///
  /// - Parameters:
  ///   - gradient: Finite gradient of the loss at some predictions, `[n, c]`.
  ///   - loss: The loss, with its targets.
  package init(balancing gradient: Matrix, of loss: any Loss) {
    let balanced = BalancedDual(gradient, of: loss)
    point = balanced.point
    factor = balanced.factor
    // A multiple has to be in the domain before it is rounded.
    end = loss.largestDualScale(gradient: point) * (1 - 1e-14)
    if let squared = loss as? SquaredLoss, let means = BalancedDual.bestConstants(of: loss) {
      // <Lambda, Y> does not change, and its rounding margin shrinks to that of the differences.
      var targets = squared.targets
      BLAS.add(-1, means.elements, to: &targets.elements)
      self.loss = SquaredLoss(targets: targets)
    } else {
      self.loss = loss
    }
  }

  /// The best proven lower bound of multiples up to a limit.
  package func lowerBound(limit: Double) -> Double {
    DualScale.best(loss: loss, gradient: point, limit: min(limit, end)).lowerBound
  }
}
