public import ConvexPrograms
import Convolutions
import Tensors

/// What is certified about a ReLU network in the landscape of its weights and among all networks.
///
/// Two questions are answered one by one: whether the network is a strict isolated local minimum among networks of its width
/// (`CriticalPoint`), and whether it is optimal among networks of any width (`Certificate`), or else which neuron lowers the
/// objective (`EscapeNeuron`). A strict minimum that is not global is no contradiction: an inserted neuron leaves the width.
///
/// - Source: Haeffele & Vidal, *Global Optimality in Neural Network Training*, CVPR 2017, for the link of both.
public struct Landscape: Sendable {
  /// The sentence that holds; global means within the target gap.
  public enum Verdict: String, Sendable {
    /// Optimal within the target gap.
    case global
    /// A strict isolated local minimum from which a neuron leads down.
    case strictMinimumNotGlobal = "strict-minimum-not-global"
    /// A strict isolated local minimum; whether it is global is not known.
    case strictMinimum = "strict-minimum"
    /// Nothing is certified about its neighborhood, but a neuron leads down.
    case notGlobal = "not-global"
    /// Neither.
    case notCertified = "not-certified"
  }

  /// The local question.
  public let point: CriticalPoint
  /// The global question.
  public let certificate: Certificate
  /// Filters of large dual norm.
  public let dualNorm: NetworkDualNorm
  /// The neuron that lowers the objective most along the best filter found; nil without one, and where the gap is proven.
  public let escape: EscapeNeuron?

  /// The sentence that holds.
  public var verdict: Verdict {
    if certificate.isEstablished { return .global }
    if point.isStrictMinimum { return isRefuted ? .strictMinimumNotGlobal : .strictMinimum }
    return isRefuted ? .notGlobal : .notCertified
  }

  /// Whether the escape neuron lowers the objective by more than the target gap.
  private var isRefuted: Bool {
    (escape?.decrease ?? 0) > certificate.targetGap * certificate.objective
  }

  /// The verdict in words and numbers.
  public var claim: String {
    let minimum = "strict isolated local minimum\(point.place)\(point.accuracy)"
    let lower = escape.map { "one neuron lowers the objective by \($0.decrease)" } ?? ""
    switch verdict {
    case .global:
      let gap = "Global optimum within a relative gap of \(Float(certificate.relativeGap))"
      return gap
        + (point.isStrictMinimum
          ? ", and a \(minimum)."
          : ". As a local minimum not certified: \(reasons).")
    case .strictMinimumNotGlobal: return "A \(minimum); not global: \(lower)."
    case .strictMinimum: return "A \(minimum). Whether it is global is not known: \(search)."
    case .notGlobal: return "Not a certified local minimum: \(reasons). Not global: \(lower)."
    case .notCertified: return "Not certified: \(reasons). Whether it is global: \(search)."
    }
  }

  private var search: String {
    guard let escape else { return "no better neuron was found" }
    return "the best neuron found lowers the objective by \(Float(escape.decrease)) only"
  }

  /// Why the network is not certified to be a strict isolated local minimum, in words.
  public var reasons: String {
    var parts = point.obstacles.compactMap(words)
    let unheld = point.obstacles.compactMap { if case .kink(let j) = $0 { j } else { nil } }
    if !unheld.isEmpty {
      let names = unheld.prefix(8).map(String.init).joined(separator: ", ")
      parts.append(
        "hyperplanes do not hold the filters of neurons \(names)\(unheld.count > 8 ? ", ..." : "") strictly"
      )
    }
    return parts.joined(separator: "; ")
  }

  private func words(_ obstacle: CriticalPoint.Obstacle) -> String? {
    switch obstacle {
    case .notStationary:
      return "the gradient is \(Float(point.slope)), too large for a minimum to be proven nearby"
    case .unbalanced(let neuron):
      return "neuron \(neuron) is unbalanced, so rescaling it lowers the objective"
    case .zeroNeuron(let neuron):
      let ratio = Float(dualNorm.largest / certificate.lambda)
      return "neuron \(neuron) is zero, and filters of dual norm \(ratio) lambda exist for it"
    case .dependentOutputs:
      return "outputs of neurons are linearly dependent, merge or prune them first"
    case .freeOutputBias:
      return "all output biases of a softmax network can be shifted together"
    case .curvature:
      let value = Float((point.curvature?.smallestEigenvalue ?? 0) / certificate.lambda)
      return "no positive curvature is proven (smallest eigenvalue \(value) lambda)"
    case .noWeights:
      return point.neuronCount == 0 ? "there are no neurons" : "no neuron has weights to vary"
    case .kink: return nil
    }
  }
}

extension CriticalPoint {
  /// How far away it is, or how stationary the network, in words.
  fileprivate var accuracy: String {
    existenceRadius.map { " within \(Float($0 + projectionDistance))" } ?? ""
  }

  /// Where a minimum lies, in words.
  fileprivate var place: String {
    guard !kinks.isEmpty else { return " (differentiable)" }
    return kinks.count == 1 ? " (on 1 hyperplane)" : " (on \(kinks.count) hyperplanes)"
  }
}

extension Certifier {
  /// What is certified about a ReLU network in the landscape of its weights and among all networks.
  ///
  /// - Parameters:
  ///   - network: A ReLU network with a linear pooling, as it is.
  ///   - targetGap: Relative gap within which it counts as global.
  ///   - kinkTolerance: As in `criticalPoint`.
  ///   - denseLimit: As in `criticalPoint`.
  ///   - effort: How hard to work on the dual norm; the bound and the filter have half of the time each.
  /// - Returns: Both answers.
  /// - Throws: As `criticalPoint(of:kinkTolerance:denseLimit:)` and `dualNorm(of:)`.
  public func landscape(
    of network: Network, targetGap: Double = 1e-6,
    kinkTolerance: Double = CriticalPoint.kinkTolerance,
    denseLimit: Int = CriticalPoint.denseWeightLimit, effort: BoundEffort = BoundEffort()
  ) throws -> Landscape {
    let point = try criticalPoint(
      of: network, kinkTolerance: kinkTolerance, denseLimit: denseLimit)
    var share = effort
    share.seconds *= 0.5
    // What is said of a minimum nearby is asked of the network moved to its hyperplanes.
    let isMoved = point.isStrictMinimum && point.projectionDistance > 0
    let network = isMoved ? point.moved : network
    let certificate = try certify(network, gates: nil, targetGap: targetGap, effort: share)
    if certificate.isEstablished, network.geometry.patchDimension > 2 { share.method = .spectral }
    let norm = try dualNorm(of: network, relativeTolerance: 1e-6, effort: share)
    let escape =
      certificate.isEstablished || norm.filters.rows == 0
      ? nil : try escapeNeuron(for: network, along: Array(norm.filters.row(0)))
    return Landscape(point: point, certificate: certificate, dualNorm: norm, escape: escape)
  }
}
