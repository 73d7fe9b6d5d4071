import Arrangements
import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// A run that goes on from any of its states ends with the same bits.
struct CellGenerationCheckpointTests {
  @Test(arguments: [
    ProblemCase(.signal, "sum", .relu, .squared, outputs: 1),
    ProblemCase(.signal, "average:1x2", .relu, .softmax, outputs: 3),
    ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2),
  ])
  func everyStateLeadsToTheSameBits(one: ProblemCase) throws {
    var problem = try one.problem(samples: 16, lambda: 1)
    problem.lambda = 0.05 * estimatedLambdaMax(problem)
    let limits = SolveLimits(relativeGap: 1e-4, iterations: 200)
    let solver = CellGeneration(
      settings: CellGeneration.Settings(starts: 8, filtersPerRound: 2, polishIterations: 20),
      oracle: SweepOrSearch())
    var states: [CellGeneration.Checkpoint] = []
    let whole = try solver.solve(problem, limits: limits, keep: { states.append($0) })
    #expect(states.count >= 3)
    #expect(states.map(\.round) == Array(0..<states.count))
    for state in states {
      let rest = try solver.solve(problem, limits: limits, from: state)
      #expect(rest.network == whole.network)
      #expect(rest.objective == whole.objective)
      #expect(rest.status == whole.status)
      #expect(rest.rounds == whole.rounds)
      #expect(rest.pricedNodeCount == whole.pricedNodeCount)
    }
  }

  @Test func statesOfOtherArchitecturesAreRefused() throws {
    let problem = try ProblemCase.ungated[0].problem()
    let other = try ProblemCase.ungated[4].problem()
    let state = CellGeneration.Checkpoint(
      network: try other.emptyNetwork(), round: 1, slowRounds: 0, quietRounds: 0,
      dualNormRatio: 2, estimatedGap: 0.1, pricedNodeCount: 0)
    #expect(throws: ProgramError.self) { try CellGeneration().solve(problem, from: state) }
  }
}
