public import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

/// Repair of a ReLU network: from any start down to the global optimum, the objective never rising.
///
/// Each round is a local solve (descent over all weights, equal neurons merged, dependent ones dropped, Newton steps
/// inside faces) and one escape: where a unit filter `u` has a dual norm `D = |Phi(u)' nu|_F` above `lambda` at the
/// gradient `nu` of the loss, a neuron of it enters,
///
///     filter sqrt(t) u,     output weights -sqrt(t) Phi(u)' nu / D
///
/// with the `t` that decreases the objective most. For the squared loss the decrease is
/// `(D - lambda)^2 / (2 mean |Phi(u) Phi(u)' nu|^2 / D^2)`. Ascent looks for `u`; where it finds none an oracle prices all cells, which proves
/// the gap or finds what ascent missed.
///
/// - Source: Haeffele & Vidal, *Global Optimality in Neural Network Training*, CVPR 2017 (local optimality with a zero
///   neuron is global; descent by adding one). The decrease is that of a line search.
public struct MonotoneRepair: Sendable {
  /// A neuron that entered.
  public struct Escape: Sendable, Equatable {
    /// Largest dual norm found at the network, over lambda; above 1.
    public let dualNormRatio: Double
    /// Decrease of the objective that the line search along the neuron promises.
    public let predictedDecrease: Double
    /// Objective of the network before.
    public let before: Double
    /// Objective right after the neuron entered.
    public let after: Double
    /// Neurons after the merge, before the new one.
    public let neuronCount: Int
  }

  /// What a run returns.
  public struct Result: Sendable {
    /// The network, balanced.
    public let network: Network
    /// How the run ended.
    public let status: SolveStatus
    /// Objective of the network, at most that of the start.
    public let objective: Objective
    /// Objective after each local solve and each escape, the start's first: never rising.
    public let objectives: [Double]
    /// The neurons that entered, in order.
    public let escapes: [Escape]
    /// Relative gap if the largest dual norm found were the true one.
    public let estimatedGap: Double
    /// Relative gap that the oracle's bound over all cells gives; nil where all cells were not priced.
    public let provenGap: Double?
    /// Cones, arcs or faces that pricing over all cells looked at.
    public let pricedNodeCount: Int
    /// Whether the last pricing over all cells visited every face.
    public let isPricingExact: Bool
    /// Patterns that the filters of the network have.
    public let cellCount: Int
    /// Seconds per phase.
    public let phases: [(name: String, seconds: Double)]
  }

  /// How pricing and descent search.
  public let settings: CellGeneration.Settings
  /// Prices all cells when ascent finds no more; nil to end there.
  public let oracle: (any PricingOracle)?

  /// A run with given settings.
  ///
  /// - Parameters:
  ///   - settings: How pricing and descent search.
  ///   - oracle: Prices all cells when ascent finds no more; nil to end there.
  public init(
    settings: CellGeneration.Settings = CellGeneration.Settings(),
    oracle: (any PricingOracle)? = nil
  ) {
    (self.settings, self.oracle) = (settings, oracle)
  }

  /// Repairs a network.
  ///
  /// - Parameters:
  ///   - start: Any network of the problem's architecture, trained or not.
  ///   - problem: The problem; ReLU, with a positive strength.
  ///   - limits: `relativeGap` is the gap to prove over all cells with an oracle, else that to reach by estimate;
  ///     `iterations` bounds the escapes.
  ///   - observer: Receives a line per local solve and escape.
  /// - Returns: The network with the history of its objective.
  /// - Throws: `ProgramError` when the start has another architecture, the activation is not ReLU, the strength is not
  ///   positive and finite, or a setting leaves nothing to search.
  /// - Complexity: Per round that of a round of `CellGeneration`.
  public func repair(
    _ start: Network, on problem: TrainingProblem, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) throws -> Result {
    guard problem.activation == .relu else {
      throw ProgramError(
        place: "activation", expected: "relu for repair", found: problem.activation.rawValue,
        advice: "Programs over given gates and linear networks are convex: solve them anew.")
    }
    try CellGeneration(settings: settings).check(problem, start: start)
    var run = try CellGenerationRun(problem, settings: settings, start: start, limits: limits)
    run.oracle = oracle
    var history = RepairHistory(objectives: [run.objective.total])
    let status = try rounds(&run, &history, observer)
    return Result(
      network: run.network, status: status, objective: run.objective,
      objectives: history.objectives, escapes: history.escapes, estimatedGap: run.estimatedGap,
      provenGap: run.provenGap, pricedNodeCount: run.pricedNodeCount,
      isPricingExact: run.isPricingExact,
      cellCount: problem.patternCount(of: run.network.filters),
      phases: run.phases)
  }

