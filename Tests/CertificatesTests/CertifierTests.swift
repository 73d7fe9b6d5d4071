import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Planted optima are accepted; every single perturbation of them is rejected.
struct CertifierTests {
  private static let target = 1e-6

  private func planted(
    _ activation: Activation = .gated, gateCount: Int = 5, seed: Int = 1
  ) throws -> PlantedProblem {
    try PlantedProblem(
      activation: activation, gateCount: gateCount, outputs: 2, seed: UInt64(seed))
  }

  private func certify(
    _ problem: PlantedProblem, network: Network? = nil, gates: Matrix? = nil,
    targets: Matrix? = nil, lambda: Double? = nil, threads: Int = 1
  ) throws -> Certificate {
    let certifier = Certifier(
      images: ObjectiveTwin(signals: problem.signals).images,
      loss: SquaredLoss(targets: targets ?? problem.targets), lambda: lambda ?? problem.lambda,
      threads: threads)
    return try certifier.certify(
      network ?? problem.network, gates: gates ?? problem.gates, targetGap: Self.target)
  }

  @Test(arguments: 1...10)
  func plantedGatedOptimumIsAccepted(seed: Int) throws {
    let certificate = try certify(planted(seed: seed))
    #expect(certificate.isEstablished)
    #expect(certificate.relativeGap < 1e-7)
    #expect(certificate.bound == .exact)
    #expect(certificate.scope == .givenCells(5))
    #expect(abs((certificate.dualNormOverLambda ?? 0) - 1) < 1e-8)
  }

  @Test(arguments: 1...10)
  func plantedLinearOptimumIsAccepted(seed: Int) throws {
    let certificate = try certify(planted(.linear, gateCount: 1, seed: seed))
    #expect(certificate.isEstablished)
    #expect(certificate.scope == .allCells)
    #expect(certificate.bound == .exact)
  }

  @Test(arguments: 1...5)
  func everyChangedWeightIsRejected(seed: Int) throws {
    let problem = try planted(seed: seed)
    for e in problem.network.filters.elements.indices {
      var network = problem.network
      network.filters.elements[e] += 0.05
      let certificate = try certify(problem, network: network)
      #expect(!certificate.isEstablished)
    }
    for e in problem.network.outputWeights.elements.indices {
      var network = problem.network
      network.outputWeights.elements[e] -= 0.05
      let certificate = try certify(problem, network: network)
      #expect(!certificate.isEstablished)
    }
  }

  @Test(arguments: [0.5, 0.99, 1.01, 2])
  func changedLambdaIsRejected(factor: Double) throws {
    let problem = try planted()
    let certificate = try certify(problem, lambda: problem.lambda * factor)
    #expect(!certificate.isEstablished)
    #expect(certificate.gap > 0)
  }

  @Test func everyChangedLabelIsRejected() throws {
    let problem = try planted()
    for e in problem.targets.elements.indices {
      var targets = problem.targets
      targets.elements[e] += 1
      let certificate = try certify(problem, targets: targets)
      #expect(!certificate.isEstablished)
    }
  }

  @Test func removedUnusedGateChangesTheScopeOnly() throws {
    let problem = try planted()
    let gates = try #require(problem.gates)
    let used = try #require(problem.network.gates)
    let others = (0..<5).filter { Array(gates.row($0)) != Array(used.row(0)) }
    let kept = (0..<5).filter { $0 != others[0] }
    let certificate = try certify(problem, gates: gates.selectingRows(kept))
    #expect(certificate.isEstablished)
    #expect(certificate.scope == .givenCells(4))
    #expect(certificate.claim.contains("the 4 cells given"))
  }

  @Test func removedUsedGateIsRefused() throws {
    let problem = try planted()
    let gates = try #require(problem.gates)
    let used = try #require(problem.network.gates)
    let others = (0..<5).filter { Array(gates.row($0)) != Array(used.row(0)) }
    let certificate = try certify(problem, gates: gates.selectingRows(others))
    #expect(certificate.verdict == .outsideGivenCells(neuron: 0))
    #expect(!certificate.isEstablished)
    let claim =
      "Not proven: the gate of neuron 0 has none of the patterns of the 4 cells given, "
      + "so nothing is claimed about this network."
    #expect(certificate.claim == claim)
  }

