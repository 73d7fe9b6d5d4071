public import Solvers

/// Which solver trains a network; nil in a configuration leaves the choice to the activation and the cells.
public enum SolverChoice: String, Sendable, Equatable, CaseIterable {
  /// Column generation over cells, for ReLU: the default with generated cells.
  case cellGeneration = "cell-generation"
  /// Frank-Wolfe with pricing of all cells as the oracle, for ReLU with generated cells.
  case frankWolfe = "frank-wolfe"
  /// Local solves and escapes from a starting network, for ReLU with generated cells; the objective never rises.
  case repair
  /// Alternating semi-nonnegative factorisation over the patterns of a starting network: local training.
  case semiNMF = "semi-nmf"
  /// Semismooth Newton augmented Lagrangian, for ReLU over all cells: the default there.
  case augmentedLagrangian = "augmented-lagrangian"
  /// Descent on the filters with fixed output signs and escapes along negative curvature, for quadratic networks.
  case local
  /// Alternating direction method of multipliers, for given gates, linear networks, and ReLU over all cells.
  case admm
  /// Proximal steps with descents along the factors, for gated and linear networks: the default there.
  case proximal
}

/// How Frank-Wolfe is run.
public struct FrankWolfeChoice: Sendable, Equatable {
  /// How an iteration moves.
  public var step = FrankWolfe.Step.fullyCorrective
  /// Bound on `sum_j |u_j| |W_j|_F`; nil for the penalised objective.
  public var budget: Double?

  /// Full correction of the penalised objective.
  public init() {}
}
