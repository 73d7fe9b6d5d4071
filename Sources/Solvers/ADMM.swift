public import ConvexPrograms
public import Tensors

/// Alternating direction method of multipliers for composite programs, in graph form.
///
/// `minimize L(F) + lambda R(V)` subject to `F = A V`: each iteration takes the proximal points of loss and regularizer
/// apart and projects the pair on the graph of `A`. The projection needs one factorisation of `I + A'A` or `I + A A'`,
/// whichever is smaller, for all iterations. Regularizers that contain cones keep every point inside them.
///
/// - Source: Parikh & Boyd, *Block splitting for distributed optimization*, Math. Programming Computation 2014 (graph form);
///   Bai, Gautam & Sojoudi, *Efficient Global Optimization of Two-Layer ReLU Networks*, SIAM J. Math. Data Science 2023
///   (ADMM for these programs; cones here are projected on instead of split row by row).
public struct ADMM: Sendable {
  /// Iterations between two measurements of the gap.
  public var measureInterval: Int

  /// Largest order of the matrix that is factorised.
  public static let maximumOrder = 8192

  /// A solver that measures the gap at given intervals.
  public init(measureInterval: Int = 20) { self.measureInterval = measureInterval }

  /// Minimizes a composite program.
  ///
  /// - Parameters:
  ///   - program: A program whose map is dense.
  ///   - start: First point of shape `[d, c]`; zero unless told. A solution stops at once.
  ///   - limits: Gap to reach and limits.
  ///   - observer: Receives a line per measurement.
  /// - Returns: The first measured point within the gap, else the measured point of lowest objective.
  /// - Throws: `ProgramError` when the map is not dense, there is an output bias, or samples and features both exceed `maximumOrder`.
  /// - Complexity: O(`m^2 max(n, d) + m^3`) once with `m = min(n, d)`, then O(`n d c`) per iteration.
  public func solve(
    _ program: CompositeProgram, from start: Matrix? = nil, limits: SolveLimits = SolveLimits(),
    observer: TraceObserver = { _ in }
  ) throws -> FISTA.Solution {
    if program.loss is OutputBiasLoss {
      throw ProgramError(
        place: "ADMM", expected: "a loss that is a sum over samples",
        found: "an output bias, which joins all samples",
        advice: "Leave the output bias out, or use another --solver.")
    }
    let watch = Stopwatch()
    var state = try State(program, start: start ?? program.zero)
    return state.run(
      program, phase: "admm", interval: measureInterval, limits: limits, watch: watch,
      observer: observer)
  }

  /// Iterates: proximal points, graph point and scaled multipliers.
  private struct State: ProximalState {
    private let graph: GraphProjection
    private let lambda: Double
    /// Weights of the last proximal point of the regularizer, in units of the scaled map.
    private var weights: Matrix
    private var outputs: Matrix
    private var graphWeights: Matrix
    private var graphOutputs: Matrix
    private var weightMultipliers: Matrix
    private var outputMultipliers: Matrix
    private var penalty: Double
    private(set) var iteration = 0

    init(_ program: CompositeProgram, start: Matrix) throws {
      graph = try GraphProjection(program)
      lambda = program.lambda / graph.scale
      weights = start
      for e in weights.elements.indices { weights.elements[e] *= graph.scale }
      outputs = program.map.predictions(of: start)
      (graphWeights, graphOutputs) = (weights, outputs)
      weightMultipliers = Matrix(rows: weights.rows, columns: weights.columns)
      outputMultipliers = Matrix(rows: outputs.rows, columns: outputs.columns)
      penalty = program.loss.smoothness
      // With these multipliers a solution is a fixed point.
      let (gradient, slope) = (
        program.loss.gradient(at: outputs),
        graph.adjoint(program.loss.gradient(at: outputs))
      )
      BLAS.add(-1 / penalty, gradient.elements, to: &outputMultipliers.elements)
      BLAS.add(1 / penalty, slope.elements, to: &weightMultipliers.elements)
    }

    /// One iteration, and now and then a penalty that balances the residuals.
    mutating func step(_ program: CompositeProgram) {
      iteration += 1
      let relaxation = 1.6
      weights = State.sum(graphWeights, -1, weightMultipliers)
      _ = program.regularizer.prox(&weights, step: lambda / penalty)
      outputs = program.loss.proximalPoint(
        of: State.sum(graphOutputs, -1, outputMultipliers), penalty: penalty, from: outputs)
      let (oldWeights, oldOutputs) = (graphWeights, graphOutputs)
      let mixedWeights = State.mix(weights, oldWeights, relaxation)
      let mixedOutputs = State.mix(outputs, oldOutputs, relaxation)
      (graphWeights, graphOutputs) = graph.projection(
        weights: State.sum(mixedWeights, 1, weightMultipliers),
        outputs: State.sum(mixedOutputs, 1, outputMultipliers))
      BLAS.add(1, mixedWeights.elements, to: &weightMultipliers.elements)
      BLAS.add(-1, graphWeights.elements, to: &weightMultipliers.elements)
      BLAS.add(1, mixedOutputs.elements, to: &outputMultipliers.elements)
      BLAS.add(-1, graphOutputs.elements, to: &outputMultipliers.elements)
      if iteration % 10 == 0, iteration < 2000 { balance(oldWeights, oldOutputs) }
    }

    /// Residuals relative to what they are residuals of, as in Wohlberg 2017.
    private mutating func balance(_ oldWeights: Matrix, _ oldOutputs: Matrix) {
      func size(_ a: Matrix, _ b: Matrix) -> Double { BLAS.norm(a.elements + b.elements) }
      let point = max(size(graphWeights, graphOutputs), size(weights, outputs))
      let multipliers = size(weightMultipliers, outputMultipliers)
      let primal = size(
        State.sum(weights, -1, graphWeights), State.sum(outputs, -1, graphOutputs))
      let dual = size(
        State.sum(graphWeights, -1, oldWeights), State.sum(graphOutputs, -1, oldOutputs))
      guard point > 0, multipliers > 0 else { return }
      let ratio = (primal / point) / max(dual / multipliers, 1e-300)
      let factor: Double = ratio > 3 ? 1.5 : ratio < 1.0 / 3 ? 1 / 1.5 : 1
      guard factor != 1 else { return }
      penalty *= factor
      for e in weightMultipliers.elements.indices { weightMultipliers.elements[e] /= factor }
      for e in outputMultipliers.elements.indices { outputMultipliers.elements[e] /= factor }
    }

    /// Objective and bound at the proximal point of the regularizer, which is sparse and inside the cones.
    func measure(_ program: CompositeProgram) -> FISTA.Solution {
      var point = weights
      for e in point.elements.indices { point.elements[e] /= graph.scale }
      let (loss, gradient) = program.loss.valueAndGradient(
        at: program.map.predictions(of: point))
      let dualNorm = program.regularizer.dualNorm(program.map.adjoint(gradient))
      return FISTA.Solution(
        point: point, objective: loss + program.lambda * program.regularizer.value(point),
        lowerBound: program.dualValue(gradient: gradient, dualNorm: dualNorm),
        iterations: iteration, status: .iterationLimit)
    }

    private static func sum(_ a: Matrix, _ factor: Double, _ b: Matrix) -> Matrix {
      var result = a
      BLAS.add(factor, b.elements, to: &result.elements)
      return result
    }

    private static func mix(_ new: Matrix, _ old: Matrix, _ share: Double) -> Matrix {
      var result = new
      for e in result.elements.indices {
        result.elements[e] = share * new.elements[e] + (1 - share) * old.elements[e]
      }
      return result
    }
  }
}
