import ConvexCNN
import TestSupport
import Testing

/// Certificates of networks with an output bias: proven at optima, refused elsewhere, never above the optimum.
struct OutputBiasCertificateTests {
  private static let limits = SolveLimits(relativeGap: 1e-6, iterations: 200, seconds: 600)

  @Test(arguments: CertifiedOptimum.withOutputBias)
  func gapIsProvenAndNudgesAreRefused(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let run = try CellGeneration(oracle: ConeSearch()).solve(problem, limits: Self.limits)
    #expect(run.status == .solved)
    #expect(try #require(run.provenGap) <= 1e-6)
    let certifier = Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    let certificate = try certifier.certify(run.network, gates: nil, targetGap: 1e-6)
    #expect(certificate.isEstablished)
    #expect(certificate.hasOutputBias)
    #expect(certificate.claim.contains("any output bias"))
    #expect(certificate.lowerBound <= fixture.upperBound * (1 + 1e-12))
    #expect(certificate.objective >= fixture.lowerBound * (1 - 1e-12))
    #expect(certificate.objective <= fixture.upperBound * (1 + 1e-6))
    for k in 0..<fixture.outputs {
      for nudge in [-0.02, 0.02] {
        var network = run.network
        network.outputBias?[k] += nudge
        let other = try certifier.certify(network, gates: nil, targetGap: 1e-6)
        #expect(!other.isEstablished)
        #expect(other.objective > certificate.objective)
        #expect(other.lowerBound <= fixture.upperBound * (1 + 1e-12))
      }
    }
    // Without its bias the network is one of another class, where nothing of the kind holds.
    var without = run.network
    without.outputBias = nil
    let other = try certifier.certify(without, gates: nil, targetGap: 1e-6)
    #expect(!other.isEstablished)
    #expect(!other.hasOutputBias)
  }

