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

  private static let tight = SolveLimits(relativeGap: 1e-10, iterations: 200, seconds: 600)

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
  }

  @Test(arguments: 0..<20)
  func cellGenerationAgrees(index: Int) throws {
    let problem = try Self.problem(index)
    let program = try ConeProgram(problem: problem)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    #expect(solution.status == .solved)
    let generated = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600))
    #expect(
      abs(generated.objective.total - solution.objective) <= 1e-6 * solution.objective)
    #expect(generated.objective.total >= solution.lowerBound * (1 - 1e-12))
    let network = try program.network(from: solution.point)
    let total = problem.objective(of: network).total
    #expect(abs(total - solution.objective) <= 1e-12 * total)
  }

  /// Cell generation cannot improve a solution by more than its gap, whatever cells its pricing looks into.
  @Test(arguments: 0..<6)
  func otherSolverFindsNothingBetterFromTheSolution(index: Int) throws {
    let problem = try Self.problem(index)
    let program = try ConeProgram(problem: problem)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    let further = try CellGeneration().solve(
      problem, start: try program.network(from: solution.point),
      limits: SolveLimits(relativeGap: 1e-7, iterations: 20, seconds: 600))
    #expect(further.objective.total >= solution.objective * (1 - 1e-10))
  }

  /// Cells on both sides of a facet may share a filter on it; joined, the network is the same function.
  @Test(arguments: 0..<20)
  func joiningSharedFiltersKeepsTheObjective(index: Int) throws {
    let problem = try Self.problem(index)
    let program = try ConeProgram(problem: problem)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    let network = try program.network(from: solution.point)
    let joined = network.joiningEqualNeurons(cosine: 1 - 1e-15)
    let total = problem.objective(of: joined).total
    #expect(abs(total - solution.objective) <= 1e-12 * total)
    let unit = joined.filters.withUnitRows
    let cosines = BLAS.product(unit, .plain, unit, .transposed)
    for j in 0..<joined.neuronCount {
      for k in 0..<j { #expect(cosines[j, k] < 1 - 1e-15) }
    }
  }

  @Test func solutionStopsAtOnce() throws {
    let program = try ConeProgram(problem: Self.problem(3))
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    let again = AugmentedLagrangian().solve(program, from: solution.point, limits: Self.tight)
    #expect(again.status == .solved)
    #expect(again.iterations == 0)
    #expect(again.point == solution.point)
  }

  @Test func zeroIsTheSolutionFromLambdaMaxOnAndNotBelow() throws {
    let program = try ConeProgram(problem: Self.problem(4))
    let above = AugmentedLagrangian().solve(
      program.with(lambda: program.lambdaMax * (1 + 1e-9)), limits: Self.tight)
    #expect(above.status == .solved)
    #expect(above.point == program.zero)
    let below = AugmentedLagrangian().solve(
      program.with(lambda: 0.99 * program.lambdaMax), limits: Self.tight)
    #expect(below.point != program.zero)
  }

  @Test func pointsHaveTheSameBitsForAnyNumberOfThreads() throws {
    // 554 cells make several chunks.
    let one = try ConeProgram(problem: Self.problem(1))
    let two = try ConeProgram(problem: Self.problem(1, threads: 2))
    #expect(one.cones.count > 512)
    let first = AugmentedLagrangian().solve(one, limits: Self.tight)
    let second = AugmentedLagrangian().solve(two, limits: Self.tight)
    #expect(first.point == second.point)
    #expect(first.lowerBound == second.lowerBound)
  }

  @Test func limitsEndTheSolveWithTheirStatus() throws {
    let program = try ConeProgram(problem: Self.problem(0))
    func status(_ limits: SolveLimits) -> SolveStatus {
      AugmentedLagrangian().solve(program, limits: limits).status
    }
    let few = status(SolveLimits(relativeGap: 1e-10, iterations: 2))
    #expect(few == .iterationLimit)
    let brief = status(SolveLimits(relativeGap: 1e-10, seconds: 0))
    #expect(brief == .timeLimit)
    let stopped = status(SolveLimits(relativeGap: 1e-10, isInterrupted: { true }))
    #expect(stopped == .interrupted)
    // No gap is below zero: rounding ends it.
    let endless = status(SolveLimits(relativeGap: -1, iterations: 1000, seconds: 600))
    #expect(endless == .stalled)
  }

  @Test func settingsChangeTheWayAndNotTheEnd() throws {
    let program = try ConeProgram(problem: Self.problem(1))
    let usual = AugmentedLagrangian().solve(program, limits: Self.tight)
    let slow = AugmentedLagrangian(newtonSteps: 3, growth: 1.5).solve(program, limits: Self.tight)
    #expect(slow.status == .solved)
    #expect(slow.iterations > usual.iterations)
    #expect(abs(slow.objective - usual.objective) <= 1e-9 * usual.objective)
  }

  @Test func observerSeesEveryRound() throws {
    let program = try ConeProgram(problem: Self.problem(1))
    var rows: [TraceRow] = []
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight) { rows.append($0) }
    #expect(rows.map(\.iteration) == Array(0...solution.iterations))
    #expect(zip(rows, rows.dropFirst()).allSatisfy { $1.objective <= $0.objective * (1 + 1e-14) })
    #expect(rows.allSatisfy { ($0.lowerBound ?? 0) <= solution.objective * (1 + 1e-12) })
    #expect(rows.last?.objective == solution.objective)
  }
}
