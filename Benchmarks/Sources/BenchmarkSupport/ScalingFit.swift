import Foundation

/// A least-squares line through logarithms of times, with the half width of its 95 % confidence interval.
package struct ScalingFit: Codable, Equatable, Sendable {
  /// A law of growth.
  package enum Law: String, Codable, Sendable {
    /// `y = e^intercept x^slope`.
    case power
    /// `y = e^(intercept + slope x)`.
    case exponential
  }

  /// The law fitted.
  package let law: Law
  /// Slope of the line.
  package let slope: Double
  /// Half width of the interval of the slope; nil for two points.
  package let halfWidth: Double?
  /// Logarithm of `y` where the line meets the axis.
  package let intercept: Double
  /// Root of the mean square of what the line leaves of `log y`.
  package let residual: Double

  /// The fit of a law; nil for fewer than two different `x`, or numbers without logarithms.
  package init?(_ law: Law, _ points: [(x: Double, y: Double)]) {
    let pairs = points.map { (x: law == .power ? log($0.x) : $0.x, y: log($0.y)) }
    let count = Double(pairs.count)
    guard pairs.count >= 2, pairs.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else { return nil }
    let meanX = pairs.reduce(0) { $0 + $1.x } / count
    let meanY = pairs.reduce(0) { $0 + $1.y } / count
    let spread = pairs.reduce(0) { $0 + ($1.x - meanX) * ($1.x - meanX) }
    guard spread > 0 else { return nil }
    let slope = pairs.reduce(0) { $0 + ($1.x - meanX) * ($1.y - meanY) } / spread
    let square = pairs.reduce(0.0) {
      let error = $1.y - meanY - slope * ($1.x - meanX)
      return $0 + error * error
    }
    let freedom = pairs.count - 2
    self.law = law
    self.slope = slope
    intercept = meanY - slope * meanX
    residual = (square / count).squareRoot()
    halfWidth =
      freedom == 0
      ? nil : Self.quantile(freedom) * (square / Double(freedom) / spread).squareRoot()
  }

  /// The 97.5 % quantile of Student's distribution; that of ten degrees of freedom, rounded up, beyond ten.
  private static func quantile(_ freedom: Int) -> Double {
    let table = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
    return freedom <= table.count ? table[freedom - 1] : 2.228
  }

  /// The `y` of the law at an `x`.
  package func value(at x: Double) -> Double {
    exp(intercept + slope * (law == .power ? log(x) : x))
  }

  /// The slope and its interval.
  package var text: String {
    halfWidth.map { String(format: "%.2f ± %.2f", slope, $0) } ?? String(format: "%.2f", slope)
  }
}
