/// How a solver ended.
///
/// Always returned with a point, never thrown.
public enum SolveStatus: String, Sendable, Codable {
  /// The relative gap asked for was reached; the lower bound returned is rigorous up to rounding.
  case solved
  /// The gap that multi-start ascent estimates was reached: no filter found improves the network by more. That gap is not
  /// proven over all cells; raise the number of starts to search harder.
  case converged
  /// Progress fell below rounding before the gap was reached; the point is the best found. Loosen the gap.
  case stalled
  /// The iteration limit came first; the point is the best found. Raise the limit or loosen the gap.
  case iterationLimit = "iteration-limit"
  /// The time limit came first; the point is the best found. Raise the limit or loosen the gap.
  case timeLimit = "time-limit"
  /// The caller asked to stop; the point is the best found.
  case interrupted
  /// Local descent ended with an objective that is not finite, or above both where it began and the network without neurons;
  /// the point is of no use. Lower the learning rate.
  case diverged
}

/// When a solver stops before it is done, and how close it must come.
public struct SolveLimits: Sendable {
  /// Relative gap to reach, `(objective - lowerBound) / objective`.
  public var relativeGap: Double
  /// Most iterations (rounds, for cell generation).
  public var iterations: Int
  /// Most seconds of wall time.
  public var seconds: Double
  /// Asked between iterations; true ends the solve with `interrupted`.
  public var isInterrupted: @Sendable () -> Bool

  /// Limits with given values.
  ///
  /// - Parameters:
  ///   - relativeGap: Relative gap to reach, positive.
  ///   - iterations: Most iterations.
  ///   - seconds: Most seconds of wall time.
  ///   - isInterrupted: Asked between iterations.
  public init(
    relativeGap: Double = 1e-3, iterations: Int = 100_000, seconds: Double = .infinity,
    isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) {
    self.relativeGap = relativeGap
    self.iterations = iterations
    self.seconds = seconds
    self.isInterrupted = isInterrupted
  }

  /// The status that ends a solve now, if one does.
  package func interruption(since start: Stopwatch) -> SolveStatus? {
    if isInterrupted() { return .interrupted }
    return start.seconds >= seconds ? .timeLimit : nil
  }
}

/// One line of a solver's trace.
public struct TraceRow: Sendable {
  /// What the solver was doing: `fista`, `round`, `polish`, `epoch` and so on.
  public let phase: String
  /// Iteration or round, from 0.
  public let iteration: Int
  /// Seconds since the solve began.
  public let seconds: Double
  /// Objective at the point that would be returned.
  public let objective: Double
  /// Lower bound on the program's optimum, where the solver has one.
  public let lowerBound: Double?
  /// Dual norm over lambda found by pricing (a lower bound of it), where the solver prices.
  public let dualNormRatio: Double?
  /// Neurons (or active blocks) at that point.
  public let neuronCount: Int

  /// A line with all its parts.
  public init(
    phase: String, iteration: Int, seconds: Double, objective: Double, lowerBound: Double? = nil,
    dualNormRatio: Double? = nil, neuronCount: Int
  ) {
    self.phase = phase
    self.iteration = iteration
    self.seconds = seconds
    self.objective = objective
    self.lowerBound = lowerBound
    self.dualNormRatio = dualNormRatio
    self.neuronCount = neuronCount
  }
}

/// What a solver calls with each line of its trace.
public typealias TraceObserver = (TraceRow) -> Void

/// Wall time since its creation.
package struct Stopwatch: Sendable {
  private let start = ContinuousClock.now

  package init() {}

  package var seconds: Double {
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
  }
}