  @Test func boundOverFewerGatesIsNotClaimedForMore() throws {
    // Planted over two gates; over forty more gates the dual norm exceeds lambda.
    let problem = try planted(gateCount: 2)
    var generator = SeededGenerator(seed: 9)
    let gates = try #require(problem.gates)
    let more = Matrix(
      rows: 42, columns: 3,
      elements: gates.elements + (0..<120).map { _ in generator.normal() })
    let few = try certify(problem)
    let many = try certify(problem, gates: more)
    #expect(few.isEstablished)
    #expect(!many.isEstablished)
    #expect(many.lowerBound < few.lowerBound)
  }

  @Test func repeatedGatesCountOnce() throws {
    let problem = try planted()
    let gates = try #require(problem.gates)
    let doubled = Matrix(
      rows: 10, columns: 3, elements: gates.elements + gates.elements.map { 2 * $0 })
    let certificate = try certify(problem, gates: doubled)
    #expect(certificate.scope == .givenCells(5))
    #expect(certificate.isEstablished)
  }

  @Test func unbalancedWeightsHaveTheSameObjective() throws {
    let problem = try planted()
    var network = problem.network
    for e in network.filters.elements.indices { network.filters.elements[e] *= 64 }
    for e in network.outputWeights.elements.indices { network.outputWeights.elements[e] /= 64 }
    let balanced = try certify(problem)
    let unbalanced = try certify(problem, network: network)
    #expect(balanced.objective == unbalanced.objective)
    #expect(balanced.lowerBound == unbalanced.lowerBound)
    #expect(unbalanced.weightDecayObjective > 2 * balanced.weightDecayObjective)
    #expect(abs(balanced.weightDecayObjective / balanced.objective - 1) < 1e-12)
  }

