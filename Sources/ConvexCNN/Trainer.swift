import Arrangements
import Certificates
import ConvexPrograms
import Convolutions
public import Solvers
public import Tensors

/// Training as in the papers: data, problem, strength, cells, solution, certificate, model.
///
/// The one place that touches every module.
public struct Trainer: Sendable {
  /// The model flags.
  public let configuration: TrainingConfiguration
  /// Most neurons for which there is memory, which is no part of the model; nil for no limit.
  var neuronLimit: Int?
  /// Threads to use; the model does not depend on it.
  public let threads: Int
  /// Wall-clock limit of solving, in seconds.
  public let maximumSeconds: Double
  /// Asked between steps; true ends training with `Interrupted`.
  public let isInterrupted: @Sendable () -> Bool
  /// Folder in which cell generation, or the proximal solver of gated and linear networks, keeps its state and goes on from;
  /// nil for none.
  public var checkpoint: String?
  /// Least seconds between two states that are written there.
  public var checkpointInterval = 30.0
  /// The ranks that share the passes over the data; nil for this process alone.
  ///
  /// Results do not depend on it.
  package var team: RankTeam?

  /// The caller asked to stop before there was a certified model.
  public struct Interrupted: Error, Sendable {
    /// What was going on.
    public let phase: String

    /// An interruption during a phase.
    public init(phase: String) { self.phase = phase }
  }

  /// A trainer.
  ///
  /// - Parameters:
  ///   - configuration: The model flags.
  ///   - threads: Threads to use.
  ///   - maximumSeconds: Wall-clock limit of solving.
  ///   - isInterrupted: Asked between steps; true ends training.
  public init(
    configuration: TrainingConfiguration, threads: Int = Parallel.processorCount,
    maximumSeconds: Double = .infinity, isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) {
    self.configuration = configuration
    self.threads = threads
    self.maximumSeconds = maximumSeconds
    self.isInterrupted = isInterrupted
  }

  /// Trains a network and certifies it.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones that are only evaluated.
  ///   - start: Model to start from, trained with the same architecture.
  ///   - observer: Receives the solver's trace.
  /// - Returns: The model and what to report about it.
  /// - Throws: `InputError`, `GeometryError`, `ProgramError` or `ArrangementError` when flags and data do not go
  ///   together, `Interrupted` when the caller asked to stop.
  public func train(
    on data: Dataset, from start: Model? = nil, observer: TraceObserver = { _ in }
  ) throws -> (model: Model, result: TrainingResult) {
    var phases = PhaseClock()
    let task = try phases.time("prepare") {
      try PreparedTask(configuration, data.train, threads, team: team)
    }
    try requireStart(start, task)
    let cells = try phases.time("lambda") {
      try task.cells(configuration, limits: gateLimits)
    }
    try start.map { try requireSameGates($0, cells) }
    let problem = task.problem(lambda: cells.lambda)
    try requireUninterrupted("lambda")
    let solution = try phases.time("solve") {
      try solve(problem, cells, TensorSource(task.images), from: start?.network, observer)
    }
    if solution.status == .interrupted { throw Interrupted(phase: "solve") }
    phases.replaceLast(by: solution.phases)
    let network =
      try task.subspace.map { try $0.lifted(solution.network, to: task.geometry) }
      ?? solution.network
    let effort = effort(after: phases.total)
    let certificate = try phases.time("certify") {
      try Certifier(images: task.images, loss: task.loss, lambda: cells.lambda, threads: threads)
        .certify(
          network, gates: cells.gates ?? cells.cellGates, directions: task.subspace?.directions,
          targetGap: configuration.gap, effort: effort)
    }
    try requireUninterrupted("certify")
    var model = Model(
      configuration: configuration, samples: data.train.kind,
      standardization: task.standardization, lossName: task.loss.name, lambda: cells.lambda,
      network: network, gates: cells.gates, certificate: certificate.record)
    model.cellGates = cells.cellGates
    let status = status(of: solution, certificate)
    var result = try phases.time("evaluate") {
      try TrainingResult(
        status: status.rawValue, advice: status.advice, certificate: certificate,
        cells: cells, model: model, data: data, threads: threads)
    }
    if let local = solution.localNetwork {
      result.curvature = try phases.time("curvature") {
        try localLandscape(local, task, lambda: cells.lambda).map { [$0] } ?? []
      }
    }
    result.cellCount = solution.cellCount
    result.estimatedGap = Finite(solution.estimatedGap)
    result.budgetGap = Finite(solution.budgetGap)
    result.pricing = solution.pricing
    result.escapes = solution.escapes.map(TrainingResult.Escape.init)
    result.phases = phases.phases
    result.seconds = Finite(phases.total)
    return (model, result)
  }

