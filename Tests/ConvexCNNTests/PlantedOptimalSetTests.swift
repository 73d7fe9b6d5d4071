import ConvexCNN
import TestSupport
import Testing

/// Optimal sets that follow by hand: signals `(a, -a, b, -b)` and filters of length 1.
///
/// The ReLU of an entry and of its opposite sum to the same number for the filters 1 and -1, so both have the same outputs
/// in every window, under sum and maximum, and optima share their mass between two neurons in any way: a segment.
struct PlantedOptimalSetTests {
  private static let sampleCount = 6

  /// A problem over such signals with a squared loss and one output, and its optimum in closed form.
  ///
  /// With `s_i` the output of a filter 1 and one window, `mass = (mean(s y) - lambda) / mean(s^2)`; an output bias
  /// centers `s` and `y`.
  private struct Planted {
    let images: Tensor
    let loss: SquaredLoss
    let network: Network
    let certifier: Certifier
    let mass: Double
    let bias: Double

    init(activation: Activation = .relu, hasOutputBias: Bool = false, lambda: Double = 0.05) throws
    {
      let images = try PlantedOptimalSetTests.images()
      self.images = images
      let s = (0..<sampleCount).map { i in
        (0..<4).reduce(0.0) { $0 + max(images.elements[4 * i + $1], 0) }
      }
      let noise = [0.1, -0.2, 0.05, 0.1, -0.1, 0.02]
      let y = zip(s, noise).map { $0 + $1 - (hasOutputBias ? 2.5 : 0) }
      let n = Double(sampleCount)
      let means = hasOutputBias ? (s.reduce(0, +) / n, y.reduce(0, +) / n) : (0, 0)
      let product = zip(s, y).reduce(0.0) { $0 + ($1.0 - means.0) * ($1.1 - means.1) } / n
      let square = s.reduce(0.0) { $0 + ($1 - means.0) * ($1 - means.0) } / n
      mass = max(0, (product - lambda) / square)
      bias = means.1 - mass * means.0
      loss = SquaredLoss(targets: Matrix(rows: sampleCount, columns: 1, elements: y))
      let roots = mass > 0 ? [mass.squareRoot()] : []
      let filters = Matrix(rows: roots.count, columns: 1, elements: roots)
      network = try Network(
        geometry: PatchGeometry(length: 4, filterLength: 1), pooling: Pooling(.sum),
        activation: activation, filters: filters,
        gates: activation == .gated
          ? Matrix(rows: roots.count, columns: 1, elements: roots.map { _ in 1 }) : nil,
        outputWeights: filters, outputBias: hasOutputBias ? [bias] : nil)
      certifier = Certifier(images: images, loss: loss, lambda: lambda)
    }
  }

  private static func images() throws -> Tensor {
    var generator = SeededGenerator(seed: 31)
    let pairs = (0..<2 * sampleCount).map { _ in 0.2 + generator.uniform() }
    return Tensor(shape: [sampleCount, 1, 1, 4], elements: pairs.flatMap { [$0, -$0] })
  }

