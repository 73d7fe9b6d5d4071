import Arrangements
import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Repair: from any start to the proven optimum, monotone, with the decrease that the formula says.
struct MonotoneRepairTests {
  private static let limits = SolveLimits(relativeGap: 1e-6, iterations: 200, seconds: 600)

  private static let small = ProblemCase(.signal, "sum", .relu, .squared, outputs: 1)

  private func adam(_ problem: TrainingProblem, seed: UInt64, width: Int = 6) throws -> Network {
    let settings = Baseline.Settings(
      optimizer: .adam, width: width, epochs: 60, learningRate: 0.02, seed: seed)
    return try Baseline(settings: settings).train(
      problem, images: Self.small.images(samples: 14, seed: 5)
    ).network
  }

  private func isMonotone(_ values: [Double]) -> Bool {
    zip(values, values.dropFirst()).allSatisfy { $0 >= $1 }
  }

  @Test(arguments: 1...20)
  func networksOfAdamEndAtTheGlobalOptimum(seed: UInt64) throws {
    let problem = try Self.small.problem(samples: 14, seed: 5, lambda: 0.3)
    let optimum = try CellGeneration(oracle: SweepOrSearch()).solve(problem, limits: Self.limits)
    let start = try adam(problem, seed: seed)
    let run = try MonotoneRepair(oracle: SweepOrSearch()).repair(
      start, on: problem, limits: Self.limits)
    #expect(run.status == .solved)
    #expect(run.objectives.first == problem.objective(of: start.balanced()).total)
    #expect(run.objectives.last == run.objective.total)
    #expect(isMonotone(run.objectives))
    let (found, best) = (run.objective.total, optimum.objective.total)
    #expect(abs(found - best) <= 2e-6 * best)
    #expect((run.provenGap ?? 1) <= 1e-6)
  }

  @Test(arguments: [
    ProblemCase(.signal, "sum", .relu, .squared, outputs: 1),
    ProblemCase(.signal, "average:1x2", .relu, .softmax, outputs: 3),
    ProblemCase(.signal, "none", .relu, .logistic, outputs: 1),
    ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2),
  ])
  func theEmptyNetworkIsRepairedAndEveryDecreaseIsAsPredicted(one: ProblemCase) throws {
    var problem = try one.problem(samples: 14, lambda: 1)
    problem.lambda = 0.2 * estimatedLambdaMax(problem)
    let run = try MonotoneRepair(oracle: SweepOrSearch()).repair(
      problem.emptyNetwork(), on: problem,
      limits: SolveLimits(relativeGap: 1e-4, iterations: 200, seconds: 600))
    #expect(run.status == .solved)
    #expect(!run.escapes.isEmpty)
    #expect(isMonotone(run.objectives))
    for escape in run.escapes {
      #expect(escape.dualNormRatio > 1)
      let decrease = escape.before - escape.after
      #expect(abs(decrease - escape.predictedDecrease) <= 1e-12 * escape.before)
    }
  }

  /// With squared loss the first neuron of the empty network decreases by `(D - lambda)^2 / (2 mean phi^2)`.
  @Test func theDecreaseHasItsClosedForm() throws {
    var problem = try Self.small.problem(samples: 14, lambda: 1)
    problem.lambda = 0.5 * estimatedLambdaMax(problem)
    let empty = try problem.emptyNetwork()
    let run = try MonotoneRepair(oracle: SweepOrSearch()).repair(
      empty, on: problem, limits: SolveLimits(relativeGap: 1e-4, iterations: 1, seconds: 600))
    let escape = try #require(run.escapes.first)
    let gradient = problem.loss.gradient(at: problem.predictions(of: empty))
    let filter = DualNormAscent(starts: 128, seed: 0).maximizers(of: problem, dual: gradient)
      .filters.selectingRows([0])
    let features = problem.features(of: filter)
    let mean = BLAS.dot(features.elements, features.elements) / Double(problem.sampleCount)
    let excess = (escape.dualNormRatio - 1) * problem.lambda
    let expected = excess * excess / (2 * mean)
    #expect(abs(escape.predictedDecrease - expected) <= 1e-9 * expected)
  }

  @Test func duplicatesZeroNeuronsAndScalingsAreNoObstacle() throws {
    let problem = try Self.small.problem(samples: 14, seed: 5, lambda: 0.3)
    let start = try adam(problem, seed: 3, width: 3)
    // Each neuron twice, the second unbalanced, and one that is zero.
    var (filters, weights) = (start.filters.elements, start.outputWeights.elements)
    filters += start.filters.elements.map { 10 * $0 } + [0, 0, 0]
    weights += start.outputWeights.elements.map { 0.01 * $0 } + [0]
    let network = try Network(
      geometry: start.geometry, pooling: start.pooling, activation: .relu,
      filters: Matrix(rows: 7, columns: 3, elements: filters),
      outputWeights: Matrix(rows: 7, columns: 1, elements: weights))
    let run = try MonotoneRepair(oracle: SweepOrSearch()).repair(
      network, on: problem, limits: Self.limits)
    #expect(run.status == .solved)
    #expect(isMonotone(run.objectives))
  }

  @Test func withoutAnOracleNothingIsProven() throws {
    let problem = try Self.small.problem(samples: 14, seed: 5, lambda: 0.3)
    let run = try MonotoneRepair().repair(
      adam(problem, seed: 1), on: problem, limits: Self.limits)
    #expect(run.status == .converged)
    #expect(run.provenGap == nil)
  }

  @Test func gatedNetworksAndOtherArchitecturesAreRefused() throws {
    let gated = try ProblemCase.programs[0].problem()
    let network = try ProblemCase.ungated[0].problem().emptyNetwork()
    #expect(throws: ProgramError.self) { try MonotoneRepair().repair(network, on: gated) }
    let other = try ProblemCase.ungated[4].problem()
    #expect(throws: ProgramError.self) { try MonotoneRepair().repair(network, on: other) }
  }
}