  /// Limits of choosing gates, which takes a second at least: without gates there is nothing to solve.
  var gateLimits: SolveLimits {
    SolveLimits(seconds: max(1, maximumSeconds), isInterrupted: isInterrupted)
  }

  func requireUninterrupted(_ phase: String) throws {
    if isInterrupted() { throw Interrupted(phase: phase) }
  }

  /// Refuses a start that does not go together with the flags and the data.
  func requireStart(_ start: Model?, _ task: PreparedTask) throws {
    guard let start else { return }
    try requireSameArchitecture(start, task)
    guard task.subspace == nil else {
      throw InputError(
        .usage, "--start", expected: "no value together with --filter-rank", found: "a model",
        advice: "Train the restricted network anew.")
    }
  }

  func requireSameArchitecture(
    _ start: Model, _ task: PreparedTask, option: String = "--start"
  ) throws {
    try requireSameArchitecture(
      start, task.geometry, task.pooling, task.loss, task.standardization, option: option)
  }

  func requireSameArchitecture(
    _ start: Model, _ geometry: PatchGeometry, _ pooling: Pooling, _ loss: any Loss,
    _ standardization: Standardization, option: String = "--start"
  ) throws {
    let network = start.network
    guard network.geometry == geometry, network.pooling == pooling,
      network.activation == configuration.activation, start.lossName == loss.name,
      network.outputCount == loss.outputCount, start.standardization == standardization,
      (network.outputBias != nil) == configuration.outputBias
    else {
      throw InputError(
        .data, option, expected: "a model of the same architecture, loss and standardization",
        found: "filter \(start.configuration.filter.rawValue), \(network.pooling), "
          + "\(network.activation.rawValue), \(start.lossName)"
          + (network.outputBias == nil ? "" : ", output bias"),
        advice: "Train it with the same model flags.")
    }
  }

  /// A start over other gates than the flags draw would make the recorded flags untrue.
  func requireSameGates(_ start: Model, _ cells: CellPlan) throws {
    let own = start.gates ?? start.cellGates
    guard own != cells.gates ?? cells.cellGates else { return }
    throw InputError(
      .usage, "--start",
      expected: "the gates that --cells \(configuration.cells.rawValue), --gates "
        + "\(configuration.gates.rawValue) and --seed \(configuration.seed) draw from these samples",
      found:
        "\(own?.rows ?? 0) others, of --cells \(start.configuration.cells.rawValue), "
        + "--gates \(start.configuration.gates.rawValue) and --seed \(start.configuration.seed)",
      advice: "Give --cells, --gates, --seed and the training samples of the model to start from.")
  }

  /// Seconds that the verifier may search where no limit is given.
  public static let defaultSearchSeconds = 300.0

  /// Share of the time limit that is kept for the verifier.
  private static let verifierShare = 0.3

  private func limits(gap: Double, iterations: Int, seconds: Double? = nil) -> SolveLimits {
    SolveLimits(
      relativeGap: gap, iterations: iterations, seconds: seconds ?? maximumSeconds,
      isInterrupted: isInterrupted)
  }

