import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Networks that are not strict minima are never certified as such.
struct CriticalPointForgeryTests {
  private func appending(
    _ filter: [Double], _ weight: Double, to network: Network, _ fixture: LandscapeFixture
  ) throws -> Network {
    try fixture.network(
      filters: Matrix(
        rows: network.neuronCount + 1, columns: 2, elements: network.filters.elements + filter),
      outputWeights: Matrix(
        rows: network.neuronCount + 1, columns: 1,
        elements: network.outputWeights.elements + [weight]))
  }

  @Test(arguments: LandscapeFixture.all)
  func zeroNeuronIsRefused(fixture: LandscapeFixture) throws {
    let network = try appending([0, 0], 0, to: fixture.network(), fixture)
    let landscape = try fixture.certifier.landscape(of: network)
    #expect(landscape.point.obstacles == [.zeroNeuron(fixture.filters.rows)])
    #expect(landscape.verdict == (fixture.dualNormOverLambda == 1 ? .global : .notGlobal))
    #expect(landscape.claim.contains("neuron \(fixture.filters.rows) is zero"))
  }

  @Test(arguments: [[0.0, 0.0, 0.5], [0.5, -0.2, 0]])
  func halfZeroNeuronIsNotStationary(neuron: [Double]) throws {
    let fixture = LandscapeFixture.oneNeuron
    let network = try appending(Array(neuron[0..<2]), neuron[2], to: fixture.network(), fixture)
    let point = try fixture.certifier.criticalPoint(of: network)
    #expect(point.obstacles.contains(.zeroNeuron(1)))
    #expect(point.obstacles.contains(.notStationary))
    #expect(point.slope > 0.04)
  }

  /// Small neurons are held to the same relative standard: near (0, 0) everything is small.
  @Test(arguments: [1e-3, 1e-6, 1e-9, 1e-12, 1e-100])
  func smallNeuronIsRefused(size: Double) throws {
    let fixture = LandscapeFixture.oneNeuron
    for angle in 0..<8 {
      let u = [size * Double(angle - 4), size * Double(3 * angle % 8 - 3)]
      let network = try appending(u, BLAS.norm(u), to: fixture.network(), fixture)
      #expect(try !fixture.certifier.criticalPoint(of: network).isStrictMinimum)
      #expect(try !fixture.certifier.criticalPoint(of: network, denseLimit: 0).isStrictMinimum)
    }
  }

  /// Logistic loss of two samples, one of which the neuron does not see: a strict minimum, and not global.
  private func logistic(
    adding extra: [Double]? = nil
  ) throws -> (certifier: Certifier, network: Network) {
    // The neuron ((1, 0), 1) is stationary for lambda = (1 / 2) / (1 + e).
    let certifier = Certifier(
      images: Tensor(shape: [2, 1, 1, 2], elements: [1, 0, -0.1, 1]),
      loss: LogisticLoss(labels: [1, -1]), lambda: 0.5 / (1 + 2.718281828459045))
    return (
      certifier,
      try Network(
        geometry: PatchGeometry(channels: 1, length: 2, filterLength: 2), pooling: Pooling(.sum),
        activation: .relu, filters: Matrix([[1, 0]] + (extra.map { [[$0[0], $0[1]]] } ?? [])),
        outputWeights: Matrix([[1]] + (extra.map { [[$0[2]]] } ?? [])))
    )
  }

  @Test func logisticMinimumIsCertifiedAndNotGlobal() throws {
    let (certifier, network) = try logistic()
    let landscape = try certifier.landscape(of: network)
    #expect(landscape.verdict == .strictMinimumNotGlobal)
    #expect(landscape.claim.contains("within"))
    #expect(try #require(landscape.point.isolationRadius) > 0)
    #expect(try #require(landscape.point.existenceRadius) < 1e-12)
    #expect(landscape.point.threshold == nil)
  }

