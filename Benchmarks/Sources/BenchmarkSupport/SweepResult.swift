import Foundation

/// What a sweep found.
package struct SweepResult: Codable, Equatable, Sendable {
  /// One size.
  package struct Point: Codable, Equatable, Sendable {
    /// The value, by which thresholds know the point.
    package let value: Int
    /// The quantity on the axis.
    package let quantity: Double
    /// Median of the processor seconds of all threads.
    package let seconds: Double
    /// Least of them.
    package let leastSeconds: Double
    /// Number of runs timed.
    package let runs: Int
    /// Deterministic counters, one per name of the sweep.
    package let counters: [Int]
    /// What was reached.
    package let reached: String
  }

  /// How the fitted law stands to the claim.
  package enum Verdict: String, Codable, Sendable {
    /// Polynomial with an exponent up to the limit.
    case polynomial
    /// Polynomial, but the exponent is above the limit.
    case overLimit = "over the limit"
    /// Exponential, as claimed.
    case exponential
    /// Claimed to be exponential, but the interval has no growth in it, or there are too few values.
    case unclear
  }

  package let group: String
  package let name: String
  package let chart: String
  package let quantity: String
  package let setting: String
  package let counters: [String]
  package let points: [Point]
  /// Largest exponent claimed; nil where exponential growth is.
  package let limit: Double?
  /// The law claimed, fitted; nil for too few values.
  package let fit: ScalingFit?
  /// The other law, fitted to the same points.
  package let otherFit: ScalingFit?
  /// The law claimed, fitted to each counter; nil for counters that are zero somewhere or do not change.
  package let counterFits: [ScalingFit?]
  /// The exponent between the two largest quantities, where constant parts weigh least; nil for exponential growth.
  package let lastExponent: Double?
  package let verdict: Verdict

  /// The result of a sweep's points.
  package init(_ sweep: Sweep, _ points: [Point]) {
    (group, name, chart, quantity) = (sweep.group, sweep.name, sweep.chart, sweep.quantity)
    (setting, counters, self.points) = (sweep.setting, sweep.counters, points)
    let pairs = points.map { (x: $0.quantity, y: $0.seconds) }
    let law: ScalingFit.Law = sweep.growth == .exponential ? .exponential : .power
    counterFits = sweep.counters.indices.map { index in
      let counts = points.map { (x: $0.quantity, y: Double($0.counters[index])) }
      return ScalingFit(law, counts).flatMap { $0.slope == 0 ? nil : $0 }
    }
    let last = pairs.sorted { $0.x < $1.x }.suffix(2)
    lastExponent = law == .power ? ScalingFit(.power, Array(last))?.slope : nil
    switch sweep.growth {
    case .polynomial(let limit):
      self.limit = limit
      fit = ScalingFit(.power, pairs)
      otherFit = ScalingFit(.exponential, pairs)
      verdict = fit.map { $0.slope <= limit ? .polynomial : .overLimit } ?? .unclear
    case .exponential:
      limit = nil
      fit = ScalingFit(.exponential, pairs)
      otherFit = ScalingFit(.power, pairs)
      // Times have a constant part, counters have none.
      let grows = ([fit] + counterFits).contains { fit in
        fit.map { $0.slope - ($0.halfWidth ?? .infinity) > 0 } ?? false
      }
      verdict = grows ? .exponential : .unclear
    }
  }

  /// Whether the exponent keeps within the limit, but not between the two largest quantities.
  package var steepens: Bool {
    guard verdict == .polynomial, let lastExponent, let limit else { return false }
    return lastExponent > limit
  }

  /// Whether the exponent keeps within the limit but its interval reaches above it.
  package var isLoose: Bool {
    guard verdict == .polynomial, let fit, let half = fit.halfWidth, let limit else { return false }
    return fit.slope + half > limit
  }

  /// The law in words.
  package var law: String {
    guard let fit else { return "too few values" }
    switch verdict {
    case .polynomial: return "polynomial, exponent \(fit.text)"
    case .overLimit: return "polynomial, exponent \(fit.text), over \(limit.map { "\($0)" } ?? "")"
    case .exponential: return "exponential, \(Self.factor(fit)) per unit\(counterWords)"
    case .unclear: return "unclear: \(Self.factor(fit)) per unit\(counterWords)"
    }
  }

  /// Factors of the counters that grow, per unit.
  private var counterWords: String {
    zip(counters, counterFits).map { name, fit in
      guard let fit, fit.slope - (fit.halfWidth ?? .infinity) > 0 else { return "" }
      return "; \(name) \(Self.factor(fit))"
    }.joined()
  }

  /// The factor of time per unit, with its interval.
  private static func factor(_ fit: ScalingFit) -> String {
    let factor = String(format: "times %.3g", exp(fit.slope))
    guard let half = fit.halfWidth else { return factor }
    return factor + String(format: " (%.2g to %.2g)", exp(fit.slope - half), exp(fit.slope + half))
  }

  /// How well both laws fit: the typical factor between a time and the law, of the claimed law and of the other.
  package var quality: String? {
    guard let fit, let otherFit else { return nil }
    return String(format: "%.2f / %.2f", exp(fit.residual), exp(otherFit.residual))
  }
}
