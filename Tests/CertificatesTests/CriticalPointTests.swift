import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Stationary points with known multipliers, curvature and dual norm are certified as what they are.
struct CriticalPointTests {
  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func fixturesAreStrictMinima(fixture: LandscapeFixture) throws {
    let landscape = try fixture.certifier.landscape(of: fixture.network())
    let point = landscape.point
    #expect(point.isStrictMinimum, "\(landscape.claim)")
    let error = fixture.lambda == 0.1 ? 6e-11 : 1.1e-7
    #expect(abs(landscape.certificate.objective - fixture.objective) < error)
    #expect(point.kinks.count == fixture.multipliers.count)
    for (kink, multiplier) in zip(point.kinks, fixture.multipliers) {
      #expect(abs(kink.multiplier - multiplier) < 6e-9)
      #expect(try (0..<1).contains(#require(kink.fraction)))
    }
    let curvature = try #require(point.curvature)
    #expect(curvature.method == .dense)
    #expect(abs(curvature.smallestEigenvalue - fixture.curvature) < 1e-6)
    #expect(curvature.lowerBound > 0)
    #expect(curvature.lowerBound <= curvature.smallestEigenvalue)
    #expect(point.projectionDistance < 1e-14)
    #expect(try #require(point.existenceRadius) < 1e-8)
    let isGlobal = fixture.dualNormOverLambda == 1
    #expect(landscape.verdict == (isGlobal ? .global : .strictMinimumNotGlobal))
    #expect((landscape.escape == nil) == isGlobal)
  }

