import Arrangements
import ConvexPrograms
import Solvers
import Tensors
import TestSupport
import Testing

/// Frank-Wolfe against optima over all cells that an independent program verified.
struct FrankWolfeTests {
  /// Problems with filters of two and three entries and linear pooling, one per loss and shape.
  static let fixtures = CertifiedOptimum.all.filter { $0.h <= 3 && !$0.pooling.hasPrefix("max") }

  /// The problem, its optimum to `1e-9`, and the regularization of an optimal network.
  private func solved(
    _ fixture: CertifiedOptimum
  ) throws -> (problem: TrainingProblem, optimum: Double, budget: Double) {
    let problem = try fixture.problem()
    let result = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600))
    return (problem, fixture.lowerBound, result.objective.regularization)
  }

  private func rows(
    _ method: FrankWolfe, _ problem: TrainingProblem, _ limits: SolveLimits
  ) throws -> (result: FrankWolfe.Result, trace: [TraceRow]) {
    var trace: [TraceRow] = []
    let result = try method.solve(problem, limits: limits) { trace.append($0) }
    return (result, trace)
  }

  @Test(arguments: fixtures)
  func fullCorrectionReachesTheOptimumWithProof(fixture: CertifiedOptimum) throws {
    let (problem, optimum, budget) = try solved(fixture)
    let limits = SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600)
    let method = FrankWolfe(oracle: AngularSweep(), boundsEveryIteration: true)
    let penalized = try method.solve(problem, limits: limits)
    #expect(penalized.status == .solved)
    #expect(penalized.objective <= optimum * (1 + 1e-6))
    #expect(penalized.lowerBound <= fixture.upperBound)
    // At the budget of an optimal network the constrained problem has the same solutions.
    let loss = optimum - problem.lambda * budget
    let constrained = try FrankWolfe(
      form: .constrained(budget: budget), oracle: AngularSweep(), boundsEveryIteration: true
    ).solve(problem, limits: limits)
    #expect(constrained.status == .solved)
    #expect(constrained.relativeGap <= 1e-7)
    #expect(abs(constrained.objective - loss) <= 1e-7 * optimum)
    #expect(constrained.network.regularization <= budget * (1 + 1e-12))
  }

  @Test(arguments: FrankWolfe.Step.allCases)
  func gapIsACertificateAtEveryIteration(step: FrankWolfe.Step) throws {
    for fixture in [Self.fixtures[0], Self.fixtures[7]] {
      let (problem, optimum, budget) = try solved(fixture)
      let loss = optimum - problem.lambda * budget
      let method = FrankWolfe(
        step: step, form: .constrained(budget: budget), oracle: AngularSweep(),
        boundsEveryIteration: true)
      let (result, trace) = try rows(
        method, problem, SolveLimits(relativeGap: 1e-8, iterations: 60, seconds: 600))
      for row in trace {
        #expect(row.objective >= loss * (1 - 1e-7))
        #expect(row.lowerBound ?? 0 <= loss * (1 + 1e-7))
      }
      #expect(result.lowerBound <= result.objective)
      guard step != .fixed else { continue }
      for (row, next) in zip(trace, trace.dropFirst()) {
        #expect(next.objective <= row.objective * (1 + 1e-14))
      }
    }
  }

  /// Primal gap at most `2 C / (k + 2)` with `C = smoothness (2 T rho)^2` and `rho` the largest `|Phi(u)|`.
  @Test(arguments: [FrankWolfe.Step.fixed, .lineSearch])
  func plainStepsHaveTheRateOfTheory(step: FrankWolfe.Step) throws {
    let fixture = Self.fixtures[0]
    let (problem, optimum, budget) = try solved(fixture)
    let loss = optimum - problem.lambda * budget
    var generator = SeededGenerator(seed: 3)
    let features = problem.features(of: generator.normalMatrix(rows: 500, columns: 2).withUnitRows)
    let radius = (0..<features.columns).map { j in
      (0..<features.rows).reduce(0) { $0 + features[$1, j] * features[$1, j] }.squareRoot()
    }.reduce(0, max)
    let curvature =
      problem.loss.smoothness * 4 * budget * budget * radius * radius * 1.01
    let method = FrankWolfe(
      step: step, form: .constrained(budget: budget), oracle: AngularSweep(),
      boundsEveryIteration: true)
    let (_, trace) = try rows(
      method, problem, SolveLimits(relativeGap: 1e-12, iterations: 500, seconds: 600))
    #expect(trace.count > 300)
    for row in trace.dropFirst() {
      #expect(row.objective - loss <= 2 * curvature / Double(row.iteration + 2))
    }
  }

  /// Pairwise steps come within `1e-3` of the optimum on every problem, and prove it, in both forms.
  @Test(arguments: fixtures)
  func pairwiseStepsAgreeWithCellGeneration(fixture: CertifiedOptimum) throws {
    let (problem, optimum, budget) = try solved(fixture)
    let loss = optimum - problem.lambda * budget
    let (constrained, trace) = try rows(
      FrankWolfe(
        step: .pairwise, form: .constrained(budget: budget), oracle: AngularSweep(),
        boundsEveryIteration: true), problem,
      SolveLimits(relativeGap: 1e-3 * optimum / loss, iterations: 100))
    #expect(constrained.status == .solved)
    #expect(abs(constrained.objective - loss) <= 1e-3 * optimum)
    #expect(constrained.lowerBound <= loss * (1 + 1e-7))
    for (row, next) in zip(trace, trace.dropFirst()) {
      #expect(next.objective <= row.objective * (1 + 1e-14))
    }
    let penalized = try FrankWolfe(
      step: .pairwise, oracle: AngularSweep(), boundsEveryIteration: true
    ).solve(problem, limits: SolveLimits(relativeGap: 1e-3, iterations: 400))
    #expect(penalized.status == .solved, "\(fixture), gap \(penalized.relativeGap)")
    #expect(penalized.objective <= optimum * (1 + 1e-3))
    #expect(penalized.lowerBound <= fixture.upperBound)
  }

  /// Plain steps come within `1e-3` of the optimum where it is not ill conditioned, and prove it.
  @Test(arguments: [FrankWolfe.Step.fixed, .lineSearch, .away])
  func plainStepsAgreeWithCellGeneration(step: FrankWolfe.Step) throws {
    let names = ["scalar, beta 1", "logistic"] + (step == .fixed ? ["softmax"] : [])
    for fixture in Self.fixtures where names.contains(fixture.name) {
      let (problem, optimum, budget) = try solved(fixture)
      let loss = optimum - problem.lambda * budget
      let method = FrankWolfe(
        step: step, form: .constrained(budget: budget), oracle: AngularSweep(),
        boundsEveryIteration: true)
      let result = try method.solve(
        problem, limits: SolveLimits(relativeGap: 1e-3 * optimum / loss, iterations: 4000))
      #expect(result.status == .solved, "\(fixture), gap \(result.relativeGap)")
      #expect(abs(result.objective - loss) <= 1e-3 * optimum)
      #expect(result.lowerBound <= loss * (1 + 1e-9))
    }
  }

  @Test func withoutAnOracleNothingIsProven() throws {
    let problem = try Self.fixtures[0].problem()
    let result = try FrankWolfe().solve(problem, limits: SolveLimits(relativeGap: 1e-6))
    #expect(result.status == .converged)
    #expect(result.lowerBound == 0)
    #expect(result.estimatedGap <= 1e-6)
  }

  @Test func strengthAboveTheLargestGivesZero() throws {
    var problem = try Self.fixtures[0].problem()
    problem.lambda = 1.01 * estimatedLambdaMax(problem)
    let result = try FrankWolfe(oracle: AngularSweep()).solve(problem)
    #expect(result.network.neuronCount == 0)
    #expect(result.status == .solved)
  }

  @Test(arguments: FrankWolfe.Step.allCases)
  func threadsDoNotChangeTheResult(step: FrankWolfe.Step) throws {
    let results = try [1, 2].map { threads in
      try FrankWolfe(step: step).solve(
        Self.fixtures[0].problem(threads: threads),
        limits: SolveLimits(relativeGap: 1e-6, iterations: 25))
    }
    #expect(results[0].network == results[1].network)
  }

  @Test func whatCannotBeSolvedIsRefused() throws {
    let problem = try Self.fixtures[0].problem()
    #expect(throws: ProgramError.self) {
      try FrankWolfe(form: .constrained(budget: 0)).solve(problem)
    }
    #expect(throws: ProgramError.self) {
      try FrankWolfe(form: .constrained(budget: .nan)).solve(problem)
    }
    #expect(throws: ProgramError.self) { try FrankWolfe(starts: 0).solve(problem) }
    var free = problem
    free.lambda = 0
    #expect(throws: ProgramError.self) { try FrankWolfe().solve(free) }
  }
}
