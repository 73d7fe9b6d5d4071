/// What a neuron does with its filter responses before pooling.
///
/// The text of `rawValue` is the value of `--activation`.
public enum Activation: Sendable, Equatable, RawRepresentable {
  /// `max(x . u, 0)`.
  case relu
  /// `1[x . g >= 0] (x . u)` with a gate `g` that is fixed before training.
  case gated
  /// `x . u`.
  case linear
  /// `(x . u)^2`.
  case quadratic
  /// `a (x . u)^2 + b (x . u) + c` with `|u| = 1`.
  case polynomial(Polynomial)

  /// The activation that a text names; nil when it names none.
  ///
  /// - Parameter rawValue: `relu`, `gated`, `linear`, `quadratic`, or `polynomial:A,B,C` with finite numbers that are not
  ///   all zero.
  public init?(rawValue: String) {
    switch rawValue {
    case "relu": self = .relu
    case "gated": self = .gated
    case "linear": self = .linear
    case "quadratic": self = .quadratic
    default:
      let parts = rawValue.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0] == "polynomial" else { return nil }
      let numbers = parts[1].split(separator: ",", omittingEmptySubsequences: false)
        .map { Double($0) }
      guard numbers.count == 3, let a = numbers[0], let b = numbers[1], let c = numbers[2],
        a.isFinite, b.isFinite, c.isFinite, a != 0 || b != 0 || c != 0
      else { return nil }
      self = .polynomial(Polynomial(a, b, c))
    }
  }

  /// The text that `init(rawValue:)` reads back, exactly.
  public var rawValue: String {
    switch self {
    case .relu: "relu"
    case .gated: "gated"
    case .linear: "linear"
    case .quadratic: "quadratic"
    case .polynomial(let p): "polynomial:\(p.a),\(p.b),\(p.c)"
    }
  }

  /// The coefficients of activations that are polynomials of degree two; nil for the others.
  public var polynomial: Polynomial? {
    switch self {
    case .quadratic: Polynomial(1, 0, 0)
    case .polynomial(let p): p
    case .relu, .gated, .linear: nil
    }
  }

  /// Whether neurons are homogeneous of degree one, linear on each cell: relu, gated and linear.
  public var isPiecewiseLinear: Bool { polynomial == nil }

  /// What `lambda` multiplies, in words for reports.
  public var penalty: String {
    switch self {
    case .relu, .gated, .linear:
      "sum_j |u_j| |W_j|_F, equal to weight decay on both layers when neurons are balanced"
    case .quadratic:
      "sum_j |u_j|^2 |W_j|_1 (sum of absolute output weights), not weight decay on both layers"
    case .polynomial:
      "sum_j |W_j|_1 (sum of absolute output weights) over filters of norm 1, not weight decay on both layers"
    }
  }
}

/// A polynomial `a z^2 + b z + c`.
public struct Polynomial: Sendable, Equatable {
  /// Coefficient of `z^2`.
  public let a: Double
  /// Coefficient of `z`.
  public let b: Double
  /// Constant.
  public let c: Double

  /// A polynomial with coefficients from the highest power down.
  public init(_ a: Double, _ b: Double, _ c: Double) { (self.a, self.b, self.c) = (a, b, c) }

  /// The value at a point.
  public func callAsFunction(_ z: Double) -> Double { (a * z + b) * z + c }

  /// The derivative at a point.
  public func derivative(_ z: Double) -> Double { 2 * a * z + b }
}
