import ConvexPrograms
import Tensors

extension Loss {
  /// The `c x c` Hessian of each sample: entry `[i, k]` of matrix `l` is entry `(k, l)` of sample `i`.
  ///
  /// - Precondition: The loss is a sum over samples, so not one after the best output bias.
  func curvature(at predictions: Matrix) -> [Matrix] {
    (0..<predictions.columns).map { l in
      var direction = Matrix(rows: predictions.rows, columns: predictions.columns)
      for i in 0..<predictions.rows { direction[i, l] = 1 }
      replaceByHessianProduct(&direction, at: predictions)
      return direction
    }
  }
}
