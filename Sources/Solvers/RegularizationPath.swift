public import Arrangements
public import ConvexPrograms
package import Tensors

/// Solutions along decreasing regularization strength, each started from the one before.
///
/// Gated and linear networks: the program is solved over the blocks that are nonzero or whose dual norm comes near
/// `lambda`; blocks that a gap ball proves zero are left out, and the gap over all blocks decides (`BlockScreening`).
/// ReLU networks: cell generation starts from the network before, whose filters are the first directions that are priced.
///
/// Laws, checked by `RegularizationPathTests`: the first point at or above `lambdaMax` is the empty network; objectives
/// equal those of solves from nothing within the gap; no block that is screened is nonzero in a solve of all blocks.
///
/// - Source: Mishkin & Pilanci, *Optimal Sets and Solution Paths of ReLU Networks*, ICML 2023 (the path and its
///   continuity); Tibshirani et al., *Strong Rules for Discarding Predictors in Lasso-Type Problems*, JRSS B 2012 (which
///   blocks come first).
public struct RegularizationPath: Sendable {
  /// A solution at one strength.
  public struct Point: Sendable {
    /// Regularization strength.
    public let lambda: Double
    /// The network, balanced.
    public let network: Network
    /// Its objective.
    public let objective: Objective
    /// How the solve ended.
    public let status: SolveStatus
    /// Relative gap that the solver measured or, for ReLU, estimated; the certifier decides.
    public let estimatedGap: Double
    /// Proximal steps, or rounds of Newton steps, times blocks they ran over, for gated and linear networks; rounds of cell
    /// generation for ReLU.
    public let work: Int
    /// Cones or arcs that the solver's own search over all cells looked at.
    public let pricedNodeCount: Int
    /// Largest number of blocks the program was solved over; nil for ReLU.
    public let blockCount: Int?
    /// Blocks that the gap ball of the solution proves to be zero at every optimum of this strength; nil for ReLU.
    public let isZero: [Bool]?
    /// Weights of the program `[d, c]`; nil for ReLU.
    package let weights: Matrix?
    /// Newton systems of `AugmentedLagrangian`, and the step size with which it goes on from here; nil for other solvers.
    package let progress: LagrangianProgress?
  }

  /// The problem; its strength is not used.
  public let problem: TrainingProblem
  /// The program of gated and linear networks; nil for ReLU.
  public let program: GatedProgram?
  /// How cell generation searches.
  public let settings: CellGeneration.Settings
  private let screening: BlockScreening?

  /// A path of a problem.
  ///
  /// - Parameters:
  ///   - problem: The problem; its strength is not used.
  ///   - program: The program of gated and linear networks; nil for ReLU.
  ///   - settings: How cell generation searches from a start; by default with a fifth of the usual
  ///     directions and shorter polishing.
  public init(
    problem: TrainingProblem, program: GatedProgram?,
    settings: CellGeneration.Settings = CellGeneration.Settings(
      starts: 24, polishIterations: 40, isContinuation: true)
  ) {
    self.problem = problem
    self.program = program
    self.settings = settings
    screening = program.flatMap {
      BlockScreening($0.composite, prefersMasks: AugmentedLagrangian.isPreferred(for: $0))
    }
  }

  /// Strengths that fall geometrically.
  ///
  /// - Parameters:
  ///   - largest: First strength, positive.
  ///   - count: Number of strengths, at least 1.
  ///   - ratio: Last strength over the first, above 0 and below 1; of no effect for one strength.
  /// - Returns: `count` strengths, largest first.
  public static func strengths(from largest: Double, count: Int, ratio: Double) -> [Double] {
    (0..<max(1, count)).map { k in
      k == 0 ? largest : largest * exponential(Double(k) / Double(count - 1), of: ratio)
    }
  }

  /// `ratio^power` by repeated square roots: the same bits on every machine.
  private static func exponential(_ power: Double, of ratio: Double) -> Double {
    var (result, root, rest) = (1.0, ratio, power)
    if rest >= 1 { return ratio }
    for _ in 0..<52 {
      root = root.squareRoot()
      rest *= 2
      if rest >= 1 {
        result *= root
        rest -= 1
      }
    }
    return result
  }

  /// The network without neurons, optimal where `lambda >= lambdaMax`.
  ///
  /// - Parameter lambda: Strength.
  /// - Returns: The point.
  /// - Throws: `ProgramError` when the problem has no such network.
  public func emptyPoint(at lambda: Double) throws -> Point {
    let problem = problem(at: lambda)
    let network = try problem.emptyNetwork()
    return Point(
      lambda: lambda, network: network, objective: problem.objective(of: network),
      status: .solved, estimatedGap: 0, work: 0, pricedNodeCount: 0,
      blockCount: program == nil ? nil : 0,
      isZero: program.map { [Bool](repeating: true, count: $0.gates?.rows ?? 1) },
      weights: program?.composite.zero, progress: nil)
  }

