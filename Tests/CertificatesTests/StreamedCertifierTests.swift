import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The certifier of samples in blocks proves what the certifier of all samples proves.
struct StreamedCertifierTests {
  private func both(
    _ problem: PlantedProblem, network: Network? = nil, gates: Matrix? = nil, threads: Int = 1,
    blockBytes: Int = 1
  ) throws -> (blocks: Certificate, whole: Certificate) {
    let images = ObjectiveTwin(signals: problem.signals).images
    let loss = SquaredLoss(targets: problem.targets)
    let network = network ?? problem.network
    let gates = gates ?? problem.gates
    let whole = try Certifier(images: images, loss: loss, lambda: problem.lambda)
      .certify(network, gates: gates, targetGap: 1e-6)
    let blocks = try StreamedCertifier(
      source: TensorSource(images), loss: loss, lambda: problem.lambda, threads: threads,
      blockBytes: blockBytes
    ).certify(network, gates: gates, targetGap: 1e-6).certificate
    return (blocks, whole)
  }

  private func expectEqual(_ a: Certificate, _ b: Certificate) {
    #expect(abs(a.objective - b.objective) <= 1e-13 * b.objective)
    #expect(abs(a.lowerBound - b.lowerBound) <= 1e-12 * b.objective)
    #expect(abs((a.dualNormUpperBound ?? 0) - (b.dualNormUpperBound ?? 0)) <= 1e-12)
    #expect(a.verdict == b.verdict)
    #expect(a.scope == b.scope)
    #expect(a.bound == b.bound)
    #expect(a.claim.prefix(40) == b.claim.prefix(40))
  }

  @Test(arguments: 1...6, [1, 200, 1 << 20])
  func plantedOptimaAreAccepted(seed: Int, blockBytes: Int) throws {
    for activation in [Activation.gated, .linear] {
      let problem = try PlantedProblem(
        activation: activation, gateCount: activation == .gated ? 5 : 1, outputs: 2,
        seed: UInt64(seed))
      let (blocks, whole) = try both(problem, blockBytes: blockBytes)
      #expect(blocks.isEstablished)
      expectEqual(blocks, whole)
    }
  }

  @Test(arguments: 1...4)
  func changedWeightsAndUnknownGatesAreRejected(seed: Int) throws {
    let problem = try PlantedProblem(
      activation: .gated, gateCount: 5, outputs: 2, seed: UInt64(seed))
    var changed = problem.network
    changed.filters.elements[0] *= 1.01
    let weights = try both(problem, network: changed)
    #expect(!weights.blocks.isEstablished)
    expectEqual(weights.blocks, weights.whole)
    let gates = try #require(problem.gates)
    let own = try #require(problem.network.gates)
    let others = gates.selectingRows((0..<5).filter { Array(gates.row($0)) != Array(own.row(0)) })
    let outside = try both(problem, gates: others)
    #expect(outside.blocks.verdict == .outsideGivenCells(neuron: 0))
    expectEqual(outside.blocks, outside.whole)
  }

  @Test func gatesOfOnePatternAreOneCell() throws {
    let problem = try PlantedProblem(activation: .gated, gateCount: 5, outputs: 2, seed: 3)
    let gates = try #require(problem.gates)
    let doubled = Matrix(
      rows: 10, columns: 3, elements: gates.elements + gates.elements.map { 2 * $0 })
    let (blocks, whole) = try both(problem, gates: doubled)
    #expect(blocks.scope == .givenCells(5))
    expectEqual(blocks, whole)
  }

  @Test func bitsDoNotDependOnThreads() throws {
    let problem = try PlantedProblem(activation: .gated, gateCount: 5, outputs: 2, seed: 2)
    let one = try both(problem, blockBytes: 300).blocks
    let two = try both(problem, threads: 2, blockBytes: 300).blocks
    #expect(one == two)
  }

  @Test func reluNetworksHaveALooserBoundAndNoneWithMaxPooling() throws {
    var generator = SeededGenerator(seed: 1)
    let geometry = try PatchGeometry(length: 7, filterLength: 3)
    let network = try Network(
      geometry: geometry, pooling: Pooling(.sum), activation: .relu,
      filters: generator.normalMatrix(rows: 2, columns: 3), gates: nil,
      outputWeights: generator.normalMatrix(rows: 2, columns: 1))
    let images = generator.normalTensor(shape: [9, 1, 1, 7])
    let loss = SquaredLoss(targets: generator.normalMatrix(rows: 9, columns: 1))
    let (certificate, predictions) = try StreamedCertifier(
      source: TensorSource(images), loss: loss, lambda: 0.1, blockBytes: 200
    ).certify(network, gates: nil, targetGap: 1e-3)
    let whole = try Certifier(images: images, loss: loss, lambda: 0.1)
      .certify(network, gates: nil, targetGap: 1e-3)
    #expect(certificate.bound == .spectral && certificate.scope == .allCells)
    #expect(certificate.lowerBound > 0 && certificate.lowerBound <= whole.lowerBound)
    #expect(certificate.verdict == .gapAboveTarget)
    #expect(abs(certificate.objective - whole.objective) <= 1e-13 * whole.objective)
    #expect(abs(loss.value(at: predictions) - certificate.loss) <= 1e-15)
    let maximum = try Network(
      geometry: geometry, pooling: Pooling(.max), activation: .relu, filters: network.filters,
      gates: nil, outputWeights: network.outputWeights)
    let none = try StreamedCertifier(
      source: TensorSource(images), loss: loss, lambda: 0.1, blockBytes: 200
    ).certify(maximum, gates: nil, targetGap: 1e-3).certificate
    #expect(none.bound == .none && none.lowerBound == 0 && none.verdict == .nothingProven)
  }

  @Test func tinyAndBrokenSamplesAreRefused() throws {
    let problem = try PlantedProblem(activation: .gated, gateCount: 5, outputs: 2, seed: 2)
    for (value, word) in [(Double.nan, "finite"), (1e-80, "at least 1e-60")] {
      var images = ObjectiveTwin(signals: problem.signals).images
      for e in 0..<images.elements.count { images.elements[e] = value }
      let certifier = StreamedCertifier(
        source: TensorSource(images), loss: SquaredLoss(targets: problem.targets),
        lambda: problem.lambda)
      let error = #expect(throws: CertificateError.self) {
        _ = try certifier.certify(problem.network, gates: problem.gates, targetGap: 1e-3)
      }
      #expect(error?.description.contains(word) == true)
    }
  }
}
