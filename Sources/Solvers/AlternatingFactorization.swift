public import ConvexPrograms
import Convolutions
import Tensors

/// Alternating semi-nonnegative matrix factorisation: local training over fixed activation patterns.
///
/// The Burer-Monteiro form of the convex program over patterns `b`,
///
///     minimize L(sum_b A_b (U_b' G_b)) + (lambda / 2) sum_b (|U_b|^2 + |G_b|^2)   with rows of U_b in the cone of b,
///
/// is convex in the output weights `G` for fixed filters `U`, and in `U` for fixed `G`. Both are minimized in turn and the
/// factors balanced in between; the objective never rises. The limit is a stationary point for the patterns at hand, an
/// upper bound of the optimum; `Certificate.stationaryBound` says how good.
///
/// - Source: Sahiner et al., *Scaling Convex Neural Networks with Burer-Monteiro Factorization*, ICLR 2024 (the form and
///   the bound); Ding, Li & Jordan 2010 (alternation).
public struct AlternatingFactorization: Sendable {
  /// L-BFGS iterations on the output weights, and projected steps on the filters, per round.
  public var innerIterations: Int

  /// A method with a given effort per round.
  public init(innerIterations: Int = 100) { self.innerIterations = innerIterations }

  /// What a run returns.
  public struct Result: Sendable {
    /// The network, balanced; its filters have the patterns of the start, or lie on their boundaries.
    public let network: Network
    /// Objective of the network.
    public let objective: Objective
    /// Rounds done.
    public let rounds: Int
    /// How the run ended: `converged` where a round no longer lowers the objective by more than `1e-12`, relatively.
    public let status: SolveStatus
  }

  /// Descends from a network, keeping its patterns.
  ///
  /// - Parameters:
  ///   - problem: A ReLU problem with linear pooling and a positive strength; an output bias is refused.
  ///   - start: The network whose neurons and patterns are used.
  ///   - limits: Limits; `iterations` counts rounds, the gap is not used.
  ///   - observer: Receives a line per round.
  /// - Returns: The network; its objective is at most the start's.
  /// - Throws: `ProgramError` when problem and start do not fit or the method does not apply.
  /// - Complexity: Per inner iteration O(`n P a h c`) for `P` patterns, and a projection per neuron.
  public func solve(
    _ problem: TrainingProblem, from start: Network, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) throws -> Result {
    guard !problem.hasOutputBias, problem.lambda > 0 else {
      throw ProgramError(
        place: "alternating factorisation", expected: "no output bias and a positive strength",
        found: problem.hasOutputBias ? "an output bias" : "lambda \(problem.lambda)",
        advice: "Use cell generation.")
    }
    let watch = Stopwatch()
    var state = try FactorizationState(problem, start.balanced())
    var round = 0
    while true {
      observer(
        TraceRow(
          phase: "semi-nmf", iteration: round, seconds: watch.seconds, objective: state.value,
          neuronCount: state.neuronCount))
      let before = state.value
      var ending = limits.interruption(since: watch)
      if round >= limits.iterations { ending = ending ?? .iterationLimit }
      if let ending { return try result(ending, state, problem, start, round) }
      state.improveWeights(iterations: innerIterations)
      state.balance()
      state.improveFilters(iterations: innerIterations)
      state.balance()
      round += 1
      if before - state.value <= 1e-12 * before {
        return try result(.converged, state, problem, start, round)
      }
    }
  }

  private func result(
    _ status: SolveStatus, _ state: FactorizationState, _ problem: TrainingProblem,
    _ start: Network, _ rounds: Int
  ) throws -> Result {
    var network = try PatternFactorization.network(of: state.parts, for: problem)
    // Filters on the boundary of a cone may fall a rounding error outside.
    if problem.objective(of: network).total > problem.objective(of: start.balanced()).total {
      network = start.balanced()
    }
    return Result(
      network: network, objective: problem.objective(of: network), rounds: rounds, status: status)
  }
}

/// Factors and value of a run.
private struct FactorizationState {
  let problem: TrainingProblem
  var parts: [PatternFactorization]
  let cones: [ActivationCone]
  let map: DenseFeatureMap
  private(set) var value = 0.0

  var neuronCount: Int { parts.reduce(0) { $0 + $1.filters.rows } }

  init(_ problem: TrainingProblem, _ start: Network) throws {
    let groups = try PatternGroups(start, problem)
    self.problem = problem
    (parts, cones) = (groups.factorizations, groups.cones)
    map = DenseFeatureMap(features: groups.features, threads: problem.threads)
    value = evaluate(filters, weights).value
  }

  /// All filters, one after the other.
  var filters: [Double] { parts.flatMap(\.filters.elements) }
  /// All output weights.
  var weights: [Double] { parts.flatMap(\.weights.elements) }

