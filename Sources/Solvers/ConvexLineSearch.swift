import ConvexPrograms
import Tensors

/// Exact line search for `t -> L(F + t D) + t slope` on an interval `0...limit`.
///
/// Newton steps on the derivative, kept inside a bracket that bisection shrinks; the function is convex.
enum ConvexLineSearch {
  /// The minimizer.
  ///
  /// - Parameters:
  ///   - loss: The loss `L`.
  ///   - origin: `F`, shape `[n, c]`.
  ///   - direction: `D`, shape `[n, c]`.
  ///   - slope: Slope of what is added to the loss.
  ///   - limit: Upper end of the interval, positive.
  /// - Returns: A number in `0...limit`; 0 where the function does not fall.
  /// - Complexity: At most 60 gradients and Hessian products, O(`n c`) each; 2 for the squared loss.
  static func minimizer(
    of loss: any Loss, from origin: Matrix, along direction: Matrix, slope: Double, limit: Double
  ) -> Double {
    func derivative(_ t: Double) -> (first: Double, second: Double) {
      var point = origin
      BLAS.add(t, direction.elements, to: &point.elements)
      let gradient = loss.gradient(at: point)
      let first = BLAS.dot(gradient.elements, direction.elements) + slope
      return (
        first,
        BLAS.dot(
          loss.hessianProduct(at: point, direction: direction).elements, direction.elements)
      )
    }
    let start = derivative(0)
    guard start.first < 0 else { return 0 }
    var (low, high) = (0.0, limit)
    if derivative(limit).first <= 0 { return limit }
    var t = start.second > 0 ? min(limit, -start.first / start.second) : 0.5 * limit
    for _ in 0..<60 {
      let here = derivative(t)
      if here.first > 0 { high = t } else { low = t }
      if abs(here.first) <= 1e-15 * abs(start.first) || high - low <= 1e-16 * limit { break }
      let newton = here.second > 0 ? t - here.first / here.second : .infinity
      t = newton > low && newton < high ? newton : 0.5 * (low + high)
    }
    return t
  }
}
