import ConvexCNN
import TestSupport
import Testing

/// Certificates of circular linear networks, which share no transform with the solver, and attempts to fool them.
struct CircularCertificateTests {
  private static let target = 1e-8

  /// A problem, its images and a network that the solver takes for optimal.
  private struct Solved {
    let problem: TrainingProblem
    let images: Tensor
    let network: Network

    func certificate(
      _ network: Network? = nil, images: Tensor? = nil, loss: (any Loss)? = nil,
      lambdaFactor: Double = 1
    ) throws -> Certificate {
      try Certifier(
        images: images ?? self.images, loss: loss ?? problem.loss,
        lambda: lambdaFactor * problem.lambda
      ).certify(network ?? self.network, gates: nil, targetGap: CircularCertificateTests.target)
    }
  }

  private static func solved(_ shape: [Int], outputs: Int, seed: UInt64 = 1) throws -> Solved {
    var random = SeededGenerator(seed: seed)
    let images = random.normalTensor(shape: shape)
    let loss = SquaredLoss(targets: random.normalMatrix(rows: shape[0], columns: outputs))
    let geometry = try PatchGeometry(
      channels: shape[1], imageHeight: shape[2], imageWidth: shape[3], filterHeight: shape[2],
      filterWidth: shape[3], padding: .circular)
    let unit = try CircularProgram(images: images, geometry: geometry, loss: loss, lambda: 1)
    let lambda = 0.1 * unit.composite.lambdaMax
    let program = try CircularProgram(
      images: images, geometry: geometry, loss: loss, lambda: lambda)
    let solution = FISTA().solve(
      program.composite,
      limits: SolveLimits(relativeGap: 1e-9, iterations: 100_000, seconds: 600))
    let problem = try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(.none), activation: .linear, loss: loss,
      lambda: lambda, backend: .fft)
    return Solved(
      problem: problem, images: images, network: try program.network(from: solution.point))
  }

  /// `[20, 64 x 64]` has 81,920 patches of 4,096 entries, none of which is looked at.
  @Test(arguments: [
    ([20, 1, 64, 64], 1), ([20, 3, 64, 64], 1), ([6, 1, 1, 50], 3), ([7, 2, 5, 9], 1),
    ([6, 1, 12, 5], 2),
  ])
  func optimaAreProven(shape: [Int], outputs: Int) throws {
    let solved = try Self.solved(shape, outputs: outputs)
    let certificate = try solved.certificate()
    #expect(certificate.isEstablished)
    #expect(certificate.bound == .exact)
    #expect(certificate.scope == .allCells)
    let objective = solved.problem.objective(of: solved.network)
    #expect(abs(certificate.objective - objective.total) <= 1e-12 * objective.total)
    #expect(abs((certificate.dualNormOverLambda ?? 0) - 1) <= 1e-4)
  }

  /// Several channels and several outputs: a nuclear norm in every frequency, solved over all patches.
  @Test func severalChannelsAndOutputsAreProvenToo() throws {
    var random = SeededGenerator(seed: 6)
    let images = random.normalTensor(shape: [8, 2, 2, 3])
    let geometry = try PatchGeometry(
      channels: 2, imageHeight: 2, imageWidth: 3, filterHeight: 2, filterWidth: 3,
      padding: .circular)
    let problem = try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(.none), activation: .linear,
      loss: SquaredLoss(targets: random.normalMatrix(rows: 8, columns: 3)), lambda: 0.2)
    let program = try GatedProgram(problem: problem, gates: nil)
    let solution = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-10, iterations: 50_000, seconds: 600))
    let certificate = try Certifier(images: images, loss: problem.loss, lambda: 0.2)
      .certify(program.network(from: solution.point), gates: nil, targetGap: Self.target)
    #expect(certificate.isEstablished)
    let bound = try #require(
      try Certifier(images: images, loss: problem.loss, lambda: 0.2).lambdaMaxUpperBound(
        geometry: geometry, pooling: Pooling(.none), activation: .linear))
    #expect(abs(bound - program.composite.lambdaMax) <= 1e-10 * bound)
  }

  @Test(arguments: [0.5, 0.99, 1.01, 2])
  func otherStrengthsAreRejected(factor: Double) throws {
    let solved = try Self.solved([20, 1, 16, 16], outputs: 1)
    let certificate = try solved.certificate(lambdaFactor: factor)
    #expect(!certificate.isEstablished)
    #expect(certificate.lowerBound > 0)
  }

  /// Each entry of a filter and of output weights in turn; no bound passes the optimum.
  @Test func everyChangedWeightIsRejected() throws {
    let solved = try Self.solved([6, 2, 3, 4], outputs: 1)
    let optimum = try solved.certificate().objective
    func expectRejected(_ network: Network) throws {
      let certificate = try solved.certificate(network)
      #expect(!certificate.isEstablished)
      #expect(certificate.lowerBound <= optimum)
    }
    for e in solved.network.filters.elements.indices {
      var network = solved.network
      network.filters.elements[e] += 0.01
      try expectRejected(network)
    }
    for e in solved.network.outputWeights.elements.indices {
      var network = solved.network
      network.outputWeights.elements[e] -= 0.01
      try expectRejected(network)
    }
  }

  @Test(arguments: [0, 1000, 4095])
  func changedPixelsOfALargeFilterAreRejected(entry: Int) throws {
    let solved = try Self.solved([20, 1, 64, 64], outputs: 1)
    var network = solved.network
    network.filters.elements[entry] += 0.02
    let certificate = try solved.certificate(network)
    #expect(!certificate.isEstablished)
  }

  /// Networks whose dual point is too long or too short.
  @Test(arguments: [0.9, 0.999, 1.001, 1.1, -1])
  func scaledNetworksAreRejected(factor: Double) throws {
    let solved = try Self.solved([10, 1, 8, 8], outputs: 1)
    let optimum = try solved.certificate().objective
    var network = solved.network
    for e in network.outputWeights.elements.indices { network.outputWeights.elements[e] *= factor }
    let certificate = try solved.certificate(network)
    #expect(!certificate.isEstablished)
    #expect(certificate.lowerBound <= optimum)
  }

  @Test func otherDataAreRejected() throws {
    let solved = try Self.solved([10, 1, 8, 8], outputs: 1)
    // One sample moved by one pixel, and all samples transposed.
    var moved = solved.images
    for p in 0..<64 { moved.elements[p] = solved.images.elements[p / 8 * 8 + (p + 1) % 8] }
    var transposed = solved.images
    for (i, p) in (0..<640).map({ $0.quotientAndRemainder(dividingBy: 64) }) {
      transposed.elements[i * 64 + p] = solved.images.elements[i * 64 + p % 8 * 8 + p / 8]
    }
    for images in [moved, transposed] {
      let certificate = try solved.certificate(images: images)
      #expect(!certificate.isEstablished)
    }
    let squared = try #require(solved.problem.loss as? SquaredLoss)
    for i in 0..<10 {
      var targets = squared.targets
      targets[i, 0] += 0.1
      let certificate = try solved.certificate(loss: SquaredLoss(targets: targets))
      #expect(!certificate.isEstablished)
    }
  }

  /// Shifting the filter one way and its output weights the other is the same network.
  @Test func shiftedPairsAreAccepted() throws {
    let solved = try Self.solved([10, 1, 8, 8], outputs: 1)
    var network = solved.network
    for p in 0..<64 {
      let (row, column) = (p / 8, p % 8)
      let to = (row + 3) % 8 * 8 + (column + 5) % 8
      let from = (row + 5) % 8 * 8 + (column + 3) % 8
      network.filters[0, to] = solved.network.filters[0, p]
      network.outputWeights[from, 0] = solved.network.outputWeights[p, 0]
    }
    let (shifted, plain) = (try solved.certificate(network), try solved.certificate())
    #expect(shifted.isEstablished)
    #expect(abs(shifted.objective - plain.objective) <= 1e-13 * plain.objective)
  }

  /// The dual point of networks with an output bias sums to zero, in this architecture too.
  @Test func outputBiasIsAccountedFor() throws {
    var random = SeededGenerator(seed: 12)
    let images = random.normalTensor(shape: [9, 1, 3, 4])
    let geometry = try PatchGeometry(
      imageHeight: 3, imageWidth: 4, filterHeight: 3, filterWidth: 4, padding: .circular)
    var targets = random.normalMatrix(rows: 9, columns: 1)
    for e in targets.elements.indices { targets.elements[e] += 5 }
    let problem = try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(.none), activation: .linear,
      loss: SquaredLoss(targets: targets), lambda: 0.1, hasOutputBias: true)
    let program = try GatedProgram(problem: problem, gates: nil)
    let solution = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-9, iterations: 50_000, seconds: 600))
    var network = try program.network(from: solution.point)
    let certifier = Certifier(images: images, loss: problem.loss, lambda: 0.1)
    let accepted = try certifier.certify(network, gates: nil, targetGap: 1e-7)
    #expect(network.outputBias != nil)
    #expect(accepted.isEstablished)
    network.outputBias = network.outputBias.map { $0.map { $0 + 0.1 } }
    let rejected = try certifier.certify(network, gates: nil, targetGap: 1e-7)
    #expect(!rejected.isEstablished)
    #expect(rejected.lowerBound <= accepted.objective)
  }
}
