import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Passes over samples that several ranks share: the same bits as in one process.
struct SharedProblemTests {
  /// An architecture and a number of ranks; there are 3 blocks of samples, so one of 4 ranks has none.
  struct Case: Sendable {
    let pooling: String
    let activation: Activation
    let loss: String
    let ranks: Int

    static let all = [
      Case(pooling: "average:2x2", activation: .relu, loss: "softmax", ranks: 2),
      Case(pooling: "max:1x2", activation: .relu, loss: "squared", ranks: 3),
      Case(pooling: "sum", activation: .linear, loss: "logistic", ranks: 4),
      Case(pooling: "sum", activation: .quadratic, loss: "squared", ranks: 2),
    ]
  }

  private static let sampleCount = 300
  private static let geometry = Result {
    try PatchGeometry(imageHeight: 6, imageWidth: 7, filterHeight: 2, filterWidth: 2, hasBias: true)
  }

  private func images() -> Tensor {
    var generator = SeededGenerator(seed: 5)
    return Tensor(
      shape: [Self.sampleCount, 1, 6, 7],
      elements: (0..<Self.sampleCount * 42).map { _ in generator.normal() })
  }

  private func loss(_ name: String) -> any Loss {
    var generator = SeededGenerator(seed: 6)
    return switch name {
    case "softmax":
      SoftmaxLoss(
        classes: (0..<Self.sampleCount).map { $0 < 3 ? $0 : generator.integer(below: 3) }, count: 3)
    case "logistic":
      LogisticLoss(labels: (0..<Self.sampleCount).map { $0 % 3 == 0 ? 1 : -1 })
    default: SquaredLoss(targets: generator.normalMatrix(rows: Self.sampleCount, columns: 2))
    }
  }

  private func problem(
    _ pooling: String, _ activation: Activation, _ loss: String, hasOutputBias: Bool = false
  ) throws -> TrainingProblem {
    try TrainingProblem(
      images: images(), geometry: Self.geometry.get(), pooling: Pooling(parsing: pooling),
      activation: activation, loss: self.loss(loss), lambda: 0.1, hasOutputBias: hasOutputBias)
  }

  private func shared<Value>(
    _ problem: TrainingProblem, ranks: Int, _ body: (TrainingProblem) throws -> Value
  ) throws -> Value {
    let (value, left) = try ThreadRanks.leading(
      ranks, makers: { [SharedProblemService.kind: { try SharedProblemService(&$0, in: $1) }] }
    ) { team in
      let value = try body(problem.shared(images: images(), by: team))
      // One more call tells the others what is not needed any more.
      team.call(team.nextName(), 0)
      return value
    }
    #expect(left == [Int](repeating: 0, count: ranks - 1))
    return value
  }

  @Test(arguments: Case.all)
  func passesHaveTheBitsOfOneProcess(_ item: Case) throws {
    let alone = try problem(item.pooling, item.activation, item.loss)
    var generator = SeededGenerator(seed: 7)
    let filters = generator.normalMatrix(rows: 900, columns: 5)
    let weights = generator.normalMatrix(
      rows: 900 * alone.windowCount, columns: alone.outputCount)
    let bias = (0..<alone.outputCount).map { _ in generator.normal() }
    let dual = generator.normalMatrix(rows: Self.sampleCount, columns: alone.outputCount)
    let network = try Network(
      geometry: alone.geometry, pooling: alone.pooling, activation: item.activation,
      filters: filters, outputWeights: weights)
    try shared(alone, ranks: item.ranks) { together in
      #expect(together.shared(filters: 900) != nil)
      #expect(together.shared(filters: 10) == nil, "Small passes are not worth the messages.")
      #expect(together.features(of: filters) == alone.features(of: filters))
      #expect(together.predictions(of: network) == alone.predictions(of: network))
      let mine = alone.lossAndGradient(
        filters: filters, outputWeights: weights, outputBias: bias)
      let theirs = together.lossAndGradient(
        filters: filters, outputWeights: weights, outputBias: bias)
      #expect(mine == theirs)
      let first = alone.dualNorms(of: filters, dual: dual)
      let second = together.dualNorms(of: filters, dual: dual)
      #expect(first.norms == second.norms)
      #expect(first.gradients == second.gradients)
    }
  }

