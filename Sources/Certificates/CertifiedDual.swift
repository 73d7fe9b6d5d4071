public import ConvexPrograms
public import Tensors

/// A dual point with a proven bound on its dual norm; together two of them prove bounds at the strengths between.
///
/// Dual norms are convex: `F(a v + b w) <= a F(v) + b F(w)`. One search over all cells thus serves many strengths.
public struct CertifiedDual: Sendable {
  /// Strength of the certificate that the point comes from.
  public let lambda: Double
  /// The point divided by the bound on its norm, `[n, c]`: its dual norm is at most 1, up to rounding.
  let unit: Matrix
  let scope: Certificate.Scope
  let subject: Certificate.Subject
  let bound: Certificate.BoundKind
  /// Patterns of the gates that the bound is over; nil for other networks.
  let masks: [[UInt64]]?
  /// Patches, pooling and filters are those of this network.
  let architecture: Network

  /// The dual point of a certificate.
  ///
  /// - Returns: nil without a positive finite bound, with an output bias (sums of a mixture would not be exactly zero),
  ///   where filters are restricted to directions, and for activations of degree two.
  init?(
    _ dual: DualDirection, _ norm: DualNormBound?, _ view: ProblemView, _ network: Network,
    lambda: Double
  ) {
    guard let norm, norm.norm > 0, norm.norm.isFinite, network.outputBias == nil,
      view.directions == nil, network.activation.isPiecewiseLinear
    else { return nil }
    var unit = dual.point
    for e in unit.elements.indices { unit.elements[e] /= norm.norm }
    (self.unit, self.lambda) = (unit, lambda)
    (scope, subject, bound, masks) = (view.scope, view.subject, norm.kind, view.masks)
    architecture = network.selecting(neurons: [])
  }
}

extension Certifier {
  /// Measures a network by mixtures of two dual points, without a search.
  ///
  /// For unit points `v` and `w` every `s (t v + (1 - t) w)` with `0 <= t <= 1` and `0 <= s <= lambda` is feasible; the best
  /// of them bounds the optimum. Where `v` and `w` come from strengths on both sides, the loss against the best dual
  /// point is of second order in their distance.
  ///
  /// - Parameters:
  ///   - network: The network to certify.
  ///   - first: A dual point proven on the same images and targets, for the same architecture.
  ///   - second: Another one.
  ///   - gates: All gates of the gated program, `[P, h]`; nil for other activations.
  ///   - targetGap: Relative gap that the verdict asks for.
  /// - Returns: The certificate; its kind is the weaker of both bounds.
  /// - Throws: `CertificateError` when numbers are not finite or shapes do not agree, or the points are of another class.
  /// - Complexity: A forward pass and O(`n c`) for each of about 40 mixtures.
  /// - Accuracy: Mixtures are rounded; `2^-50` of a bound on the dual norm of their sizes covers it
  ///   (`CertifiedDualTests`).
  public func certify(
    _ network: Network, between first: CertifiedDual, and second: CertifiedDual,
    gates: Matrix? = nil, targetGap: Double
  ) throws -> Certificate {
    try check(network, targetGap: targetGap)
    let view = try view(of: network, gates: gates)
    for dual in [first, second] { try check(dual, network, view) }
    let masks = network.gates.map { view.patterns(of: $0) }
    let (value, _, penalty, decay) = try measure(network, view, masks: masks)
    let lower = bestMixture(first, second, view)
    var result = Certificate(
      objective: value + penalty, loss: value, regularization: penalty,
      weightDecayObjective: max(decay, value + penalty), lowerBound: lower,
      unrestrictedLowerBound: nil, dualNormUpperBound: nil, lambda: lambda, scope: view.scope,
      bound: first.bound == .exact ? second.bound : first.bound,
      neuronCount: network.neuronCount, targetGap: targetGap,
      verdict: verdict(
        objective: value + penalty, lower: lower,
        outside: masks.flatMap { view.firstUnknown(among: $0) }
          ?? view.firstOutside(of: network.filters), targetGap: targetGap),
      subject: view.subject)
    result.hasOutputBias = false
    return result
  }

  private func check(_ dual: CertifiedDual, _ network: Network, _ view: ProblemView) throws {
    let other = dual.architecture
    guard dual.unit.rows == loss.sampleCount, dual.unit.columns == loss.outputCount,
      dual.scope == view.scope, dual.masks == view.masks, dual.subject == view.subject,
      other.geometry == network.geometry,
      other.pooling == network.pooling, network.outputBias == nil
    else {
      throw CertificateError(
        place: "dual point of lambda \(dual.lambda)",
        expected: "one of the same samples, architecture and gates, without output bias",
        found: "[\(dual.unit.rows), \(dual.unit.columns)], \(dual.scope), \(other.pooling)",
        advice: "Use dual points of certificates on the same data.")
    }
  }

  /// The largest proven bound of mixtures; concave along the share of the first point at a fixed multiple.
  private func bestMixture(
    _ first: CertifiedDual, _ second: CertifiedDual, _ view: ProblemView
  ) -> Double {
    guard lambda > 0 else { return 0 }
    func mixture(_ share: Double) -> Matrix {
      var result = first.unit
      for e in result.elements.indices {
        result.elements[e] =
          share * first.unit.elements[e] + (1 - share) * second.unit.elements[e]
      }
      return result
    }
    let sizes = zip(first.unit.elements, second.unit.elements).map { max(abs($0), abs($1)) }
    let mass = view.massBound(
      Matrix(rows: first.unit.rows, columns: first.unit.columns, elements: sizes))
    let limit = lambda / (1 + 0x1p-50 * (mass + 4)) * (1 - 1e-12)
    func value(_ share: Double) -> Double {
      var dual = mixture(share)
      for e in dual.elements.indices { dual.elements[e] *= limit }
      return DualScale.proven(loss, at: dual)
    }
    let golden = (5.0.squareRoot() - 1) / 2
    var (low, high) = (0.0, 1.0)
    for _ in 0..<20 {
      let (left, right) = (high - golden * (high - low), low + golden * (high - low))
      if value(left) >= value(right) { high = right } else { low = left }
    }
    return [0, 1, 0.5 * (low + high)].reduce(0) {
      max($0, DualDirection(gradient: mixture($1), of: loss).lowerBound(limit: limit))
    }
  }
}
