public import ConvexPrograms
import Convolutions
public import Tensors

extension AugmentedLagrangian {
  /// Whether a program over gates is a group lasso with one output and one window, whose blocks the solver takes.
  ///
  /// - Parameter program: A program of gates, or of a linear network.
  /// - Returns: False with several outputs or windows, whose blocks are matrices, and with an output bias.
  public static func supports(_ program: GatedProgram) -> Bool {
    program.composite.regularizer is GroupNorm && program.composite.map is DenseFeatureMap
      && !program.problem.hasOutputBias
  }

  /// Whether the solver is expected to be faster than `GatedSolver` at small gaps, on programs it supports.
  ///
  /// Measured on the parity of the digits (1,438 samples, 3x3 filters, sum pooling) in CPU seconds to a gap of 1e-6: logistic
  /// loss, 64 gates 0.8 to 1.7 against 2.6 to 5.7, 400 gates 4.4 against 47; squared loss, 64 gates 0.6 against 0.3, 400 gates 3.5 to 9
  /// against 5 to 26.
  ///
  /// - Parameter program: A program of gates, or of a linear network.
  /// - Returns: Whether losses are not squared, or features many; false beyond the numbers of samples measured.
  public static func isPreferred(for program: GatedProgram) -> Bool {
    supports(program) && program.problem.sampleCount <= 10_000
      && (!(program.problem.loss is SquaredLoss) || program.composite.map.featureCount > 2000)
  }

  /// Minimizes a program over gates: its blocks are free, so that every cone is the whole space.
  ///
  /// - Parameters:
  ///   - program: A program that the solver supports.
  ///   - lambda: Strength, positive.
  ///   - start: First point of shape `[P h, 1]`; zero unless told.
  ///   - limits: Gap to reach and limits; `iterations` counts rounds.
  ///   - observer: Receives a line per round.
  /// - Returns: A point of shape `[P h, 1]`, otherwise as for cones.
  /// - Precondition: `supports(program)`.
  /// - Complexity: Per Newton step a product with `A'`, O(`n P h`), and a factorisation of order
  ///   `min(n, active coordinates)`.
  public func solve(
    _ program: GatedProgram, lambda: Double, from start: Matrix? = nil,
    limits: SolveLimits = SolveLimits(), observer: TraceObserver = { _ in }
  ) -> FISTA.Solution {
    var progress = LagrangianProgress()
    return solve(
      program.composite.with(lambda: lambda), of: program.problem, from: start,
      progress: &progress, limits: limits, observer: observer)
  }

  /// Minimizes a program over some of the gates of a problem, with a step size from a solve nearby.
  ///
  /// - Parameters:
  ///   - program: Features of the gates, dense or masked, and a group norm.
  ///   - problem: The problem.
  ///   - start: First point of shape `[P h, 1]`; zero unless told.
  ///   - progress: The first step size, if there is one; then the one that the next round would have taken.
  ///   - limits: Gap to reach and limits; `iterations` counts rounds.
  ///   - observer: Receives a line per round.
  /// - Returns: A point of shape `[P h, 1]`, otherwise as for cones.
  /// - Precondition: The program of all gates is supported.
  package func solve(
    _ program: CompositeProgram, of problem: TrainingProblem, from start: Matrix?,
    progress: inout LagrangianProgress, limits: SolveLimits, observer: TraceObserver
  ) -> FISTA.Solution {
    let count = program.regularizer.blockCount
    let dense = program.map as? DenseFeatureMap
    let masked =
      program.map as? MaskedFeatureMap
      ?? dense.flatMap { MaskedFeatureMap($0, blockCount: count) }
    if let masked {
      return solve(
        MaskedLagrangian(masked, loss: program.loss, lambda: program.lambda), from: start,
        progress: &progress, limits: limits, observer: observer)
    }
    guard let dense, program.regularizer is GroupNorm else {
      preconditionFailure("AugmentedLagrangian: expected one output and one window")
    }
    let h = problem.geometry.patchDimension
    var problem = problem
    problem.lambda = program.lambda
    let free = ActivationCone(normals: Matrix(rows: 0, columns: h))
    let cones = ConeProgram(
      problem: problem, cones: [ActivationCone](repeating: free, count: count),
      features: dense.features, cellCount: count)
    // Cones are the whole space, so that blocks `v_b` do without their `w_b`.
    var point = cones.zero
    if let start {
      for e in start.elements.indices { point.elements[e] = start.elements[e] }
    }
    let solution = solve(
      ConeLagrangian(cones), from: point, progress: &progress, limits: limits, observer: observer)
    let size = count * h
    return FISTA.Solution(
      point: Matrix(
        rows: size, columns: 1, elements: Array(solution.point.elements.prefix(size))),
      objective: solution.objective,
      lowerBound: solution.lowerBound, iterations: solution.iterations, status: solution.status)
  }
}

/// What runs of `AugmentedLagrangian` on programs nearby leave to each other.
package struct LagrangianProgress: Sendable {
  /// Step size of the next round; nil for a small one.
  package var stepSize: Double?
  /// Newton systems solved so far.
  package var systemCount = 0

  /// Progress of no run.
  package init(stepSize: Double? = nil) { self.stepSize = stepSize }
}