  /// What the solver may spend where a verifier follows.
  var descentSeconds: Double {
    maximumSeconds.isFinite ? (1 - Self.verifierShare) * maximumSeconds : .infinity
  }

  /// What the verifier may spend: what is left of the time limit.
  func effort(after seconds: Double) -> BoundEffort {
    var effort = BoundEffort(
      seconds: maximumSeconds.isFinite
        ? max(maximumSeconds - seconds, 0.1 * maximumSeconds) : Self.defaultSearchSeconds,
      isInterrupted: isInterrupted)
    effort.team = team
    return effort
  }

  /// The certificate decides whether a problem is solved, whatever the solver thinks.
  func status(of solution: Solution, _ certificate: Certificate) -> SolveStatus {
    if certificate.isEstablished { return .solved }
    // A budget asks for another optimum than the certificate's.
    if configuration.frankWolfe.budget != nil { return solution.status }
    guard solution.status == .solved, configuration.activation == .relu else {
      return solution.status
    }
    // Over given cells certificate and solver speak of the same optimum.
    if configuration.samplesGates { return .stalled }
    return configuration.cells == .generate ? .converged : .solved
  }

  func solve(
    _ problem: TrainingProblem, _ cells: CellPlan, _ images: any SampleSource,
    from start: Network?,
    _ observer: TraceObserver
  ) throws -> Solution {
    if let program = cells.coneProgram {
      return try solve(program, from: start, observer)
    }
    if let program = cells.lifted {
      return try solve(program, lambda: cells.lambda, from: start, observer)
    }
    guard let program = cells.program else {
      return switch configuration.solver {
      case .frankWolfe: try frankWolfe(problem, observer)
      case .semiNMF: try factorize(problem, from: start, observer)
      case .repair: try repair(problem, from: start, observer)
      default: try generateCells(problem, images, from: start, observer)
      }
    }
    let composite = program.composite.with(lambda: cells.lambda)
    let states = try states(of: problem, images, program, from: start)
    // The certifier subtracts rounding margins, so the solver aims a little lower.
    let inner = limits(gap: 0.9 * configuration.gap, iterations: 1_000_000, of: states)
    let first = try start.map { try program.point(from: $0) }
    let usesNewton = states == nil && AugmentedLagrangian.isPreferred(for: program)
    guard configuration.solver != .augmentedLagrangian || AugmentedLagrangian.supports(program)
    else {
      throw InputError(
        .usage, "--solver augmented-lagrangian",
        expected: "one output, one window and no output bias",
        found: "\(problem.outputCount) outputs, \(problem.windowCount) windows"
          + (problem.hasOutputBias ? ", an output bias" : ""),
        advice: "Use --solver proximal.")
    }
    let gated =
      switch configuration.solver ?? (usesNewton ? .augmentedLagrangian : .proximal) {
      case .admm: try ADMM().solve(composite, from: first, limits: inner, observer: observer)
      case .augmentedLagrangian:
        AugmentedLagrangian().solve(
          program, lambda: cells.lambda, from: first, limits: inner, observer: observer)
      default:
        GatedSolver().solve(
          composite, from: first, limits: inner, resuming: try states?.resumedGates(composite),
          observer: observer, keep: states.map { states in { states.keep($0, of: composite) } })
      }
    try states?.finish(gated.status.rawValue)
    return Solution(
      network: try program.network(from: gated.point), status: gated.status,
      cellCount: cells.gates?.rows ?? 1, estimatedGap: gated.relativeGap,
      pricing: "none (all cells of the program are in it)", phases: [])
  }

  private func solve(
    _ program: any NetworkProgram, lambda: Double, from start: Network?,
    _ observer: TraceObserver
  ) throws -> Solution {
    if configuration.solver == .local, let quadratic = program as? QuadraticProgram {
      return try solveLocally(quadratic, lambda: lambda, observer)
    }
    let composite = program.composite.with(lambda: lambda)
    let first = try start.map { try program.point(from: $0) }
    let run = FISTA().solve(
      composite, from: first, limits: limits(gap: 0.5 * configuration.gap, iterations: 10_000_000),
      observer: observer)
    return Solution(
      network: try program.network(from: run.point), status: run.status, cellCount: 1,
      estimatedGap: run.relativeGap,
      pricing: "none (one program in matrices covers all filters)", phases: [])
  }

