import ConvexCNN
import TestSupport
import Testing

/// Networks of alternating semi-NMF with the bound at stationary points: what it proves, and where there is none.
struct AlternatingBoundTests {
  private static let planar = CertifiedOptimum.all.filter {
    $0.h == 2 && !$0.pooling.hasPrefix("max")
  }

  /// The bound of a network over all cells, and its distance to the optimum that an independent program found.
  private func bound(
    of network: Network, _ problem: TrainingProblem, _ fixture: CertifiedOptimum
  ) throws -> Double {
    let certificate = try Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda
    ).certify(network, gates: nil, targetGap: 1e-6, effort: BoundEffort(seconds: 10))
    return try #require(
      certificate.stationaryBound(
        loss: problem.loss, predictions: problem.predictions(of: network)))
  }

  /// From the patterns of an optimum the limit is global, and the bound says so.
  @Test(arguments: planar)
  func limitIsGlobalWhereTheBoundSaysSo(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    var start = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600)
    ).network
    for e in start.outputWeights.elements.indices { start.outputWeights.elements[e] *= 0.7 }
    let run = try AlternatingFactorization().solve(
      problem, from: start, limits: SolveLimits(iterations: 500))
    let total = run.objective.total
    let lower = try bound(of: run.network, problem, fixture)
    #expect(lower <= fixture.upperBound)
    #expect(lower >= total * (1 - 1e-4))
    #expect(total <= fixture.upperBound * (1 + 1e-9))
  }

  /// From random neurons the limit is stationary for its own patterns only, and the bound does not call it global.
  @Test(arguments: planar.prefix(3), [1, 2])
  func limitOfRandomPatternsIsNotCalledGlobal(fixture: CertifiedOptimum, seed: UInt64) throws {
    let problem = try fixture.problem()
    let start = try Baseline(settings: Baseline.Settings(width: 5, seed: seed)).start(for: problem)
    #expect(start.neuronCount == 5)
    let run = try AlternatingFactorization().solve(
      problem, from: start, limits: SolveLimits(iterations: 200))
    let total = run.objective.total
    let lower = try bound(of: run.network, problem, fixture)
    #expect(total < problem.objective(of: start.balanced()).total)
    #expect(total > fixture.upperBound * (1 + 1e-6))
    #expect(lower > 0 && lower <= fixture.upperBound)
  }

  /// Of many neurons no more than entries of the predictions are needed, and factors have no higher rank than their
  /// sides.
  @Test(arguments: planar.prefix(6))
  func ranksAndWidthsAreBounded(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let count = fixture.sampleCount * fixture.outputs
    let start = try Baseline(settings: Baseline.Settings(width: 3 * count, seed: 4))
      .start(for: problem)
    let run = try AlternatingFactorization().solve(
      problem, from: start, limits: SolveLimits(iterations: 30))
    let narrow = run.network.droppingDependentNeurons(in: problem)
    #expect(run.network.neuronCount > count && narrow.neuronCount <= count)
    let (wide, less) = (run.objective.total, problem.objective(of: narrow).total)
    #expect(less <= wide * (1 + 1e-10))
    for part in try PatternFactorization.factorizations(of: run.network, on: problem) {
      let (product, sides) = (part.product, [part.filters.rows, 2, part.weights.columns])
      let gram = BLAS.product(product, .transposed, product, .plain)
      let values = try LAPACK.symmetricEigen(gram).values.reversed()
      let largest = values.first ?? 0
      #expect(values.count { $0 > 1e-13 * largest } <= sides.min() ?? 0)
    }
  }

  @Test func proofsWithoutADualNormHaveNoSuchBound() throws {
    let fixture = Self.planar[0]
    let problem = try fixture.problem()
    let network = try Baseline(settings: Baseline.Settings(width: 5, seed: 1)).start(for: problem)
    let certifier = Certifier(images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    let certificate = try certifier.certify(
      network, multipliers: certifier.multipliers(for: network), targetGap: 0.5)
    #expect(
      certificate.stationaryBound(
        loss: problem.loss, predictions: problem.predictions(of: network)) == nil)
  }

  /// With an output bias there is neither the method nor the bound.
  @Test func outputBiasIsRefused() throws {
    let fixture = try #require(CertifiedOptimum.withOutputBias.first)
    let problem = try fixture.problem()
    let start = try Baseline(settings: Baseline.Settings(width: 5, seed: 1)).start(for: problem)
    #expect(start.outputBias != nil)
    let refusal = #expect(throws: ProgramError.self) {
      try AlternatingFactorization().solve(problem, from: start)
    }
    #expect(refusal?.place == "alternating factorisation")
    #expect(refusal?.found == "an output bias")
    let certificate = try Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda
    ).certify(start, gates: nil, targetGap: 1e-3, effort: BoundEffort(seconds: 5))
    #expect(
      certificate.stationaryBound(
        loss: problem.loss, predictions: problem.predictions(of: start)) == nil)
  }
}
