import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Quadratic and polynomial networks are points of their programs, and back.
struct DegreeTwoIdentityTests {
  static let reluFit = Activation.polynomial(Polynomial(0.09, 0.5, 0.47))

  @Test func namesAreReadBack() {
    for activation in [Activation.quadratic, Self.reluFit, .polynomial(Polynomial(1e-9, -2, 0.1))] {
      #expect(Activation(rawValue: activation.rawValue) == activation)
    }
    for text in [
      "polynomial", "polynomial:", "polynomial:1,2", "polynomial:0,0,0", "polynomial:1,inf,0",
    ] {
      #expect(Activation(rawValue: text) == nil)
    }
  }

  @Test(arguments: [Activation.quadratic, reluFit], 1...5)
  func predictionsAreTheDefinition(activation: Activation, seed: Int) throws {
    let problem = try DegreeTwoProblem.random(activation, seed: seed)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 4, seed: seed)
    let slow = DegreeTwoProblem.predictions(of: network, on: problem)
    #expect(problem.predictions(of: network).relativeDistance(to: slow) < 1e-13)
  }

  /// B1: the gradient against central differences.
  @Test(arguments: [Activation.quadratic, reluFit], 1...3)
  func gradientIsTheDerivative(activation: Activation, seed: Int) throws {
    let problem = try DegreeTwoProblem.random(activation, seed: seed)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 3, seed: seed)
    let (_, filters, weights) = problem.lossAndGradient(
      filters: network.filters, outputWeights: network.outputWeights)
    func loss(_ network: Network) -> Double {
      problem.loss.value(at: problem.predictions(of: network))
    }
    let step = 1e-5
    for e in network.filters.elements.indices {
      var (up, down) = (network, network)
      up.filters.elements[e] += step
      down.filters.elements[e] -= step
      let slope = (loss(up) - loss(down)) / (2 * step)
      #expect(abs(slope - filters.elements[e]) < 1e-7 * (1 + abs(slope)))
    }
    for e in network.outputWeights.elements.indices {
      var (up, down) = (network, network)
      up.outputWeights.elements[e] += step
      down.outputWeights.elements[e] -= step
      let slope = (loss(up) - loss(down)) / (2 * step)
      #expect(abs(slope - weights.elements[e]) < 1e-7 * (1 + abs(slope)))
    }
  }

  private func program(_ problem: TrainingProblem) throws -> any NetworkProgram {
    problem.activation == .quadratic
      ? try QuadraticProgram(problem: problem) : try PolynomialProgram(problem: problem)
  }

  @Test(arguments: [Activation.quadratic, reluFit], 1...5)
  func pointOfANetworkHasItsPredictionsAndAtMostItsPenalty(activation: Activation, seed: Int)
    throws
  {
    let problem = try DegreeTwoProblem.random(activation, seed: seed)
    let program = try program(problem)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 5, seed: seed)
    let point = try program.point(from: network)
    let predictions = program.composite.map.predictions(of: point)
    #expect(predictions.relativeDistance(to: problem.predictions(of: network)) < 1e-12)
    let penalty = program.composite.regularizer.value(point)
    #expect(penalty <= network.regularization * (1 + 1e-12))
    if activation != .quadratic { #expect(abs(penalty - network.regularization) < 1e-12 * penalty) }
    let back = try program.network(from: point)
    #expect(abs(back.regularization - penalty) < 1e-12 * penalty)
    #expect(problem.predictions(of: back).relativeDistance(to: predictions) < 1e-11)
    #expect(back.balanced().weightDecay <= back.regularization * (1 + 1e-12))
  }

  /// B9: at most `h + 1` neurons for each sign, window and output, with equal parts `|s| = |d|`.
  @Test(arguments: 1...40)
  func decompositionIsANetwork(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let h = 1 + seed % 6
    let terms = 1 + seed % 9
    var matrix = Matrix(rows: h + 1, columns: h + 1)
    for _ in 0..<terms {
      var u = (0..<h).map { _ in generator.normal() }
      let norm = BLAS.norm(u)
      u = u.map { $0 / norm } + [1]
      let weight = generator.uniform()
      for e in 0...h { for f in 0...h { matrix[e, f] += weight * u[e] * u[f] } }
    }
    let decomposition = try NeuralDecomposition(of: matrix)
    #expect(decomposition.neurons.count <= h + 1)
    #expect(decomposition.defect < 1e-8)
    var sum = Matrix(rows: h + 1, columns: h + 1)
    for (filter, weight) in decomposition.neurons {
      #expect(weight > 0)
      #expect(abs(BLAS.norm(filter) - 1) < 1e-14)
      let u = filter + [1]
      for e in 0...h { for f in 0...h { sum[e, f] += weight * u[e] * u[f] } }
    }
    #expect(sum.relativeDistance(to: matrix) < 1e-12)
  }

  /// B6: circular convolutions at all positions have Toeplitz moments, `min(h, floor(d / 2) + 1)` of them.
  @Test(arguments: [
    (3, 3, 2), (4, 4, 3), (5, 5, 3), (6, 6, 4), (8, 8, 5), (6, 3, 3), (8, 4, 4), (5, 4, 3),
  ])
  func circularMomentsAreToeplitz(d: Int, h: Int, rank: Int) throws {
    var generator = SeededGenerator(seed: 9)
    let n = 40
    for (padding, expected) in [(PatchGeometry.Padding.circular, rank), (.valid, h * (h + 1) / 2)] {
      let length = padding == .circular ? d : h
      let problem = try TrainingProblem(
        images: generator.normalTensor(shape: [n, 1, 1, length]),
        geometry: PatchGeometry(channels: 1, length: length, filterLength: h, padding: padding),
        pooling: Pooling(.sum), activation: .quadratic,
        loss: SquaredLoss(targets: generator.normalMatrix(rows: n, columns: 1)), lambda: 0)
      #expect(try QuadraticProgram(problem: problem).momentRank() == expected)
    }
  }

  /// B10: the least weight decay of a quadratic neuron is a power 2/3 of its strength, not the strength; the cubic penalty of
  /// `weightDecay` is the one whose least value is.
  @Test(arguments: [0.1, 1, 3])
  func weightDecayOfBothLayersIsNotTheRegularizer(strength: Double) throws {
    func neuron(_ length: Double) throws -> Network {
      try Network(
        geometry: PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
        activation: .quadratic,
        filters: Matrix(rows: 1, columns: 2, elements: [0.6 * length, -0.8 * length]),
        outputWeights: Matrix(rows: 1, columns: 1, elements: [-strength / (length * length)]))
    }
    var (decay, cubic) = (Double.infinity, Double.infinity)
    for step in 0...40_000 {
      let network = try neuron(0.2 + 1e-4 * Double(step))
      let (u, w) = (network.filterNorms[0], network.outputSums[0])
      decay = min(decay, 0.5 * (u * u + w * w))
      cubic = min(cubic, network.weightDecay)
      #expect(abs(network.regularization - strength) < 1e-12 * strength)
    }
    let known: [Double: Double] = [0.1: 0.20358, 1: 0.94494, 3: 1.96556]
    #expect(abs(decay - (known[strength] ?? 0)) < 1e-5)
    #expect(abs(cubic - strength) < 1e-6 * strength)
    #expect(abs(try neuron(1.3).balanced().weightDecay - strength) < 1e-12 * strength)
  }

  @Test func otherProgramsRefuseDegreeTwo() throws {
    let problem = try DegreeTwoProblem.random(.quadratic, seed: 1)
    #expect(throws: ProgramError.self) { try GatedProgram(problem: problem, gates: nil) }
    #expect(throws: ProgramError.self) { try PolynomialProgram(problem: problem) }
    #expect(throws: ProgramError.self) {
      try QuadraticProgram(problem: DegreeTwoProblem.random(Self.reluFit, seed: 1))
    }
  }
}
