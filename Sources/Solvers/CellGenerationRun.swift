import Arrangements
import ConvexPrograms
import Convolutions
import Tensors

/// The state of one run of cell generation.
struct CellGenerationRun {
  let problem: TrainingProblem
  let settings: CellGeneration.Settings
  let limits: SolveLimits
  let watch = Stopwatch()
  var network: Network
  var objective: Objective
  var round = 0
  var slowRounds = 0
  var ratio = Double.infinity
  var estimatedGap = 1.0
  var oracle: (any PricingOracle)?
  var resumed: CellGeneration.Checkpoint?
  var keep: ((CellGeneration.Checkpoint) -> Void)?
  var terms: PatchTerms?
  var lines: PatchLines?
  var provenGap: Double?
  var pricedNodeCount = 0
  var isPricingExact = false
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
    var (status, found) = try firstSearch(observer)
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
        provenGap = nil
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
      isPricingExact: isPricingExact,
      rounds: round, cellCount: problem.patternCount(of: network.filters),
      phases: phases)
  }

  /// Seconds per phase.
  var phases: [(name: String, seconds: Double)] {
    ["part", "pricing", "all cells", "master", "polish", "cells", "newton"].map {
      ($0, seconds[$0] ?? 0)
    }
  }

  /// The rounds up to the first end of the search, from a checkpoint if there is one.
  private mutating func firstSearch(
    _ observer: TraceObserver
  ) throws -> (status: SolveStatus, found: Matrix) {
    if let resumed {
      resume(resumed)
    } else if settings.isContinuation, limits.relativeGap > Self.sharpGap {
      let status = try follow(observer)
      let none = Matrix(rows: 0, columns: problem.geometry.patchDimension)
      if status != .stalled { return (status, none) }
    }
    if isPlanar {
      // Rounds in the plane take milliseconds: a run goes on from their start.
      keep?(checkpoint(quietRounds: 0))
      if let status = try searchPlane(observer) {
        return (status, Matrix(rows: 0, columns: problem.geometry.patchDimension))
      }
    }
    if resumed == nil { try startFromPart(observer) }
    if resumed == nil, network.neuronCount > 0 { try improve(gap: 1e-6, observer) }
    let status = try search(quietRounds: resumed?.quietRounds ?? 0, observer)
    return (status, try finish(observer))
  }

  /// Rounds of pricing, weights and polishing, until pricing finds nothing, progress ends or a limit is reached.
  mutating func search(
    quietRounds first: Int = 0, _ observer: TraceObserver
  ) throws -> SolveStatus {
    var quietRounds = first
    while true {
      // A round that a limit cut short is not kept: from the state before it the run goes on to the same bits.
      if limits.interruption(since: watch) == nil { keep?(checkpoint(quietRounds: quietRounds)) }
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
  mutating func improve(gap: Double, _ observer: TraceObserver) throws {
    try optimizeWeights(gap: gap, iterations: 80)
    report("master", observer)
    polish(iterations: polishIterations)
    report("polish", observer)
    if optimizesOverCells {
      try optimizeOverCells()
      report("cells", observer)
    }
    guard limits.relativeGap <= Self.sharpGap, estimatedGap <= Self.sharpStart else { return }
    try sharpen()
    report("newton", observer)
  }

  /// L-BFGS iterations of a round: a few where each takes long, since new filters gain more than the last digits.
  private var polishIterations: Int {
    parts.isLarge(problem) ? settings.polishIterations / 4 : settings.polishIterations
  }

  /// Relative gaps up to this ask for Newton steps in every round, once the estimated gap is below `sharpStart`.
  static let sharpGap = 1e-5
  static let sharpStart = 1e-2

  /// The last digits: weights to the master gap, long polishing, and the dual norm at the final network.
  ///
  /// - Returns: Filters above `lambda` that the last pricing found; none where a limit came first.
  mutating func finish(_ observer: TraceObserver) throws -> Matrix {
    let none = Matrix(rows: 0, columns: problem.geometry.patchDimension)
    guard limits.interruption(since: watch) == nil else { return none }
    polish(iterations: 5 * polishIterations)
    try optimizeWeights(gap: settings.masterGap, iterations: 3000)
    report("master", observer)
    if limits.relativeGap <= Self.sharpGap || estimatedGap > limits.relativeGap {
      try sharpen()
      report("newton", observer)
    }
    let found = price(starts: 3 * settings.starts)
    report("pricing", observer)
    return found
  }

  /// Adds filters without weight.
  mutating func extend(by filters: Matrix) throws {
    let room = max(0, settings.maximumNeurons - network.neuronCount)
    let added = filters.selectingRows(Array(0..<min(room, filters.rows)))
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

  func report(_ phase: String, _ observer: TraceObserver) {
    observer(
      TraceRow(
        phase: phase, iteration: round, seconds: watch.seconds, objective: objective.total,
        dualNormRatio: ratio.isFinite ? ratio : nil, neuronCount: network.neuronCount))
  }
}
