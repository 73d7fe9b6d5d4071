/// Solutions along decreasing strength and what is known about them, in the keys of the result JSON of `path`.
public struct PathStudy: Sendable, Equatable, Codable {
  /// The solution at one strength.
  public struct Point: Sendable, Equatable, Codable {
    /// Regularization strength.
    public let lambda: Finite
    /// Objective of the network, recomputed by the certifier.
    public let objective: Finite
    /// Mean loss.
    public let loss: Finite
    /// `sum_j |u_j| |W_j|_F`, which is also the derivative of the optimum by `lambda`.
    public let regularizer: Finite
    /// Proven lower bound of the optimum over the scope.
    public let lowerBound: Finite
    /// `(objective - lowerBound) / objective`.
    public let relativeGap: Finite
    /// Kind of the bound.
    public let bound: String
    /// `search` where the bound has a search or exact norm of its own, `neighbors` where dual points of other strengths
    /// prove it.
    public let provenBy: String
    /// What is proven, in one sentence.
    public let claim: String
    /// How the solver ended.
    public let status: String
    /// Number of neurons.
    public let neuronCount: Int
    /// Numerical rank of the neurons' outputs.
    public let rank: Int
    /// Whether the parameters are known to be continuous here.
    public let isContinuityGuaranteed: Bool
    /// Why, or why not.
    public let uniqueness: String
    /// Share of training samples classified correctly; null for regression.
    public let trainAccuracy: Finite
    /// Mean loss of the held-out samples; null without any.
    public let testLoss: Finite
    /// Share of held-out samples classified correctly; null without any.
    public let testAccuracy: Finite
    /// Proximal steps times blocks, or rounds of cell generation.
    public let work: Int
    /// Cones or arcs that searches for this point looked at.
    public let searchedNodeCount: Int
    /// Blocks that are proven zero at every optimum of this strength; null for ReLU.
    public let screenedBlockCount: Finite
    /// Largest number of blocks the program was solved over; null for ReLU.
    public let solvedBlockCount: Finite
    /// Name of the model file in the folder of the path.
    public let file: String
  }

  /// A change of the active set between two strengths.
  public struct Breakpoint: Sendable, Equatable, Codable {
    /// Strength above the change.
    public let upper: Double
    /// Strength below it.
    public let lower: Double
    /// Whether the neuron is there below the change.
    public let enters: Bool
    /// Unit filter of the neuron.
    public let direction: [Double]
    /// `|u| |W|` of the neuron on the side where it is there.
    public let mass: Double
  }

  /// Facts about all paths, checked on this one.
  public struct Checks: Sendable, Equatable, Codable {
    /// Whether the regularizer grows and the loss falls along decreasing strength, within the certified gaps.
    public let isMonotone: Bool
    /// The pair of neighbors that contradicts it; null for none.
    public let violation: String?
    /// Largest measured change of the scaled residual over what continuity allows; null without squared loss.
    ///
    /// It is at most 1.
    public let largestJumpRatio: Finite
    /// What is continuous for certain.
    public let continuity: String
  }

  /// The strength that held-out samples choose.
  public struct Selection: Sendable, Equatable, Codable {
    /// `held-out` or `cv:K`.
    public let kind: String
    /// The rule that chose.
    public let rule: String
    /// Mean validation loss of each point.
    public let losses: [Double]
    /// Standard error of each mean.
    public let standardErrors: [Double]
    /// Point of smallest validation loss.
    public let minimum: Int
    /// Point of largest strength within one standard error of it.
    public let oneStandardError: Int
    /// The chosen point.
    public let chosen: Int
    /// Its strength.
    public let lambda: Double
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// `solved`, `gap-above-target`, `time-limit` or `interrupted`.
  public var status: String
  /// Smallest strength whose solution is zero; for ReLU a lower bound of it found by ascent.
  public let lambdaMax: Finite
  /// Proven upper bound of it; null where none is known.
  public let lambdaMaxUpperBound: Finite
  /// Relative gap asked for at every point.
  public let gap: Double
  /// The points, largest strength first.
  public var points: [Point]
  /// Breakpoints, largest strength first; null when they were not asked for.
  public var breakpoints: [Breakpoint]?
  /// Whether all intervals were searched to the tolerance; null when breakpoints were not asked for.
  public var areBreakpointsComplete: Bool?
  /// Checks of the path.
  public var checks: Checks
  /// The chosen strength; null when none was asked for.
  public var selection: Selection?
  /// Searches over all cells that certified the path.
  public var searchCount: Int
  /// Cones or arcs that all searches looked at.
  public var searchedNodeCount: Int
  /// Wall-clock seconds of all phases.
  public var seconds: Finite
  /// Parts of the work.
  public var phases: [TrainingResult.Phase]
  /// The model flags.
  public let model: TrainingConfiguration

  /// Points whose gap is not proven to the target.
  public var openPoints: [Int] {
    points.indices.filter { !((points[$0].relativeGap.value ?? .infinity) <= gap) }
  }
}
