#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An activation with a bounded second derivative.
public enum SmoothActivation: String, Sendable, CaseIterable, Codable {
  /// `log(1 + e^x)`.
  case softplus
  /// `x Phi(x)` with the normal distribution function `Phi`.
  case gelu
  /// The hyperbolic tangent.
  case tanh

  /// The value at a response.
  public func value(_ x: Double) -> Double {
    switch self {
    case .softplus: max(x, 0) + log1p(exp(-abs(x)))
    case .gelu: 0.5 * x * erfc(-x * 0.5.squareRoot())
    case .tanh: hyperbolicTangent(x)
    }
  }

  /// The first derivative at a response.
  public func derivative(_ x: Double) -> Double {
    switch self {
    case .softplus: 1 / (1 + exp(-x))
    case .gelu: 0.5 * erfc(-x * 0.5.squareRoot()) + x * Self.density(x)
    case .tanh: 1 - hyperbolicTangent(x) * hyperbolicTangent(x)
    }
  }

  /// The second derivative at a response.
  public func secondDerivative(_ x: Double) -> Double {
    switch self {
    case .softplus: derivative(x) * derivative(-x)
    case .gelu: (2 - x * x) * Self.density(x)
    case .tanh: -2 * hyperbolicTangent(x) * derivative(x)
    }
  }

  /// The largest modulus of the second derivative, rounded up.
  ///
  /// - Softplus: `s (1 - s) <= 1/4` for the logistic function `s`.
  /// - GELU: the derivative of `(2 - x^2) e^(-x^2 / 2)` is `-x (4 - x^2) e^(-x^2 / 2)`, so the extremes are at 0, where the
  ///   modulus is `2 / sqrt(2 pi)`, and at 2 and -2, where it is `e^-2` of that.
  /// - Hyperbolic tangent: `2 t (1 - t^2)` for `t` in 0...1 is largest at `t^2 = 1/3`, where it is `4 / (3 sqrt 3)`.
  public var secondDerivativeBound: Double {
    switch self {
    case .softplus: 0.25
    case .gelu: (2 / Double.pi).squareRoot().nextUp.nextUp
    case .tanh: (4 / (3 * 3.0.squareRoot())).nextUp.nextUp
    }
  }

  private static func density(_ x: Double) -> Double {
    exp(-0.5 * x * x) / (2 * Double.pi).squareRoot()
  }
}

/// `tanh`, under a name that the case does not hide.
private func hyperbolicTangent(_ x: Double) -> Double { tanh(x) }
