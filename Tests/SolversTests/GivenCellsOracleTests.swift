import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// The direct solver over given cells, with rows added as they are needed.
struct GivenCellsOracleTests {
  private static let tight = SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600)

  /// CVXPY and Clarabel have the rows of all patches for every cell.
  @Test(arguments: GivenCellsProblem.all)
  func optimumOfTheFixturesIsReached(fixture: GivenCellsProblem) throws {
    let problem = try fixture.problem()
    let program = try ConeProgram(problem: problem, gates: fixture.gates)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    #expect(solution.status == .solved)
    #expect(abs(solution.objective - fixture.optimum) <= 1e-8 * fixture.optimum)
    #expect(solution.lowerBound <= fixture.optimum * (1 + 1e-8))
    let network = try program.network(from: solution.point)
    let total = problem.objective(of: network).total
    #expect(abs(total - solution.objective) <= 1e-9 * total)
  }

  /// Cones of all rows, each written out, are another form of the same program.
  @Test(arguments: [GivenCellsProblem.all[2], GivenCellsProblem.all[3]])
  func theProgramOfAllRowsAgrees(fixture: GivenCellsProblem) throws {
    let problem = try fixture.problem()
    let program = try ConeProgram(problem: problem, gates: fixture.gates)
    let solution = AugmentedLagrangian().solve(program, limits: Self.tight)
    let patches = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
    let cones = (0..<fixture.cellCount).map { b -> ActivationCone in
      let gate = Array(fixture.gates.row(b))
      let rows = patches.flatMap { own in (0..<own.rows).map { Array(own.row($0)) } }
      return ActivationCone(
        normals: Matrix(rows.map { BLAS.dot($0, gate) >= 0 ? $0 : $0.map { -$0 } }))
    }
    let whole = ConeProgram(
      problem: problem, cones: cones, features: program.map.features, cellCount: cones.count)
    let twin = AugmentedLagrangian().solve(whole, limits: Self.tight)
    #expect(twin.status == .solved)
    #expect(abs(twin.objective - solution.objective) <= 2e-9 * twin.objective)
    for cone in cones.indices {
      let h = program.patchDimension
      for half in [0, cones.count] {
        let start = (half + cone) * h
        #expect(cones[cone].contains(Array(solution.point.elements[start..<start + h])))
      }
    }
  }

  /// More cells never have a higher optimum, and a solution over some is a start over more.
  @Test func cellsThatAreAddedLowerTheOptimum() throws {
    let fixture = GivenCellsProblem.all[0]
    let problem = try fixture.problem()
    var last: (objective: Double, network: Network)?
    for count in [3, 6, 12] {
      let gates = fixture.gates.selectingRows(Array(0..<count))
      let program = try ConeProgram(problem: problem, gates: gates)
      let start = try last.map { try program.point(from: $0.network) }
      let solution = AugmentedLagrangian().solve(program, from: start, limits: Self.tight)
      #expect(solution.status == .solved)
      if let last { #expect(solution.objective <= last.objective * (1 + 1e-9)) }
      let network = try program.network(from: solution.point)
      last = (solution.objective, network)
      // From its own network the solver stops in a round or two.
      let again = AugmentedLagrangian().solve(
        program, from: try program.point(from: network),
        limits: SolveLimits(relativeGap: 1e-6, iterations: 3, seconds: 600))
      #expect(again.status == .solved)
    }
  }

  @Test func bitsDoNotDependOnThreads() throws {
    let fixture = GivenCellsProblem.all[0]
    let solutions = try [1, 2].map { threads in
      try AugmentedLagrangian().solve(
        ConeProgram(problem: fixture.problem(threads: threads), gates: fixture.gates),
        limits: Self.tight
      ).point
    }
    #expect(solutions[0] == solutions[1])
  }
}