  private func rounds(
    _ run: inout CellGenerationRun, _ history: inout RepairHistory, _ observer: TraceObserver
  ) throws -> SolveStatus {
    while true {
      try run.settle()
      history.objectives.append(run.objective.total)
      run.report("local solve", observer)
      if let interruption = run.limits.interruption(since: run.watch) { return interruption }
      guard history.escapes.count < run.limits.iterations else { return .iterationLimit }
      var found = run.price(starts: settings.starts)
      if run.estimatedGap <= run.limits.relativeGap {
        guard let missed = run.priceAllCells() else { return .converged }
        if let gap = run.provenGap, gap <= run.limits.relativeGap { return .solved }
        found = missed
      }
      guard found.rows > 0, let escape = try run.escape(along: Array(found.row(0))) else {
        return run.limits.interruption(since: run.watch)
          ?? (run.estimatedGap <= run.limits.relativeGap ? .converged : .stalled)
      }
      history.escapes.append(escape)
      history.objectives.append(run.objective.total)
      run.report("escape", observer)
      run.round += 1
    }
  }
}

/// What happened so far.
private struct RepairHistory {
  var objectives: [Double]
  var escapes: [MonotoneRepair.Escape] = []
}

extension CellGenerationRun {
  /// A local solve that never raises the objective, not even by rounding.
  fileprivate mutating func settle() throws {
    let before = (network: network, objective: objective)
    guard network.neuronCount > 0 else { return }
    polish(iterations: settings.polishIterations)
    try optimizeWeights(gap: 1e-8, iterations: 300)
    try sharpen()
    if objective.total > before.objective.total {
      (network, objective) = before
    }
  }

  /// Adds the neuron of a unit filter with the weight that decreases the objective most; nil when none does.
  fileprivate mutating func escape(along filter: [Double]) throws -> MonotoneRepair.Escape? {
    let predictions = problem.predictions(of: network)
    let (loss, dual) = problem.loss.valueAndGradient(at: predictions)
    let filters = Matrix([filter])
    let map = DenseFeatureMap(features: problem.features(of: filters), threads: problem.threads)
    var weights = map.adjoint(dual)
    let norm = BLAS.norm(weights.elements)
    guard norm > problem.lambda else { return nil }
    for e in weights.elements.indices { weights.elements[e] /= -norm }
    let direction = map.predictions(of: weights)
    // The regularizer alone would exceed the objective beyond this.
    let limit = objective.total / problem.lambda
    let t = ConvexLineSearch.minimizer(
      of: problem.loss, from: predictions, along: direction, slope: problem.lambda, limit: limit)
    guard t > 0 else { return nil }
    var moved = predictions
    BLAS.add(t, direction.elements, to: &moved.elements)
    let predicted = loss - problem.loss.value(at: moved) - problem.lambda * t
    let (before, count) = (objective.total, network.neuronCount)
    let previous = (network: network, objective: objective)
    try extend(by: filters)
    let (h, size) = (filter.count, weights.elements.count)
    let root = t.squareRoot()
    for e in 0..<h { network.filters.elements[count * h + e] = root * filter[e] }
    for e in 0..<size {
      network.outputWeights.elements[count * size + e] = root * weights.elements[e]
    }
    objective = problem.objective(of: network)
    guard objective.total < before else {
      (network, objective) = previous
      return nil
    }
    return MonotoneRepair.Escape(
      dualNormRatio: norm / problem.lambda, predictedDecrease: predicted, before: before,
      after: objective.total, neuronCount: count)
  }
}
