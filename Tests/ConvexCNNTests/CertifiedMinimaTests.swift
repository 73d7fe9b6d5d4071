import ConvexCNN
import TestSupport
import Testing

/// Where local descent on random problems ends at a certified minimum, every small change of the weights is worse.
struct CertifiedMinimaTests {
  private func loss(_ name: String, _ n: Int, _ generator: inout SeededGenerator) -> any Loss {
    switch name {
    case "squared": SquaredLoss(targets: generator.normalMatrix(rows: n, columns: 2))
    case "logistic": LogisticLoss(labels: (0..<n).map { _ in generator.normal() > 0 ? 1 : -1 })
    default: SoftmaxLoss(classes: (0..<n).map { _ in generator.integer(below: 3) }, count: 3)
    }
  }

  /// The network with random changes of all weights, of a total length.
  private func moved(
    _ network: Network, by length: Double, _ generator: inout SeededGenerator
  ) -> Network {
    var result = network
    let filters = generator.normalMatrix(
      rows: network.filters.rows, columns: network.filters.columns)
    let weights = generator.normalMatrix(
      rows: network.outputWeights.rows, columns: network.outputWeights.columns)
    let share = length / BLAS.norm(filters.elements + weights.elements)
    BLAS.add(share, filters.elements, to: &result.filters.elements)
    BLAS.add(share, weights.elements, to: &result.outputWeights.elements)
    return result
  }

  @Test(arguments: ["squared", "logistic", "softmax"], ["sum", "average:1x2", "none"])
  func nearbyNetworksAreWorse(name: String, pooling: String) throws {
    var certified = 0
    for seed in 1...6 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let n = 12
      let geometry = try PatchGeometry(channels: 1, length: 4, filterLength: 2)
      let images = generator.normalTensor(shape: [n, 1, 1, 4])
      let loss = loss(name, n, &generator)
      let lambda = name == "squared" ? 0.1 : 0.02
      let problem = try TrainingProblem(
        images: images, geometry: geometry, pooling: Pooling(parsing: pooling), activation: .relu,
        loss: loss, lambda: lambda)
      let run = try Baseline(
        settings: Baseline.Settings(optimizer: .lbfgs, width: 3, epochs: 20_000, seed: seed)
      ).train(problem, images: images)
      let certifier = Certifier(images: images, loss: loss, lambda: lambda)
      let merged = try run.network.mergingDirections(tolerance: 1e-2).network
      let network = try certifier.refined(merged, kinkTolerance: 2e-3).network
      let point = try certifier.criticalPoint(of: network)
      guard point.isStrictMinimum, network.neuronCount > 0 else { continue }
      certified += 1
      #expect(point.isolationRadius != nil)
      let lines = try certifier.objectiveLines(like: network)
      let start = lines.line(from: network, to: network).value
      for _ in 0..<50 {
        let other = moved(network, by: 1e-5 * (1 + 9 * generator.uniform()), &generator)
        #expect(lines.line(from: other, to: other).value > start - 1e-15)
      }
    }
    #expect(certified >= 2, "\(certified) of 6 for \(name), \(pooling)")
  }
}