  private func solveLocally(
    _ program: QuadraticProgram, lambda: Double, _ observer: TraceObserver
  ) throws -> Solution {
    let run = try QuadraticDescent(seed: configuration.seed).solve(
      program, lambda: lambda,
      limits: limits(gap: 0.5 * configuration.gap, iterations: 10_000_000), observer: observer)
    return Solution(
      network: try program.network(from: program.point(from: run.network)), status: run.status,
      cellCount: 1, estimatedGap: run.relativeGap,
      pricing: "none (\(run.network.neuronCount) filters with fixed output signs, "
        + "\(run.iterations) descent steps, \(run.escapeCount) escapes)",
      localNetwork: run.network, phases: [])
  }

  private func solve(
    _ program: ConeProgram, from start: Network?, _ observer: TraceObserver
  ) throws -> Solution {
    let first = try start.map { try program.point(from: $0) }
    let isADMM = configuration.solver == .admm
    let isGiven = program.cones.isEmpty
    // Over given cells the certificate is about the same optimum, and subtracts little more than rounding.
    let share = isADMM ? 0.9 : isGiven ? 0.5 : 0.1
    let inner = limits(
      gap: share * configuration.gap, iterations: isADMM ? 1_000_000 : 1000)
    let solution =
      isADMM
      ? try ADMM().solve(program.composite, from: first, limits: inner, observer: observer)
      : AugmentedLagrangian().solve(program, from: first, limits: inner, observer: observer)
    // Filters on a facet may be shared between the cells on both sides; one neuron does the same.
    let network = try program.network(from: solution.point)
    return Solution(
      network: isGiven ? network : network.joiningEqualNeurons(cosine: 1 - 1e-15),
      status: solution.status, cellCount: program.cellCount, estimatedGap: solution.relativeGap,
      pricing: isGiven
        ? "none (the \(program.cellCount) cells given are in the program)"
        : "none (all cells are in the program)", phases: [])
  }

  private func frankWolfe(
    _ problem: TrainingProblem, _ observer: TraceObserver
  ) throws -> Solution {
    let choice = configuration.frankWolfe
    let method = FrankWolfe(
      step: choice.step, form: choice.budget.map { .constrained(budget: $0) } ?? .penalized,
      seed: configuration.seed, oracle: oracle)
    let run = try method.solve(
      problem,
      limits: limits(gap: configuration.gap, iterations: 100_000, seconds: descentSeconds),
      observer: observer)
    return Solution(
      network: run.network, status: run.status,
      cellCount: problem.patternCount(of: run.network.filters),
      estimatedGap: choice.budget == nil ? run.estimatedGap : .nan,
      pricing: Self.pricing(nodes: run.pricedNodeCount, isExact: run.isPricingExact)
        + ", in \(run.iterations) steps of Frank-Wolfe",
      budgetGap: choice.budget.map { _ in run.relativeGap }, phases: [])
  }

  private func factorize(
    _ problem: TrainingProblem, from start: Network?, _ observer: TraceObserver
  ) throws -> Solution {
    let drawn = Baseline(settings: Baseline.Settings(seed: configuration.seed))
    let start = try start ?? drawn.start(for: problem)
    let run = try AlternatingFactorization().solve(
      problem, from: start,
      limits: limits(gap: configuration.gap, iterations: 1000, seconds: descentSeconds),
      observer: observer)
    return Solution(
      network: run.network, status: run.status == .converged ? .stalled : run.status,
      cellCount: try PatternFactorization.factorizations(of: run.network, on: problem).count,
      estimatedGap: .nan, pricing: "none (the patterns of the start are kept)", phases: [])
  }