  /// Value, and gradients by filters and weights, of the factorised objective.
  func evaluate(
    _ filters: [Double], _ weights: [Double]
  ) -> (value: Double, filters: [Double], weights: [Double]) {
    let (h, a, c) = (
      problem.geometry.patchDimension, problem.windowCount, problem.outputCount
    )
    let size = a * c
    var point = Matrix(rows: map.featureCount, columns: c)
    forEachNeuron { b, j in
      for q in 0..<a {
        for e in 0..<h {
          for k in 0..<c {
            point[(b * a + q) * h + e, k] += filters[j * h + e] * weights[j * size + q * c + k]
          }
        }
      }
    }
    let (loss, dual) = problem.loss.valueAndGradient(at: map.predictions(of: point))
    let slope = map.adjoint(dual)
    var filterGradient = filters.map { $0 * problem.lambda }
    var weightGradient = weights.map { $0 * problem.lambda }
    forEachNeuron { b, j in
      for q in 0..<a {
        for e in 0..<h {
          for k in 0..<c {
            let part = slope[(b * a + q) * h + e, k]
            filterGradient[j * h + e] += part * weights[j * size + q * c + k]
            weightGradient[j * size + q * c + k] += part * filters[j * h + e]
          }
        }
      }
    }
    let decay = BLAS.dot(filters, filters) + BLAS.dot(weights, weights)
    return (loss + 0.5 * problem.lambda * decay, filterGradient, weightGradient)
  }

  /// The pattern and the number of every neuron.
  private func forEachNeuron(_ body: (Int, Int) -> Void) {
    var j = 0
    for (b, part) in parts.enumerated() {
      for _ in 0..<part.filters.rows {
        body(b, j)
        j += 1
      }
    }
  }

  private mutating func set(_ filters: [Double], _ weights: [Double]) {
    var (f, w) = (0, 0)
    for b in parts.indices {
      let (filterCount, weightCount) = (
        parts[b].filters.elements.count, parts[b].weights.elements.count
      )
      parts[b].filters.elements = Array(filters[f..<f + filterCount])
      parts[b].weights.elements = Array(weights[w..<w + weightCount])
      f += filterCount
      w += weightCount
    }
    value = evaluate(filters, weights).value
  }

  /// The best output weights for the filters: a smooth, strongly convex problem.
  mutating func improveWeights(iterations: Int) {
    let filters = self.filters
    let found = LBFGS(iterations: iterations, relativeDecrease: 1e-15).minimize(from: weights) {
      let (value, _, gradient) = evaluate(filters, $0)
      return (value, gradient)
    }
    if found.value <= value { set(filters, found.point) }
  }

  /// Better filters within their cones for the weights: accelerated projected gradient with restart.
  mutating func improveFilters(iterations: Int) {
    let weights = self.weights
    var (x, previous) = (filters, filters)
    var current = value
    var (curvature, t) = (problem.lambda, 1.0)
    for _ in 0..<iterations {
      let next = FISTA.nextMomentum(t)
      let momentum = (t - 1) / next
      let y = zip(x, previous).map { $0 + momentum * ($0 - $1) }
      let (yValue, gradient, _) = evaluate(y, weights)
      while true {
        let trial = projected(zip(y, gradient).map { $0 - $1 / curvature })
        let move = zip(trial, y).map { $0 - $1 }
        let length = BLAS.dot(move, move)
        let trialValue = evaluate(trial, weights).value
        let model = yValue + BLAS.dot(gradient, move) + 0.5 * curvature * length
        if trialValue <= model + 1e-15 * abs(yValue) || length == 0 || curvature > 1e200 {
          if trialValue > current {
            // Momentum overshot: start again from here.
            if t == 1 { return keep(x, weights) }
            (t, previous) = (1, x)
          } else {
            let isStill = current - trialValue <= 1e-16 * current && t == 1
            (previous, x, current, t) = (x, trial, trialValue, next)
            if isStill { return keep(x, weights) }
          }
          break
        }
        curvature *= 2
      }
    }
    keep(x, weights)
  }

  private mutating func keep(_ filters: [Double], _ weights: [Double]) {
    let before = (self.filters, value)
    set(filters, weights)
    if value > before.1 { set(before.0, weights) }
  }

  private func projected(_ filters: [Double]) -> [Double] {
    let h = problem.geometry.patchDimension
    var result = filters
    var projector = ConeProjector(dimension: h)
    forEachNeuron { b, j in
      filters.withUnsafeBufferPointer { filters in
        guard let filters = filters.baseAddress else { return }
        projector.project(filters + j * h, onto: cones[b])
      }
      for e in 0..<h { result[j * h + e] = projector.point[e] }
    }
    return result
  }

  /// Makes filter and weights of every neuron equally long, which lowers the objective and keeps the product.
  mutating func balance() {
    for b in parts.indices {
      for j in 0..<parts[b].filters.rows {
        let (inner, outer) = (
          BLAS.norm(Array(parts[b].filters.row(j))), BLAS.norm(Array(parts[b].weights.row(j)))
        )
        let factor = inner > 0 && outer > 0 ? (outer / inner).squareRoot() : 0
        for e in 0..<parts[b].filters.columns { parts[b].filters[j, e] *= factor }
        for e in 0..<parts[b].weights.columns {
          parts[b].weights[j, e] *= factor > 0 ? 1 / factor : 0
        }
      }
    }
    value = evaluate(filters, weights).value
  }
}
