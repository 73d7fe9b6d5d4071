import ConvexCNN
import TestSupport
import Testing

/// Curvature along the steps of a run is that of the steps, and dropout leaves neurons out as it says.
struct CurvatureStatisticsTests {
  private func problem(lambda: Double = 0.05) throws -> (problem: TrainingProblem, images: Tensor) {
    var generator = SeededGenerator(seed: 6)
    let images = generator.normalTensor(shape: [10, 1, 1, 5])
    return (
      try TrainingProblem(
        images: images, geometry: PatchGeometry(channels: 1, length: 5, filterLength: 3),
        pooling: Pooling(parsing: "average:1x2"), activation: .relu,
        loss: SquaredLoss(targets: generator.normalMatrix(rows: 10, columns: 2)), lambda: lambda),
      images
    )
  }

  private func steps(_ settings: Baseline.Settings) throws -> [Baseline.Step] {
    let (problem, images) = try problem()
    var result: [Baseline.Step] = []
    _ = try Baseline(settings: settings).train(
      problem, images: images, stepObserver: { result.append($0) })
    return result
  }

  @Test func statisticsOfKnownValues() {
    let statistics = CurvatureStatistics([3, -1, 2, 0.5])
    #expect(statistics.stepCount == 4)
    #expect(statistics.positiveShare.value == 0.75)
    #expect(statistics.mean.value == 1.125)
    #expect(statistics.least.value == -1)
    #expect(statistics.largest.value == 3)
    #expect(statistics.median.value == 1.25)
    #expect(CurvatureStatistics([]).mean.value == nil)
  }

  @Test func stepsFollowOneAnother() throws {
    let settings = Baseline.Settings(optimizer: .sgd, width: 3, epochs: 4, batchSize: 5)
    let steps = try steps(settings)
    #expect(steps.count == 8)
    for (a, b) in zip(steps, steps.dropFirst()) { #expect(a.end == b.start) }
    #expect(steps.allSatisfy { $0.mask == nil })
    // Looking at steps changes nothing.
    let (problem, images) = try problem()
    let alone = try Baseline(settings: settings).train(problem, images: images)
    #expect(try alone.network == #require(steps.last).end.balanced())
  }

  @Test func gradientDescentFollowsTheGradient() throws {
    let steps = try steps(
      Baseline.Settings(optimizer: .gd, width: 3, epochs: 3, batchSize: 2, learningRate: 1e-4))
    let (problem, images) = try problem()
    let certifier = Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
    let lines = try certifier.objectiveLines(like: problem.emptyNetwork())
    #expect(steps.count == 3)
    for step in steps {
      let line = lines.line(from: step.start, to: step.end)
      // Along -t g the slope is -t |g|^2, and the length t |g|.
      #expect(abs(line.slope + line.squaredLength / 1e-4) < 1e-9 * abs(line.slope))
    }
  }

  @Test func dropoutStepsFollowTheMaskedGradient() throws {
    let settings = Baseline.Settings(
      optimizer: .gd, width: 6, epochs: 5, learningRate: 1e-3, seed: 2, dropout: 0.4)
    let steps = try steps(settings)
    let (problem, _) = try problem()
    var left = 0
    func objective(_ network: Network, _ mask: [Double]) -> Double {
      problem.objective(of: network.scalingNeurons(by: mask)).loss
        + problem.lambda * network.weightDecay
    }
    for step in steps {
      let mask = try #require(step.mask)
      left += mask.filter { $0 == 0 }.count
      #expect(mask.allSatisfy { $0 == 0 || abs($0 - 1 / 0.6) < 1e-15 })
      for e in 0..<18 {
        let d = 1e-6
        var (ahead, behind) = (step.start, step.start)
        ahead.filters.elements[e] += d
        behind.filters.elements[e] -= d
        let slope = (objective(ahead, mask) - objective(behind, mask)) / (2 * d)
        let change = step.end.filters.elements[e] - step.start.filters.elements[e]
        #expect(abs(change + 1e-3 * slope) < 1e-10)
        (ahead, behind) = (step.start, step.start)
        ahead.outputWeights.elements[e] += d
        behind.outputWeights.elements[e] -= d
        let outer = (objective(ahead, mask) - objective(behind, mask)) / (2 * d)
        let moved = step.end.outputWeights.elements[e] - step.start.outputWeights.elements[e]
        #expect(abs(moved + 1e-3 * outer) < 1e-10)
      }
    }
    #expect(left > 3 && left < 25)
  }

  @Test func dropoutNeedsSteps() throws {
    let (problem, images) = try problem()
    for settings in [
      Baseline.Settings(optimizer: .lbfgs, width: 2, dropout: 0.5),
      Baseline.Settings(optimizer: .adam, width: 2, dropout: 1),
      Baseline.Settings(optimizer: .adam, width: 2, dropout: -0.1),
    ] {
      #expect(throws: ProgramError.self) {
        try Baseline(settings: settings).train(problem, images: images)
      }
    }
  }
}
