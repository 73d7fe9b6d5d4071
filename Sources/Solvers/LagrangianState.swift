import ConvexPrograms
import Tensors

/// Center, step size and predictions of a run of `AugmentedLagrangian`.
struct LagrangianState {
  private(set) var round = 0
  private var x: Matrix
  private var predictions: Matrix
  /// Step size of the next round.
  private(set) var sigma: Double
  private let leastSigma: Double
  /// Projections on given cells with what they know of earlier ones; nil where cones have facets.
  private let projections: CellProjections?
  /// Largest `sigma lambda`, in lengths of the longest block.
  private var largestRatio = 1e6

  /// The state before the first round.
  ///
  /// - Parameters:
  ///   - program: The program.
  ///   - start: First center.
  ///   - first: First step size; ten over the largest curvature of a block unless told.
  init(_ program: ConeProgram, start: Matrix, sigma first: Double?) {
    x = start
    projections = program.cellProjections()
    predictions = program.predictions(of: start)
    // The square of the largest block norm of A, a scale of the curvature of the loss in a block.
    let features = program.map.features
    let h = program.patchDimension
    var squares = [Double](repeating: 0, count: program.coneCount)
    for i in 0..<features.rows {
      for (b, _) in squares.enumerated() {
        for e in b * h..<(b + 1) * h { squares[b] += features[i, e] * features[i, e] }
      }
    }
    let curvature = program.problem.loss.smoothness * (squares.max() ?? 0)
    leastSigma = curvature > 0 ? 10 / curvature : 1
    sigma = max(leastSigma, first ?? leastSigma)
  }

  /// Number of blocks of the center that are not zero.
  func activeBlockCount(_ program: ConeProgram) -> Int {
    let h = program.patchDimension
    return (0..<2 * program.coneCount).count { b in
      x.elements[b * h..<(b + 1) * h].contains { $0 != 0 }
    }
  }

  /// Objective and lower bound at the center.
  func measure(_ program: ConeProgram) -> FISTA.Solution {
    let problem = program.problem
    let (loss, gradient) = problem.loss.valueAndGradient(at: program.predictions(of: x))
    let slope = program.map.adjoint(gradient).elements
    let dualNorm = projections?.dualNorm(slope: slope) ?? program.dualNorm(slope: slope)
    let feasible = dualNorm > 0 ? problem.lambda / dualNorm : .infinity
    let bound = bestScaledDual(loss: problem.loss, gradient: gradient, largestScale: feasible)
    return FISTA.Solution(
      point: x, objective: loss + problem.lambda * program.regularization(of: x),
      lowerBound: max(0, bound.value), iterations: round, status: .iterationLimit)
  }

  /// Answers a round that did not lower the gap.
  ///
  /// While the objective falls `sigma` is too small: raising its bound takes longer steps. Where it no longer falls
  /// rounding reigns, and a smaller `sigma` gives more digits.
  mutating func adapt(objectiveFalls: Bool) {
    largestRatio = objectiveFalls ? min(1e10, 10 * largestRatio) : max(1, 0.1 * largestRatio)
  }

  /// One round: Newton steps on the predictions, then the proximal point becomes the center.
  mutating func step(
    _ program: ConeProgram, newtonSteps: Int, growth: Double, isInterrupted: () -> Bool
  ) {
    var trial = LagrangianPoint(
      program, predictions: predictions, center: x, sigma: sigma, projections: projections)
    let origin = program.predictions(of: x)
    for _ in 0..<newtonSteps {
      let residual = BLAS.norm(trial.residual)
      let moved = zip(trial.image, origin.elements).map { $0 - $1 }
      let size = BLAS.norm(trial.predictions.elements) + BLAS.norm(trial.image)
      guard residual > max(1e-3 * BLAS.norm(moved), 1e-15 * size), !isInterrupted(),
        let next = trial.descended(program)
      else { break }
      let isStalled = next.isStalled(since: trial)
      trial = next
      if isStalled { break }
    }
    x = trial.proximal
    predictions = trial.predictions
    // Proximal points are differences of vectors of length `sigma lambda`, which costs their last digits.
    let longest = GroupNorm(blockCount: 2 * program.coneCount).blockDualNorms(x).max() ?? 0
    let cap = longest > 0 ? largestRatio * longest / program.problem.lambda : .infinity
    sigma = min(sigma * growth, max(cap, leastSigma))
    round += 1
  }
}
