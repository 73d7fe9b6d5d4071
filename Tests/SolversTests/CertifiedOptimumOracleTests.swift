import ConvexPrograms
import Solvers
import TestSupport
import Testing

/// Cell generation against optima over all cells, known between two bounds that agree to `1e-11`.
struct CertifiedOptimumOracleTests {
  @Test(arguments: CertifiedOptimum.all)
  func boundsAgree(fixture: CertifiedOptimum) throws {
    #expect(fixture.lowerBound <= fixture.upperBound)
    #expect(fixture.upperBound - fixture.lowerBound <= 1e-11 * fixture.upperBound)
  }

  @Test(arguments: CertifiedOptimum.all)
  func cellGenerationReachesTheOptimum(fixture: CertifiedOptimum) throws {
    try checkFixture(fixture)
  }

  /// Trains a network by cell generation and checks its objective against the bounds.
  ///
  /// - Returns: The problem and the trained network.
  @discardableResult
  private func checkFixture(
    _ fixture: CertifiedOptimum
  ) throws -> (problem: TrainingProblem, network: Network) {
    let problem = try fixture.problem()
    let result = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600))
    let total = problem.objective(of: result.network).total
    // No network lies below the lower bound, up to the rounding of its forward pass.
    #expect(total >= fixture.lowerBound * (1 - 1e-12))
    #expect(total <= fixture.upperBound * (1 + 1e-6))
    return (problem, result.network)
  }
}
