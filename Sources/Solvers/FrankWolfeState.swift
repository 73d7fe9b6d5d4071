import Arrangements
import ConvexPrograms
import Convolutions
import Tensors

/// The state of one run of Frank-Wolfe.
struct FrankWolfeState {
  /// An atom `Phi(u) G`, with its predictions.
  struct Atom {
    let filter: [Double]
    /// Unit output weights `[a, c]`.
    let direction: [Double]
    /// `Phi(u) G`, shape `[n, c]`.
    let image: Matrix
  }

  /// Filters of large dual norm, the largest first, and a bound on the norm of all.
  struct Priced {
    var filters: Matrix
    var norms: [Double]
    var upperBound = Double.infinity
    var largestNorm: Double { norms.first ?? 0 }
  }

  let problem: TrainingProblem
  let method: FrankWolfe
  /// Penalty of `tau`.
  let penalty: Double
  /// Largest `tau`.
  let budget: Double
  var atoms: FrankWolfeAtoms
  /// Predictions `F`, shape `[n, c]`.
  var predictions: Matrix
  var gradient: Matrix
  var objective: Double
  private(set) var lowerBound = 0.0
  private(set) var iteration = 0
  private(set) var pricedNodeCount = 0
  private var isPricingExact = false
  private var estimatedBound = 0.0
  private var quietIterations = 0
  private var terms: PatchTerms?
  private var best: (atoms: FrankWolfeAtoms, objective: Double)

  init(_ problem: TrainingProblem, method: FrankWolfe) throws {
    (self.problem, self.method) = (problem, method)
    (penalty, budget) = try method.scales(problem)
    atoms = FrankWolfeAtoms(patchDimension: problem.geometry.patchDimension)
    predictions = Matrix(rows: problem.sampleCount, columns: problem.outputCount)
    (objective, gradient) = problem.reducedLoss.valueAndGradient(at: predictions)
    best = (atoms, objective)
  }

  var tau: Double { atoms.mass }

  /// `max(0, ...)` of the bound that follows from a bound on the dual norm at the present point.
  private func bound(dualNorm: Double) -> Double {
    let slope = BLAS.dot(gradient.elements, predictions.elements) + penalty * tau
    let linear = objective - slope - budget * max(0, dualNorm - penalty)
    guard penalty > 0 else { return max(0, linear) }
    let scale = dualNorm > 0 ? penalty / dualNorm : .infinity
    let scaled = bestScaledDual(loss: problem.reducedLoss, gradient: gradient, largestScale: scale)
      .value
    return max(0, linear, scaled)
  }

  private func gap(_ bound: Double) -> Double {
    objective > 0 ? max(0, objective - bound) / objective : 0
  }

  /// The largest dual norm that proves the gap asked for, a little less; 0 when none does.
  private func sufficientNorm(_ target: Double) -> Double {
    let proves = { (norm: Double) in gap(bound(dualNorm: norm)) <= 0.99 * target }
    var (low, high) = (0.0, max(1e-300, problem.lambda, penalty))
    guard proves(low) else { return 0 }
    while proves(high), high < 1e300 { (low, high) = (high, 2 * high) }
    for _ in 0..<60 {
      let middle = 0.5 * (low + high)
      if proves(middle) { low = middle } else { high = middle }
    }
    return low
  }

  /// Looks for the filters of largest dual norm at the present point, and bounds the norm of all where that pays.
  mutating func price(_ limits: SolveLimits, _ watch: Stopwatch) -> Priced {
    var result = Priced(filters: Matrix(rows: 0, columns: atoms.patchDimension), norms: [])
    if oracle == nil || !method.boundsEveryIteration {
      let ascent = DualNormAscent(
        starts: method.starts, seed: method.seed &+ UInt64(iteration) &* 0x9E37_79B9)
      (result.filters, result.norms) = ascent.maximizers(
        of: problem, dual: gradient, known: atoms.recentFilters(200))
    }
    if let oracle {
      priceAllCells(oracle, &result, limits, watch)
      lowerBound = max(lowerBound, bound(dualNorm: result.upperBound))
    }
    estimatedBound = max(estimatedBound, bound(dualNorm: result.largestNorm))
    return result
  }

  /// The oracle, where it takes filters of this dimension.
  private var oracle: (any PricingOracle)? {
    method.oracle.flatMap { atoms.patchDimension <= $0.maximumDimension ? $0 : nil }
  }

  private mutating func priceAllCells(
    _ oracle: any PricingOracle, _ result: inout Priced, _ limits: SolveLimits,
    _ watch: Stopwatch
  ) {
    let terms = self.terms ?? problem.patchTerms
    self.terms = terms
    let everywhere = method.boundsEveryIteration
    let target = everywhere ? 0 : sufficientNorm(limits.relativeGap)
    // An exact sweep needs no start; a search by bounds is quicker with some.
    let starts = everywhere ? atoms.recentFilters(4) : result.filters
    let pricing = oracle.price(
      terms.correlation(with: gradient),
      PricingRequest(
        target: target, relativeTolerance: 1e-9, sufficient: everywhere ? .infinity : target,
        starts: starts.rows > 0 ? starts : nil, seconds: max(0, limits.seconds - watch.seconds),
        threads: problem.threads, isInterrupted: limits.isInterrupted))
    pricedNodeCount += pricing.nodeCount
    isPricingExact = pricing.isExact
    result.upperBound = pricing.upperBound
    if pricing.largestNorm > result.largestNorm {
      (result.filters, result.norms) = (pricing.filters, pricing.norms)
    }
  }

