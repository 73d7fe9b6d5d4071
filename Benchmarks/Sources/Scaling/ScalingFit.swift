import Foundation

/// A least-squares line through logarithms, with the half width of its 95 % confidence interval.
struct ScalingFit {
  /// Slope of the line.
  let slope: Double
  /// Half width of the interval; infinite for two points.
  let halfWidth: Double

  /// The exponent `p` of `y ~ x^p`.
  static func power(_ points: [(x: Double, y: Double)]) -> ScalingFit? {
    line(points.map { (log($0.x), log($0.y)) })
  }

  /// The factor of `y` per unit of `x`, as the exponent `p` of `y ~ e^(p x)`.
  static func exponential(_ points: [(x: Double, y: Double)]) -> ScalingFit? {
    line(points.map { ($0.x, log($0.y)) })
  }

  private static func line(_ points: [(x: Double, y: Double)]) -> ScalingFit? {
    let count = Double(points.count)
    guard points.count >= 2, points.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else {
      return nil
    }
    let (meanX, meanY) = (
      points.reduce(0) { $0 + $1.x } / count, points.reduce(0) { $0 + $1.y } / count
    )
    let spread = points.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
    guard spread > 0 else { return nil }
    let slope = points.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / spread
    let residual = points.reduce(0.0) {
      let error = $1.y - meanY - slope * ($1.x - meanX)
      return $0 + error * error
    }
    guard points.count > 2 else { return ScalingFit(slope: slope, halfWidth: .infinity) }
    let freedom = points.count - 2
    let deviation = (residual / Double(freedom) / spread).squareRoot()
    return ScalingFit(slope: slope, halfWidth: quantile(freedom) * deviation)
  }

  /// The 97.5 % quantile of Student's distribution.
  private static func quantile(_ freedom: Int) -> Double {
    let table = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
    return freedom <= table.count ? table[freedom - 1] : 2.2
  }

  /// The slope and its interval.
  var text: String {
    halfWidth.isFinite
      ? String(format: "%.2f ± %.2f", slope, halfWidth) : String(format: "%.2f", slope)
  }
}
