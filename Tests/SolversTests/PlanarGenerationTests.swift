import Arrangements
import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Cell generation over arcs of the plane, against the program over all cells.
struct PlanarGenerationTests {
  private func problem(
    _ loss: ProblemCase.LossKind, pooling: String = "sum", share: Double
  ) throws -> TrainingProblem {
    var generator = SeededGenerator(seed: 8)
    var problem = try TrainingProblem(
      images: generator.normalTensor(shape: [16, 1, 1, 5]),
      geometry: PatchGeometry(length: 5, filterLength: 2), pooling: Pooling(parsing: pooling),
      activation: .relu, loss: ProblemCase.loss(loss, samples: 16, outputs: 1, seed: 3), lambda: 1)
    problem.lambda = share * estimatedLambdaMax(problem)
    return problem
  }

  @Test(arguments: [ProblemCase.LossKind.squared, .logistic], [0.5, 0.05, 0.005])
  func optimaAreThoseOfAllCells(loss: ProblemCase.LossKind, share: Double) throws {
    let problem = try problem(loss, share: share)
    let limits = SolveLimits(relativeGap: 1e-7, iterations: 1000)
    let run = try CellGeneration(oracle: SweepOrSearch()).solve(problem, limits: limits)
    #expect(run.status == .solved)
    #expect((run.provenGap ?? 1) <= 1e-7)
    let all = AugmentedLagrangian().solve(try ConeProgram(problem: problem), limits: limits)
    #expect(all.status == .solved)
    #expect(abs(run.objective.total - all.objective) <= 1e-7 * all.objective)
    #expect(problem.objective(of: run.network).total == run.objective.total)
    // The plane needs no search for filters, and few rounds.
    #expect(run.phases.first { $0.name == "pricing" }?.seconds == 0)
    #expect(run.rounds <= 12)
  }

  @Test func theEmptyNetworkIsProvenAtOnce() throws {
    let problem = try problem(.squared, share: 1.001)
    let run = try CellGeneration(oracle: SweepOrSearch()).solve(
      problem, limits: SolveLimits(relativeGap: 1e-2))
    #expect(run.network.neuronCount == 0)
    #expect(run.status == .solved)
  }

  /// The exact sweep finds at least what ascent finds.
  @Test func lambdaMaxIsThatOfTheProgramOverAllCells() throws {
    let problem = try problem(.squared, share: 1)
    let all = try ConeProgram(problem: problem).lambdaMax
    #expect(abs(estimatedLambdaMax(problem) - all) <= 1e-12 * all)
  }

  /// A start is kept, and max pooling searches for filters as before.
  @Test func otherRunsSearchAsBefore() throws {
    let limits = SolveLimits(relativeGap: 1e-5, iterations: 1000)
    let pooled = try CellGeneration(oracle: SweepOrSearch()).solve(
      problem(.squared, pooling: "max", share: 0.1), limits: limits)
    #expect((pooled.phases.first { $0.name == "pricing" }?.seconds ?? 0) > 0)
    let problem = try problem(.squared, share: 0.05)
    let first = try CellGeneration(oracle: SweepOrSearch()).solve(problem, limits: limits)
    let again = try CellGeneration(oracle: SweepOrSearch()).solve(
      problem, start: first.network, limits: limits)
    #expect(again.objective.total <= first.objective.total)
  }
}