  @Test(arguments: [Activation.relu, .gated, .linear], ["sum:1x2", "average", "none", "max:1x2"])
  func objectiveAgreesWithTheDefinition(activation: Activation, pooling: String) throws {
    let problem = try planted(seed: 3)
    var generator = SeededGenerator(seed: 4)
    let pool = try Pooling(parsing: pooling)
    let a = try pool.map(for: problem.network.geometry).outputCount
    func draw(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in generator.normal() })
    }
    let gates = activation == .gated ? draw(4, 3) : nil
    let network = try Network(
      geometry: problem.network.geometry, pooling: pool, activation: activation,
      filters: draw(4, 3), gates: gates, outputWeights: draw(4 * a, 2))
    let certifier = Certifier(
      images: ObjectiveTwin(signals: problem.signals).images,
      loss: SquaredLoss(targets: problem.targets), lambda: 0.3, threads: 1)
    let certificate = try certifier.certify(
      network, gates: gates, targetGap: 0.1, effort: .withoutSearch)
    let predictions = ObjectiveTwin(signals: problem.signals).predictions(of: network)
    let expected = SquaredLoss(targets: problem.targets).value(at: predictions)
    #expect(abs(certificate.loss - expected) <= 1e-12 * expected)
    #expect(abs(certificate.regularization - 0.3 * network.regularization) <= 1e-12)
    #expect(certificate.objective == certificate.loss + certificate.regularization)
    #expect(certificate.gap >= 0)
    #expect(
      certificate.bound
        == (pooling.hasPrefix("max") ? .none : activation == .relu ? .spectral : .exact))
  }

  @Test func maxPoolingClaimsNothingWithoutSearch() throws {
    let problem = try planted()
    let network = try Network(
      geometry: problem.network.geometry, pooling: Pooling(.max), activation: .relu,
      filters: Matrix([[1, 2, 3]]), outputWeights: Matrix([[0.1, 0.2]]))
    let certifier = Certifier(
      images: ObjectiveTwin(signals: problem.signals).images,
      loss: SquaredLoss(targets: problem.targets), lambda: 0.3, threads: 1)
    let certificate = try certifier.certify(
      network, gates: nil, targetGap: 0.5, effort: .withoutSearch)
    #expect(certificate.bound == .none)
    #expect(certificate.lowerBound == 0)
    #expect(certificate.dualNormUpperBound == nil)
    #expect(certificate.verdict == .nothingProven)
    let claim =
      "Nothing proven beyond the loss being non-negative (max pooling has no bound here without a "
      + "search). Global optimality is not proven."
    #expect(certificate.claim == claim)
    // Branch and bound covers the winners of max pooling too.
    let searched = try certifier.certify(network, gates: nil, targetGap: 0.5)
    #expect(searched.bound == .branch)
    #expect(searched.lowerBound > 0)
    #expect(searched.lowerBound < searched.objective)
    #expect(searched.verdict == .gapAboveTarget)
  }

  @Test func blankImagesAndNoNeuronsAreOptimal() throws {
    let problem = try planted(.linear, gateCount: 1)
    for activation in [Activation.relu, .linear] {
      let network = try Network(
        geometry: problem.network.geometry, pooling: Pooling(.sum), activation: activation,
        filters: Matrix(rows: 0, columns: 3), outputWeights: Matrix(rows: 0, columns: 2))
      let certifier = Certifier(
        images: Tensor(shape: [8, 1, 1, 7]), loss: SquaredLoss(targets: problem.targets),
        lambda: 0.3, threads: 1)
      let certificate = try certifier.certify(network, gates: nil, targetGap: 1e-9)
      #expect(certificate.isEstablished)
    }
  }

  @Test func zeroLambdaClaimsNothing() throws {
    let certificate = try certify(planted(), lambda: 0)
    #expect(certificate.lowerBound == 0)
    #expect(certificate.dualNormOverLambda == nil)
    #expect(certificate.verdict == .nothingProven)
  }

  @Test func oneAndTwoThreadsGiveTheSameBits() throws {
    let one = try certify(planted())
    let two = try certify(planted(), threads: 2)
    #expect(one == two)
  }

  @Test func lambdaMaxBoundIsWhereTheEmptyNetworkBecomesOptimal() throws {
    let problem = try planted()
    let certifier = Certifier(
      images: ObjectiveTwin(signals: problem.signals).images,
      loss: SquaredLoss(targets: problem.targets), lambda: 1, threads: 1)
    let bound = try #require(
      try certifier.lambdaMaxUpperBound(
        geometry: problem.network.geometry, pooling: problem.network.pooling, activation: .gated,
        gates: problem.gates))
    let empty = problem.network.selecting(neurons: [])
    let above = try certify(problem, network: empty, lambda: bound * (1 + 1e-9))
    let below = try certify(problem, network: empty, lambda: bound * 0.99)
    #expect(above.isEstablished)
    #expect(!below.isEstablished)
  }

  /// Images and strength times a power of two are the same problem, as filters over that power show.
  @Test(
    arguments: [Activation.relu, .linear, .gated], ["sum:1x2", "sum", "none"])
  func lowerBoundIsThatOfScaledImages(activation: Activation, pooling: String) throws {
    let test = ProblemCase(.signal, pooling, activation, .squared, outputs: 2)
    var images = try test.images(samples: 4)
    let original = images.elements
    let loss = ProblemCase.loss(.squared, samples: 4, outputs: 2, seed: 3)
    let problem = try test.problem(samples: 4)
    var generator = SeededGenerator(seed: 2)
    let gates = activation == .gated ? generator.normalMatrix(rows: 2, columns: 3) : nil
    func lowerBound(_ factor: Double) throws -> Double {
      for e in original.indices { images.elements[e] = factor * original[e] }
      return try Certifier(images: images, loss: loss, lambda: 0.1 * factor)
        .certify(problem.emptyNetwork(), gates: gates, targetGap: 1e-3).lowerBound
    }
    let expected = try lowerBound(1)
    #expect(expected > 0)
    for exponent in [-900, -620, -540, -300, 300] {
      let found = try lowerBound(Double(sign: .plus, exponent: exponent, significand: 1))
      #expect(abs(found - expected) <= 1e-6 * expected)
    }
  }
}
