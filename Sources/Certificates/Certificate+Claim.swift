#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension Certificate {
  /// The architecture as far as claims distinguish it.
  enum Subject: Sendable, Equatable {
    case relu, gated, linear
    /// Activations of degree two, with linear pooling.
    case quadratic, polynomial
    /// ReLU and pooling by maximum.
    case maxPooledReLU
    /// Pooling by maximum, with any other activation.
    case maxPooled
  }

  /// One or two sentences that say what is proven, over which networks, and what is not proven.
  ///
  /// Numbers are rounded to the side that claims less.
  public var claim: String {
    switch verdict {
    case .outsideGivenCells(let neuron):
      subject == .relu
        ? "Not proven: the filter of neuron \(neuron) lies in none of \(scope), so nothing is claimed about this network."
        : "Not proven: the gate of neuron \(neuron) has none of the patterns of \(scope), so nothing is claimed about this network."
    case .nothingProven:
      "Nothing proven beyond the loss being non-negative (\(reasonForNoBound)). Global optimality is not proven."
    case .established, .gapAboveTarget:
      switch subject {
      case .gated, .linear: exactClaim
      case .quadratic, .polynomial: liftedClaim
      case .relu, .maxPooledReLU, .maxPooled: boundedClaim
      }
    }
  }

  /// What is proven for activations of degree two, and under which penalty.
  private var liftedClaim: String {
    let penalty =
      subject == .quadratic
      ? "quadratic network, \(freedom), under the penalty lambda sum_j |u_j|^2 |W_j|_1"
      : "polynomial network with filters of norm 1, \(freedom), under the penalty lambda sum_j |W_j|_1"
    let proof = "Proven: \(within) of the best \(penalty) (not weight decay on both layers)."
    return verdict == .established
      ? proof : proof + " \(missedTarget)"
  }

  private var reasonForNoBound: String {
    if lambda == 0 { return "lambda is 0, which leaves no dual bound" }
    if subject == .maxPooled {
      return "max pooling has no bound here for this activation"
    }
    if bound == .none, subject == .relu { return "the sweep over all cells was not finished" }
    if bound == .none { return "max pooling has no bound here without a search" }
    return "the \(bound.rawValue) bound over \(scope) is too weak here"
  }

  private var within: String { "within \(Self.roundedUp(relativeGap)) (relative)" }

  private var freedom: String { hasOutputBias ? "any width, any output bias" : "any width" }

  private var exactClaim: String {
    let best = subject == .gated ? "gated network over \(scope)" : "linear network over \(scope)"
    let proof = "Proven: \(within) of the best \(best), \(freedom)."
    let limits = "Other cells and ReLU networks are not covered."
    return [proof, verdict == .established ? nil : missedTarget, subject == .gated ? limits : nil]
      .compactMap { $0 }.joined(separator: " ")
  }

  private var boundedClaim: String {
    let evidence = "(lower bound \(Self.roundedDown(lowerBound)), \(bound.rawValue))"
    let beyond =
      unrestrictedLowerBound.map {
        " Over all filters the optimum is at least \(Self.roundedDown($0))."
      } ?? ""
    if case .leadingDirections = scope {
      return verdict == .established
        ? "Proven over \(scope): \(within) of the best network with such filters, \(freedom) "
          + "\(evidence).\(beyond)"
        : "Proven over \(scope): \(distance) the optimum of such filters \(evidence).\(beyond) \(unproven)"
    }
    if case .givenCells = scope {
      let proof =
        verdict == .established
        ? "\(within) of the best ReLU network with filters in these cells"
        : "\(distance) \(isClose ? "" : "that of ")the best ReLU network with filters in these cells"
      let missed = verdict != .established && isClose ? " \(missedTarget)" : ""
      return "Proven over \(scope): \(proof), \(freedom) \(evidence).\(missed) "
        + "Other cells are not covered; global optimality is not proven."
    }
    if verdict == .established {
      return "Proven over \(scope): \(within) of the global optimum, \(freedom) \(evidence)."
    }
    return "Proven over \(scope): \(distance) the global optimum \(evidence). \(unproven)"
  }

  /// Whether the factor is so near 1 that a few digits of it say less than the relative gap.
  private var isClose: Bool { objective < 1.01 * lowerBound }

  /// How far from an optimum a network is that missed the target.
  private var distance: String {
    isClose ? "\(within) of" : "the objective is at most \(ratio) times"
  }

  private var missedTarget: String { "The target \(Self.roundedUp(targetGap)) was not reached." }

  /// What is not proven about a network that missed the target.
  private var unproven: String {
    isClose
      ? "\(missedTarget) Global optimality to that gap is not proven."
      : "Global optimality is not proven."
  }

  /// `objective / lowerBound`, rounded up to three digits or so.
  private var ratio: String {
    let ratio = objective / lowerBound
    guard ratio < 1e4 else { return Self.roundedUp(ratio) }
    let steps = ratio < 1.1 ? 1e5 : ratio < 10 ? 100.0 : 10
    return trimmed((ratio * steps).rounded(.up) / steps)
  }

  private func trimmed(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// A number that is not negative with two digits, such as `3.1e-07`, never more than `1e-13` relative below its value.
  static func roundedUp(_ value: Double) -> String {
    decimal(value, digits: 2, rule: .up)
  }

  /// A number that is not negative with three digits, never more than `1e-13` relative above its value.
  static func roundedDown(_ value: Double) -> String {
    let text = decimal(value, digits: 3, rule: .down)
    guard value >= 1e-3, value < 1e3, let plain = Double(text) else { return text }
    return "\(plain)"
  }

  private static func decimal(
    _ value: Double, digits: Int, rule: FloatingPointRoundingRule
  ) -> String {
    guard value > 0, value.isFinite else { return value > 0 ? "infinity" : "0" }
    var exponent = Int(log10(value).rounded(.down))
    if value / pow(10, Double(exponent)) >= 10 { exponent += 1 }
    if value / pow(10, Double(exponent)) < 1 { exponent -= 1 }
    let unit = pow(10, Double(digits - 1))
    // The slack keeps a number that is short in decimals, such as 1e-6, as it is.
    let slack = rule == .up ? 1 - 1e-13 : 1 + 1e-13
    var mantissa = (value / pow(10, Double(exponent)) * unit * slack).rounded(rule)
    if mantissa >= 10 * unit { (mantissa, exponent) = (unit, exponent + 1) }
    let whole = Int(mantissa)
    let lead = whole / Int(unit)
    let tail = String(whole % Int(unit) + Int(unit)).dropFirst()
    let sign = exponent < 0 ? "-" : "+"
    let size = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
    return "\(lead).\(tail)e\(sign)\(size)"
  }
}
