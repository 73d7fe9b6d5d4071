import ConvexCNN
import TestSupport
import Testing

/// Networks proven to `1e-6` are refused at `1e-6` after every small change.
struct RefusalTests {
  private static let target = 1e-6
  /// Problems without an output bias, whose largest arrangement takes no time.
  static let fixtures = CertifiedOptimum.all.filter { $0.h <= 3 && !$0.hasOutputBias }

  /// A fixture with a network that is proven.
  private struct Solved {
    let fixture: CertifiedOptimum
    let problem: TrainingProblem
    let network: Network

    init(_ fixture: CertifiedOptimum) throws {
      self.fixture = fixture
      problem = try fixture.problem()
      network = try CellGeneration(oracle: SweepOrSearch()).solve(
        problem, limits: SolveLimits(relativeGap: 5e-7, iterations: 200, seconds: 600)
      ).network
    }

    func certificate(
      _ network: Network? = nil, images: Tensor? = nil, loss: (any Loss)? = nil,
      lambda: Double? = nil
    ) throws -> Certificate {
      try Certifier(
        images: images ?? fixture.images, loss: loss ?? problem.loss,
        lambda: lambda ?? problem.lambda
      ).certify(network ?? self.network, gates: nil, targetGap: target)
    }
  }

  @Test(arguments: fixtures)
  func aWeightNudgedByAThousandthIsRefused(fixture: CertifiedOptimum) throws {
    let solved = try Solved(fixture)
    #expect(try solved.certificate().isEstablished)
    // A nudge of a weight whose responses are nearly zero, or of a neuron that hardly counts, may leave the network within
    // the target; the optimum that another program found says which.
    var stillOptimal = 0
    let network = solved.network
    let shares = zip(network.filterNorms, network.outputNorms).map {
      $0 * $1 / network.regularization
    }
    func judge(_ nudged: Network, neuron: Int) throws {
      let certificate = try solved.certificate(nudged)
      if certificate.isEstablished {
        if shares[neuron] >= 1e-2 { stillOptimal += 1 }
        #expect(certificate.objective <= fixture.upperBound * (1 + Self.target))
      }
    }
    for nudge in [1e-3, -1e-3] {
      for e in network.filters.elements.indices {
        var nudged = network
        nudged.filters.elements[e] += nudge
        try judge(nudged, neuron: e / network.filters.columns)
      }
      let size = network.windowCount * network.outputCount
      for e in network.outputWeights.elements.indices {
        var nudged = network
        nudged.outputWeights.elements[e] += nudge
        try judge(nudged, neuron: e / size)
      }
    }
    #expect(stillOptimal <= (fixture.pooling == "none" ? 4 : 0))
  }

  @Test(arguments: fixtures)
  func anotherStrengthIsRefused(fixture: CertifiedOptimum) throws {
    let solved = try Solved(fixture)
    // The gap is of second order in the strength: at a thousandth more it is still within the target.
    for factor in [0.99, 1.01, 0.5, 2] {
      let certificate = try solved.certificate(lambda: factor * solved.problem.lambda)
      #expect(!certificate.isEstablished)
    }
  }

  @Test(arguments: fixtures)
  func otherSamplesAreRefused(fixture: CertifiedOptimum) throws {
    let solved = try Solved(fixture)
    let (n, loss) = (fixture.sampleCount, solved.problem.loss)
    for removed in 0..<n {
      let rest = (0..<n).filter { $0 != removed }
      let images = Tensor(
        shape: [n - 1, 1, 1, fixture.length],
        elements: rest.flatMap { i in
          Array(fixture.images.elements[i * fixture.length..<(i + 1) * fixture.length])
        })
      let certificate = try solved.certificate(images: images, loss: loss.selecting(rest))
      #expect(!certificate.isEstablished)
    }
    // Targets of two samples exchanged; those of the same class say the same.
    let zero = Matrix(rows: n, columns: loss.outputCount)
    let slopes = loss.gradient(at: zero)
    for other in 1..<n where Array(slopes.row(other)) != Array(slopes.row(0)) {
      var order = Array(0..<n)
      order.swapAt(0, other)
      #expect(try !solved.certificate(loss: loss.selecting(order)).isEstablished)
    }
  }

  @Test(arguments: fixtures)
  func aNetworkTrainedOnOtherDataIsRefused(fixture: CertifiedOptimum) throws {
    let solved = try Solved(fixture)
    var generator = SeededGenerator(seed: 12)
    let images = Tensor(
      shape: fixture.images.shape, elements: fixture.images.elements.map { _ in generator.normal() }
    )
    #expect(try !solved.certificate(images: images).isEstablished)
  }

  /// An oracle that takes the best of what one ascent found for a bound over all cells.
  private struct LocalSearch: PricingOracle {
    var maximumDimension: Int { 16 }

    func price(_ correlation: PooledCorrelation, _ request: PricingRequest) -> Pricing {
      Pricing(
        filters: Matrix(rows: 0, columns: correlation.patchDimension), norms: [], upperBound: 0,
        nodeCount: 1, ending: .target)
    }
  }

  /// A certificate takes no bound from anyone: it cannot be made, decoded or changed outside of the verifier.
  ///
  /// The only initializer of `Certificate` is internal to `Certificates`, its properties are constants or set inside, and
  /// `Certifier.certify` has no parameter for a bound. A solver that believes a local search is told otherwise.
  @Test func aLocalSearchValueIsNoUpperBound() throws {
    let fixture = try #require(Self.fixtures.first)
    let problem = try fixture.problem()
    let run = try CellGeneration(
      settings: CellGeneration.Settings(starts: 1, filtersPerRound: 1, polishIterations: 0),
      oracle: LocalSearch()
    ).solve(problem, limits: SolveLimits(relativeGap: 0.9, iterations: 200))
    // The solver believes its oracle.
    #expect(run.status == .solved)
    #expect(run.provenGap ?? 1 <= 0.9)
    let certificate = try Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda
    ).certify(run.network, gates: nil, targetGap: Self.target)
    #expect(!certificate.isEstablished)
    #expect(certificate.lowerBound <= fixture.upperBound)
    let type: Any.Type = Certificate.self
    #expect(!(type is any Decodable.Type))
  }
}
