public import ConvexPrograms
public import Tensors

/// Accelerated proximal gradient with restart and adaptive step for composite programs.
///
/// From `y = x + ((t - 1) / t+) (x - x_previous)` the next point is the proximal step
/// `x+ = prox_{lambda R / L}(y - A' grad L(A y) / L)`. The curvature `L` grows by backtracking and shrinks at
/// restarts; momentum restarts when the step points against it. Between restarts `L` never falls, so
/// `t+^2 - t+ = t^2` keeps the proof of the `O(1/k^2)` rate.
///
/// - Source: Beck & Teboulle, *A Fast Iterative Shrinkage-Thresholding Algorithm*, SIAM J. Imaging Sci. 2009;
///   O'Donoghue & Candes, *Adaptive Restart for Accelerated Gradient Schemes*, 2015 (gradient test).
public struct FISTA: Sendable {
  /// Iterations between two measurements of the gap.
  public var measureInterval: Int

  /// A solver that measures the gap at given intervals.
  public init(measureInterval: Int = 20) { self.measureInterval = measureInterval }

  /// What a solve returns: a point and the bound measured at that point.
  public struct Solution: Sendable {
    /// Weights of shape `[d, c]`.
    public let point: Matrix
    /// `L(A V) + lambda R(V)` at the point.
    public let objective: Double
    /// Dual value from the gradient at the point; a lower bound of the program up to rounding.
    public let lowerBound: Double
    /// Proximal steps taken.
    public let iterations: Int
    /// How the solve ended.
    public let status: SolveStatus
    /// `(objective - lowerBound) / objective`; zero when the objective is, not a number when the objective is none.
    public var relativeGap: Double {
      guard objective != 0, !(objective < lowerBound) else { return 0 }
      return (objective - lowerBound) / objective
    }
  }

  /// Minimizes a composite program.
  ///
  /// - Parameters:
  ///   - program: The program; its loss must be smooth.
  ///   - start: First point of shape `[d, c]`; zero unless told. A solution stops at once.
  ///   - limits: Gap to reach and limits.
  ///   - observer: Receives a line per measurement.
  /// - Returns: The first measured point within the gap, else the measured point of lowest objective. Where the
  ///   objective is not finite the solve ends as `stalled`.
  /// - Complexity: Two products with the feature map per iteration, one more per measurement; with a `GramFeatureMap` one
  ///   product with `A'A` per iteration.
  public func solve(
    _ program: CompositeProgram, from start: Matrix? = nil, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) -> Solution {
    let watch = Stopwatch()
    if let map = program.map as? GramFeatureMap, program.loss is SquaredLoss {
      var state = GramState(program, map, start: start ?? program.zero)
      return state.run(
        program, phase: "gram fista", interval: measureInterval, limits: limits, watch: watch,
        observer: observer)
    }
    var state = State(program, start: start ?? program.zero)
    return state.run(
      program, phase: "fista", interval: measureInterval, limits: limits, watch: watch,
      observer: observer)
  }

  /// The next momentum parameter: the positive root of `t+^2 - t+ = t^2`.
  package static func nextMomentum(_ t: Double) -> Double { (1 + (1 + 4 * t * t).squareRoot()) / 2 }

  private struct State: ProximalState {
    var x: Matrix
    var predictions: Matrix
    var previousX: Matrix
    var previousPredictions: Matrix
    var t = 1.0
    var curvature: Double
    var iteration = 0
    var regularization: Double

    init(_ program: CompositeProgram, start: Matrix) {
      x = start
      predictions = program.map.predictions(of: start)
      previousX = x
      previousPredictions = predictions
      regularization = program.regularizer.value(start)
      curvature = State.initialCurvature(program)
    }

    /// The curvature along the first gradient, a lower estimate that backtracking raises.
    static func initialCurvature(_ program: CompositeProgram) -> Double {
      let zero = Matrix(rows: program.loss.sampleCount, columns: program.loss.outputCount)
      let gradient = program.map.adjoint(program.loss.gradient(at: zero))
      let image = program.map.predictions(of: gradient)
      let length = BLAS.dot(gradient.elements, gradient.elements)
      guard BLAS.norm(gradient.elements) > 0 else { return 1 }
      let square = BLAS.dot(image.elements, image.elements)
      guard square.isNormal, length.isNormal else {
        // Squares leave the range of numbers where norms do not.
        let ratio = BLAS.norm(image.elements) / BLAS.norm(gradient.elements)
        return program.loss.smoothness * ratio * ratio
      }
      return program.loss.smoothness * square / length
    }

    mutating func step(_ program: CompositeProgram) {
      iteration += 1
      let nextT = FISTA.nextMomentum(t)
      let momentum = (t - 1) / nextT
      let y = State.extrapolate(x, previousX, momentum)
      let yPredictions = State.extrapolate(predictions, previousPredictions, momentum)
      let (yLoss, yGradient) = program.loss.valueAndGradient(at: yPredictions)
      let slope = program.map.adjoint(yGradient)
      while true {
        var next = y
        BLAS.add(-1 / curvature, slope.elements, to: &next.elements)
        let nextRegularization = program.regularizer.prox(
          &next, step: program.lambda / curvature)
        let nextPredictions = program.map.predictions(of: next)
        let move = State.difference(next, y)
        let length = BLAS.dot(move.elements, move.elements)
        if length == 0 || !length.isFinite
          || State.isMajorized(
            program, yLoss, yPredictions, yGradient, nextPredictions, curvature * length)
        {
          let against = BLAS.dot(move.elements, State.difference(next, x).elements) < 0
          (previousX, previousPredictions) = against ? (next, nextPredictions) : (x, predictions)
          (x, predictions, regularization) = (next, nextPredictions, nextRegularization)
          t = against ? 1 : nextT
          if against { curvature *= 0.7 }
          return
        }
        curvature *= 1.5
      }
    }

    /// Whether the loss at the next point lies below the quadratic of the given curvature around `y`.
    ///
    /// Where the difference of values drowns in rounding the gradients decide (as in TFOCS).
    static func isMajorized(
      _ program: CompositeProgram, _ yLoss: Double, _ yPredictions: Matrix, _ yGradient: Matrix,
      _ nextPredictions: Matrix, _ quadratic: Double
    ) -> Bool {
      let (nextLoss, nextGradient) = program.loss.valueAndGradient(at: nextPredictions)
      let move = difference(nextPredictions, yPredictions)
      let bregman = nextLoss - yLoss - BLAS.dot(yGradient.elements, move.elements)
      if abs(bregman) > 1e-9 * abs(yLoss) { return bregman <= 0.5 * quadratic }
      let turn = difference(nextGradient, yGradient)
      return BLAS.dot(turn.elements, move.elements) <= quadratic
    }

    func measure(_ program: CompositeProgram) -> Solution {
      let (loss, gradient) = program.loss.valueAndGradient(at: predictions)
      let dualNorm = program.regularizer.dualNorm(program.map.adjoint(gradient))
      return Solution(
        point: x, objective: loss + program.lambda * regularization,
        lowerBound: program.dualValue(gradient: gradient, dualNorm: dualNorm),
        iterations: iteration, status: .iterationLimit)
    }
  }
}