  /// Balance, `|g_j| = lambda`, and a Hessian without the loss's curvature that vanishes along the weights.
  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func stationaryNeuronsAreBalancedAndRadiallyFlat(fixture: LandscapeFixture) throws {
    let network = try fixture.network()
    let point = try fixture.certifier.criticalPoint(of: network)
    #expect(point.imbalance < 1e-12)
    for norm in try #require(point.curvature).residualNorms {
      #expect(abs(norm - fixture.lambda) < 1e-12)
    }
    let zero = try fixture.network(
      filters: Matrix(rows: network.neuronCount, columns: 2),
      outputWeights: Matrix(rows: network.neuronCount, columns: 1))
    let line = try fixture.certifier.objectiveLines(like: network).line(from: network, to: zero)
    #expect(abs(line.residualCurvature + line.penaltyCurvature) < 1e-12)
    #expect(abs(line.slope) < 1e-12)
  }

  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func thresholdFailsAndDeterminantAgrees(fixture: LandscapeFixture) throws {
    let point = try fixture.certifier.criticalPoint(of: fixture.network())
    let threshold = try #require(point.threshold)
    #expect(!threshold.isMet)
    #expect(threshold.loss > 4 * threshold.limit)
    #expect(threshold.paperLimit == threshold.limit / 4)
    let determinant = try #require(point.determinant)
    #expect(determinant.order == 2 * (2 + fixture.filters.rows) + 1)
    #expect(determinant.largestError < 1e-13)
  }

  @Test func emptyNetworkIsGlobalFromLambdaMaxOn() throws {
    let fixture = LandscapeFixture.oneNeuron
    let empty = try fixture.network(
      filters: Matrix(rows: 0, columns: 2), outputWeights: Matrix(rows: 0, columns: 1))
    #expect(try abs(fixture.certifier.dualNorm(of: empty).largest - 1.1792476415) < 1e-10)
    for (lambda, isGlobal) in [(1.17924765, true), (1.17, false)] {
      let certifier = Certifier(
        images: fixture.images, loss: SquaredLoss(targets: fixture.targets), lambda: lambda)
      let landscape = try certifier.landscape(of: empty, targetGap: 1e-9)
      #expect((landscape.verdict == .global) == isGlobal)
      #expect((landscape.escape != nil) == !isGlobal)
      #expect(landscape.point.curvature == nil)
      #expect(landscape.certificate.objective == 0.9375)
    }
  }

  /// Every small change raises the objective, which `isolationRadius` promises within the faces and strictness everywhere.
  @Test(arguments: LandscapeFixture.all + LandscapeFixture.random)
  func nearbyNetworksAreWorse(fixture: LandscapeFixture) throws {
    let network = try fixture.network()
    let point = try fixture.certifier.criticalPoint(of: network)
    let lines = try fixture.certifier.objectiveLines(like: network)
    let radius = try #require(point.isolationRadius)
    #expect(radius <= point.pieceRadius)
    let curvature = try #require(point.curvature)
    var generator = SeededGenerator(seed: 4)
    let start = lines.line(from: network, to: network).value
    for _ in 0..<200 {
      var step = generator.normalMatrix(rows: network.neuronCount, columns: 3)
      let length = BLAS.norm(step.elements)
      let t = point.kinks.isEmpty ? radius * generator.uniform() : 1e-4
      for e in step.elements.indices { step.elements[e] *= t / length }
      var moved = network
      for j in 0..<network.neuronCount {
        for e in 0..<2 { moved.filters[j, e] += step[j, e] }
        moved.outputWeights[j, 0] += step[j, 2]
      }
      let value = lines.line(from: moved, to: moved).value
      #expect(value > start)
      guard point.kinks.isEmpty else { continue }
      // The directional derivative is positive: no other stationary point.
      let slope = -lines.line(from: moved, to: network).slope
      #expect(slope > 0)
      // Growth by the curvature less the largest third derivative that the radius allows for.
      #expect(value - start >= 0.5 * t * t * curvature.proven * (1 - t * 2 / 3 / radius) - 1e-14)
    }
  }

  /// The lower bound holds at any network, stationary or not, for every loss, windows, outputs and bias.
  @Test(arguments: ["squared", "logistic", "softmax"], ["sum", "average:1x2", "none"])
  func lowerBoundHoldsEverywhere(name: String, pooling: String) throws {
    var generator = SeededGenerator(seed: 11)
    for hasBias in [false, true] {
      for lambda in [0.01, 0.3, 3] {
        let (n, m) = (12, 2)
        let geometry = try PatchGeometry(channels: 1, length: 4, filterLength: 3, padding: .zero)
        let classes = (0..<n).map { $0 % 2 }
        let loss: any Loss =
          switch name {
          case "squared": SquaredLoss(targets: generator.normalMatrix(rows: n, columns: 2))
          case "logistic": LogisticLoss(labels: classes.map { $0 == 1 ? 1 : -1 })
          default: SoftmaxLoss(classes: classes, count: 2)
          }
        let pooling = try Pooling(parsing: pooling)
        let a = try pooling.map(for: geometry).outputCount
        let network = try Network(
          geometry: geometry, pooling: pooling, activation: .relu,
          filters: generator.normalMatrix(rows: m, columns: 3),
          outputWeights: generator.normalMatrix(rows: m * a, columns: loss.outputCount),
          outputBias: hasBias ? (0..<loss.outputCount).map { _ in generator.normal() } : nil)
        let certifier = Certifier(
          images: generator.normalTensor(shape: [n, 1, 1, 4]), loss: loss, lambda: lambda)
        let point = try certifier.criticalPoint(of: network)
        let curvature = try #require(point.curvature)
        #expect(curvature.lowerBound <= curvature.smallestEigenvalue + curvature.roundingMargin)
        #expect(!point.isStrictMinimum)
        // Without the curvature of the loss: the residual part alone, and its bound by the size of the loss.
        let residual = lambda - (curvature.residualNorms.max() ?? 0)
        if !hasBias { #expect(curvature.smallestEigenvalue >= residual - 1e-10) }
        if let threshold = point.threshold {
          let patchSize = lambda / (2 * threshold.limit).squareRoot()
          #expect(residual >= lambda - (2 * threshold.loss).squareRoot() * patchSize - 1e-12)
        }
        // Lanczos' estimate is the eigenvalue, from above.
        let estimated = try certifier.criticalPoint(of: network, denseLimit: 0)
        let estimate = try #require(estimated.curvature)
        #expect(estimate.method == .lanczos)
        #expect(estimate.smallestEigenvalue > curvature.smallestEigenvalue - 1e-10)
        #expect(estimate.smallestEigenvalue < curvature.smallestEigenvalue + 1e-6)
        #expect(estimate.lowerBound <= curvature.lowerBound + 1e-12)
        #expect(estimate.proven == estimate.lowerBound)
        #expect(try #require(point.determinant).largestError < 1e-12)
        #expect((point.threshold != nil) == (name == "squared"))
      }
    }
  }

  /// A bound by the estimate of Lanczos' method alone never certifies; the bound by independence does.
  @Test func largeNetworksAreCertifiedByIndependence() throws {
    let fixture = LandscapeFixture.oneNeuron
    let point = try fixture.certifier.criticalPoint(of: fixture.network(), denseLimit: 0)
    #expect(point.isStrictMinimum)
    #expect(try #require(point.curvature).method == .lanczos)
    #expect(try abs(#require(point.curvature).smallestEigenvalue - 0.2) < 1e-9)
  }
}
