import ConvexCNN
import TestSupport
import Testing

struct CertifiedDualTests {
  private let cases = ProblemCase(.signal, "sum", .relu, .squared, outputs: 1)

  private func solved(
    _ one: ProblemCase, _ lambda: Double, seed: Int = 1
  ) throws -> (certifier: Certifier, network: Network) {
    let problem = try one.problem(samples: 16, seed: seed, lambda: lambda)
    let run = try CellGeneration(oracle: SweepOrSearch()).solve(
      problem, limits: SolveLimits(relativeGap: 1e-6, iterations: 200))
    let certifier = Certifier(
      images: try one.images(samples: 16, seed: seed), loss: problem.loss, lambda: lambda)
    return (certifier, run.network)
  }

  @Test(arguments: [
    ProblemCase(.signal, "sum", .relu, .squared, outputs: 1),
    ProblemCase(.signal, "average:1x2", .relu, .softmax, outputs: 3),
    ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2),
  ])
  func mixturesBoundTheOptimumBetweenAndNeverExceedIt(one: ProblemCase) throws {
    let problem = try one.problem(samples: 16, lambda: 1)
    let largest = estimatedLambdaMax(problem)
    let (high, low) = (0.32 * largest, 0.28 * largest)
    let duals = try [high, low].map { lambda in
      let (certifier, network) = try solved(one, lambda)
      return try #require(
        try certifier.certifyKeepingDual(network, gates: nil, targetGap: 1e-4).dual)
    }
    for share in [0.2, 0.5, 0.8] {
      let lambda = share * high + (1 - share) * low
      let (certifier, network) = try solved(one, lambda)
      let mixed = try certifier.certify(
        network, between: duals[0], and: duals[1], targetGap: 1e-2)
      let own = try certifier.certify(network, gates: nil, targetGap: 1e-4)
      #expect(mixed.isEstablished)
      // The objective is within 1e-4 of the optimum, which no bound may exceed.
      #expect(mixed.lowerBound <= own.objective)
      #expect(mixed.objective == own.objective)
      #expect(mixed.searchedNodeCount == 0)
    }
  }

  @Test func farAwayTheBoundStillHolds() throws {
    let largest = estimatedLambdaMax(try cases.problem(samples: 16, lambda: 1))
    let duals = try [0.9, 0.8].map { share in
      let (certifier, network) = try solved(cases, share * largest)
      return try #require(
        try certifier.certifyKeepingDual(network, gates: nil, targetGap: 1e-4).dual)
    }
    let (certifier, network) = try solved(cases, 0.05 * largest)
    let mixed = try certifier.certify(network, between: duals[0], and: duals[1], targetGap: 1e-3)
    #expect(mixed.lowerBound > 0)
    #expect(mixed.lowerBound < mixed.objective)
    #expect(!mixed.isEstablished)
  }

  @Test func aNetworkThatIsNotOptimalIsNotEstablished() throws {
    let largest = estimatedLambdaMax(try cases.problem(samples: 16, lambda: 1))
    let (certifier, network) = try solved(cases, 0.3 * largest)
    let dual = try #require(
      try certifier.certifyKeepingDual(network, gates: nil, targetGap: 1e-4).dual)
    var worse = network
    for e in worse.filters.elements.indices { worse.filters.elements[e] *= 0.7 }
    let good = try certifier.certify(network, between: dual, and: dual, targetGap: 1e-3)
    let bad = try certifier.certify(worse, between: dual, and: dual, targetGap: 1e-3)
    #expect(good.isEstablished)
    #expect(!bad.isEstablished)
    #expect(bad.lowerBound == good.lowerBound)
  }

  @Test func pointsOfOtherSamplesAndOutputBiasesAreRefused() throws {
    let (certifier, network) = try solved(cases, 0.1)
    let dual = try #require(
      try certifier.certifyKeepingDual(network, gates: nil, targetGap: 1e-3).dual)
    let fewer = try cases.problem(samples: 12, lambda: 0.1)
    let other = Certifier(
      images: try cases.images(samples: 12), loss: fewer.loss, lambda: 0.1)
    #expect(throws: CertificateError.self) {
      try other.certify(network, between: dual, and: dual, targetGap: 1e-3)
    }
    var biased = network
    biased.outputBias = [0.5]
    #expect(throws: CertificateError.self) {
      try certifier.certify(biased, between: dual, and: dual, targetGap: 1e-3)
    }
  }
}
