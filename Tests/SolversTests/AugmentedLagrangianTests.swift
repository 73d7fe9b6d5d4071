import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// The direct solver over all cells: other solvers, limits, repeatability.
struct AugmentedLagrangianTests {
  /// Rows of the fixtures with one output and one window.
  private static let scalar = CertifiedOptimum.all.filter {
    $0.outputs == 1 && $0.pooling != "none"
  }

  private static let tight = SolveLimits(relativeGap: 1e-10, iterations: 200, seconds: 20)

  /// A random problem over signals with one output; 0..<20 alternate lengths of filters, poolings and losses.
  private static func problem(_ index: Int, threads: Int = 1) throws -> TrainingProblem {
    var generator = SeededGenerator(seed: UInt64(7000 + index))
    let h = 2 + index % 2
    let n = 5 + index % 3
    let length = h + 2 + index % 2
    let pooling = ["sum", "average", "max"][index % 3]
    let images = generator.normalTensor(shape: [n, 1, 1, length])
    let loss: any Loss =
      index % 4 == 3
      ? LogisticLoss(labels: (0..<n).map { _ in generator.normal() < 0 ? -1 : 1 })
      : SquaredLoss(targets: generator.normalMatrix(rows: n, columns: 1))
    var problem = try TrainingProblem(
      images: images, geometry: PatchGeometry(length: length, filterLength: h),
      pooling: Pooling(parsing: pooling), activation: .relu, loss: loss, lambda: 1,
      threads: threads)
    problem.lambda = 0.1 * (try ConeProgram(problem: problem).lambdaMax)
    return problem
  }

  @Test(arguments: scalar)
  func optimumOfTheFixturesIsReached(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let program = try ConeProgram(problem: problem)
    #expect(program.cellCount == fixture.cellCount)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    #expect(solution.status == .solved)
    #expect(abs(solution.objective - fixture.upperBound) <= 1e-10 * fixture.upperBound)
    #expect(solution.lowerBound <= fixture.upperBound * (1 + 1e-12))
    let network = try program.network(from: solution.point)
    let total = problem.objective(of: network).total
    #expect(abs(total - solution.objective) <= 1e-12 * total)
    // The nonzero blocks are at most as many as the samples once they are independent; a few more otherwise.
    #expect(network.neuronCount <= 2 * program.cones.count)
  }

  @Test(arguments: 0..<20)
  func cellGenerationAgrees(index: Int) throws {
    let problem = try Self.problem(index)
    let program = try ConeProgram(problem: problem)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    #expect(solution.status == .solved)
    let generated = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 20))
    #expect(
      abs(generated.objective.total - solution.objective) <= 1e-6 * solution.objective)
    #expect(generated.objective.total >= solution.lowerBound * (1 - 1e-12))
    // The direct solution cannot be improved by the other solver.
    let network = try program.network(from: solution.point)
    #expect(abs(problem.objective(of: network).total - solution.objective) <= 1e-12)
  }
}
