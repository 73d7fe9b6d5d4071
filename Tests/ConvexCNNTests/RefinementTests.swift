import ConvexCNN
import TestSupport
import Testing

/// Newton's method within faces leads to the stationary points nearby; merged neurons can then be certified.
struct RefinementTests {
  private func certifier(_ fixture: LandscapeFixture) -> Certifier {
    Certifier(
      images: fixture.images, loss: SquaredLoss(targets: fixture.targets), lambda: fixture.lambda)
  }

  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func perturbedPointsComeBack(fixture: LandscapeFixture) throws {
    let certifier = certifier(fixture)
    var generator = SeededGenerator(seed: 12)
    for _ in 0..<5 {
      var network = try fixture.network()
      for e in network.filters.elements.indices {
        network.filters.elements[e] += 1e-5 * generator.normal()
      }
      for e in network.outputWeights.elements.indices {
        network.outputWeights.elements[e] += 1e-5 * generator.normal()
      }
      let refined = try certifier.refined(network, kinkTolerance: 1e-3)
      #expect(refined.stepCount > 0 && refined.stepCount < 10)
      #expect(refined.distance > 1e-6 && refined.distance < 1e-3)
      let point = try certifier.criticalPoint(of: refined.network)
      #expect(point.isStrictMinimum)
      #expect(point.relativeSlope < 1e-12)
      #expect(point.kinks.count == fixture.multipliers.count)
      #expect(refined.network.filters.relativeDistance(to: fixture.filters) < 1e-10)
    }
  }

  @Test func stationaryPointsStay() throws {
    let fixture = LandscapeFixture.fourNeurons
    let refined = try certifier(fixture).refined(fixture.network())
    #expect(refined.distance < 1e-14)
  }

  @Test func dependentAndZeroNeuronsAreLeftAlone() throws {
    let fixture = LandscapeFixture.oneNeuron
    for (filter, weight) in [([0.0, 0.0], 0.0), (Array(fixture.filters.row(0)), 0.5)] {
      let network = try fixture.network(
        filters: Matrix([Array(fixture.filters.row(0)), filter]),
        outputWeights: Matrix([[fixture.outputWeights[0, 0]], [weight]]))
      let refined = try certifier(fixture).refined(network)
      #expect(try !certifier(fixture).criticalPoint(of: refined.network).isStrictMinimum)
    }
  }

  /// Eight neurons from random starts: none is certified as it is, most are after merging.
  @Test func mergedRunsAreCertified() throws {
    let fixture = LandscapeFixture.random[0]
    let certifier = certifier(fixture)
    let network = try fixture.network()
    let problem = try TrainingProblem(
      images: fixture.images, geometry: network.geometry, pooling: network.pooling,
      activation: .relu, loss: SquaredLoss(targets: fixture.targets), lambda: fixture.lambda)
    var (before, after) = (0, 0)
    for seed in 0..<20 as Range<UInt64> {
      let run = try Baseline(
        settings: Baseline.Settings(optimizer: .lbfgs, width: 8, epochs: 20_000, seed: seed)
      ).train(problem, images: fixture.images)
      if try certifier.criticalPoint(of: run.network).isStrictMinimum { before += 1 }
      let merged = try run.network.mergingDirections(tolerance: 1e-2).network
      let refined = try certifier.refined(merged, kinkTolerance: 2e-3).network
      let point = try certifier.criticalPoint(of: refined)
      guard point.isStrictMinimum else { continue }
      after += 1
      // The proven optimum is never undercut.
      #expect(
        try certifier.certify(refined, gates: nil, targetGap: 1e-6).objective
          > LandscapeFixture.randomOptimum - 1e-7)
    }
    #expect(before == 0)
    #expect(after >= 15)
  }
}