  private func expectSegment(_ set: OptimalSet, accuracy: Double = 1e-9) throws {
    #expect(set.neurons.count == 2)
    #expect(set.flatCount == 0)
    #expect(set.rank == 1)
    #expect(set.dimension == 1)
    #expect(set.isUnique == false)
    for range in set.ranges {
      #expect(abs(range.lowerBound) <= accuracy * set.totalMass)
      #expect(abs(range.upperBound - set.totalMass) <= accuracy * set.totalMass)
    }
    let (vertices, isComplete) = try set.vertices()
    #expect(isComplete)
    #expect(vertices.count == 2)
    for masses in vertices { #expect(masses.filter { $0 > set.negligible }.count == 1) }
    for mass in try set.leastNormMasses() {
      #expect(abs(mass - set.totalMass / 2) <= accuracy * set.totalMass)
    }
    let smallest = try set.sparsestMasses()
    #expect(smallest.isSmallest)
    #expect(smallest.masses.filter { $0 > set.negligible }.count == 1)
  }

  @Test(arguments: [false, true])
  func oppositeFiltersShareTheMass(hasOutputBias: Bool) throws {
    let planted = try Planted(hasOutputBias: hasOutputBias)
    let set = try planted.certifier.optimalSet(of: planted.network)
    guard case .allCells = set.coverage else {
      Issue.record("the search did not end: \(set.coverage)")
      return
    }
    try expectSegment(set)
    #expect(abs(set.totalMass - planted.mass) <= 1e-12)
    for neuron in set.neurons { #expect(abs(neuron.correlation - 1) <= 1e-10) }
  }

  @Test func gatesOfBothSignsShareTheMass() throws {
    let planted = try Planted(activation: .gated)
    let gates = Matrix(rows: 3, columns: 1, elements: [1, -1, 2])
    let set = try planted.certifier.optimalSet(of: planted.network, gates: gates)
    // The third gate has the pattern of the first.
    #expect(set.coverage == .givenCells(2))
    try expectSegment(set)
    for masses in try set.vertices().masses {
      guard case .yes = set.membership(of: try set.network(masses: masses)) else {
        Issue.record("a vertex is not recognized")
        continue
      }
    }
  }

  static let solved: [(String, ProblemCase.LossKind, Int)] = [
    ("sum", .softmax, 3), ("sum", .logistic, 1), ("sum:1x2", .squared, 2), ("max:1x2", .squared, 1),
    ("average:1x2", .softmax, 2),
  ]

  @Test(arguments: 0..<5)
  func otherLossesAndPoolingsHaveTheSameSegment(index: Int) throws {
    let (pooling, kind, outputs) = Self.solved[index]
    let images = try Self.images()
    let problem = try TrainingProblem(
      images: images, geometry: PatchGeometry(length: 4, filterLength: 1),
      pooling: Pooling(parsing: pooling), activation: .relu,
      loss: ProblemCase.loss(kind, samples: Self.sampleCount, outputs: outputs, seed: 5),
      lambda: 0.005)
    let network = try OptimalSetOracleTests.optimum(of: problem)
    try #require(network.neuronCount > 0)
    let set = try Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
      .optimalSet(of: network)
    #expect(set.coverage != .incomplete)
    // Output weights are those of a gap of 1e-11, that is to 3e-6, and the masses to 1e-8.
    try expectSegment(set, accuracy: 1e-7)
    let optimum = problem.objective(of: network).total
    for masses in try set.vertices().masses + set.sample(3, seed: 1) {
      let total = problem.objective(of: try set.network(masses: masses)).total
      #expect(abs(total - optimum) <= 1e-9 * optimum)
    }
  }

  @Test func predictionsRangeOverTheSegment() throws {
    let planted = try Planted(hasOutputBias: true)
    let set = try planted.certifier.optimalSet(of: planted.network)
    let images = Tensor(
      shape: [4, 1, 1, 4],
      elements: [4, 0, 0, 0, 0, -4, 0, 0, 0.3, -0.1, 0, 0, 8, -7, 0, 0])
    // Positive parts count with the mass of the filter 1, negative parts with that of -1.
    let ends: [(Double, Double)] = [(0, 4), (0, 4), (0.1, 0.3), (7, 8)]
    let range = try set.predictionRange(on: images)
    for (i, end) in ends.enumerated() {
      let low = planted.mass * end.0 + planted.bias
      let high = planted.mass * end.1 + planted.bias
      #expect(abs(range.lowest[i, 0] - low) <= 1e-9)
      #expect(abs(range.highest[i, 0] - high) <= 1e-9)
      #expect(range.isAmbiguous[i] == (low < 0 && high > 0))
    }
    #expect(range.isAmbiguous == [true, true, false, false])
    #expect(abs(range.widest - 4 * planted.mass) <= 1e-9)
    #expect(try set.predictionRange(on: planted.images).widest <= 1e-9)
  }

  @Test func samplesAreUniformOverTheSegment() throws {
    let planted = try Planted()
    let set = try planted.certifier.optimalSet(of: planted.network)
    let sample = try set.sample(400, seed: 7)
    #expect(try set.sample(400, seed: 7) == sample)
    #expect(try set.sample(400, seed: 8) != sample)
    for masses in sample {
      #expect(abs(masses.reduce(0, +) - planted.mass) <= 1e-10)
      #expect(masses.allSatisfy { $0 >= 0 })
    }
    // Kolmogorov's distance from the uniform distribution; 0.081 is its quantile of 1 % for 400 draws.
    let shares = sample.map { $0[0] / planted.mass }.sorted()
    let distance = shares.enumerated().reduce(0.0) { largest, entry in
      max(
        largest, abs(entry.element - Double(entry.offset) / 400),
        abs(entry.element - Double(entry.offset + 1) / 400))
    }
    #expect(distance <= 0.081)
  }

  @Test func theEndsAreJoinedByTwoNeuronsAndNotByOne() throws {
    let planted = try Planted()
    let set = try planted.certifier.optimalSet(of: planted.network)
    let ends = try set.vertices().masses
    try #require(ends.count == 2)
    let (first, last) = (try set.network(masses: ends[0]), try set.network(masses: ends[1]))
    #expect(first.filters[0, 0] * last.filters[0, 0] < 0)
    #expect(try set.connection(from: first, to: last, width: 1) == .separate)
    guard case .joined(let path) = try set.connection(from: first, to: last, width: 2) else {
      Issue.record("two neurons do not join the ends")
      return
    }
    #expect(path.count == 2)
    let middle = try set.network(masses: set.leastNormMasses())
    #expect(try set.connection(from: middle, to: last, width: 1) == .separate)
  }

  @Test func networksThatAreNotAccurateAreRefused() throws {
    let planted = try Planted()
    for factor in [0.99, 1.01] {
      var network = planted.network
      network.filters[0, 0] *= factor
      #expect(throws: CertificateError.self) { try planted.certifier.optimalSet(of: network) }
    }
    // The sign that the targets do not ask for.
    var opposite = planted.network
    opposite.outputWeights.elements[0] *= -1
    #expect(throws: CertificateError.self) { try planted.certifier.optimalSet(of: opposite) }
    let empty = planted.network.selecting(neurons: [])
    #expect(throws: CertificateError.self) { try planted.certifier.optimalSet(of: empty) }
  }

  @Test(arguments: [Activation.relu, .gated])
  func aboveTheLargestLambdaTheEmptyNetworkIsAlone(activation: Activation) throws {
    let planted = try Planted(activation: activation, lambda: 100)
    #expect(planted.network.neuronCount == 0)
    let gates = activation == .gated ? Matrix(rows: 2, columns: 1, elements: [1, -1]) : nil
    let set = try planted.certifier.optimalSet(of: planted.network, gates: gates)
    #expect(set.coverage != .incomplete)
    #expect(set.neurons.isEmpty)
    #expect(set.isUnique == true)
    #expect((set.dimension, set.rank) == (0, 0))
    #expect(set.totalMass == 0)
    #expect(try set.leastNormMasses().isEmpty)
    #expect(try set.sparsestMasses().masses.isEmpty)
    #expect(try set.sample(3, seed: 1) == [[], [], []])
    #expect(try set.network(masses: []).neuronCount == 0)
    #expect(set.membership(of: planted.network) == .yes(masses: []))
    #expect(try set.connection(from: planted.network, to: planted.network, width: 0) != .separate)
    let range = try set.predictionRange(on: planted.images)
    #expect(range.widest == 0)
    #expect(range.isAmbiguous.allSatisfy { !$0 })
  }

  /// Linear and gated networks with two outputs that fit `diag(targets)` on the unit vectors.
  ///
  /// The map is the soft-thresholded diagonal; where both entries are left, every orthonormal pair of filters is optimal
  /// for equal masses.
  @Test(arguments: [Activation.linear, .gated], [[1.5, 1.5], [1.5, 0.1]])
  func spheresOfFiltersAreCountedAndNotCalledUnique(
    activation: Activation, targets: [Double]
  ) throws {
    let lambda = 0.2
    let masses = targets.map { $0 - 2 * lambda }.filter { $0 > 0 }
    let filters = Matrix(
      masses.enumerated().map { j, mass in
        (0..<2).map { $0 == j ? mass.squareRoot() : 0 }
      })
    let gate = Matrix(rows: 1, columns: 2, elements: [1, 1])
    let network = try Network(
      geometry: PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
      activation: activation, filters: filters,
      gates: activation == .gated
        ? Matrix(
          rows: masses.count, columns: 2,
          elements: [Double](repeating: 1, count: 2 * masses.count)) : nil,
      outputWeights: filters)
    let certifier = Certifier(
      images: Tensor(shape: [2, 1, 1, 2], elements: [1, 0, 0, 1]),
      loss: SquaredLoss(
        targets: Matrix(rows: 2, columns: 2, elements: [targets[0], 0, 0, targets[1]])),
      lambda: lambda)
    let set = try certifier.optimalSet(
      of: network, gates: activation == .gated ? gate : nil)
    #expect(set.coverage == (activation == .gated ? .givenCells(1) : .allFilters))
    #expect(set.neurons.count == masses.count)
    #expect(set.flatCount == masses.count - 1)
    #expect(set.isUnique == (masses.count == 1 ? true : nil))
    #expect(set.dimension == 0)
    #expect(abs(set.totalMass - masses.reduce(0, +)) <= 1e-12)
  }
}
