import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

struct RegularizationPathTests {
  private func gates(_ problem: TrainingProblem, _ count: Int) -> Matrix? {
    guard problem.activation == .gated else { return nil }
    var generator = SeededGenerator(seed: 3)
    return generator.normalMatrix(rows: count, columns: problem.geometry.patchDimension)
  }

  private func path(
    _ one: ProblemCase, blocks: Int = 24
  ) throws -> (path: RegularizationPath, program: GatedProgram) {
    let problem = try one.problem(samples: 20, lambda: 1)
    let program = try GatedProgram(problem: problem, gates: gates(problem, blocks))
    return (RegularizationPath(problem: problem, program: program), program)
  }

  private func composite(_ program: GatedProgram, _ lambda: Double) -> CompositeProgram {
    CompositeProgram(
      map: program.composite.map, loss: program.composite.loss,
      regularizer: program.composite.regularizer, lambda: lambda)
  }

  @Test func strengthsFallGeometricallyToTheRatio() {
    let strengths = RegularizationPath.strengths(from: 3, count: 5, ratio: 0.01)
    #expect(strengths.first == 3)
    #expect(abs((strengths.last ?? 0) - 0.03) <= 1e-15)
    let ratios = zip(strengths, strengths.dropFirst()).map { $1 / $0 }
    let isEven = ratios.allSatisfy { abs($0 - 0.01.squareRoot().squareRoot()) <= 1e-14 }
    #expect(isEven)
  }

  @Test(arguments: ProblemCase.programs)
  func warmPointsEqualSolvesFromNothing(one: ProblemCase) throws {
    let (path, program) = try path(one)
    let largest = program.composite.lambdaMax
    var last = try path.emptyPoint(at: largest)
    let limits = SolveLimits(relativeGap: 1e-6, iterations: 200_000)
    for lambda in RegularizationPath.strengths(from: largest, count: 6, ratio: 0.05).dropFirst() {
      last = try path.point(at: lambda, from: last, limits: limits)
      let cold = GatedSolver().solve(composite(program, lambda), limits: limits)
      let (warm, other) = (last.objective.total, cold.objective)
      #expect(last.status == .solved)
      #expect(abs(warm - other) <= 2e-6 * other, "lambda \(lambda): \(warm), \(other)")
    }
  }

  @Test(arguments: ProblemCase.programs)
  func noScreenedBlockIsNonzeroInASolveOfAllBlocks(one: ProblemCase) throws {
    let (path, program) = try path(one)
    let largest = program.composite.lambdaMax
    let screening = try #require(BlockScreening(program.composite))
    var last = try path.emptyPoint(at: largest)
    var screened = 0
    for lambda in RegularizationPath.strengths(from: largest, count: 5, ratio: 0.1).dropFirst() {
      let start = try #require(last.weights)
      let loose = screening.assess(start, lambda: lambda)
      last = try path.point(
        at: lambda, from: last, limits: SolveLimits(relativeGap: 1e-5, iterations: 200_000))
      let tight = FISTA().solve(
        composite(program, lambda), limits: SolveLimits(relativeGap: 1e-11, iterations: 100_000))
      let nonzero = screening.program.nonzeroBlocks(of: tight.point)
      for isZero in [loose.isZero, last.isZero ?? []] {
        let wrong = zip(isZero, nonzero).contains { $0 && $1 }
        #expect(!wrong)
      }
      screened += last.isZero?.count { $0 } ?? 0
    }
    if one.activation == .gated { #expect(screened > 0) }
  }

  @Test func emptyNetworkIsOptimalExactlyFromLambdaMaxOn() throws {
    let (path, program) = try path(ProblemCase(.signal, "sum", .gated, .squared, outputs: 1))
    let largest = program.composite.lambdaMax
    let start = try path.emptyPoint(at: 2 * largest)
    let limits = SolveLimits(relativeGap: 1e-9, iterations: 100_000)
    let at = try path.point(at: largest * (1 + 1e-9), from: start, limits: limits)
    let below = try path.point(at: largest * (1 - 1e-3), from: start, limits: limits)
    #expect(at.network.neuronCount == 0)
    #expect(below.network.neuronCount > 0)
  }

  @Test func aPathTakesAFifthOfTheWorkOfSolvesFromNothing() throws {
    let problem = try ProblemCase(.signal, "sum", .gated, .squared, outputs: 1)
      .problem(samples: 60, lambda: 1)
    let program = try GatedProgram(problem: problem, gates: gates(problem, 200))
    let path = RegularizationPath(problem: problem, program: program)
    let largest = program.composite.lambdaMax
    let limits = SolveLimits(relativeGap: 1e-3, iterations: 100_000)
    var last = try path.emptyPoint(at: largest)
    var (warm, cold) = (0, 0)
    for lambda in RegularizationPath.strengths(from: largest, count: 30, ratio: 0.05).dropFirst() {
      last = try path.point(at: lambda, from: last, limits: limits)
      warm += last.work
      cold += 200 * GatedSolver().solve(composite(program, lambda), limits: limits).iterations
    }
    #expect(cold >= 5 * warm, "\(cold) and \(warm) proximal steps times blocks")
  }

  @Test func warmReLUPointsReachTheObjectiveOfColdSolves() throws {
    let problem = try ProblemCase(.signal, "sum", .relu, .squared, outputs: 1)
      .problem(samples: 20, lambda: 1)
    let largest = estimatedLambdaMax(problem)
    let path = RegularizationPath(problem: problem, program: nil)
    var last = try path.emptyPoint(at: largest)
    let limits = SolveLimits(relativeGap: 1e-4, iterations: 200)
    for lambda in RegularizationPath.strengths(from: largest, count: 5, ratio: 0.1).dropFirst() {
      last = try path.point(at: lambda, from: last, limits: limits)
      var cold = problem
      cold.lambda = lambda
      let run = try CellGeneration().solve(cold, limits: limits)
      let (warm, other) = (last.objective.total, run.objective.total)
      #expect(abs(warm - other) <= 2e-4 * other, "lambda \(lambda): \(warm), \(other)")
    }
  }
}