  /// Why to stop at the present point, if there is a reason.
  func ending(_ limits: SolveLimits, _ watch: Stopwatch) -> SolveStatus? {
    if gap(lowerBound) <= limits.relativeGap { return .solved }
    if let interruption = limits.interruption(since: watch) { return interruption }
    if oracle == nil, gap(estimatedBound) <= limits.relativeGap { return .converged }
    if quietIterations >= 3 {
      return gap(estimatedBound) <= limits.relativeGap ? .converged : .stalled
    }
    return iteration >= limits.iterations ? .iterationLimit : nil
  }

  /// One step with a priced filter.
  mutating func advance(_ priced: Priced, _ limits: SolveLimits, _ watch: Stopwatch) {
    let (before, atomCount) = (objective, atoms.count)
    let atom = priced.largestNorm > penalty ? atom(Array(priced.filters.row(0))) : nil
    switch method.step {
    case .fixed: move(towards: atom, by: 2 / Double(iteration + 2))
    case .lineSearch: move(towards: atom, by: bestStep(towards: atom))
    case .away: moveTowardsOrAway(atom)
    case .pairwise: movePairs(adding: atom) { limits.interruption(since: watch) != nil }
    case .fullyCorrective:
      let wanted = priced.norms.prefix(Self.atomsPerCorrection).filter { $0 > penalty }
      let added = wanted.indices.map { self.atom(Array(priced.filters.row($0))) }
      correct(adding: added) { limits.interruption(since: watch) != nil }
    }
    iteration += 1
    if objective < best.objective { best = (atoms, objective) }
    // Dropping an atom may cost nothing and gain nothing.
    let isQuiet =
      method.step != .fixed && atoms.count >= atomCount
      && before - objective <= 1e-15 * before
    quietIterations = isQuiet ? quietIterations + 1 : 0
  }

  /// The atom of a filter: output weights against the gradient.
  private func atom(_ filter: [Double]) -> Atom {
    let features = DenseFeatureMap(
      features: problem.features(
        of: Matrix(rows: 1, columns: filter.count, elements: filter)), threads: problem.threads)
    var direction = features.adjoint(gradient)
    let norm = BLAS.norm(direction.elements)
    for e in direction.elements.indices { direction.elements[e] /= -norm }
    return Atom(
      filter: filter, direction: direction.elements, image: features.predictions(of: direction))
  }

  // MARK: Steps between points

  /// `(vertex - point)` of a vertex, the zero vertex for nil: the change of predictions and of `tau`.
  private func direction(towards atom: Atom?) -> (predictions: Matrix, tau: Double) {
    var change = predictions
    for e in change.elements.indices { change.elements[e] *= -1 }
    if let atom { BLAS.add(budget, atom.image.elements, to: &change.elements) }
    return (change, (atom == nil ? 0 : budget) - tau)
  }

  private func bestStep(towards atom: Atom?) -> Double {
    let (change, tauChange) = direction(towards: atom)
    return ConvexLineSearch.minimizer(
      of: problem.reducedLoss, from: predictions, along: change, slope: penalty * tauChange,
      limit: 1)
  }

  private mutating func move(towards atom: Atom?, by step: Double) {
    let change = direction(towards: atom).predictions
    atoms.scale(by: 1 - step)
    if let atom, step > 0 {
      atoms.add(atom, weight: step * budget, keepsImage: method.step == .away)
    }
    atoms.prune()
    take(change, step)
  }

  /// Frank-Wolfe or away step, whichever has the steeper slope.
  private mutating func moveTowardsOrAway(_ atom: Atom?) {
    let here = BLAS.dot(gradient.elements, predictions.elements) + penalty * tau
    let slopes = atoms.images.map { budget * (BLAS.dot(gradient.elements, $0) + penalty) }
    // Rounding in the sum of weights is no weight of zero.
    let missing = 1 - tau / budget
    let zeroWeight = missing > 1e-14 * Double(atoms.count + 1) ? missing : 0
    // The zero vertex has slope 0, and may be the worst in use.
    var worst: (index: Int?, slope: Double) = (nil, zeroWeight > 0 ? 0 : -.infinity)
    for (j, slope) in slopes.enumerated() where slope > worst.slope { worst = (j, slope) }
    let towards = atom.map { budget * (BLAS.dot(gradient.elements, $0.image.elements) + penalty) }
    guard worst.slope - here > here - min(0, towards ?? 0) else {
      return move(towards: atom, by: bestStep(towards: atom))
    }
    let share = worst.index.map { atoms.weights[$0] / budget } ?? zeroWeight
    var change = predictions
    if let j = worst.index { BLAS.add(-budget, atoms.images[j], to: &change.elements) }
    let tauChange = tau - (worst.index == nil ? 0 : budget)
    let limit = share < 1 ? share / (1 - share) : 1e6
    let step = ConvexLineSearch.minimizer(
      of: problem.reducedLoss, from: predictions, along: change, slope: penalty * tauChange,
      limit: limit)
    atoms.scale(by: 1 + step)
    if let j = worst.index {
      // At the limit the atom is dropped.
      atoms.add(step == limit ? -.infinity : -step * budget, to: j)
    }
    atoms.prune()
    take(change, step)
  }