  /// Whatever network it starts from, a lower bound lies below the optimum.
  @Test(arguments: CertifiedOptimum.withOutputBias, 1...12)
  func lowerBoundsOfRandomNetworksAreSound(fixture: CertifiedOptimum, seed: Int) throws {
    let problem = try fixture.problem()
    var generator = SeededGenerator(seed: UInt64(1000 * fixture.seed + seed))
    let size = [0.1, 1, 3, 20][seed % 4]
    func draw(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in size * generator.normal() })
    }
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: draw(3, fixture.h), outputWeights: draw(3 * problem.windowCount, fixture.outputs),
      outputBias: draw(1, fixture.outputs).elements)
    let certifier = Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    let certificate = try certifier.certify(network, gates: nil, targetGap: 1e-3)
    #expect(certificate.lowerBound <= fixture.upperBound * (1 + 1e-12))
    // The bound of the best constants says something.
    let constants = try certifier.certify(
      problem.emptyNetwork(), gates: nil, targetGap: 1e-3)
    #expect(constants.lowerBound > 0)
    #expect(constants.lowerBound <= fixture.upperBound * (1 + 1e-12))
  }

  /// Near the optimum bounds are tight, so errors of the dual point would show.
  @Test(arguments: CertifiedOptimum.withOutputBias)
  func lowerBoundsNearTheOptimumAreSound(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let run = try CellGeneration().solve(problem, limits: Self.limits)
    let certifier = Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    var generator = SeededGenerator(seed: UInt64(fixture.seed))
    for exponent in -12 ... -1 {
      let size = Double(sign: .plus, exponent: 3 * exponent, significand: 1)
      var network = run.network
      for e in network.filters.elements.indices {
        network.filters.elements[e] += size * generator.normal()
      }
      for k in 0..<fixture.outputs { network.outputBias?[k] += size * generator.normal() }
      let certificate = try certifier.certify(network, gates: nil, targetGap: 1e-6)
      #expect(certificate.lowerBound <= fixture.upperBound * (1 + 1e-13))
      #expect(certificate.relativeGap <= 1e-5 + 1000 * size)
    }
  }

  /// A large constant in the targets costs no digits of the bound.
  @Test func constantInTheTargetsKeepsTheBound() throws {
    let fixture = try #require(CertifiedOptimum.withOutputBias.first)
    let problem = try fixture.problem()
    let loss = try #require(problem.loss as? SquaredLoss)
    let run = try CellGeneration(oracle: ConeSearch()).solve(problem, limits: Self.limits)
    var (targets, network) = (loss.targets, run.network)
    for e in targets.elements.indices { targets.elements[e] += 1e4 }
    network.outputBias?[0] += 1e4
    let certificate = try Certifier(
      images: fixture.images, loss: SquaredLoss(targets: targets), lambda: problem.lambda
    ).certify(network, gates: nil, targetGap: 2e-6)
    #expect(certificate.isEstablished)
    #expect(certificate.lowerBound <= fixture.upperBound * (1 + 1e-12))
  }

  @Test(arguments: ProblemCase.programs)
  func gatedOptimumIsCertified(test: ProblemCase) throws {
    var problem = try test.problem(hasOutputBias: true)
    var generator = SeededGenerator(seed: 5)
    let gates =
      test.activation == .gated
      ? generator.normalMatrix(rows: 6, columns: problem.geometry.patchDimension) : nil
    let certifier = Certifier(
      images: try test.images(samples: 12), loss: problem.loss, lambda: 1)
    let lambdaMax = try GatedProgram(problem: problem, gates: gates).composite.lambdaMax
    let bound = try #require(
      try certifier.lambdaMaxUpperBound(
        geometry: problem.geometry, pooling: problem.pooling, activation: test.activation,
        gates: gates, hasOutputBias: true))
    #expect(bound >= lambdaMax * (1 - 1e-9))
    // The certifier adds margins of about 1e-9.
    #expect(bound <= lambdaMax * (1 + 1e-8))
    problem.lambda = 0.1 * lambdaMax
    let program = try GatedProgram(problem: problem, gates: gates)
    let solution = GatedSolver().solve(
      program.composite, limits: SolveLimits(relativeGap: 5e-7, iterations: 50_000))
    let certificate = try Certifier(
      images: test.images(samples: 12), loss: problem.loss, lambda: problem.lambda
    ).certify(program.network(from: solution.point), gates: gates, targetGap: 1e-6)
    #expect(certificate.isEstablished)
    #expect(certificate.bound == .exact)
  }

  /// At `lambdaMax` and above, the network without neurons and with the best constants is optimal.
  @Test(arguments: CertifiedOptimum.withOutputBias.filter { $0.pooling != "max" })
  func bestConstantsAreCertifiedAboveLambdaMax(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let empty = try problem.emptyNetwork()
    let bound = try #require(
      try Certifier(images: fixture.images, loss: problem.loss, lambda: 1).lambdaMaxUpperBound(
        geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
        hasOutputBias: true))
    let above = try Certifier(
      images: fixture.images, loss: problem.loss, lambda: bound * (1 + 1e-9)
    ).certify(empty, gates: nil, targetGap: 1e-9)
    #expect(above.isEstablished)
    let below = try Certifier(
      images: fixture.images, loss: problem.loss, lambda: 0.5 * estimatedLambdaMax(problem)
    ).certify(empty, gates: nil, targetGap: 1e-3)
    #expect(!below.isEstablished)
  }

  /// Filters in some directions: the bound holds for them, and the bridge for all.
  @Test func filterRankKeepsTheBias() throws {
    let fixture = try #require(CertifiedOptimum.withOutputBias.first { $0.h == 3 })
    let problem = try fixture.problem()
    let subspace = try FilterSubspace(rank: 2, of: problem)
    let restricted = try subspace.restricted(problem)
    #expect(restricted.hasOutputBias)
    let run = try CellGeneration(oracle: ConeSearch()).solve(restricted, limits: Self.limits)
    let network = try subspace.lifted(run.network, to: problem.geometry)
    #expect(network.outputBias == run.network.outputBias)
    let certificate = try Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda
    ).certify(network, gates: nil, directions: subspace.directions, targetGap: 2e-6)
    #expect(certificate.isEstablished)
    #expect(certificate.objective >= fixture.lowerBound * (1 - 1e-12))
    let all = try #require(certificate.unrestrictedLowerBound)
    #expect(all <= fixture.upperBound * (1 + 1e-12))
  }
}