  /// Prices all cells.
  var oracle: SweepOrSearch {
    var oracle = SweepOrSearch()
    oracle.team = team
    return oracle
  }

  /// How filters are searched for.
  private var searchSettings: CellGeneration.Settings {
    var settings = CellGeneration.Settings(seed: configuration.seed)
    if let maximum = configuration.maximumCells { settings.maximumNeurons = maximum }
    if let limit = neuronLimit { settings.maximumNeurons = min(limit, settings.maximumNeurons) }
    return settings
  }

  private func repair(
    _ problem: TrainingProblem, from start: Network?, _ observer: TraceObserver
  ) throws -> Solution {
    guard let start else {
      throw InputError(
        .usage, "--solver repair", expected: "a network to repair", found: "none",
        advice: "Name one with --start, or train with another solver.")
    }
    let run = try MonotoneRepair(settings: searchSettings, oracle: oracle).repair(
      start, on: problem,
      limits: limits(gap: configuration.gap, iterations: 10_000, seconds: descentSeconds),
      observer: observer)
    return Solution(
      network: run.network, status: run.status, cellCount: run.cellCount,
      estimatedGap: run.estimatedGap,
      pricing: Self.pricing(nodes: run.pricedNodeCount, isExact: run.isPricingExact)
        + "; \(run.escapes.count) neurons entered",
      escapes: run.escapes, phases: run.phases)
  }

  private func generateCells(
    _ problem: TrainingProblem, _ images: any SampleSource, from start: Network?,
    _ observer: TraceObserver
  ) throws -> Solution {
    let states = try states(of: problem, images, from: start)
    let limits = limits(
      gap: configuration.gap, iterations: 10_000, seconds: descentSeconds, of: states)
    let run = try CellGeneration(settings: searchSettings, oracle: oracle).solve(
      problem, start: start, limits: limits, from: states?.resumedCells(problem),
      observer: observer, keep: states.map { states in { states.keep($0, of: problem) } })
    try states?.finish(run.status.rawValue)
    return Solution(
      network: run.network, status: run.status, cellCount: run.cellCount,
      estimatedGap: run.estimatedGap,
      pricing: Self.pricing(nodes: run.pricedNodeCount, isExact: run.isPricingExact),
      phases: run.phases)
  }

  /// The folder that keeps the states of a run, if one was asked for.
  private func states(
    of problem: TrainingProblem, _ images: any SampleSource, _ program: GatedProgram? = nil,
    from start: Network?
  ) throws -> TrainingCheckpoint? {
    try checkpoint.map {
      try TrainingCheckpoint(
        folder: $0, configuration: configuration, problem: problem, images: images,
        program: program, start: start,
        interval: checkpointInterval)
    }
  }

  /// Limits that also end a run whose states cannot be written.
  private func limits(
    gap: Double, iterations: Int, seconds: Double? = nil, of states: TrainingCheckpoint?
  ) -> SolveLimits {
    var limits = limits(gap: gap, iterations: iterations, seconds: seconds)
    if let states {
      limits.isInterrupted = { [isInterrupted, flag = states.hasFailed] in
        isInterrupted() || flag.isSet
      }
    }
    return limits
  }

  /// How filters were found, in words.
  private static func pricing(nodes: Int, isExact: Bool) -> String {
    guard nodes > 0 else { return "multi-start ascent (a lower bound of the dual norm)" }
    return "multi-start ascent, then all cells by "
      + (isExact ? "angular sweep (\(nodes) arcs)" : "branch and bound (\(nodes) cones)")
  }

  /// What a solver found.
  struct Solution {
    let network: Network
    let status: SolveStatus
    let cellCount: Int
    let estimatedGap: Double
    let pricing: String
    var budgetGap: Double?
    var escapes: [MonotoneRepair.Escape] = []
    /// All filters of a local search, whose curvature is looked at.
    var localNetwork: Network?
    let phases: [(name: String, seconds: Double)]
  }
}
