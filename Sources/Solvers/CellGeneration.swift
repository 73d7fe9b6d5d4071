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

    /// Settings with given values.
    public init(
      seed: UInt64 = 0, starts: Int = 128, filtersPerRound: Int = 12, polishIterations: Int = 200,
      masterGap: Double = 1e-10, maximumNeurons: Int = 2000
    ) {
      self.seed = seed
      self.starts = starts
      self.filtersPerRound = filtersPerRound
      self.polishIterations = polishIterations
      self.masterGap = masterGap
      self.maximumNeurons = maximumNeurons
    }

    /// Throws unless a search is possible: without a start, pricing would find nothing and end at once.
    fileprivate func check() throws {
      let counts = [
        ("starts", starts, 1), ("filtersPerRound", filtersPerRound, 1),
        ("polishIterations", polishIterations, 0), ("maximumNeurons", maximumNeurons, 1),
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
    /// Rounds run.
    public let rounds: Int
    /// Filters that pricing found, each in its own cell or on a boundary, summed over the rounds.
    public let cellCount: Int
    /// Seconds per phase: master, polish, pricing.
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
  ///   - observer: Receives a line per phase and round.
  /// - Returns: The best network found; its objective never exceeds the start's.
  /// - Throws: `ProgramError` when `start` has another architecture, the activation is gated, the strength is not
  ///   positive and finite, or a setting leaves nothing to search.
  public func solve(
    _ problem: TrainingProblem, start: Network? = nil, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) throws -> Result {
    guard problem.activation != .gated else {
      throw ProgramError(
        place: "activation", expected: "relu or linear for cell generation", found: "gated",
        advice: "Solve a GatedProgram over given gates.")
    }
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
    var run = try CellGenerationRun(problem, settings: settings, start: start, limits: limits)
    if problem.activation == .relu { run.oracle = oracle }
    return try run.solve(observer)
  }
}

/// The state of one run of cell generation.
private struct CellGenerationRun {
  let problem: TrainingProblem
  let settings: CellGeneration.Settings
  let limits: SolveLimits
  let watch = Stopwatch()
  var network: Network
  var objective: Objective
  var round = 0
  var slowRounds = 0
  var cellCount = 0
  var ratio = Double.infinity
  var estimatedGap = 1.0
  var oracle: (any PricingOracle)?
  var terms: PatchTerms?
  var provenGap: Double?
  var pricedNodeCount = 0
  var seconds: [String: Double] = [:]

  init(
    _ problem: TrainingProblem, settings: CellGeneration.Settings, start: Network?,
    limits: SolveLimits
  ) throws {
    self.problem = problem
    self.settings = settings
    self.limits = limits
    network = try start?.balanced() ?? problem.emptyNetwork()
    objective = problem.objective(of: network)
  }

  mutating func solve(_ observer: TraceObserver) throws -> CellGeneration.Result {
    let first = (network: network, objective: objective)
    if network.neuronCount > 0 { try improve(gap: 1e-6, observer) }
    var status = try search(observer)
    var found = try finish(observer)
    // A search that ended for want of progress may have arrived.
    if status == .stalled, estimatedGap <= limits.relativeGap { status = .converged }
    // The last pricing looks harder than those before and may find what they missed; so does that of all cells.
    while status == .converged {
      if estimatedGap <= limits.relativeGap {
        guard let missed = priceAllCells() else { break }
        report("all cells", observer)
        if let provenGap, provenGap <= limits.relativeGap { status = .solved }
        guard status == .converged, estimatedGap > limits.relativeGap else { break }
        found = missed
      }
      try extend(by: found)
      try improve(gap: min(1e-4, 0.01 * estimatedGap), observer)
      status = try search(observer)
      found = try finish(observer)
      if status == .stalled, estimatedGap <= limits.relativeGap { status = .converged }
    }
    // Joining equal neurons may cost a rounding error; a start is never made worse.
    if objective.total > first.objective.total {
      (network, objective, provenGap) = (first.network, first.objective, nil)
      if status == .solved { status = .converged }
    }
    objective = problem.objective(of: network)
    return CellGeneration.Result(
      network: network, status: status, objective: objective, dualNormRatio: ratio,
      estimatedGap: estimatedGap, provenGap: provenGap, pricedNodeCount: pricedNodeCount,
      rounds: round, cellCount: cellCount,
      phases: ["pricing", "all cells", "master", "polish"].map { ($0, seconds[$0] ?? 0) })
  }

  /// Rounds of pricing, weights and polishing, until pricing finds nothing, progress ends or a limit is reached.
  private mutating func search(_ observer: TraceObserver) throws -> SolveStatus {
    var quietRounds = 0
    while true {
      defer { round += 1 }
      let before = objective.total
      let isThorough = quietRounds > 0
      let found = price(starts: settings.starts * (isThorough ? 3 : 1))
      report("pricing", observer)
      let isPricedOut = estimatedGap <= limits.relativeGap
      quietRounds = isPricedOut ? quietRounds + 1 : 0
      if quietRounds >= 2 { return .converged }
      if let interruption = limits.interruption(since: watch) { return interruption }
      if round >= limits.iterations { return .iterationLimit }
      if !isPricedOut || found.rows > 0 {
        try extend(by: found)
        try improve(gap: min(1e-4, 0.01 * estimatedGap), observer)
        let progress = before - objective.total
        if progress <= 1e-13 * before && !isPricedOut { quietRounds += isThorough ? 2 : 1 }
        // Rounds that would need thousands like them to close the gap lead nowhere.
        slowRounds = progress <= 1e-3 * limits.relativeGap * before ? slowRounds + 1 : 0
        if quietRounds >= 2 || slowRounds >= 12 { return .stalled }
      }
    }
  }

  /// Output weights over the filters, then filters and weights together, then dropping and merging.
  private mutating func improve(gap: Double, _ observer: TraceObserver) throws {
    try optimizeWeights(gap: gap, iterations: 80)
    report("master", observer)
    polish(iterations: settings.polishIterations)
    report("polish", observer)
  }

  /// The last digits: weights to the master gap, long polishing, and the dual norm at the final network.
  ///
  /// - Returns: Filters above `lambda` that the last pricing found; none where a limit came first.
  private mutating func finish(_ observer: TraceObserver) throws -> Matrix {
    let none = Matrix(rows: 0, columns: problem.geometry.patchDimension)
    guard limits.interruption(since: watch) == nil else { return none }
    polish(iterations: 5 * settings.polishIterations)
    try optimizeWeights(gap: settings.masterGap, iterations: 3000)
    report("master", observer)
    let found = price(starts: 3 * settings.starts)
    report("pricing", observer)
    return found
  }

  /// Adds filters without weight.
  private mutating func extend(by filters: Matrix) throws {
    let room = max(0, settings.maximumNeurons - network.neuronCount)
    let added = filters.selectingRows(Array(0..<min(room, filters.rows)))
    cellCount += added.rows
    network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: Matrix(
        rows: network.neuronCount + added.rows, columns: problem.geometry.patchDimension,
        elements: network.filters.elements + added.elements),
      outputWeights: Matrix(
        rows: (network.neuronCount + added.rows) * problem.windowCount,
        columns: problem.outputCount,
        elements: network.outputWeights.elements
          + [Double](
            repeating: 0, count: added.rows * problem.windowCount * problem.outputCount)),
      outputBias: network.outputBias)
  }

  /// Solves the group lasso over the filters of the network and drops neurons without weight.
  private mutating func optimizeWeights(gap: Double, iterations: Int) throws {
    guard network.neuronCount > 0 else { return }
    let clock = Stopwatch()
    let norms = network.filterNorms
    var weights = network.outputWeights
    let size = network.windowCount * network.outputCount
    for (j, norm) in norms.enumerated() {
      for e in j * size..<(j + 1) * size { weights.elements[e] *= norm }
    }
    let master = FixedFilterProgram(problem: problem, filters: network.filters)
    var inner = limits
    inner.relativeGap = gap
    inner.iterations = iterations
    inner.seconds = limits.seconds - watch.seconds
    let solution = GroupLassoSolver().solve(master.composite, from: weights, limits: inner)
    try accept(master.network(from: solution.point))
    if network.filterNorms.contains(0) || network.outputNorms.contains(0) {
      network = network.balanced()
    }
    seconds["master", default: 0] += clock.seconds
  }

  /// Descends over filters and output weights together: freely, then with equal neurons joined, then along the faces
  /// of the arrangement on which filters lie.
  private mutating func polish(iterations: Int) {
    guard network.neuronCount > 0 else { return }
    let clock = Stopwatch()
    accept(descended(from: network, iterations: iterations))
    for cosine in [1 - 1e-6, 1 - 1e-9, 1 - 1e-12] {
      let merged = network.joiningEqualNeurons(cosine: cosine)
      guard merged.neuronCount < network.neuronCount else { break }
      if accept(descended(from: merged, iterations: iterations / 4), allowing: 1e-12) { break }
    }
    for tolerance in [1e-4, 1e-6] {
      let faces = ActivationFaces(of: network.filters, in: problem, tolerance: tolerance)
      guard !faces.isTrivial else { break }
      if accept(descended(from: network, iterations: iterations, faces: faces)) { break }
    }
    seconds["polish", default: 0] += clock.seconds
  }

  private func descended(
    from start: Network, iterations: Int, faces: ActivationFaces? = nil
  ) -> Network {
    var descent = JointDescent(problem: problem)
    descent.faces = faces
    return descent.minimize(from: start.balanced(), iterations: iterations) { _, _ in
      limits.interruption(since: watch) != nil
    }.balanced()
  }

  /// Looks for the filters of largest dual norm; returns those above lambda, most violated first.
  private mutating func price(starts: Int) -> Matrix {
    let clock = Stopwatch()
    let gradient = problem.reducedLoss.gradient(at: problem.predictions(of: network))
    let ascent = DualNormAscent(
      starts: starts, seed: settings.seed &+ UInt64(round) &* 0x9E37_79B9)
    let (filters, norms) = ascent.maximizers(
      of: problem, dual: gradient, known: network.neuronCount > 0 ? network.filters : nil)
    let largest = norms.first ?? 0
    ratio = largest / problem.lambda
    estimatedGap = relativeGap(gradient, dualNorm: largest)
    let violated = norms.indices.filter { norms[$0] > problem.lambda * (1 + 1e-9) }
    seconds["pricing", default: 0] += clock.seconds
    return filters.selectingRows(Array(violated.prefix(settings.filtersPerRound)))
  }

  /// Prices all cells at the present network: sets the proven gap, and returns the filters above lambda.
  ///
  /// - Returns: Filters that ascent missed, largest norm first; nil without an oracle or when it cannot help.
  private mutating func priceAllCells() -> Matrix? {
    guard let oracle, problem.geometry.patchDimension <= oracle.maximumDimension else { return nil }
    let clock = Stopwatch()
    let terms = self.terms ?? problem.patchTerms
    self.terms = terms
    let gradient = problem.reducedLoss.gradient(at: problem.predictions(of: network))
    let isInterrupted = limits.isInterrupted
    let request = PricingRequest(
      target: sufficientNorm(gradient), relativeTolerance: 1e-9,
      starts: network.neuronCount > 0 ? network.filters : nil,
      seconds: max(0, limits.seconds - watch.seconds), threads: problem.threads,
      isInterrupted: isInterrupted)
    let pricing = oracle.price(terms.correlation(with: gradient), request)
    pricedNodeCount += pricing.nodeCount
    provenGap =
      pricing.upperBound.isFinite ? relativeGap(gradient, dualNorm: pricing.upperBound) : nil
    ratio = max(ratio, pricing.largestNorm / problem.lambda)
    estimatedGap = max(estimatedGap, relativeGap(gradient, dualNorm: pricing.largestNorm))
    seconds["all cells", default: 0] += clock.seconds
    let violated = pricing.norms.indices.filter { pricing.norms[$0] > problem.lambda * (1 + 1e-9) }
    return pricing.filters.selectingRows(Array(violated.prefix(settings.filtersPerRound)))
  }

  /// Relative gap of the network if a number bounds the dual norm of the gradient.
  private func relativeGap(_ gradient: Matrix, dualNorm: Double) -> Double {
    let scale = dualNorm > 0 ? problem.lambda / dualNorm : .infinity
    let bound = max(
      0, bestScaledDual(loss: problem.reducedLoss, gradient: gradient, largestScale: scale).value)
    return objective.total > 0 ? max(0, objective.total - bound) / objective.total : 0
  }

  /// The largest dual norm that proves the gap asked for, a little less for the certifier's margins; 0 when none does.
  private func sufficientNorm(_ gradient: Matrix) -> Double {
    var (low, high) = (0.5, 1e3)
    let proves: (Double) -> Bool = {
      relativeGap(gradient, dualNorm: $0 * problem.lambda) <= 0.99 * limits.relativeGap
    }
    guard proves(low) else { return 0 }
    for _ in 0..<50 {
      let middle = (low * high).squareRoot()
      if proves(middle) { low = middle } else { high = middle }
    }
    return low * problem.lambda
  }

  /// Takes a network when its objective is no higher, up to a relative slack.
  @discardableResult
  private mutating func accept(_ candidate: Network, allowing slack: Double = 0) -> Bool {
    let value = problem.objective(of: candidate)
    guard value.total <= objective.total * (1 + slack) else { return false }
    network = candidate
    objective = value
    return true
  }

  private func report(_ phase: String, _ observer: TraceObserver) {
    observer(
      TraceRow(
        phase: phase, iteration: round, seconds: watch.seconds, objective: objective.total,
        dualNormRatio: ratio.isFinite ? ratio : nil, neuronCount: network.neuronCount))
  }
}
