import ConvexCNN
import TestSupport
import Testing

struct PreparedCertifierTests {
  /// A solution of the gated program at each strength, with all gates and a verifier.
  private func solved(
    _ one: ProblemCase, _ shares: [Double], seed: UInt64 = 3
  ) throws -> (gates: Matrix, solutions: [(lambda: Double, network: Network)], base: Certifier) {
    let problem = try one.problem(samples: 20, lambda: 1)
    var generator = SeededGenerator(seed: seed)
    let gates = generator.normalMatrix(rows: 12, columns: problem.geometry.patchDimension)
    let program = try GatedProgram(problem: problem, gates: gates)
    let path = RegularizationPath(problem: problem, program: program)
    let limits = SolveLimits(relativeGap: 1e-7, iterations: 200_000)
    let largest = program.composite.lambdaMax
    let solutions = try shares.map { share in
      let empty = try path.emptyPoint(at: largest)
      let point = try path.point(at: share * largest, from: empty, limits: limits)
      return (lambda: share * largest, network: point.network)
    }
    let base = Certifier(images: try one.images(samples: 20), loss: problem.loss, lambda: 1)
    return (gates, solutions, base)
  }

  private static let gated = [
    ProblemCase(.signal, "sum", .gated, .squared, outputs: 1),
    ProblemCase(.signal, "sum:1x2", .gated, .softmax, outputs: 3),
    ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2),
  ]

  @Test(arguments: gated)
  func sharedReadingsGiveTheSameCertificates(one: ProblemCase) throws {
    let (gates, solutions, base) = try solved(one, [0.6, 0.3])
    let prepared = try base.prepared(for: solutions[0].network, gates: gates)
    for (lambda, network) in solutions {
      let fresh = try base.at(lambda: lambda).certify(network, gates: gates, targetGap: 1e-3)
      let shared = try prepared.at(lambda: lambda).certify(network, gates: gates, targetGap: 1e-3)
      #expect(fresh == shared)
      #expect(fresh.isEstablished)
    }
  }

  @Test func otherGatesAndArchitecturesAreReadAnew() throws {
    let (gates, solutions, base) = try solved(Self.gated[0], [0.3])
    let (lambda, network) = solutions[0]
    let prepared = try base.prepared(for: network, gates: gates).at(lambda: lambda)
    // Half of the gates is another program, whose scope does not hold all neurons.
    let half = gates.selectingRows(Array(0..<6))
    let certificate = try prepared.certify(network, gates: half, targetGap: 1e-3)
    #expect(
      certificate == (try base.at(lambda: lambda).certify(network, gates: half, targetGap: 1e-3)))
    #expect(certificate.scope == .givenCells(6))
    let relu = try Network(
      geometry: network.geometry, pooling: network.pooling, activation: .relu,
      filters: network.filters, outputWeights: network.outputWeights)
    let other = try prepared.certify(relu, gates: nil, targetGap: 1e-3)
    #expect(other == (try base.at(lambda: lambda).certify(relu, gates: nil, targetGap: 1e-3)))
    #expect(other.scope == .allCells)
  }

  @Test(arguments: gated)
  func mixturesOverGatesBoundTheOptimumAndNeverExceedIt(one: ProblemCase) throws {
    let (gates, solutions, base) = try solved(one, [0.50, 0.47, 0.44])
    let prepared = try base.prepared(for: solutions[0].network, gates: gates)
    let duals = try [0, 2].map { k in
      let (lambda, network) = solutions[k]
      return try #require(
        try prepared.at(lambda: lambda).certifyKeepingDual(
          network, gates: gates, targetGap: 1e-4
        ).dual)
    }
    let (lambda, network) = solutions[1]
    let mixed = try prepared.at(lambda: lambda).certify(
      network, between: duals[0], and: duals[1], gates: gates, targetGap: 1e-2)
    let own = try prepared.at(lambda: lambda).certify(network, gates: gates, targetGap: 1e-4)
    #expect(mixed.isEstablished)
    #expect(mixed.lowerBound <= own.objective)
    #expect(mixed.scope == own.scope)
  }

  @Test func dualPointsOverOtherGatesAndUnknownNeuronsProveNothing() throws {
    let one = Self.gated[0]
    let (gates, solutions, base) = try solved(one, [0.3])
    let (lambda, network) = solutions[0]
    let certifier = base.at(lambda: lambda)
    let dual = try #require(
      try certifier.certifyKeepingDual(network, gates: gates, targetGap: 1e-4).dual)
    // As many gates, but others.
    let (others, strangers, _) = try solved(one, [0.3], seed: 4)
    #expect(throws: CertificateError.self) {
      try certifier.certify(
        strangers[0].network, between: dual, and: dual, gates: others, targetGap: 1e-3)
    }
    // A neuron on a cell that is not given may be better than any that is.
    let outside = try certifier.certify(
      strangers[0].network, between: dual, and: dual, gates: gates, targetGap: 1)
    #expect(!outside.isEstablished)
  }
}
