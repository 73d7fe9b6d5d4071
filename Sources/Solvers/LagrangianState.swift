import ConvexPrograms
import Tensors

/// Center, step size and predictions of a run of `AugmentedLagrangian`.
struct LagrangianState<Program: LagrangianProgram> {
  let program: Program
  private(set) var round = 0
  /// Newton systems solved.
  private(set) var systemCount = 0
  private var x: Matrix
  /// `A x`.
  private var image: Matrix
  private var predictions: Matrix
  /// Step size of the next round.
  private(set) var sigma: Double
  private let leastSigma: Double
  /// Largest `sigma lambda` of a first round, in lengths of the longest block.
  ///
  /// Longer first steps change the active blocks of a start from nearby so much that they cost more Newton steps than they
  /// save rounds: on 100 strengths over 431 gates 3,371 systems without it, 855 at 100, 753 at 30, 868 at 10, 1,015 at 1.
  private static var startRatio: Double { 30 }
  /// Largest `sigma lambda`, in lengths of the longest block.
  private var largestRatio = 1e6
  /// What a round has measured at the center.
  private var known: FISTA.Solution?

  /// The state before the first round.
  ///
  /// - Parameters:
  ///   - program: The program.
  ///   - start: First center.
  ///   - first: First step size, cut to `startRatio`; ten over the largest curvature of a block unless told.
  init(_ program: Program, start: Matrix, sigma first: Double?) {
    self.program = program
    x = start
    image = program.predictions(of: start)
    predictions = image
    // The square of the largest block norm of A, a scale of the curvature of the loss in a block.
    let curvature = program.loss.smoothness * program.largestSquare
    leastSigma = curvature > 0 ? 10 / curvature : 1
    let longest = GroupNorm(blockCount: program.blockCount).blockDualNorms(start).max() ?? 0
    let cap = longest > 0 ? Self.startRatio * longest / program.lambda : .infinity
    sigma = max(leastSigma, min(cap, first ?? leastSigma))
  }

  /// Number of blocks of the center that are not zero.
  var activeBlockCount: Int {
    let h = x.rows / max(1, program.blockCount)
    return (0..<program.blockCount).count { b in
      x.elements[b * h..<(b + 1) * h].contains { $0 != 0 }
    }
  }

  /// Objective and lower bound at the center.
  func measure() -> FISTA.Solution { known ?? measured(x, image: image) }

  private func measured(_ point: Matrix, image: Matrix) -> FISTA.Solution {
    let (loss, gradient) = program.loss.valueAndGradient(at: image)
    return FISTA.Solution(
      point: point, objective: loss + program.lambda * program.regularization(of: point),
      lowerBound: bound(gradient, slope: program.slope(of: gradient)), iterations: round,
      status: .iterationLimit)
  }

  /// Dual value of the best feasible multiple of a dual point.
  private func bound(_ dual: Matrix, slope: [Double]) -> Double {
    let dualNorm = program.dualNorm(slope: slope)
    let feasible = dualNorm > 0 ? program.lambda / dualNorm : .infinity
    return max(0, bestScaledDual(loss: program.loss, gradient: dual, largestScale: feasible).value)
  }

  /// The measured proximal point of a trial, where it is within a gap.
  ///
  /// The trial's own dual point costs no pass over the data, and says whether measuring is worth one.
  private func solution(_ trial: LagrangianPoint, within gap: Double) -> FISTA.Solution? {
    let image = Matrix(rows: predictions.rows, columns: 1, elements: trial.proximal.image)
    let objective =
      program.loss.value(at: image)
      + program.lambda * program.regularization(of: trial.proximal.point)
    guard objective - bound(trial.dual, slope: trial.slope) <= gap * objective else { return nil }
    let measured = measured(trial.proximal.point, image: image)
    return measured.relativeGap <= gap ? measured : nil
  }

  /// Answers a round that did not lower the gap.
  ///
  /// While the objective falls `sigma` is too small: raising its bound takes longer steps. Where it no longer falls
  /// rounding reigns, and a smaller `sigma` gives more digits.
  mutating func adapt(objectiveFalls: Bool) {
    largestRatio = objectiveFalls ? min(1e10, 10 * largestRatio) : max(1, 0.1 * largestRatio)
  }

  /// One round: Newton steps on the predictions, then the proximal point becomes the center.
  ///
  /// - Parameters:
  ///   - newtonSteps: Most steps.
  ///   - growth: Factor of the step size.
  ///   - gap: Relative gap that ends the round, where the program knows it at little cost.
  ///   - isInterrupted: Whether to stop.
  mutating func step(
    newtonSteps: Int, growth: Double, until gap: Double, isInterrupted: () -> Bool
  ) {
    known = nil
    var trial = LagrangianPoint(program, predictions: predictions, center: x, sigma: sigma)
    for _ in 0..<newtonSteps {
      let residual = BLAS.norm(trial.residual)
      let moved = zip(trial.proximal.image, image.elements).map { $0 - $1 }
      let size = BLAS.norm(trial.predictions.elements) + BLAS.norm(trial.proximal.image)
      guard residual > max(1e-3 * BLAS.norm(moved), 1e-15 * size), !isInterrupted() else { break }
      systemCount += 1
      guard let next = trial.descended(program) else { break }
      let isStalled = next.isStalled(since: trial)
      trial = next
      if isStalled { break }
      if program.endsRoundsEarly { known = solution(trial, within: gap) }
      if known != nil { break }
    }
    x = trial.proximal.point
    image.elements = trial.proximal.image
    predictions = trial.predictions
    // Proximal points are differences of vectors of length `sigma lambda`, which costs their last digits.
    let longest = GroupNorm(blockCount: program.blockCount).blockDualNorms(x).max() ?? 0
    let cap = longest > 0 ? largestRatio * longest / program.lambda : .infinity
    sigma = min(sigma * growth, max(cap, leastSigma))
    round += 1
  }
}
