import ConvexCNN
import TestSupport
import Testing

/// Networks against the best ones over their own cells.
struct OwnCellsTests {
  @Test(arguments: DigitProfile.all)
  func anOptimumIsOptimalOverItsOwnCells(profile: DigitProfile) throws {
    let problem = try profile.problem()
    let network = try OptimalSetOracleTests.optimum(of: problem)
    let certifier = Certifier(images: profile.images, loss: problem.loss, lambda: problem.lambda)
    let own = try certifier.ownCells(of: network)
    #expect(own.relativeGap <= 1e-6)
    #expect(own.cellCount <= network.neuronCount)
    // Over fewer cells the bound is at least that over all, and never above the network.
    let all = try certifier.certify(network, gates: nil, targetGap: 1e-6)
    #expect(own.lowerBound >= all.lowerBound * (1 - 1e-8))
    #expect(own.lowerBound <= own.objective)
  }

  @Test func aStationaryPointMayBeFarFromTheGlobalOptimum() throws {
    // One neuron of the optimum alone, its mass refitted: the best over its cell, but not over all.
    let profile = DigitProfile.all[3]
    let problem = try profile.problem()
    let full = try OptimalSetOracleTests.optimum(of: problem)
    let certifier = Certifier(images: profile.images, loss: problem.loss, lambda: problem.lambda)
    let start = try certifier.prune(full, to: 1).network
    let run = try AlternatingFactorization().solve(
      problem, from: start, limits: SolveLimits(relativeGap: 1e-12, iterations: 2000))
    let own = try certifier.ownCells(of: run.network)
    #expect(own.cellCount == 1)
    #expect(own.relativeGap <= 1e-4)
    let global = try certifier.certify(run.network, gates: nil, targetGap: 1e-6)
    #expect(global.relativeGap > 100 * max(own.relativeGap, 1e-6))
    // Before the fit it is not stationary.
    var worse = run.network
    for e in worse.outputWeights.elements.indices { worse.outputWeights.elements[e] *= 1.5 }
    #expect(try certifier.ownCells(of: worse).relativeGap > 10 * own.relativeGap)
  }

  @Test func theBoundIsNeverAboveANetworkOfTheCells() throws {
    let profile = DigitProfile.all[1]
    let problem = try profile.problem()
    let certifier = Certifier(images: profile.images, loss: problem.loss, lambda: problem.lambda)
    var generator = SeededGenerator(seed: 8)
    let optimum = try OptimalSetOracleTests.optimum(of: problem)
    let own = try certifier.ownCells(of: optimum)
    for _ in 0..<50 {
      // The same filters with other masses stay in the same cells.
      var other = optimum
      for e in other.outputWeights.elements.indices {
        other.outputWeights.elements[e] *= 0.5 + generator.uniform()
      }
      #expect(problem.objective(of: other.balanced()).total >= own.lowerBound)
      #expect(try certifier.ownCells(of: other).lowerBound <= own.objective * (1 + 1e-9))
    }
  }

  @Test func otherNetworksAreRefused() throws {
    let choice = ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2)
    let problem = try choice.problem()
    let run = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-2, iterations: 5, seconds: 600))
    let certifier = Certifier(
      images: try choice.images(samples: 12), loss: problem.loss, lambda: problem.lambda)
    #expect(throws: CertificateError.self) { try certifier.ownCells(of: run.network) }
  }
}
