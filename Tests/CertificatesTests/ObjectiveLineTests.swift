import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Derivatives along lines are those of the objective, and the quartic is the objective.
struct ObjectiveLineTests {
  private func random(
    _ loss: any Loss, pooling: String, hasBias: Bool, seed: UInt64
  ) throws -> (certifier: Certifier, start: Network, end: Network) {
    var generator = SeededGenerator(seed: seed)
    let geometry = try PatchGeometry(channels: 2, length: 5, filterLength: 3, padding: .zero)
    let pooling = try Pooling(parsing: pooling)
    let a = try pooling.map(for: geometry).outputCount
    func network() throws -> Network {
      try Network(
        geometry: geometry, pooling: pooling, activation: .relu,
        filters: generator.normalMatrix(rows: 3, columns: 6),
        outputWeights: generator.normalMatrix(rows: 3 * a, columns: loss.outputCount),
        outputBias: hasBias ? (0..<loss.outputCount).map { _ in generator.normal() } : nil)
    }
    let (start, end) = try (network(), network())
    let images = generator.normalTensor(shape: [loss.sampleCount, 2, 1, 5])
    return (Certifier(images: images, loss: loss, lambda: 0.1), start, end)
  }

  private func between(_ start: Network, _ end: Network, _ t: Double) -> Network {
    var result = start
    for e in start.filters.elements.indices {
      result.filters.elements[e] += t * (end.filters.elements[e] - start.filters.elements[e])
    }
    for e in start.outputWeights.elements.indices {
      result.outputWeights.elements[e] +=
        t * (end.outputWeights.elements[e] - start.outputWeights.elements[e])
    }
    if let a = start.outputBias, let b = end.outputBias {
      result.outputBias = zip(a, b).map { $0 + t * ($1 - $0) }
    }
    return result
  }

  private static let losses: [any Loss] = {
    var generator = SeededGenerator(seed: 2)
    return [
      SquaredLoss(targets: generator.normalMatrix(rows: 8, columns: 2)),
      LogisticLoss(labels: (0..<8).map { $0 % 3 == 0 ? 1 : -1 }),
      SoftmaxLoss(classes: (0..<8).map { $0 % 3 }, count: 3),
    ]
  }()

  @Test(arguments: losses.indices, ["sum", "average:1x2", "none"])
  func derivativesAreDifferences(index: Int, pooling: String) throws {
    for hasBias in [false, true] {
      let (certifier, start, end) = try random(
        Self.losses[index], pooling: pooling, hasBias: hasBias, seed: 7)
      let lines = try certifier.objectiveLines(like: start)
      let line = lines.line(from: start, to: end)
      let decay = try certifier.certify(
        start, gates: nil, targetGap: 1, effort: .withoutSearch
      ).weightDecayObjective
      #expect(abs(line.value - decay) < 1e-13 * decay)
      let t = 1e-5
      func at(_ t: Double) -> ObjectiveLine {
        let point = between(start, end, t)
        return lines.line(from: point, to: between(start, end, t + 1))
      }
      let (ahead, behind) = (at(t), at(-t))
      let slope = (ahead.value - behind.value) / (2 * t)
      let curvature = (ahead.slope - behind.slope) / (2 * t)
      #expect(abs(line.slope - slope) < 1e-7 * (1 + abs(slope)))
      #expect(abs(line.curvature - curvature) < 1e-7 * (1 + abs(curvature)))
      #expect((line.value(at: t) == nil) == (index > 0))
    }
  }

  /// Within the piece the objective is the quartic, to 1e-12.
  @Test(arguments: ["sum", "average:1x2", "none"])
  func quarticIsExact(pooling: String) throws {
    for seed in 1...5 as ClosedRange<UInt64> {
      let (certifier, start, end) = try random(
        Self.losses[0], pooling: pooling, hasBias: seed % 2 == 0, seed: seed)
      let lines = try certifier.objectiveLines(like: start)
      let reach = try certifier.criticalPoint(of: start).pieceRadius
      let whole = lines.line(from: start, to: end)
      // Within the radius no response changes its sign.
      let share = reach / whole.squaredLength.squareRoot()
      for t in [0.5 * share, 0.99 * share, -0.9 * share] {
        let point = between(start, end, t)
        let value = lines.line(from: point, to: point).value
        #expect(try abs(#require(whole.value(at: t)) - value) < 1e-12 * (1 + value))
      }
    }
    // Output weights alone change no sign: the line is exact far away.
    let (certifier, start, far) = try random(
      Self.losses[0], pooling: pooling, hasBias: true, seed: 9)
    var end = far
    end.filters = start.filters
    let lines = try certifier.objectiveLines(like: start)
    let line = lines.line(from: start, to: end)
    let value = lines.line(from: end, to: end).value
    #expect(try abs(#require(line.value(at: 1)) - value) < 1e-12 * value)
  }

  @Test func maxPoolingIsRefused() throws {
    let (certifier, start, _) = try random(
      Self.losses[0], pooling: "sum", hasBias: false, seed: 3)
    let pooled = try Network(
      geometry: start.geometry, pooling: Pooling(.max), activation: .relu, filters: start.filters,
      outputWeights: start.outputWeights)
    #expect(throws: CertificateError.self) { try certifier.objectiveLines(like: pooled) }
  }
}
