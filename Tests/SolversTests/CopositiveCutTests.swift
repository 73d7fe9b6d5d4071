import ConvexPrograms
import Solvers
import TestSupport
import Testing

/// Cones cut into simplicial ones, where the relaxation of whole cones lies below the optimum.
struct CopositiveCutTests {
  private static let cases = Array(
    zip(CertifiedOptimum.withInexactRelaxation, CertifiedOptimum.inexactRelaxations))

  /// Filters of four entries: the relaxed value agrees with Clarabel's and is below the optimum; after cutting it is the
  /// optimum.
  @Test(arguments: cases)
  func cuttingClosesTheGapForFourEntries(
    fixture: CertifiedOptimum, values: (nuclear: Double, relaxed: Double)
  ) throws {
    let problem = try fixture.problem(threads: 2)
    let network = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600)
    ).network
    let program = try CopositiveProgram(problem: problem)
    #expect(!program.isExact && program.cellCount == fixture.cellCount)
    let whole = try CopositiveSolver().solve(
      program, network: network, limits: SolveLimits(relativeGap: 2e-5, iterations: 3000))
    #expect(whole.lowerBound <= values.relaxed * (1 + 1e-6))
    #expect(whole.objective >= values.relaxed * (1 - 1e-6))
    // The relaxation has a point below every network.
    #expect(whole.objective < fixture.lowerBound * (1 - 3e-4))
    let parts = program.splittingCones()
    #expect(parts.isExact && parts.cones.count > program.cones.count)
    let cut = try CopositiveSolver().solve(
      parts, network: network, limits: SolveLimits(relativeGap: 1e-6, iterations: 5000))
    #expect(cut.status == .solved)
    #expect(cut.lowerBound >= fixture.upperBound * (1 - 1e-6))
    #expect(cut.lowerBound <= fixture.upperBound * (1 + 1e-12))
  }
}