  /// The solution at a strength, started from another one.
  ///
  /// - Parameters:
  ///   - lambda: Strength, positive.
  ///   - start: A point of this path at any strength.
  ///   - limits: Gap to reach and limits.
  ///   - oracle: Prices all cells of ReLU networks when ascent finds no more; nil to leave that to a certifier.
  ///   - observer: Receives the solver's trace.
  /// - Returns: The point; its objective at `lambda` never exceeds the start's.
  /// - Throws: `ProgramError` when the strength is not positive, `LAPACK.Failure` when weights are not finite.
  public func point(
    at lambda: Double, from start: Point, limits: SolveLimits,
    oracle: (any PricingOracle)? = nil, observer: TraceObserver = { _ in }
  ) throws -> Point {
    if let program, let screening, let weights = start.weights {
      return try screened(program, screening, weights, lambda, from: start, limits, observer)
    }
    let run = try CellGeneration(settings: settings, oracle: oracle).solve(
      problem(at: lambda), start: start.network.neuronCount > 0 ? start.network : nil,
      limits: limits, observer: observer)
    return Point(
      lambda: lambda, network: run.network, objective: run.objective, status: run.status,
      estimatedGap: run.estimatedGap, work: run.rounds, pricedNodeCount: run.pricedNodeCount,
      blockCount: nil, isZero: nil, weights: nil, progress: nil)
  }

  private func problem(at lambda: Double) -> TrainingProblem {
    var problem = problem
    problem.lambda = lambda
    return problem
  }

  /// Solves over a growing set of blocks until the gap over all blocks is reached.
  private func screened(
    _ program: GatedProgram, _ screening: BlockScreening, _ start: Matrix, _ lambda: Double,
    from previous: Point, _ limits: SolveLimits, _ observer: TraceObserver
  ) throws -> Point {
    let watch = Stopwatch()
    var weights = start
    var known = screening.assess(weights, lambda: lambda)
    var state = (status: SolveStatus.solved, work: 0, largest: 0, share: 0.5)
    // Dual norms move by about the step of lambda: the strong rule, which only chooses the order.
    let near = lambda - max(0, previous.lambda - lambda)
    let usesNewton = AugmentedLagrangian.isPreferred(for: program)
    var progress = LagrangianProgress(stepSize: previous.progress?.stepSize)
    let active = program.composite.nonzeroBlocks(of: weights)
    var working = Set(known.norms.indices.filter { active[$0] || known.norms[$0] >= near })
    while known.relativeGap > limits.relativeGap {
      if let interruption = limits.interruption(since: watch) {
        state.status = interruption
        break
      }
      let violated = known.norms.indices.filter {
        known.norms[$0] > lambda && !working.contains($0)
      }.sorted { known.norms[$0] > known.norms[$1] }
      if state.work > 0 {
        guard !violated.isEmpty || state.share > 1e-4 else {
          state.status = .stalled
          break
        }
        if violated.isEmpty { state.share *= 0.3 }
      }
      working.formUnion(violated.prefix(max(8, working.count)))
      let blocks = working.filter { !known.isZero[$0] }.sorted()
      guard !blocks.isEmpty else {
        (weights, state.work) = (program.composite.zero, state.work + 1)
        known = screening.assess(weights, lambda: lambda)
        continue
      }
      var inner = limits
      inner.relativeGap = state.share * limits.relativeGap
      inner.seconds = limits.seconds - watch.seconds
      let restricted = screening.restricted(to: blocks, lambda: lambda)
      let first = screening.rows(of: blocks, in: weights)
      let solution =
        usesNewton
        ? AugmentedLagrangian().solve(
          restricted, of: problem, from: first, progress: &progress, limits: inner,
          observer: observer)
        : GatedSolver().solve(restricted, from: first, limits: inner, observer: observer)
      state.work += max(1, solution.iterations) * blocks.count
      state.largest = max(state.largest, blocks.count)
      weights = screening.expanded(solution.point, of: blocks)
      known = screening.assess(weights, lambda: lambda)
      guard solution.status == .solved else {
        if known.relativeGap > limits.relativeGap { state.status = solution.status }
        break
      }
    }
    let network = try program.network(from: weights)
    return Point(
      lambda: lambda, network: network, objective: problem(at: lambda).objective(of: network),
      status: state.status, estimatedGap: known.relativeGap, work: state.work,
      pricedNodeCount: 0, blockCount: state.largest, isZero: known.isZero, weights: weights,
      progress: usesNewton ? progress : nil)
  }
}
