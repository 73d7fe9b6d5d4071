import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Solvers on problems with an output bias, against optima of an independent program and against other formulations.
struct OutputBiasOracleTests {
  private static let limits = SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600)

  @Test(arguments: CertifiedOptimum.withOutputBias)
  func cellGenerationReachesTheOptimum(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let result = try CellGeneration().solve(problem, limits: Self.limits)
    let total = problem.objective(of: result.network).total
    #expect(total >= fixture.lowerBound * (1 - 1e-12))
    #expect(total <= fixture.upperBound * (1 + 1e-6))
    // The derivative by the bias is zero.
    let gradient = problem.loss.gradient(at: problem.predictions(of: result.network))
    for sum in gradient.columnSums { #expect(abs(sum) <= 1e-8) }
  }

  @Test(arguments: CertifiedOptimum.withOutputBias, Baseline.Optimizer.allCases)
  func descentDoesNotPassTheLowerBound(
    fixture: CertifiedOptimum, optimizer: Baseline.Optimizer
  ) throws {
    let problem = try fixture.problem()
    let settings = Baseline.Settings(
      optimizer: optimizer, width: 12, epochs: 400,
      learningRate: optimizer == .sgd ? 1e-3 : 1e-2)
    let result = try Baseline(settings: settings).train(problem, images: fixture.images)
    #expect(result.objective.total >= fixture.lowerBound * (1 - 1e-12))
    let constant = try problem.objective(of: problem.emptyNetwork()).total
    let bias = try #require(result.network.outputBias)
    #expect(bias.contains { $0 != 0 })
    #expect(result.objective.total < constant || optimizer == .sgd)
  }

  @Test func batchesMoveTheBias() throws {
    let fixture = try #require(CertifiedOptimum.withOutputBias.first)
    let settings = Baseline.Settings(optimizer: .adam, width: 2, epochs: 300, batchSize: 2)
    let problem = try fixture.problem()
    let result = try Baseline(settings: settings).train(problem, images: fixture.images)
    let best = try #require(problem.withBestOutputBias(result.network).outputBias)
    let bias = try #require(result.network.outputBias)
    #expect(abs(best[0] - bias[0]) <= 0.2)
  }

  /// Adding a constant to squared-loss targets adds it to the bias and changes nothing else.
  @Test func constantInTheTargetsMovesOnlyTheBias() throws {
    let fixture = try #require(
      CertifiedOptimum.withOutputBias.first { $0.outputs == 2 && $0.h == 2 })
    let problem = try fixture.problem()
    let loss = try #require(problem.loss as? SquaredLoss)
    let shift = [100.0, -3]
    let shifted = try TrainingProblem(
      images: fixture.images, geometry: problem.geometry, pooling: problem.pooling,
      activation: .relu, loss: SquaredLoss(targets: loss.targets.adding(shift)),
      lambda: problem.lambda, hasOutputBias: true)
    let first = try CellGeneration().solve(problem, limits: Self.limits)
    let second = try CellGeneration().solve(shifted, limits: Self.limits)
    let (b, c) = (
      try #require(first.network.outputBias), try #require(second.network.outputBias)
    )
    let total = first.objective.total
    #expect(abs(first.objective.total - second.objective.total) <= 1e-7 * total)
    #expect(abs(c[0] - b[0] - 100) <= 1e-3)
    #expect(abs(c[1] - b[1] + 3) <= 1e-3)
    var moved = first.network
    moved.outputBias = zip(b, shift).map { $0 + $1 }
    #expect(abs(shifted.objective(of: moved).total - total) <= 1e-12 * total)
  }

  @Test(arguments: CertifiedOptimum.withOutputBias)
  func aboveLambdaMaxTheBestConstantIsOptimal(fixture: CertifiedOptimum) throws {
    var problem = try fixture.problem()
    let lambdaMax = estimatedLambdaMax(problem)
    #expect(lambdaMax > problem.lambda)
    problem.lambda = 1.001 * lambdaMax
    let result = try CellGeneration().solve(problem, limits: Self.limits)
    let empty = try problem.emptyNetwork()
    #expect(result.network.neuronCount == 0)
    #expect(result.network.outputBias == empty.outputBias)
    problem.lambda = 0.98 * lambdaMax
    let below = try CellGeneration().solve(problem, limits: Self.limits)
    #expect(below.network.neuronCount > 0)
    #expect(below.objective.total < problem.objective(of: empty).total)
  }

  /// Gated and linear programs: the gap of the program, and derivative zero by the bias of its network.
  @Test(arguments: ProblemCase.programs)
  func gatedProgramIsSolved(test: ProblemCase) throws {
    var problem = try test.problem(hasOutputBias: true)
    var generator = SeededGenerator(seed: 5)
    let gates =
      test.activation == .gated
      ? generator.normalMatrix(rows: 6, columns: problem.geometry.patchDimension) : nil
    let lambdaMax = try GatedProgram(problem: problem, gates: gates).composite.lambdaMax
    problem.lambda = 0.1 * lambdaMax
    let program = try GatedProgram(problem: problem, gates: gates)
    let solution = GatedSolver().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-7, iterations: 50_000))
    #expect(solution.status == .solved)
    #expect(solution.lowerBound > 0)
    let network = try program.network(from: solution.point)
    let total = problem.objective(of: network).total
    #expect(abs(total - solution.objective) <= 1e-11 * total)
    let gradient = problem.loss.gradient(at: problem.predictions(of: network))
    for sum in gradient.columnSums { #expect(abs(sum) <= 1e-14) }
    // A bias can only help.
    let plain = try TrainingProblem(
      images: test.images(samples: 12), geometry: test.geometry(), pooling: problem.pooling,
      activation: test.activation, loss: problem.loss, lambda: problem.lambda)
    let without = GatedSolver().solve(
      try GatedProgram(problem: plain, gates: gates).composite,
      limits: SolveLimits(relativeGap: 1e-7, iterations: 50_000))
    #expect(solution.objective <= without.objective * (1 + 1e-7))
  }

  @Test func startWithoutBiasIsRefused() throws {
    let fixture = try #require(CertifiedOptimum.withOutputBias.first)
    let problem = try fixture.problem()
    var start = try problem.emptyNetwork()
    start.outputBias = nil
    let error = #expect(throws: ProgramError.self) {
      try CellGeneration().solve(problem, start: start)
    }
    #expect(error?.place == "starting network")
  }
}
