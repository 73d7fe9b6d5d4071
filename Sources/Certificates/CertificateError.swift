import ConvexPrograms

/// A network, data or options that cannot be certified.
public struct CertificateError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was looked at.
  public let place: String
  /// What it should have been.
  public let expected: String
  /// What it was.
  public let found: String
  /// What to do about it.
  public let advice: String

  /// An error with all its parts.
  public init(place: String, expected: String, found: String, advice: String) {
    self.place = place
    self.expected = expected
    self.found = found
    self.advice = advice
  }

  /// The error as one sentence and an advice.
  public var description: String { "\(place): expected \(expected), found \(found). \(advice)" }
}

extension Network {
  /// Refuses networks with an activation of degree two, whose neurons cannot be scaled or merged as others are.
  func requirePiecewiseLinear(for place: String) throws {
    guard !activation.isPiecewiseLinear else { return }
    throw CertificateError(
      place: place, expected: "a relu, gated or linear network", found: activation.rawValue,
      advice: "Networks with this activation are trained, certified and evaluated only.")
  }
}