  @Test(arguments: [1e-3, 1e-9, 1e-12, 1e-100])
  func smallNeuronBesideLogisticMinimumIsRefused(size: Double) throws {
    for (x, y) in [(-1.0, -1.0), (-1, -0.5), (0.1, 0.9), (-0.3, 1), (1, -1)] {
      for sign in [1.0, -1] {
        let norm = size * BLAS.norm([x, y])
        let (certifier, network) = try logistic(adding: [size * x, size * y, sign * norm])
        let landscape = try certifier.landscape(of: network)
        #expect(!landscape.point.isStrictMinimum)
        #expect(landscape.verdict == .notGlobal)
      }
    }
  }

  /// Shifting all output biases of a softmax network changes nothing.
  @Test func softmaxBiasIsNotIsolated() throws {
    let certifier = Certifier(
      images: Tensor(shape: [2, 1, 1, 2], elements: [1, 0, -0.1, 1]),
      loss: SoftmaxLoss(classes: [0, 1], count: 2), lambda: 0.1)
    let network = try Network(
      geometry: PatchGeometry(channels: 1, length: 2, filterLength: 2), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([[1, 0]]), outputWeights: Matrix([[1, -1]]),
      outputBias: [0, 0])
    #expect(try certifier.criticalPoint(of: network).obstacles.contains(.freeOutputBias))
  }

