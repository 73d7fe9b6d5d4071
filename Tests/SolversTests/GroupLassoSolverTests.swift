import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// The group lasso over fixed filters, to the last digits.
struct GroupLassoSolverTests {
  private func program(
    _ test: ProblemCase, threads: Int = 1, neurons: Int = 30
  ) throws -> CompositeProgram {
    var generator = SeededGenerator(seed: 5)
    var problem = try test.problem(samples: 20, threads: threads)
    let filters = generator.normalMatrix(rows: neurons, columns: problem.geometry.patchDimension)
    problem.lambda =
      0.05 * FixedFilterProgram(problem: problem, filters: filters).composite.lambdaMax
    return FixedFilterProgram(problem: problem, filters: filters).composite
  }

  @Test(arguments: ProblemCase.ungated)
  func objectiveIsThatOfFISTA(test: ProblemCase) throws {
    let program = try program(test)
    let fast = GroupLassoSolver().solve(
      program, from: program.zero, limits: SolveLimits(relativeGap: 1e-10))
    #expect(fast.status == .solved)
    #expect(fast.relativeGap <= 1e-10)
    #expect(abs(program.objective(at: fast.point) - fast.objective) <= 1e-13 * fast.objective)
    let slow = FISTA().solve(program, limits: SolveLimits(relativeGap: 1e-9))
    #expect(slow.status == .solved)
    #expect(abs(fast.objective - slow.objective) <= 1e-9 * slow.objective)
    #expect(fast.lowerBound <= slow.objective)
  }

  @Test(arguments: ProblemCase.ungated)
  func gapOfTheReturnedPointIsTrue(test: ProblemCase) throws {
    let program = try program(test)
    let solution = GroupLassoSolver().solve(
      program, from: program.zero, limits: SolveLimits(relativeGap: 1e-10))
    let gradient = program.loss.gradient(at: program.map.predictions(of: solution.point))
    // Optimality: blocks with weights have correlation lambda against them, others at most lambda.
    let correlation = program.map.adjoint(gradient)
    let norms = program.regularizer.blockDualNorms(correlation)
    let sizes = program.regularizer.blockDualNorms(solution.point)
    for (norm, size) in zip(norms, sizes) {
      #expect(norm <= program.lambda * (1 + 1e-4))
      if size > 1e-3 { #expect(abs(norm - program.lambda) <= 1e-4 * program.lambda) }
    }
    let inner = BLAS.dot(correlation.elements, solution.point.elements)
    let norm = program.regularizer.value(solution.point)
    #expect(abs(inner + program.lambda * norm) <= 1e-7 * program.lambda * norm)
  }

  @Test(arguments: ProblemCase.ungated)
  func warmStartFromASolutionStopsAtOnce(test: ProblemCase) throws {
    let program = try program(test)
    let limits = SolveLimits(relativeGap: 1e-9)
    let first = GroupLassoSolver().solve(program, from: program.zero, limits: limits)
    let second = GroupLassoSolver().solve(program, from: first.point, limits: limits)
    #expect(second.iterations == 0)
    #expect(second.point == first.point)
  }

  @Test(arguments: ProblemCase.ungated)
  func threadsDoNotChangeTheBits(test: ProblemCase) throws {
    let limits = SolveLimits(relativeGap: 1e-9)
    let one = try program(test)
    let two = try program(test, threads: 2)
    let first = GroupLassoSolver().solve(one, from: one.zero, limits: limits)
    let second = GroupLassoSolver().solve(two, from: two.zero, limits: limits)
    #expect(first.point == second.point)
    #expect(first.objective == second.objective)
  }

  @Test func limitsEndTheSolveAndIterationsAddUp() throws {
    let program = try program(ProblemCase.ungated[0])
    let solver = GroupLassoSolver(proximalSteps: 3, newtonSteps: 0)
    let few = solver.solve(
      program, from: program.zero, limits: SolveLimits(relativeGap: 1e-14, iterations: 11))
    #expect(few.status == .iterationLimit)
    #expect(few.iterations == 11)
    #expect(few.objective < program.objective(at: program.zero))
    let late = solver.solve(
      program, from: program.zero, limits: SolveLimits(relativeGap: 1e-14, seconds: 0))
    #expect(late.status == .timeLimit)
    #expect(late.point == program.zero)
  }

  @Test func newtonNeverRaisesTheObjectiveOfAnyStart() throws {
    for (index, test) in ProblemCase.ungated.enumerated() {
      let program = try program(test, neurons: 8)
      var generator = SeededGenerator(seed: UInt64(index))
      let start = generator.normalMatrix(rows: program.zero.rows, columns: program.zero.columns)
      let before = program.objective(at: start)
      let solution = GroupLassoSolver(proximalSteps: 1, newtonSteps: 5).solve(
        program, from: start, limits: SolveLimits(relativeGap: 1e-15, iterations: 3))
      #expect(solution.objective <= before)
    }
  }

  /// One class has no curvature at all, so no damping makes its Hessian positive definite.
  @Test func programWithoutCurvatureEnds() {
    let program = CompositeProgram(
      map: DenseFeatureMap(features: Matrix([[1], [2]])),
      loss: SoftmaxLoss(classes: [0, 0], count: 1), regularizer: GroupNorm(blockCount: 1),
      lambda: 1e-3)
    let solution = GroupLassoSolver().solve(
      program, from: Matrix([[1]]), limits: SolveLimits(relativeGap: 1e-9, iterations: 3000))
    #expect(solution.objective == 0)
    #expect(solution.status == .solved)
  }
}
