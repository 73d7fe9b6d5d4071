public import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

/// Cell generation for ReLU networks: column generation over cells, priced by ascent and then over all cells.
///
/// Each round optimises the output weights over all filters found (a convex group lasso), polishes filters and
/// weights together by L-BFGS on the same objective, drops neurons without weight, merges equal ones, and prices: it
/// looks for filters `u` with `|Phi(u)' nu|_F > lambda` at the gradient `nu` of the loss. When none is left the
/// network satisfies every optimality condition that the search could test. An exhaustive oracle then prices all cells: it
/// finds what ascent missed, or bounds the dual norm of every filter, which proves the gap.
///
/// - Source: Sahiner et al., ICLR 2021 (the dual constraint and its atoms); column generation as in fully-corrective
///   Frank-Wolfe. The polishing step is ours.
public struct CellGeneration: Sendable {
  /// How a run searches.
  public struct Settings: Sendable, Equatable {
    /// Seed of every random choice.
    public var seed: UInt64
    /// Directions tried per round of pricing; the last rounds try three times as many.
    public var starts: Int
    /// Filters added per round, at most.
    public var filtersPerRound: Int
    /// L-BFGS iterations per round.
    public var polishIterations: Int
    /// Relative gap of the output weights over the filters found, in the last round.
    public var masterGap: Double
    /// Neurons kept in the search, at most; pricing stops adding filters there.
    public var maximumNeurons: Int
    /// Entries of all patches (samples x positions x patch dimension) from which on the search looks at parts of the
    /// samples first, because a pass over all takes long; `Int.max` to look at all always.
    public var largeEntryCount: Int
    /// Whether the start solves a problem nearby: short rounds follow it, and those of a solve from nothing come only
    /// where they stall, or for gaps up to 1e-5.
    public var isContinuation: Bool

    /// Settings with given values.
    public init(
      seed: UInt64 = 0, starts: Int = 128, filtersPerRound: Int = 12, polishIterations: Int = 200,
      masterGap: Double = 1e-10, maximumNeurons: Int = 2000,
      largeEntryCount: Int = 1 << 24, isContinuation: Bool = false
    ) {
      self.largeEntryCount = largeEntryCount
      self.seed = seed
      self.starts = starts
      self.filtersPerRound = filtersPerRound
      self.polishIterations = polishIterations
      self.masterGap = masterGap
      self.maximumNeurons = maximumNeurons
      self.isContinuation = isContinuation
    }

    /// Throws unless a search is possible: without a start, pricing would find nothing and end at once.
    fileprivate func check() throws {
      let counts = [
        ("starts", starts, 1), ("filtersPerRound", filtersPerRound, 1),
        ("polishIterations", polishIterations, 0), ("maximumNeurons", maximumNeurons, 1),
        ("largeEntryCount", largeEntryCount, 1),
      ]
      for (name, value, least) in counts where value < least {
        throw ProgramError(
          place: "cell generation settings, \(name)", expected: "at least \(least)",
          found: "\(value)", advice: "Use the default when in doubt.")
      }
    }
  }

  /// What a run returns.
  public struct Result: Sendable {
    /// The best network found, balanced.
    public let network: Network
    /// How the run ended.
    public let status: SolveStatus
    /// Objective of the network.
    public let objective: Objective
    /// Largest `|Phi(u)' nu|_F / lambda` found at the network: a lower bound of the dual norm over lambda.
    public let dualNormRatio: Double
    /// Relative gap if the largest dual norm found were the true one: an estimate, not a certificate.
    public let estimatedGap: Double
    /// Relative gap that the oracle's bound over all cells gives; nil where all cells were not priced.
    ///
    /// With an output bias the dual point sums to zero up to rounding; the certifier's does exactly.
    public let provenGap: Double?
    /// Cones, arcs or faces that pricing over all cells looked at, summed over the rounds.
    public let pricedNodeCount: Int
    /// Whether the last pricing over all cells visited every face: its bound is the dual norm itself.
    public let isPricingExact: Bool
    /// Rounds run.
    public let rounds: Int
    /// Patterns that the filters of the network have (`TrainingProblem.patternCount`): cells with linear pooling, cells
    /// merged by winners under max pooling.
    public let cellCount: Int
    /// Seconds per phase: pricing, pricing of all cells, master, polish, Newton steps.
    public let phases: [(name: String, seconds: Double)]
  }

  /// How this run searches.
  public let settings: Settings
  /// Prices all cells when ascent finds no more; nil to end there.
  public let oracle: (any PricingOracle)?

  /// A run with given settings.
  ///
  /// - Parameters:
  ///   - settings: How the run searches.
  ///   - oracle: Prices all cells when ascent finds no more; nil to end there.
  public init(settings: Settings = Settings(), oracle: (any PricingOracle)? = nil) {
    self.settings = settings
    self.oracle = oracle
  }

  /// Trains a ReLU (or linear) network.
  ///
  /// - Parameters:
  ///   - problem: The problem; its strength must be positive.
  ///   - start: Network to start from, if there is one.
  ///   - limits: `relativeGap` is the gap to prove over all cells with an oracle, else bounds the *estimated* gap at
  ///     which the search stops.
  ///   - checkpoint: State of a run with the same arguments to go on from.
  ///   - observer: Receives a line per phase and round.
  ///   - keep: Receives the state before each round.
  /// - Returns: The best network found; its objective never exceeds the start's.
  /// - Throws: `ProgramError` when `start` has another architecture, the activation is gated, the strength is not
  ///   positive and finite, or a setting leaves nothing to search.
  public func solve(
    _ problem: TrainingProblem, start: Network? = nil, limits: SolveLimits = SolveLimits(),
    from checkpoint: Checkpoint? = nil, observer: TraceObserver = { _ in },
    keep: ((Checkpoint) -> Void)? = nil
  ) throws -> Result {
    guard problem.activation == .relu || problem.activation == .linear else {
      throw ProgramError(
        place: "activation", expected: "relu or linear for cell generation",
        found: problem.activation.rawValue,
        advice: "Solve a GatedProgram over given gates, or the program of that activation.")
    }
    try check(problem, start: start)
    var run = try CellGenerationRun(problem, settings: settings, start: start, limits: limits)
    // An oracle has the patches of all samples.
    if problem.activation == .relu, !problem.isStreamed { run.oracle = oracle }
    if let checkpoint { try check(problem, start: checkpoint.network) }
    (run.resumed, run.keep) = (checkpoint, keep)
    return try run.solve(observer)
  }

  /// Throws unless strength, settings and start go together.
  func check(_ problem: TrainingProblem, start: Network?) throws {
    guard problem.lambda > 0, problem.lambda.isFinite else {
      throw ProgramError(
        place: "lambda", expected: "a positive strength for cell generation",
        found: "\(problem.lambda)", advice: "Give a positive --lambda or --lambda-ratio.")
    }
    try settings.check()
    if let start,
      start.geometry != problem.geometry || start.pooling != problem.pooling
        || start.activation != problem.activation || start.outputCount != problem.outputCount
        || (start.outputBias != nil) != problem.hasOutputBias
    {
      throw ProgramError(
        place: "starting network", expected: "the architecture of the problem",
        found: "another geometry, pooling, activation, number of outputs or output bias",
        advice: "Start from a network trained with the same model flags.")
    }
  }
}
