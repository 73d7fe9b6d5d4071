/// What is proven about a network, with the evidence.
///
/// `lowerBound <= optimum <= objective`, where the optimum is taken over all networks of the class that `scope` names,
/// of any width (and with any output bias, if the class has one), and the objective is `(1/n) sum_i loss + lambda sum_j |u_j| |W_j|_F`
/// (`Network.regularization` for activations of degree two).
///
/// The only initializer is the verifier's own: a bound that a solver or a file states cannot become a certificate
/// (`RefusalTests`).
///
/// Laws, checked by `CertifierTests` and `CertifierOracleTests`: `gap >= 0`; the lower bound never exceeds the optimum;
/// a certificate of a network that is not optimal is not `established` at a target below its true gap.
public struct Certificate: Sendable, Equatable {
  /// The class of networks that the lower bound speaks about.
  public enum Scope: Sendable, Equatable, CustomStringConvertible {
    /// All networks of the architecture, whatever their filters.
    case allCells
    /// Gated networks whose gates have the patterns given, or ReLU networks whose filters lie in the closures of the cells
    /// given; the number counts distinct patterns.
    case givenCells(Int)
    /// All networks with filters in the span of as many leading directions of the patches.
    case leadingDirections(Int)

    /// `all cells`, `the N cells given` or `all cells in N leading directions`.
    public var description: String {
      switch self {
      case .allCells: "all cells"
      case .givenCells(let count): "the \(count) cells given"
      case .leadingDirections(let count): "all cells in \(count) leading directions"
      }
    }
  }

  /// How the dual norm was bounded from above.
  public enum BoundKind: String, Sendable, CaseIterable {
    /// The dual norm itself, up to the rounding margin.
    case exact
    /// Branch and bound over all cells.
    case branch
    /// Semidefinite relaxation over all cells.
    case sdp
    /// Spectral norms, without enumerating cells.
    case spectral
    /// Multipliers of a file for every cell, checked without search.
    case multipliers
    /// No bound: only that losses are not negative.
    case none
  }

  /// Whether the claim asked for is proven.
  public enum Verdict: Sendable, Equatable {
    /// The relative gap is at most the target.
    case established
    /// A lower bound is proven, but the relative gap exceeds the target.
    case gapAboveTarget
    /// No lower bound other than zero is proven.
    case nothingProven
    /// A neuron's gate has none of the patterns given, or its ReLU filter is not certainly in one of the cells given, so the
    /// bound is not about this network.
    case outsideGivenCells(neuron: Int)
  }

  /// `loss + regularization` of the network, recomputed from weights and data.
  public let objective: Double
  /// Mean loss of the network's predictions.
  public let loss: Double
  /// `lambda sum_j |u_j| |W_j|_F`, the value of weight decay after each neuron is balanced; for activations of degree two
  /// `lambda` times `Network.regularization`, which is not weight decay.
  public let regularization: Double
  /// `loss + (lambda/2) sum_j (|u_j|^2 + |W_j|_F^2)` of the weights as they are, for activations of degree two
  /// `loss + lambda Network.weightDecay`; at least `objective`.
  public let weightDecayObjective: Double
  /// Proven lower bound on the objective of every network in the scope, at least 0.
  public let lowerBound: Double
  /// Proven lower bound over all filters, where `scope` has only some directions; nil otherwise.
  public let unrestrictedLowerBound: Double?
  /// Upper bound on the dual norm of the gradient of the loss; nil where none is known.
  public let dualNormUpperBound: Double?
  /// Regularization strength of the objective.
  public let lambda: Double
  /// The class of networks that `lowerBound` speaks about.
  public let scope: Scope
  /// How the dual norm was bounded.
  public let bound: BoundKind
  /// Number of neurons of the network.
  public let neuronCount: Int
  /// Relative gap that was asked for.
  public let targetGap: Double
  /// Whether the relative gap asked for is proven.
  public let verdict: Verdict
  /// Whether networks of the class have an output bias, which no penalty counts; then the lower bound holds for every one.
  public internal(set) var hasOutputBias = false
  /// Cones, arcs or faces that the search for the bound looked at; 0 where there was none.
  public internal(set) var searchedNodeCount = 0
  /// What the network is, for the claim.
  let subject: Subject

  /// Objective minus lower bound, never negative.
  public var gap: Double { max(0, objective - lowerBound) }
  /// Gap divided by the objective; 0 when the gap is 0.
  public var relativeGap: Double { gap > 0 ? gap / objective : 0 }
  /// Dual norm bound divided by `lambda`: at most 1 for an optimal network when the bound is tight.
  public var dualNormOverLambda: Double? {
    guard let norm = dualNormUpperBound, lambda > 0 else { return nil }
    return norm / lambda
  }
  /// Whether the relative gap asked for is proven.
  public var isEstablished: Bool { verdict == .established }
}
