import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Certificates against optima that other programs found.
struct CertifierOracleTests {
  /// A fixture as a problem in the mean-loss scaling.
  struct Problem {
    let certifier: Certifier
    let loss: any Loss
    let network: Network
    let optimum: Double

    init(_ fixture: PlanarFixture, threads: Int = 1, lambdaFactor: Double = 1) throws {
      let n = fixture.signals.rows
      let loss: any Loss =
        switch fixture.loss {
        case "squared": SquaredLoss(targets: fixture.targets)
        case "logistic": LogisticLoss(labels: fixture.targets.elements)
        default:
          SoftmaxLoss(
            classes: (0..<n).map { i in
              fixture.targets.row(i).firstIndex(of: 1).map {
                $0 - i * fixture.targets.columns
              } ?? 0
            },
            count: fixture.targets.columns)
        }
      self.loss = loss
      certifier = Certifier(
        images: Tensor(
          shape: [n, 1, 1, fixture.signals.columns], elements: fixture.signals.elements),
        loss: loss, lambda: fixture.beta / Double(n) * lambdaFactor, threads: threads)
      network = try Network(
        geometry: PatchGeometry(length: fixture.signals.columns, filterLength: 2),
        pooling: Pooling(parsing: fixture.pooling), activation: .relu, filters: fixture.filters,
        outputWeights: fixture.outputWeights)
      optimum = fixture.optimum / Double(n)
    }
  }

  @Test(arguments: PlanarFixture.all)
  func objectiveOfTheNearlyOptimalNetworkIsTheOptimum(fixture: PlanarFixture) throws {
    let problem = try Problem(fixture)
    let certificate = try problem.certifier.certify(
      problem.network, gates: nil, targetGap: 1e-3)
    #expect(abs(certificate.objective - problem.optimum) <= 3e-6 * problem.optimum)
  }

  @Test(arguments: PlanarFixture.all)
  func lowerBoundIsBelowTheOptimumAndNotTrivial(fixture: PlanarFixture) throws {
    let problem = try Problem(fixture)
    let certificate = try problem.certifier.certify(
      problem.network, gates: nil, targetGap: 1e-3, effort: .withoutSearch)
    #expect(certificate.lowerBound <= problem.optimum * (1 + 3e-6))
    #expect(certificate.lowerBound >= 0.3 * problem.optimum)
    #expect(certificate.bound == .spectral)
    #expect(certificate.scope == .allCells)
  }

  @Test(arguments: PlanarFixture.all)
  func branchAndBoundProvesTheNearlyOptimalNetwork(fixture: PlanarFixture) throws {
    // The networks come from an interior-point solver; their dual norms exceed lambda by up to 1e-4.
    let problem = try Problem(fixture)
    let certificate = try problem.certifier.certify(
      problem.network, gates: nil, targetGap: 2e-4)
    #expect(certificate.isEstablished)
    #expect(certificate.lowerBound <= problem.optimum * (1 + 3e-6))
    #expect(certificate.bound == .branch)
    #expect(certificate.scope == .allCells)
  }

  @Test(arguments: PlanarFixture.all)
  func aNudgedWeightIsNotProven(fixture: PlanarFixture) throws {
    let problem = try Problem(fixture)
    var network = problem.network
    network.filters.elements[0] += 0.03
    let certificate = try problem.certifier.certify(network, gates: nil, targetGap: 2e-4)
    #expect(!certificate.isEstablished)
  }

  @Test(arguments: PlanarFixture.all, [0.8, 1.25])
  func anotherStrengthIsNotProven(fixture: PlanarFixture, factor: Double) throws {
    let problem = try Problem(fixture, lambdaFactor: factor)
    let certificate = try problem.certifier.certify(
      problem.network, gates: nil, targetGap: 2e-4)
    #expect(!certificate.isEstablished)
  }

  @Test(arguments: PlanarFixture.all)
  func otherDataAreNotProven(fixture: PlanarFixture) throws {
    let problem = try Problem(fixture)
    let n = fixture.signals.rows
    let images = Tensor(
      shape: [n, 1, 1, fixture.signals.columns], elements: fixture.signals.elements)
    let strength = fixture.beta / Double(n)
    // One sample less, and the targets of two samples that differ exchanged.
    let rest = Array(0..<n - 1)
    let fewer = Certifier(
      images: Tensor(
        shape: [n - 1, 1, 1, fixture.signals.columns],
        elements: Array(images.elements[..<((n - 1) * fixture.signals.columns)])),
      loss: problem.loss.selecting(rest), lambda: strength)
    let other = (1..<n).first { fixture.targets.row($0) != fixture.targets.row(0) } ?? 1
    var order = Array(0..<n)
    order.swapAt(0, other)
    let swapped = Certifier(
      images: images, loss: problem.loss.selecting(order), lambda: strength)
    for certifier in [fewer, swapped] {
      let certificate = try certifier.certify(problem.network, gates: nil, targetGap: 2e-4)
      #expect(!certificate.isEstablished)
    }
  }

  @Test(arguments: PlanarFixture.all, 1...6)
  func perturbedNetworksNeverGetABoundAboveTheOptimum(
    fixture: PlanarFixture, seed: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let problem = try Problem(fixture)
    var network = problem.network
    let size = [1e-6, 1e-3, 0.1, 1, 10, 100][seed - 1]
    for e in network.filters.elements.indices {
      network.filters.elements[e] += size * generator.normal()
    }
    for e in network.outputWeights.elements.indices {
      network.outputWeights.elements[e] += size * generator.normal()
    }
    let certificate = try problem.certifier.certify(network, gates: nil, targetGap: 1e-3)
    #expect(certificate.lowerBound <= problem.optimum * (1 + 3e-6))
    #expect(certificate.objective >= problem.optimum * (1 - 3e-6))
    #expect(certificate.gap >= 0)
  }

  @Test(arguments: PlanarFixture.all)
  func emptyNetworkIsProvenOptimalAboveTheBoundOnLambdaMax(fixture: PlanarFixture) throws {
    let problem = try Problem(fixture)
    let network = problem.network
    let bound = try #require(
      try problem.certifier.lambdaMaxUpperBound(
        geometry: network.geometry, pooling: network.pooling, activation: .relu))
    let strength = fixture.beta / Double(fixture.signals.rows)
    let above = try Problem(fixture, lambdaFactor: bound / strength * (1 + 1e-9))
    let empty = network.selecting(neurons: [])
    let certificate = try above.certifier.certify(empty, gates: nil, targetGap: 1e-9)
    #expect(certificate.isEstablished)
    let original = try problem.certifier.certify(empty, gates: nil, targetGap: 1e-9)
    #expect(!original.isEstablished)
  }

  @Test(arguments: PlanarFixture.all)
  func oneAndTwoThreadsGiveTheSameBits(fixture: PlanarFixture) throws {
    let one = try Problem(fixture)
    let two = try Problem(fixture, threads: 2)
    let first = try one.certifier.certify(one.network, gates: nil, targetGap: 1e-3)
    let second = try two.certifier.certify(two.network, gates: nil, targetGap: 1e-3)
    #expect(first == second)
  }
}
