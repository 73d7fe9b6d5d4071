import ConvexCNN
import TestSupport
import Testing

/// Quadratic and polynomial networks from data to certificate, against known optima; what must not be certified.
struct DegreeTwoCertificateTests {
  static let reluFit = Activation.polynomial(Polynomial(0.09, 0.5, 0.47))

  private func solved(
    _ problem: TrainingProblem, gap: Double = 1e-12
  ) throws -> (network: Network, point: Matrix) {
    let program: any NetworkProgram =
      problem.activation == .quadratic
      ? try QuadraticProgram(problem: problem) : try PolynomialProgram(problem: problem)
    let solution = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: gap, iterations: 20_000))
    #expect(solution.status == .solved)
    return (try program.network(from: solution.point), solution.point)
  }

  private func certificate(
    _ network: Network, _ problem: TrainingProblem, _ images: Tensor, targets: Matrix? = nil,
    lambda: Double? = nil, gap: Double = 1e-9
  ) throws -> Certificate {
    try Certifier(
      images: images, loss: targets.map { SquaredLoss(targets: $0) } ?? problem.loss,
      lambda: lambda ?? problem.lambda
    ).certify(network, gates: nil, targetGap: gap)
  }

  /// B7: optimum and eigenvalues of the matrix of four signals with sum pooling.
  @Test(arguments: [
    (0.5, 0.518099022568, -0.19848426, 0.28737365),
    (2.0, 0.796719819132, -0.00052622, 0.0856947),
  ])
  func quadraticFixture(lambda: Double, optimum: Double, least: Double, largest: Double) throws {
    let problem = try DegreeTwoProblem.four(.quadratic, pooling: "sum", lambda: lambda)
    let (network, point) = try solved(problem)
    let certificate = try certificate(
      network, problem, DegreeTwoProblem.fourImages, gap: 1e-11)
    #expect(certificate.isEstablished)
    #expect(abs(certificate.objective - optimum) < 1e-11)
    let matrix = SymmetricNuclearNorm(blockCount: 1, order: 2)
      .matrix(block: 0, column: 0, of: point)
    let values = try LAPACK.symmetricEigen(matrix).values
    #expect(abs(values[0] - least) < 1e-7)
    #expect(abs(values[1] - largest) < 1e-7)
  }

  /// B8: the fit of ReLU by a polynomial on four signals with average pooling.
  @Test(arguments: [
    (0.01, 0.056577100489, 3.3761896, 2.1832114), (0.1, 0.477764436311, 2.3813170, 1.4241640),
  ])
  func polynomialFixture(lambda: Double, optimum: Double, positive: Double, negative: Double)
    throws
  {
    let problem = try DegreeTwoProblem.four(Self.reluFit, pooling: "average", lambda: lambda)
    let (network, _) = try solved(problem)
    let certificate = try certificate(
      network, problem, DegreeTwoProblem.fourImages, gap: 1e-10)
    #expect(certificate.isEstablished)
    #expect(abs(certificate.objective - optimum) < 1e-10)
    let sums = network.outputWeights.elements.reduce(into: (0.0, 0.0)) {
      if $1 > 0 { $0.0 += $1 } else { $0.1 -= $1 }
    }
    #expect(abs(sums.0 - positive) < 1e-5)
    #expect(abs(sums.1 - negative) < 1e-5)
    #expect(network.neuronCount <= 6)
  }

  /// Optima by cvxpy 1.9.3 and Clarabel (27 November 2026, `Tests/Oracles/degree_two.py`).
  @Test(arguments: [
    (Activation.quadratic, 0.02, 0.6973913497242347), (.quadratic, 0.2, 0.9048765979700786),
    (reluFit, 0.02, 0.7171969643965214), (reluFit, 0.2, 0.9789257396533331),
  ])
  func windowsAndOutputsAgainstClarabel(
    activation: Activation, lambda: Double, optimum: Double
  ) throws {
    let problem = try DegreeTwoProblem.nine(activation, lambda: lambda)
    let (network, _) = try solved(problem, gap: 1e-10)
    let certificate = try certificate(network, problem, DegreeTwoProblem.nineImages)
    #expect(certificate.isEstablished)
    #expect(abs(certificate.objective - optimum) < 1e-8)
    #expect(certificate.lowerBound <= optimum + 1e-8)
  }

  /// Other losses and an output bias have certificates too.
  @Test(arguments: [Activation.quadratic, reluFit], [true, false])
  func otherLossesAndOutputBias(activation: Activation, hasOutputBias: Bool) throws {
    let classes = [0, 1, 2, 0, 1, 2, 1, 1, 0]
    for loss in [
      SoftmaxLoss(classes: classes, count: 3) as any Loss,
      LogisticLoss(labels: classes.map { $0 == 1 ? 1 : -1 }),
      SquaredLoss(classes: classes, count: 3),
    ] {
      let nine = try DegreeTwoProblem.nine(activation, lambda: 0.02)
      let problem = try TrainingProblem(
        images: DegreeTwoProblem.nineImages, geometry: nine.geometry, pooling: nine.pooling,
        activation: activation, loss: loss, lambda: 0.02, hasOutputBias: hasOutputBias)
      let (network, _) = try solved(problem, gap: 1e-9)
      let certificate = try certificate(
        network, problem, DegreeTwoProblem.nineImages, gap: 1e-8)
      #expect(certificate.isEstablished, "\(loss.name) \(certificate.relativeGap)")
      #expect(certificate.hasOutputBias == hasOutputBias)
    }
  }

  /// An optimum loses its certificate when anything changes.
  @Test(arguments: [Activation.quadratic, reluFit])
  func everyPerturbationIsRejected(activation: Activation) throws {
    let problem = try DegreeTwoProblem.nine(activation, lambda: 0.1)
    let images = DegreeTwoProblem.nineImages
    let (network, _) = try solved(problem, gap: 1e-11)
    #expect(try certificate(network, problem, images).isEstablished)
    for e in network.outputWeights.elements.indices where network.outputWeights.elements[e] != 0 {
      var changed = network
      changed.outputWeights.elements[e] *= 1.05
      #expect(!(try certificate(changed, problem, images).isEstablished))
    }
    for j in 0..<network.neuronCount {
      var turned = network
      let (x, y) = (turned.filters[j, 0], turned.filters[j, 1])
      (turned.filters[j, 0], turned.filters[j, 1]) = (0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y)
      #expect(!(try certificate(turned, problem, images).isEstablished))
      let missing = network.selecting(neurons: (0..<network.neuronCount).filter { $0 != j })
      #expect(!(try certificate(missing, problem, images).isEstablished))
    }
    #expect(!(try certificate(network, problem, images, lambda: 0.11).isEstablished))
    #expect(!(try certificate(network, problem, images, lambda: 0.09).isEstablished))
    var targets = Matrix(rows: 9, columns: 2)
    for i in 0..<9 { targets[i, i % 2] = 1 }
    #expect(!(try certificate(network, problem, images, targets: targets).isEstablished))
    var other = images
    other.elements[7] += 0.5
    #expect(!(try certificate(network, problem, other).isEstablished))
  }

  /// A duplicated filter is the same function and penalty, so its certificate is right; duplicated with opposite weights on
  /// top it is a worse network.
  @Test func duplicatedFilters() throws {
    let problem = try DegreeTwoProblem.nine(.quadratic, lambda: 0.1)
    let (network, _) = try solved(problem, gap: 1e-11)
    let (m, a) = (network.neuronCount, network.windowCount)
    var doubled = network.selecting(neurons: Array(0..<m) + Array(0..<m))
    for e in doubled.outputWeights.elements.indices { doubled.outputWeights.elements[e] *= 0.5 }
    let half = try certificate(doubled, problem, DegreeTwoProblem.nineImages)
    #expect(half.isEstablished)
    for e in doubled.outputWeights.elements.indices {
      doubled.outputWeights.elements[e] *= e < m * a * 2 ? 2.2 : -0.2
    }
    let cancelled = try certificate(doubled, problem, DegreeTwoProblem.nineImages)
    #expect(abs(cancelled.loss - half.loss) < 1e-12)
    #expect(!cancelled.isEstablished)
  }

  /// Circular convolutions have moments of low rank; the certificate does not depend on that.
  @Test func rankDeficientMoments() throws {
    var generator = SeededGenerator(seed: 4)
    let images = generator.normalTensor(shape: [12, 1, 1, 4])
    let problem = try TrainingProblem(
      images: images,
      geometry: PatchGeometry(channels: 1, length: 4, filterLength: 4, padding: .circular),
      pooling: Pooling(.sum), activation: .quadratic,
      loss: SquaredLoss(targets: generator.normalMatrix(rows: 12, columns: 1)), lambda: 0.05)
    let program = try QuadraticProgram(problem: problem)
    #expect(try program.momentRank() == 3)
    let (network, _) = try solved(problem, gap: 1e-11)
    #expect(try certificate(network, problem, images).isEstablished)
    // The orbit of a filter under shifts: another network with the same predictions and penalty.
    var shifted = network
    for j in 0..<network.neuronCount {
      for e in 0..<4 { shifted.filters[j, e] = network.filters[j, (e + 1) % 4] }
    }
    let orbit = try certificate(shifted, problem, images)
    #expect(abs(orbit.objective - problem.objective(of: network).total) < 1e-12)
    #expect(orbit.isEstablished)
  }

  /// B5: few neurons have two strict local minima; neither is certified.
  @Test(arguments: [(1.4470, 0.0, 1, 0.249233), (1.4468, 0.0, 0, 0.301572)])
  func fewNeuronTrap(length: Double, other: Double, axis: Int, loss: Double) throws {
    let images = Tensor(shape: [4, 1, 1, 2], elements: [1, 0, 0, 1, 3, 3, 3, -3])
    let targets = Matrix(rows: 4, columns: 1, elements: [1, 1.1, 18.9, 18.9])
    var filter = [other, other]
    filter[axis] = length
    let network = try Network(
      geometry: PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
      activation: .quadratic, filters: Matrix(rows: 1, columns: 2, elements: filter),
      outputWeights: Matrix(rows: 1, columns: 1, elements: [1]))
    for lambda in [0, 1e-6, 1e-4, 1e-2] {
      let certificate = try Certifier(
        images: images, loss: SquaredLoss(targets: targets), lambda: lambda
      ).certify(network, gates: nil, targetGap: 1e-3)
      #expect(abs(certificate.loss - loss) < 1e-6)
      #expect(!certificate.isEstablished)
    }
  }
}
