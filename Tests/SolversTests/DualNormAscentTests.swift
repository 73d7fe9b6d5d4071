import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Heuristic pricing against the exact dual norm of problems in the plane.
struct DualNormAscentTests {
  private func ascend(
    _ problem: TrainingProblem, _ dual: Matrix, seed: UInt64 = 1, known: Matrix? = nil
  ) -> (filters: Matrix, norms: [Double]) {
    DualNormAscent(starts: 96, seed: seed).maximizers(of: problem, dual: dual, known: known)
  }

  @Test(arguments: PlanarFixture.all, 1...4)
  func maximumIsReachedAndNeverExceeded(fixture: PlanarFixture, seed: Int) throws {
    let problem = try fixture.problem()
    var generator = SeededGenerator(seed: UInt64(seed))
    var dual = generator.normalMatrix(rows: fixture.signals.rows, columns: problem.outputCount)
    if seed == 1 {
      dual = problem.loss.gradient(
        at: Matrix(rows: problem.sampleCount, columns: problem.outputCount))
    }
    let exact = try fixture.exactDualNorm(of: dual)
    let (filters, norms) = ascend(problem, dual, seed: UInt64(seed))
    let largest = try #require(norms.first)
    #expect(largest <= exact * (1 + 1e-12))
    #expect(largest >= exact * (1 - 1e-9))
    // The norms belong to the filters, which are unit filters in falling order.
    let again = problem.dualNorms(of: filters, dual: dual).norms
    for (j, norm) in norms.enumerated() {
      #expect(abs(again[j] - norm) <= 1e-13 * norm)
      #expect(abs(BLAS.norm(Array(filters.row(j))) - 1) <= 1e-12)
    }
    #expect(zip(norms, norms.dropFirst()).allSatisfy { $0 >= $1 })
  }

  /// At an optimum the maximum is `lambda`, often on the boundary of a cell.
  @Test(arguments: PlanarFixture.all)
  func maximumAtTheOptimumIsFoundFromItsFilters(fixture: PlanarFixture) throws {
    let problem = try fixture.problem()
    let network = try FixedFilterProgram(problem: problem, filters: fixture.filters)
      .network(from: fixture.outputWeights)
    let dual = problem.loss.gradient(at: problem.predictions(of: network))
    let exact = try fixture.exactDualNorm(of: dual)
    let norms = ascend(problem, dual, known: network.filters).norms
    let largest = try #require(norms.first)
    #expect(largest <= exact * (1 + 1e-12))
    #expect(largest >= exact * (1 - 1e-9))
  }

  @Test(arguments: ProblemCase.ungated)
  func ascentNeverLosesAKnownFilterAndThreadsDoNotMatter(test: ProblemCase) throws {
    let one = try test.problem()
    let two = try test.problem(threads: 2)
    var generator = SeededGenerator(seed: 11)
    let dual = generator.normalMatrix(rows: 12, columns: one.outputCount)
    let known = generator.normalMatrix(rows: 3, columns: one.geometry.patchDimension)
    let start = one.dualNorms(of: known.withUnitRows, dual: dual).norms.max() ?? 0
    let first = ascend(one, dual, known: known)
    let second = ascend(two, dual, known: known)
    #expect((first.norms.first ?? 0) >= start)
    #expect(first.norms == second.norms)
    #expect(first.filters == second.filters)
  }

  @Test(arguments: PlanarFixture.all)
  func estimatedLambdaMaxIsTheExactOne(fixture: PlanarFixture) throws {
    let problem = try fixture.problem()
    let zero = Matrix(rows: problem.sampleCount, columns: problem.outputCount)
    let exact = try fixture.exactDualNorm(of: problem.loss.gradient(at: zero))
    let estimate = estimatedLambdaMax(problem)
    #expect(estimate <= exact * (1 + 1e-12))
    #expect(estimate >= exact * (1 - 1e-9))
  }
}
