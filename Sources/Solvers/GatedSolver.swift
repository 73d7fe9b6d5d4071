public import ConvexPrograms
public import Tensors

/// Solver for programs over fixed gates: proximal steps with descents along the factors between them.
///
/// FISTA chooses blocks and ranks and measures the gap; `FactoredDescent` gives the last digits. Series of proximal
/// steps grow, so the guarantee is FISTA's; maps other than dense ones and Gram matrices leave all the work to it. On the
/// digits (64 gates, 3x3 filters, 2x2 windows, `lambda = 0.01 lambdaMax`) a gap of 1e-6 takes about 500 proximal
/// steps and 120 descent steps instead of 5,680 proximal steps.
public struct GatedSolver: Sendable {
  /// Proximal steps of the first series; longer ones follow until a descent is cheap enough.
  package var proximalSteps = 100
  /// Proximal steps after the first descent, which lower ranks; longer series follow later descents.
  package var pruningSteps = 40
  /// L-BFGS iterations of a descent, at most.
  package var descentSteps = 60
  /// Largest cost of a descent step, in proximal steps; costlier ones wait until ranks have fallen.
  package var maximumCost = 8.0

  /// A solver with default numbers of steps.
  public init() {}

  /// Minimizes a composite program.
  ///
  /// - Parameters:
  ///   - program: The program of gates, or of a linear network.
  ///   - start: First point of shape `[d, c]`; zero unless told. A solution stops at once.
  ///   - limits: Gap to reach and limits; `iterations` counts proximal steps.
  ///   - checkpoint: State of a run with the same arguments to go on from.
  ///   - observer: Receives a line per measurement and per ten steps of a descent.
  ///   - keep: Receives the state between two series that no limit cut short.
  /// - Returns: The first measured point within the gap, else the best point of the last series.
  public func solve(
    _ program: CompositeProgram, from start: Matrix? = nil, limits: SolveLimits = SolveLimits(),
    resuming checkpoint: Checkpoint? = nil, observer: TraceObserver = { _ in },
    keep: ((Checkpoint) -> Void)? = nil
  ) -> FISTA.Solution {
    let watch = Stopwatch()
    var (spent, length, pruning) = (0, proximalSteps, pruningSteps)
    var (point, series, relativeGap) = (start, 0, 1.0)
    if let checkpoint {
      (spent, length, pruning) =
        (checkpoint.iterations, checkpoint.proximalSteps, checkpoint.pruningSteps)
      (point, series, relativeGap) =
        (checkpoint.point, checkpoint.series, checkpoint.relativeGap)
    }
    while true {
      // A descent that a limit cut short is not kept: from the state before it the run goes on to the same bits.
      if limits.interruption(since: watch) == nil {
        keep?(
          Checkpoint(
            point: point ?? program.zero, iterations: spent, proximalSteps: length,
            pruningSteps: pruning, series: series, relativeGap: relativeGap))
      }
      var inner = limits
      inner.seconds = limits.seconds - watch.seconds
      inner.iterations = min(length, limits.iterations - spent)
      let (seconds, before) = (watch.seconds, spent)
      let solution = FISTA().solve(program, from: point, limits: inner) {
        observer($0.later(by: seconds, iterations: before))
      }
      spent += solution.iterations
      guard solution.status == .iterationLimit, spent < limits.iterations else {
        return solution.counting(spent)
      }
      let lower = descended(program, solution, spent, limits, watch, observer)
      point = lower ?? solution.point
      length = lower == nil ? length * 5 / 4 + 1 : pruning
      if lower != nil { pruning = pruning * 5 / 4 + 1 }
      (series, relativeGap) = (series + 1, solution.relativeGap)
    }
  }

  /// Where a run stands between two series of proximal steps.
  ///
  /// With the same program, start and limits a run goes on from here to the bits that it would have reached without a
  /// break, unless a limit of time comes in between.
  public struct Checkpoint: Sendable {
    /// Weights of shape `[d, c]`.
    public let point: Matrix
    /// Proximal steps taken.
    public let iterations: Int
    /// Steps of the next series.
    public let proximalSteps: Int
    /// Steps of the series after the next descent.
    public let pruningSteps: Int
    /// Series run.
    public let series: Int
    /// Relative gap at the end of the last series, before its descent.
    public let relativeGap: Double

    /// A state with all its parts.
    public init(
      point: Matrix, iterations: Int, proximalSteps: Int, pruningSteps: Int, series: Int,
      relativeGap: Double
    ) {
      (self.point, self.iterations, self.series) = (point, iterations, series)
      (self.proximalSteps, self.pruningSteps) = (proximalSteps, pruningSteps)
      self.relativeGap = relativeGap
    }
  }

  /// The point after a descent along its factors; nil when that is not possible, or too costly.
  private func descended(
    _ program: CompositeProgram, _ solution: FISTA.Solution, _ spent: Int, _ limits: SolveLimits,
    _ watch: Stopwatch, _ observer: TraceObserver
  ) -> Matrix? {
    guard let descent = FactoredDescent(program, point: solution.point), descent.width > 0 else {
      return nil
    }
    guard descent.relativeCost <= maximumCost else { return nil }
    return descent.minimize(iterations: descentSteps) { iteration, value in
      if iteration % 10 == 0 {
        observer(
          TraceRow(
            phase: "descent", iteration: spent + iteration, seconds: watch.seconds,
            objective: value, lowerBound: nil, neuronCount: descent.filterCount))
      }
      return limits.interruption(since: watch) != nil
    }
  }
}

extension TraceRow {
  /// The line of a part of a solve, counted from the beginning of the whole.
  fileprivate func later(by seconds: Double, iterations: Int) -> TraceRow {
    TraceRow(
      phase: phase, iteration: iteration + iterations, seconds: self.seconds + seconds,
      objective: objective, lowerBound: lowerBound, dualNormRatio: dualNormRatio,
      neuronCount: neuronCount)
  }
}

extension FISTA.Solution {
  /// The same solution with the steps of all series.
  fileprivate func counting(_ iterations: Int) -> FISTA.Solution {
    FISTA.Solution(
      point: point, objective: objective, lowerBound: lowerBound, iterations: iterations,
      status: status)
  }
}
