import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Escape neurons lower the objective by what they predict, and none exists at the optimum.
struct EscapeNeuronTests {
  private func objective(_ certifier: Certifier, _ network: Network) throws -> Double {
    try certifier.certify(network, gates: nil, targetGap: 1e-3, effort: .withoutSearch).objective
  }

  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func dualNormIsThatOfTheFixture(fixture: LandscapeFixture) throws {
    let norm = try fixture.certifier.dualNorm(of: fixture.network())
    #expect(norm.bound == .exact)
    #expect(abs(norm.largest / fixture.lambda - fixture.dualNormOverLambda) < 6e-6)
    #expect(try #require(norm.upperBound) >= norm.largest)
    #expect(try #require(norm.upperBound) <= norm.largest * (1 + 1e-9))
  }

  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func decreaseIsExact(fixture: LandscapeFixture) throws {
    let network = try fixture.network()
    let before = try objective(fixture.certifier, network)
    #expect(abs(before - fixture.objective) < 6e-7)
    let escape = try fixture.certifier.escapeNeuron(for: network)
    guard fixture.dualNormOverLambda > 1 else {
      #expect((escape?.decrease ?? 0) < 1e-12 * before)
      return
    }
    let found = try #require(escape)
    let after = try objective(fixture.certifier, found.network)
    #expect(abs(before - found.decrease - after) < 1e-14 * (1 + before))
    #expect(after >= (fixture.lambda == 0.1 ? LandscapeFixture.smallOptimum : 1.0184273) - 1e-10)
    #expect(abs(found.dualNorm / fixture.lambda - fixture.dualNormOverLambda) < 6e-6)
    #expect(found.network.neuronCount == network.neuronCount + 1)
    // Another mass of the same neuron does less.
    for factor in [0.9, 1.1] {
      var other = found.network
      let j = network.neuronCount
      for e in 0..<2 { other.filters[j, e] *= factor }
      #expect(try objective(fixture.certifier, other) > after)
    }
  }

  /// Windows, several outputs, an output bias, zero padding, max pooling and all losses.
  @Test(arguments: ["squared", "logistic", "softmax"], ["sum", "average:1x2", "none", "max:1x2"])
  func decreaseIsThatOfTheObjective(name: String, pooling: String) throws {
    var generator = SeededGenerator(seed: 5)
    let (n, m) = (9, 2)
    let geometry = try PatchGeometry(channels: 2, length: 5, filterLength: 3, padding: .zero)
    let classes = (0..<n).map { $0 % 3 }
    let loss: any Loss =
      switch name {
      case "squared": SquaredLoss(targets: generator.normalMatrix(rows: n, columns: 3))
      case "logistic": LogisticLoss(labels: classes.map { $0 == 1 ? 1 : -1 })
      default: SoftmaxLoss(classes: classes, count: 3)
      }
    let pooling = try Pooling(parsing: pooling)
    let a = try pooling.map(for: geometry).outputCount
    let network = try Network(
      geometry: geometry, pooling: pooling, activation: .relu,
      filters: generator.normalMatrix(rows: m, columns: 6),
      outputWeights: generator.normalMatrix(rows: m * a, columns: loss.outputCount),
      outputBias: (0..<loss.outputCount).map { 0.1 * Double($0) })
    let certifier = Certifier(
      images: generator.normalTensor(shape: [n, 2, 1, 5]), loss: loss, lambda: 0.01)
    let effort = BoundEffort(nodeLimit: 2000)
    let found = try #require(try certifier.escapeNeuron(for: network, effort: effort))
    let before = try objective(certifier, network)
    let after = try objective(certifier, found.network)
    #expect(found.decrease > 1e-4)
    #expect(abs(before - after - found.decrease) < 1e-13 * before)
    // The best along its direction: another mass lowers the objective less.
    for factor in [0.99, 1.01] {
      var other = found.network
      for e in 0..<6 { other.filters[m, e] *= factor }
      #expect(try objective(certifier, other) >= after - 1e-15)
    }
  }

  @Test func ascentsServeLargeFilters() throws {
    var generator = SeededGenerator(seed: 8)
    let geometry = try PatchGeometry(channels: 1, length: 24, filterLength: 20)
    let network = try Network(
      geometry: geometry, pooling: Pooling(.average), activation: .relu,
      filters: Matrix(rows: 0, columns: 20), outputWeights: Matrix(rows: 0, columns: 1))
    let certifier = Certifier(
      images: generator.normalTensor(shape: [30, 1, 1, 24]),
      loss: SquaredLoss(targets: generator.normalMatrix(rows: 30, columns: 1)), lambda: 1e-3)
    let norm = try certifier.dualNorm(of: network)
    #expect(norm.bound == .spectral)
    #expect(try #require(norm.upperBound) >= norm.largest)
    let escape = try #require(
      try certifier.escapeNeuron(for: network, along: Array(norm.filters.row(0))))
    #expect(escape.dualNorm == norm.largest)
    #expect(
      try abs(
        objective(certifier, network) - objective(certifier, escape.network) - escape.decrease)
        < 1e-14)
  }

  @Test func aFilterBelowLambdaIsNoEscape() throws {
    let fixture = LandscapeFixture.fourNeurons
    let network = try fixture.network()
    for angle in 0..<12 {
      let u = [Double(angle) - 5.5, Double(angle * 7 % 12) - 5.3]
      #expect(try fixture.certifier.escapeNeuron(for: network, along: u) == nil)
    }
  }

  @Test func unusableInputIsRefused() throws {
    let fixture = LandscapeFixture.oneNeuron
    let network = try fixture.network()
    for filter in [[0, 0], [1], [.nan, 1], [.infinity, 0]] as [[Double]] {
      #expect(throws: CertificateError.self) {
        try fixture.certifier.escapeNeuron(for: network, along: filter)
      }
    }
    var damaged = network
    damaged.filters[0, 0] = .nan
    #expect(throws: CertificateError.self) { try fixture.certifier.dualNorm(of: damaged) }
    let linear = try Network(
      geometry: network.geometry, pooling: network.pooling, activation: .linear,
      filters: network.filters, outputWeights: network.outputWeights)
    #expect(throws: CertificateError.self) { try fixture.certifier.dualNorm(of: linear) }
  }
}

extension LandscapeFixture {
  /// The verifier of the problem.
  var certifier: Certifier {
    Certifier(images: images, loss: SquaredLoss(targets: targets), lambda: lambda)
  }
}