  /// With a tolerance so large that all hyperplanes seem to pass through the filter there is no face.
  @Test func absurdKinkToleranceIsRefused() throws {
    let fixture = LandscapeFixture.oneNeuron
    #expect(throws: CertificateError.self) {
      try fixture.certifier.criticalPoint(of: fixture.network(), kinkTolerance: 1)
    }
  }

  /// The two halves of a neuron are the same function and stationary, but not isolated.
  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random, [0.5, 0.3, 0.01])
  func splitNeuronIsRefused(fixture: LandscapeFixture, share: Double) throws {
    var network = try fixture.network()
    let (first, second) = (share.squareRoot(), (1 - share).squareRoot())
    let (u, w) = (Array(network.filters.row(0)), network.outputWeights[0, 0])
    for e in 0..<2 { network.filters[0, e] *= first }
    network.outputWeights[0, 0] *= first
    let split = try appending(u.map { second * $0 }, second * w, to: network, fixture)
    let point = try fixture.certifier.criticalPoint(of: split)
    #expect(!point.isStrictMinimum)
    #expect(point.obstacles.contains(.dependentOutputs))
    let curvature = try #require(point.curvature)
    #expect(abs(curvature.smallestEigenvalue) < 1e-14)
    #expect(curvature.proven <= 0)
    // Nor from the bound by independence alone.
    #expect(try !fixture.certifier.criticalPoint(of: split, denseLimit: 0).isStrictMinimum)
  }

  @Test(arguments: LandscapeFixture.all)
  func duplicateNeuronIsRefused(fixture: LandscapeFixture) throws {
    let network = try fixture.network()
    let twice = try appending(
      Array(network.filters.row(0)), network.outputWeights[0, 0], to: network, fixture)
    #expect(try !fixture.certifier.criticalPoint(of: twice).isStrictMinimum)
  }

  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func changedWeightsAreRefused(fixture: LandscapeFixture) throws {
    let network = try fixture.network()
    for e in network.filters.elements.indices {
      var other = network
      other.filters.elements[e] += 0.02
      #expect(try !fixture.certifier.criticalPoint(of: other).isStrictMinimum)
    }
    for e in network.outputWeights.elements.indices {
      var other = network
      other.outputWeights.elements[e] -= 0.02
      #expect(try !fixture.certifier.criticalPoint(of: other).isStrictMinimum)
    }
  }

  @Test(arguments: LandscapeFixture.all)
  func unbalancedNetworkIsRefused(fixture: LandscapeFixture) throws {
    var network = try fixture.network()
    for e in 0..<2 { network.filters[0, e] *= 1.2 }
    network.outputWeights[0, 0] /= 1.2
    let point = try fixture.certifier.criticalPoint(of: network)
    #expect(point.obstacles.contains(.unbalanced(neuron: 0)))
    // A factor that the exact minimum nearby explains is told as a distance.
    for e in 0..<2 { network.filters[0, e] *= (1 + 1e-9) / 1.2 }
    network.outputWeights[0, 0] *= 1.2 / (1 + 1e-9)
    let near = try fixture.certifier.criticalPoint(of: network)
    #expect(near.isStrictMinimum)
    #expect(try #require(near.existenceRadius) > 1e-10)
  }

  @Test(arguments: LandscapeFixture.all)
  func otherDataAreRefused(fixture: LandscapeFixture) throws {
    let network = try fixture.network()
    for i in 0..<4 {
      var targets = fixture.targets
      targets[i, 0] += 0.1
      let certifier = Certifier(
        images: fixture.images, loss: SquaredLoss(targets: targets), lambda: fixture.lambda)
      let point = try certifier.criticalPoint(of: network)
      // A sample at which no filter is active does not matter.
      let active = certifier.isActive(network, sample: i, fixture)
      #expect(point.isStrictMinimum == !active)
    }
    let certifier = Certifier(
      images: fixture.images, loss: SquaredLoss(targets: fixture.targets), lambda: 0.11)
    #expect(try !certifier.criticalPoint(of: network).isStrictMinimum)
    let small = Certifier(
      images: Tensor(shape: [4, 1, 1, 2], elements: Array(repeating: 1, count: 8)),
      loss: SquaredLoss(targets: fixture.targets), lambda: 0.1)
    #expect(throws: CertificateError.self) { try small.criticalPoint(of: network) }
  }

  /// One neuron `u = (a, 0)` held on `x . u = 0` by a row whose multiplier is a chosen share of its slope.
  ///
  /// With rows `(1, s)` and `(0, z)` and residuals `-n lambda`, `-y_2` the point is stationary for every `a`; the fraction is
  /// `lambda a s / (y z)` with `y` the slope of the row per unit.
  private func held(
    fraction: Double, s: Double = 0.7, z: Double = 1
  ) throws -> (certifier: Certifier, network: Network) {
    let (lambda, a) = (0.1, 0.8)
    let slope = fraction == 0 ? 1 : lambda * a * s / (fraction * z)
    let certifier = Certifier(
      images: Tensor(shape: [2, 1, 1, 2], elements: [1, fraction == 0 ? 0 : s, 0, z]),
      loss: SquaredLoss(targets: Matrix([[a * a + 2 * lambda], [-2 * slope / a]])), lambda: lambda)
    return (
      certifier,
      try Network(
        geometry: PatchGeometry(channels: 1, length: 2, filterLength: 2), pooling: Pooling(.sum),
        activation: .relu, filters: Matrix([[a, 0]]), outputWeights: Matrix([[a]]))
    )
  }

  @Test(arguments: [0.01, 0.5, 0.99])
  func multiplierInsideIsCertified(fraction: Double) throws {
    for (s, z) in [(0.7, 1.0), (-0.7, -1), (0.7, 3)] {
      let (certifier, network) = try held(fraction: fraction, s: s, z: z)
      let point = try certifier.criticalPoint(of: network)
      #expect(point.isStrictMinimum)
      #expect(try abs(#require(point.kinks.first?.fraction) - fraction) < 1e-12)
    }
  }

  @Test(arguments: [0.0, 1, 1.001, 2, -0.5])
  func multiplierAtOrBeyondTheEndIsRefused(fraction: Double) throws {
    let (certifier, network) = try held(fraction: fraction)
    let point = try certifier.criticalPoint(of: network)
    #expect(point.kinks.count == 1)
    #expect(point.obstacles == [.kink(neuron: 0)])
    #expect(point.slope < 1e-13)
  }

  /// Rows on both sides of one hyperplane hold the filter together.
  @Test func oppositeRowsShareAMultiplier() throws {
    let (lambda, a, s) = (0.1, 0.8, 0.7)
    for (y, isHeld) in [
      ([0.5, 0.5], true), ([0.05, 0.5], false), ([0.5, -0.03], true), ([0.5, -0.06], false),
    ] {
      // Slopes y_l = r_l a / 3 of the rows (0, 1) and (0, -1).
      let targets = [a * a + 3 * lambda, -3 * y[0] / a, -3 * y[1] / a]
      let certifier = Certifier(
        images: Tensor(shape: [3, 1, 1, 2], elements: [1, s, 0, 1, 0, -1]),
        loss: SquaredLoss(targets: Matrix(rows: 3, columns: 1, elements: targets)), lambda: lambda)
      let network = try Network(
        geometry: PatchGeometry(channels: 1, length: 2, filterLength: 2), pooling: Pooling(.sum),
        activation: .relu, filters: Matrix([[a, 0]]), outputWeights: Matrix([[a]]))
      let point = try certifier.criticalPoint(of: network)
      #expect(point.kinks.count == 1)
      #expect(point.kinks.first?.patchCount == 2)
      let fraction = (lambda * a * s + y[1]) / (y[0] + y[1])
      #expect(try abs(#require(point.kinks.first?.fraction) - fraction) < 1e-12)
      #expect(point.isStrictMinimum == isHeld)
    }
  }

  /// A row whose slope is negative does not hold alone; others may hold the filter all the same.
  @Test(arguments: [(-0.02, true), (-0.05, false), (0.3, true)])
  func dependentHyperplanesAreTriedInAllDirections(slope: Double, isHeld: Bool) throws {
    let (lambda, a, s) = (0.1, 0.8, 0.7)
    // Slopes along d: -lambda a s (d_1 + d_2) + 0.1 (d_1)_+ + 0.1 (d_2)_+ + slope (d_1 + d_2)_+.
    let targets = [a * a + 4 * lambda] + [0.1, 0.1, slope].map { -4 * $0 / a }
    let certifier = Certifier(
      images: Tensor(
        shape: [4, 1, 1, 3], elements: [1, s, s, 0, 1, 0, 0, 0, 1, 0, 1, 1]),
      loss: SquaredLoss(targets: Matrix(rows: 4, columns: 1, elements: targets)), lambda: lambda)
    let network = try Network(
      geometry: PatchGeometry(channels: 1, length: 3, filterLength: 3), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix([[a, 0, 0]]), outputWeights: Matrix([[a]]))
    let point = try certifier.criticalPoint(of: network)
    #expect(point.kinks.count == 3)
    #expect(point.isStrictMinimum == isHeld)
    // What is certified is so: no small step lowers the objective.
    guard isHeld else { return }
    let lines = try certifier.objectiveLines(like: network)
    let start = lines.line(from: network, to: network).value
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<200 {
      var moved = network
      for e in 0..<3 { moved.filters[0, e] += 1e-4 * generator.normal() }
      moved.outputWeights[0, 0] += 1e-4 * generator.normal()
      #expect(lines.line(from: moved, to: moved).value > start)
    }
  }

  @Test func unusableInputIsRefused() throws {
    let fixture = LandscapeFixture.oneNeuron
    var network = try fixture.network()
    network.outputWeights[0, 0] = .nan
    #expect(throws: CertificateError.self) { try fixture.certifier.criticalPoint(of: network) }
    let pooled = try Network(
      geometry: network.geometry, pooling: Pooling(.max), activation: .relu,
      filters: fixture.filters, outputWeights: fixture.outputWeights)
    #expect(throws: CertificateError.self) { try fixture.certifier.criticalPoint(of: pooled) }
    let free = Certifier(
      images: fixture.images, loss: SquaredLoss(targets: fixture.targets), lambda: 0)
    #expect(throws: CertificateError.self) { try free.criticalPoint(of: fixture.network()) }
  }
}

extension Certifier {
  /// Whether a filter is active at a sample or lies on one of its hyperplanes.
  fileprivate func isActive(_ network: Network, sample: Int, _ fixture: LandscapeFixture) -> Bool {
    (0..<network.neuronCount).contains { j in
      (0..<2).contains { k in
        let x = [fixture.signals[sample, 2 * k], fixture.signals[sample, 2 * k + 1]]
        return BLAS.dot(x, Array(network.filters.row(j))) > -1e-9
      }
    }
  }
}