  @Test(arguments: [2, 3, 4])
  func productsWithGatedFeaturesHaveTheBitsOfOneProcess(ranks: Int) throws {
    let alone = try problem("average:2x2", .gated, "squared")
    var generator = SeededGenerator(seed: 8)
    let gates = generator.normalMatrix(rows: 50, columns: 5)
    let map = alone.gatedMap(of: gates)
    let weights = generator.normalMatrix(rows: map.featureCount, columns: 2)
    let dual = generator.normalMatrix(rows: Self.sampleCount, columns: 2)
    try shared(alone, ranks: ranks) { together in
      let other = together.gatedMap(of: gates)
      #expect(other.shared != nil)
      #expect(other.shared?.own.features.rows ?? 0 < Self.sampleCount)
      #expect(other.predictions(of: weights) == map.predictions(of: weights))
      #expect(other.adjoint(dual) == map.adjoint(dual))
      #expect(other.features == map.features)
      let (centered, both) = (map.withoutColumnMeans, other.withoutColumnMeans)
      #expect(both.shared != nil)
      #expect(both.adjoint(dual) == centered.adjoint(dual))
      #expect(both.features == centered.features)
    }
  }

  @Test
  func gatedProgramsKeepTheirRowsOnTheRanks() throws {
    for hasBias in [false, true] {
      let alone = try problem("average:2x2", .gated, "squared", hasOutputBias: hasBias)
      var generator = SeededGenerator(seed: 9)
      let gates = generator.normalMatrix(rows: 50, columns: 5)
      let program = try GatedProgram(problem: alone, gates: gates)
      try shared(alone, ranks: 2) { together in
        let other = try GatedProgram(problem: together, gates: gates)
        #expect((other.composite.map as? DenseFeatureMap)?.shared != nil)
        #expect(other.composite.lambdaMax == program.composite.lambdaMax)
        // Two of the three blocks of 130 samples, the last of which has 40.
        #expect(together.largestShare == 170)
        #expect(alone.largestShare == 300)
      }
    }
  }

  @Test
  func messagesAreWeightsAndSumsAndPredictions() throws {
    let alone = try problem("average:2x2", .gated, "squared")
    var generator = SeededGenerator(seed: 8)
    let gates = generator.normalMatrix(rows: 50, columns: 5)
    let dual = generator.normalMatrix(rows: Self.sampleCount, columns: 2)
    let weights = generator.normalMatrix(rows: 50 * 4 * 5, columns: 2)
    try shared(alone, ranks: 2) { together in
      let map = together.gatedMap(of: gates)
      let features = try #require(map.shared)
      let ranks = try #require(features.team.ranks as? ThreadRanks)
      let others = Self.sampleCount - features.own.samples.count
      func numbers(_ work: () -> Matrix) -> Int {
        let before = ranks.sentCount
        _ = work()
        return ranks.sentCount - before
      }
      // Weights go out, rows of predictions come back.
      let predictions = numbers { map.predictions(of: weights) }
      #expect(predictions - (weights.elements.count + 2 * others) == 5)
      // The dual point goes out; two leaves, which have no partners on that rank, come back.
      let adjoint = numbers { map.adjoint(dual) }
      #expect(adjoint - (dual.elements.count + 2 * weights.elements.count) == 12)
    }
  }

  @Test
  func oneRankSharesNothing() throws {
    let alone = try problem("sum", .relu, "squared")
    let (isShared, _) = ThreadRanks.leading(1, makers: { [:] }) {
      alone.shared(images: images(), by: $0).shared != nil
    }
    #expect(!isShared)
  }

  @Test
  func sharesAreWholeBlocksOfAllSamples() {
    for n in [1, 63, 129, 300, 1437, 4000, 60_000, 1_000_000] {
      let blocks = SampleBlocks(n)
      #expect(blocks.featureBlock % blocks.passBlock == 0)
      #expect(blocks.featureBlock >= min(n, 128))
      for count in [1, 2, 3, 4, 64, 1024] {
        var next = 0
        for rank in 0..<count {
          let samples = blocks.samples(ofRank: rank, of: count)
          #expect(samples.lowerBound == next)
          #expect(samples.isEmpty || samples.lowerBound % blocks.featureBlock == 0)
          next = samples.upperBound
        }
        #expect(next == n)
      }
    }
  }
}
