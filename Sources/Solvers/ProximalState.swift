import ConvexPrograms
import Tensors

/// The state of a first-order method on a composite program, and the loop that runs it.
///
/// Limits, trace and status are the same for all of them, and written here.
protocol ProximalState {
  /// Steps taken.
  var iteration: Int { get }
  /// One step.
  mutating func step(_ program: CompositeProgram)
  /// The point that would be returned, with its objective and lower bound.
  func measure(_ program: CompositeProgram) -> FISTA.Solution
}

extension ProximalState {
  /// Steps until the gap is reached or a limit comes first.
  ///
  /// - Parameters:
  ///   - program: The program of the state.
  ///   - phase: Name of the method in the trace.
  ///   - interval: Steps between two measurements.
  ///   - limits: Gap to reach and limits.
  ///   - watch: Time since the solve began.
  ///   - observer: Receives a line per measurement.
  /// - Returns: The first measured point within the gap, else the measured point of lowest objective. Where the
  ///   objective is not finite the solve ends as `stalled`.
  mutating func run(
    _ program: CompositeProgram, phase: String, interval: Int, limits: SolveLimits,
    watch: Stopwatch, observer: TraceObserver
  ) -> FISTA.Solution {
    var best: FISTA.Solution?
    while true {
      let isLast = iteration >= limits.iterations
      let interruption = limits.interruption(since: watch)
      if isLast || interruption != nil || iteration % max(1, interval) == 0 {
        let measured = measure(program)
        let isDone = measured.relativeGap <= limits.relativeGap
        if isDone || measured.objective <= best?.objective ?? .infinity { best = measured }
        let current = best ?? measured
        observer(
          TraceRow(
            phase: phase, iteration: iteration, seconds: watch.seconds,
            objective: current.objective, lowerBound: current.lowerBound,
            neuronCount: program.nonzeroBlocks(of: measured.point).count { $0 }))
        let status: SolveStatus? =
          isDone
          ? .solved
          : !measured.objective.isFinite
            ? .stalled : interruption ?? (isLast ? .iterationLimit : nil)
        if let status {
          return FISTA.Solution(
            point: current.point, objective: current.objective, lowerBound: current.lowerBound,
            iterations: iteration, status: status)
        }
      }
      step(program)
    }
  }

  /// `a + factor (a - b)`.
  static func extrapolate(_ a: Matrix, _ b: Matrix, _ factor: Double) -> Matrix {
    guard factor != 0 else { return a }
    var result = a
    result.elements.withUnsafeMutableBufferPointer { out in
      b.elements.withUnsafeBufferPointer { b in
        for i in 0..<out.count { out[i] += factor * (out[i] - b[i]) }
      }
    }
    return result
  }

  /// `a - b`.
  static func difference(_ a: Matrix, _ b: Matrix) -> Matrix {
    var result = a
    BLAS.add(-1, b.elements, to: &result.elements)
    return result
  }
}
