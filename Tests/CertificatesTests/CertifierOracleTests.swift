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

  @Test(arguments: PlanarFixture.all, [BoundEffort.Method.automatic, .exact, .branch])
  func boundsOverAllCellsProveTheNearlyOptimalNetwork(
    fixture: PlanarFixture, method: BoundEffort.Method
  ) throws {
    // The networks come from an interior-point solver; their dual norms exceed lambda by up to 1e-4.
    let problem = try Problem(fixture)
    let certificate = try problem.certifier.certify(
      problem.network, gates: nil, targetGap: 2e-4, effort: BoundEffort(method: method))
    #expect(certificate.isEstablished)
    #expect(certificate.lowerBound <= problem.optimum * (1 + 3e-6))
    #expect(certificate.bound == (method == .branch ? .branch : .exact))
    #expect(certificate.scope == .allCells)
  }

  /// The exact bound is the dual norm of the twin that looks into every cell, not only above it.
  @Test(arguments: PlanarFixture.all)
  func theExactBoundIsTheDualNorm(fixture: PlanarFixture) throws {
    let problem = try Problem(fixture)
    let certificate = try problem.certifier.certify(
      problem.network, gates: nil, targetGap: 1e-9, effort: BoundEffort(method: .exact))
    let training = try fixture.problem()
    let gradient = training.loss.gradient(at: training.predictions(of: problem.network))
    let exact = try fixture.exactDualNorm(of: gradient)
    let bound = try #require(certificate.dualNormUpperBound)
    #expect(bound >= exact * (1 - 1e-13))
    #expect(bound <= exact * (1 + 1e-10))
  }

  @Test func anExactBoundOfTooManyEntriesIsRefused() throws {
    let network = try Network(
      geometry: PatchGeometry(length: 6, filterLength: 4), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([[1, 0, 2, 1]]), outputWeights: Matrix([[0.1]]))
    var generator = SeededGenerator(seed: 1)
    let certifier = Certifier(
      images: Tensor(
        shape: [3, 1, 1, 6], elements: generator.normalMatrix(rows: 3, columns: 6).elements),
      loss: SquaredLoss(targets: Matrix([[1], [2], [-1]])), lambda: 0.1)
    let error = #expect(throws: CertificateError.self) {
      try certifier.certify(
        network, gates: nil, targetGap: 1e-3, effort: BoundEffort(method: .exact))
    }
    #expect(error?.found == "4 entries")
    #expect(error?.advice == "Ask for the automatic bound, or for branch and bound.")
  }

  @Test func anExactBoundThatRunsOutOfTimeClaimsNothing() throws {
    // A hundred rows of three entries are more than one batch of circles.
    var generator = SeededGenerator(seed: 2)
    let network = try Network(
      geometry: PatchGeometry(length: 12, filterLength: 3), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([[1, 0, 2]]), outputWeights: Matrix([[0.1]]))
    let certifier = Certifier(
      images: Tensor(
        shape: [10, 1, 1, 12], elements: generator.normalMatrix(rows: 10, columns: 12).elements),
      loss: SquaredLoss(targets: generator.normalMatrix(rows: 10, columns: 1)), lambda: 0.1)
    let certificate = try certifier.certify(
      network, gates: nil, targetGap: 1e-3, effort: BoundEffort(method: .exact, nodeLimit: 1))
    #expect(certificate.lowerBound == 0)
    #expect(certificate.bound == .none)
    #expect(certificate.claim.contains("the sweep over all cells was not finished"))
    let whole = try certifier.certify(
      network, gates: nil, targetGap: 1e-3, effort: BoundEffort(method: .exact))
    #expect(whole.bound == .exact)
    #expect(whole.lowerBound > 0)
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
