import ConvexPrograms
import Solvers
import Tensors
import TestSupport
import Testing

/// The copositive program and its relaxations against optima and relaxed values by CVXPY and Clarabel.
struct CopositiveOracleTests {
  private static let cases = Array(zip(CertifiedOptimum.all, CertifiedOptimum.relaxations))
  private static let planar = cases.filter { $0.0.h == 2 }

  @Test func everyProblemHasRelaxedValues() {
    #expect(CertifiedOptimum.all.count == CertifiedOptimum.relaxations.count)
  }

  /// Clarabel's values are good to `1e-7`; the solver's bounds must include them and be `1e-5` apart, with more than two
  /// entries `1e-3`, as iterates may converge slowly there.
  @Test(arguments: cases)
  func nuclearRelaxationAgrees(
    fixture: CertifiedOptimum, values: (nuclear: Double, relaxed: Double)
  ) throws {
    let program = try CopositiveProgram(problem: fixture.problem(threads: 2)).nuclear
    let solution = try CopositiveSolver().solve(
      program, limits: SolveLimits(relativeGap: 1e-5, iterations: fixture.h == 2 ? 10_000 : 4000))
    #expect(solution.status == .solved || fixture.h > 2)
    #expect(solution.lowerBound <= values.nuclear * (1 + 1e-7))
    #expect(solution.objective >= values.nuclear * (1 - 1e-7))
    #expect(solution.relativeGap <= (fixture.h == 2 ? 1e-5 : 1e-3))
  }

  /// With two entries the relaxation is the optimum: its proven bound is within `1e-6` of a network.
  @Test(arguments: planar)
  func relaxationIsTheOptimumInThePlane(
    fixture: CertifiedOptimum, values: (nuclear: Double, relaxed: Double)
  ) throws {
    let solution = try relaxed(fixture)
    #expect(solution.lowerBound >= fixture.upperBound * (1 - 1e-6))
    #expect(solution.lowerBound <= fixture.upperBound * (1 + 1e-12))
    #expect(abs(solution.lowerBound - values.relaxed) <= 1e-5 * values.relaxed)
  }

  @Test(arguments: cases.filter { $0.0.h > 2 })
  func relaxationAgreesInThreeAndFourDimensions(
    fixture: CertifiedOptimum, values: (nuclear: Double, relaxed: Double)
  ) throws {
    let solution = try relaxed(fixture)
    #expect(solution.lowerBound <= fixture.upperBound * (1 + 1e-12))
    #expect(abs(solution.lowerBound - values.relaxed) <= 1e-5 * values.relaxed)
  }

  /// Without a network to start from, on problems where the iterates converge quickly.
  @Test(arguments: cases.filter { ($0.0.seed == 101 && $0.0.beta == 1) || $0.0.seed == 116 })
  func iteratesReachTheOptimumFromZero(
    fixture: CertifiedOptimum, values: (nuclear: Double, relaxed: Double)
  ) throws {
    let program = try CopositiveProgram(problem: fixture.problem(threads: 2))
    let solution = try CopositiveSolver().solve(
      program, limits: SolveLimits(relativeGap: 1e-6, iterations: 10_000))
    #expect(solution.status == .solved && solution.iterations > 0)
    #expect(solution.lowerBound <= fixture.upperBound)
    #expect(solution.objective >= fixture.lowerBound)
    // A warm start from the solution ends at once.
    let again = try CopositiveSolver().solve(
      program, from: solution, limits: SolveLimits(relativeGap: 1e-6))
    #expect(again.iterations == 0 && again.status == .solved)
  }

  private func relaxed(_ fixture: CertifiedOptimum) throws -> CopositiveSolver.Solution {
    let problem = try fixture.problem(threads: 2)
    let trained = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600))
    return try CopositiveSolver().solve(
      CopositiveProgram(problem: problem), network: trained.network,
      limits: SolveLimits(relativeGap: 1e-6, iterations: 10_000))
  }
}
