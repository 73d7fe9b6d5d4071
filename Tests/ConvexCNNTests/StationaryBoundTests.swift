import ConvexCNN
import TestSupport
import Testing

/// The Burer-Monteiro bound beside the rescaled dual bound, at local minima.
struct StationaryBoundTests {
  @Test(arguments: CertifiedOptimum.all.filter { $0.h <= 3 && !$0.pooling.hasPrefix("max") })
  func neverBetterThanTheRescaledDual(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    for width in [2, 4, 10] {
      let run = try Baseline(
        settings: Baseline.Settings(optimizer: .lbfgs, width: width, epochs: 300, seed: 3)
      ).train(problem, images: fixture.images)
      let certificate = try Certifier(
        images: fixture.images, loss: problem.loss, lambda: problem.lambda
      ).certify(run.network, gates: nil, targetGap: 1e-6, effort: BoundEffort(seconds: 5))
      let bound = try #require(
        certificate.stationaryBound(
          loss: problem.loss, predictions: problem.predictions(of: run.network)))
      #expect(bound <= certificate.lowerBound * (1 + 1e-9))
      #expect(bound <= fixture.upperBound)
      #expect(bound > 0)
    }
  }

  /// A network whose scale is not stationary loses by what scaling would win.
  @Test func scaleThatIsNotStationaryIsAccountedFor() throws {
    let fixture = CertifiedOptimum.all[0]
    let problem = try fixture.problem()
    let network = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600)
    ).network
    for factor in [0.3, 0.9, 1.1, 3] {
      var scaled = network
      for e in scaled.outputWeights.elements.indices { scaled.outputWeights.elements[e] *= factor }
      let certificate = try Certifier(
        images: fixture.images, loss: problem.loss, lambda: problem.lambda
      ).certify(scaled, gates: nil, targetGap: 1e-6, effort: BoundEffort(seconds: 5))
      let bound = try #require(
        certificate.stationaryBound(
          loss: problem.loss, predictions: problem.predictions(of: scaled)))
      #expect(bound <= fixture.upperBound)
      #expect(bound <= certificate.lowerBound * (1 + 1e-9))
    }
  }
}