  /// Steps between two vertices in use at which one iteration ends, whatever the slopes.
  private static let pairsPerIteration = 5000

  /// Moves weight from the worst to the best vertex in use, until their slopes differ by half of what the gap was.
  private mutating func movePairs(adding atom: Atom?, isStopped: () -> Bool) {
    let here = BLAS.dot(gradient.elements, predictions.elements) + penalty * tau
    let towards = atom.map { budget * (BLAS.dot(gradient.elements, $0.image.elements) + penalty) }
    let target = 0.5 * max(0, here - min(0, towards ?? 0))
    if let atom { atoms.add(atom, weight: 0, keepsImage: true) }
    for count in 0..<Self.pairsPerIteration {
      // The zero vertex has slope 0 and what is missing to the budget.
      let missing = max(0, 1 - tau / budget)
      var best: (index: Int?, slope: Double) = (nil, 0)
      var worst: (index: Int?, slope: Double) = (nil, missing > 0 ? 0 : -.infinity)
      for (j, image) in atoms.images.enumerated() {
        let slope = budget * (BLAS.dot(gradient.elements, image) + penalty)
        if slope < best.slope { best = (j, slope) }
        if slope > worst.slope, atoms.weights[j] > 0 { worst = (j, slope) }
      }
      guard worst.slope - best.slope > target else { break }
      var change = Matrix(rows: predictions.rows, columns: predictions.columns)
      if let j = best.index { BLAS.add(budget, atoms.images[j], to: &change.elements) }
      if let j = worst.index { BLAS.add(-budget, atoms.images[j], to: &change.elements) }
      let tauChange = budget * ((best.index == nil ? 0 : 1) - (worst.index == nil ? 0 : 1))
      let limit = worst.index.map { atoms.weights[$0] / budget } ?? missing
      let step = ConvexLineSearch.minimizer(
        of: problem.reducedLoss, from: predictions, along: change, slope: penalty * tauChange,
        limit: limit)
      guard step > 0 else { break }
      if let j = worst.index {
        // At the limit the atom is dropped.
        atoms.add(step == limit ? -.infinity : -step * budget, to: j)
      }
      if let j = best.index { atoms.add(step * budget, to: j) }
      take(change, step)
      if count % 100 == 99, isStopped() { break }
    }
    atoms.prune()
    predictions = atoms.sum(like: predictions)
    refresh()
  }

  private mutating func take(_ change: Matrix, _ step: Double) {
    BLAS.add(step, change.elements, to: &predictions.elements)
    refresh()
  }

  private mutating func refresh() {
    let (loss, gradient) = problem.reducedLoss.valueAndGradient(at: predictions)
    self.gradient = gradient
    objective = loss + penalty * tau
  }

  // MARK: Full correction

  /// Local maximisers added at once; they are found anyway, and save rounds.
  private static let atomsPerCorrection = 8

  /// The best point of the hull of zero, the atoms in use and some more.
  private mutating func correct(adding added: [Atom], isStopped: () -> Bool) {
    for atom in added { atoms.add(atom, weight: 0, keepsImage: true) }
    let size = predictions.elements.count
    var master = SimplicialMaster(
      loss: problem.reducedLoss,
      vertices: Matrix(
        rows: atoms.count + 1, columns: size,
        elements: [Double](repeating: 0, count: size)
          + atoms.images.flatMap { image in image.map { $0 * budget } }),
      slopes: [0] + [Double](repeating: penalty * budget, count: atoms.count),
      shares: [max(0, 1 - tau / budget)] + atoms.weights.map { $0 / budget })
    master.minimize(tolerance: 1e-15, isStopped: isStopped)
    atoms.replaceWeights(by: master.shares.dropFirst().map { $0 * budget })
    atoms.prune()
    predictions = atoms.sum(like: predictions)
    refresh()
  }

  // MARK: Result

  func result(_ status: SolveStatus) throws -> FrankWolfe.Result {
    let network = problem.withBestOutputBias(
      try best.atoms.network(for: problem).balanced())
    let value = problem.objective(of: network).loss + penalty * network.regularization
    return FrankWolfe.Result(
      network: network, objective: value, lowerBound: min(lowerBound, value),
      estimatedGap: value > 0 ? max(0, value - estimatedBound) / value : 0,
      iterations: iteration, pricedNodeCount: pricedNodeCount,
      isPricingExact: isPricingExact, status: status)
  }
}
