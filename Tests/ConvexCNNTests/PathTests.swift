import ConvexCNN
import Foundation
import TestSupport
import Testing

struct PathTests {
  /// Random images with targets of one or two outputs.
  private func data(_ count: Int = 24, outputs: Int = 1, held: Bool = false) -> Dataset {
    func part(_ name: String, _ seed: UInt64) -> LabeledDataset {
      var generator = SeededGenerator(seed: seed)
      let images = Tensor(
        shape: [count, 1, 3, 4], elements: (0..<count * 12).map { _ in generator.normal() })
      return LabeledDataset(
        name: name, images: images, isSignal: false,
        labels: .regression(generator.normalMatrix(rows: count, columns: outputs)), classNames: [])
    }
    return Dataset(train: part("train", 11), test: held ? part("test", 12) : nil)
  }

  private func flags(_ activation: Activation, gap: Double = 1e-4) -> TrainingConfiguration {
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 2))
    (flags.activation, flags.pooling, flags.gap) = (activation, "sum", gap)
    if activation == .gated { flags.cells = .sample(8) }
    return flags
  }

  private func settings(_ count: Int, _ ratio: Double) -> PathSettings {
    var settings = PathSettings()
    (settings.pointCount, settings.minimumRatio) = (count, ratio)
    return settings
  }

  @Test(arguments: [Activation.relu, .gated, .linear], [1, 2])
  func everyPointIsProvenAndThePathIsMonotone(activation: Activation, outputs: Int) throws {
    let trainer = Trainer(configuration: flags(activation, gap: 1e-3), threads: 1)
    let (study, models) = try trainer.path(on: data(outputs: outputs), settings: settings(6, 0.1))
    #expect(study.status == "solved")
    #expect(study.openPoints == [])
    #expect(models.count == 6)
    #expect(study.points[0].neuronCount == 0)
    #expect(study.points[1].neuronCount > 0)
    #expect(study.checks.isMonotone)
    let jump = try #require(study.checks.largestJumpRatio.value)
    #expect(jump <= 1)
    let upper = try #require(study.lambdaMaxUpperBound.value)
    let found = try #require(study.lambdaMax.value)
    #expect(upper >= found && upper <= 1.02 * found)
  }

  @Test(arguments: [true, false])
  func outputBiasIsSupported(isReLU: Bool) throws {
    var flags = flags(isReLU ? .relu : .gated, gap: 1e-3)
    flags.outputBias = true
    let (study, _) = try Trainer(configuration: flags, threads: 1)
      .path(on: data(), settings: settings(4, 0.2))
    #expect(study.openPoints == [])
    let jump = try #require(study.checks.largestJumpRatio.value)
    #expect(jump <= 1)
  }

  @Test func maxPoolingIsSupported() throws {
    var flags = flags(.relu, gap: 1e-3)
    flags.pooling = "max"
    let (study, _) = try Trainer(configuration: flags, threads: 1)
      .path(on: data(), settings: settings(4, 0.2))
    #expect(study.openPoints == [])
    #expect(study.checks.isMonotone)
  }

  @Test func theRegularizerIsTheDerivativeOfTheOptimum() throws {
    let run = try PathRun(Trainer(configuration: flags(.gated), threads: 1), data().train)
    let lambda = 0.3 * run.lambdaMax
    let step = 1e-3 * lambda
    let limits = SolveLimits(relativeGap: 1e-12, iterations: 400_000)
    var last = try run.path.emptyPoint(at: run.lambdaMax)
    var values: [RegularizationPath.Point] = []
    for strength in [lambda + step, lambda, lambda - step] {
      last = try run.path.point(at: strength, from: last, limits: limits)
      values.append(last)
    }
    let difference = (values[0].objective.total - values[2].objective.total) / (2 * step)
    let regularizer = values[1].objective.regularization
    #expect(abs(difference - regularizer) <= 1e-5 * regularizer)
  }

  @Test func breakpointsAgreeWithAFineGrid() throws {
    let trainer = Trainer(configuration: flags(.gated), threads: 1)
    var settings = settings(5, 0.3)
    settings.breakpointTolerance = 2e-3
    let (study, _) = try trainer.path(on: data(), settings: settings)
    let found = try #require(study.breakpoints)
    #expect(study.areBreakpointsComplete == true)
    #expect(!found.isEmpty)
    let run = try PathRun(trainer, data().train)
    let limits = SolveLimits(relativeGap: 1e-10, iterations: 400_000)
    let grid = RegularizationPath.strengths(from: run.lambdaMax, count: 121, ratio: 0.3)
    var last = try run.path.emptyPoint(at: grid[0])
    var old: [PathBreakpoints.Neuron] = []
    var changes = 0
    for (k, lambda) in grid.enumerated().dropFirst() {
      last = try run.path.point(at: lambda, from: last, limits: limits)
      let new = PathBreakpoints.neurons(of: last.network)
      let (left, entered) = PathBreakpoints.unmatched(old, new)
      let here = found.filter { $0.lower <= grid[k - 1] && $0.upper >= lambda }
      #expect(here.count { $0.enters } >= entered.count, "at \(lambda)")
      #expect(here.count { !$0.enters } >= left.count, "at \(lambda)")
      changes += left.count + entered.count
      old = new
    }
    #expect(changes == found.count)
  }

  @Test func contradictingNumbersAreNotMonotone() {
    func point(_ lambda: Double, _ loss: Double, _ size: Double) -> PathChecks.Numbers {
      PathChecks.Numbers(lambda: lambda, loss: loss, regularizer: size, gap: 1e-6)
    }
    let good = [point(1, 0.5, 0), point(0.5, 0.4, 0.1), point(0.25, 0.3, 0.4)]
    #expect(PathChecks.monotonicityViolation(good) == nil)
    let shrinking = [good[0], point(0.5, 0.4, 0.5), point(0.25, 0.3, 0.4)]
    #expect(PathChecks.monotonicityViolation(shrinking) == 2)
    let losing = [good[0], good[1], point(0.25, 0.41, 0.4)]
    #expect(PathChecks.monotonicityViolation(losing) == 2)
  }

  @Test func splitNeuronsHaveARankBelowTheirNumber() throws {
    let run = try PathRun(Trainer(configuration: flags(.relu), threads: 1), data().train)
    var generator = SeededGenerator(seed: 2)
    let filters = generator.normalMatrix(rows: 3, columns: 4)
    let network = try Network(
      geometry: run.path.problem.geometry, pooling: run.path.problem.pooling, activation: .relu,
      filters: filters,
      outputWeights: generator.normalMatrix(rows: 3, columns: 1))
    let doubled = network.selecting(neurons: [0, 1, 2, 2])
    #expect(try PathUniqueness.rank(of: network, in: run.path.problem) == 3)
    #expect(try PathUniqueness.rank(of: doubled, in: run.path.problem) == 3)
  }

  @Test func uniquenessIsGuaranteedAtATightGap() throws {
    let run = try PathRun(Trainer(configuration: flags(.gated), threads: 1), data().train)
    let lambda = 0.5 * run.lambdaMax
    let point = try run.path.point(
      at: lambda, from: try run.path.emptyPoint(at: lambda),
      limits: SolveLimits(relativeGap: 1e-12, iterations: 400_000))
    let unique = try PathUniqueness(point, problem: run.path.problem)
    #expect(unique.isGuaranteed)
    #expect(unique.rank == point.network.neuronCount)
  }

  @Test func foldsCoverAllSamplesOnceWithEvenClasses() throws {
    let classes = (0..<50).map { $0 % 7 == 0 ? 1 : 0 }
    let data = LabeledDataset(
      name: "x", images: Tensor(shape: [50, 1, 1, 1], elements: (0..<50).map(Double.init)),
      isSignal: false, labels: .classes(classes, count: 2), classNames: ["a", "b"])
    let folds = try data.folds(4, seed: 3)
    let held = folds.flatMap { $0.test?.images.elements ?? [] }.sorted()
    #expect(held == (0..<50).map(Double.init))
    for fold in folds {
      let ones = fold.test?.labels.classIndices?.count { $0 == 1 } ?? 0
      #expect((2...2).contains(ones))
      #expect(fold.train.sampleCount + (fold.test?.sampleCount ?? 0) == 50)
    }
    #expect(try data.folds(4, seed: 3) == folds)
    #expect(throws: InputError.self) { try data.folds(51, seed: 3) }
  }

  @Test func selectionNeverLooksAtTrainingLosses() throws {
    var settings = settings(6, 0.02)
    settings.selection = .heldOut
    let trainer = Trainer(configuration: flags(.gated, gap: 1e-3), threads: 1)
    let (study, _) = try trainer.path(on: data(held: true), settings: settings)
    let selection = try #require(study.selection)
    let held = study.points.map { $0.testLoss.value ?? .infinity }
    #expect(selection.chosen == held.indices.min { held[$0] < held[$1] })
    // Targets are noise: the training loss is smallest at the end, the held-out loss is not.
    #expect(selection.chosen < 5)
    #expect(selection.oneStandardError <= selection.minimum)
    for (a, b) in zip(selection.losses, held) { #expect(abs(a - b) <= 1e-12 * b) }
  }

  @Test func crossValidationIsDeterministic() throws {
    var settings = settings(4, 0.1)
    (settings.selection, settings.rule) = (.crossValidation(folds: 3), .oneStandardError)
    let results = try [1, 2].map { threads in
      try Trainer(configuration: flags(.gated, gap: 1e-3), threads: threads)
        .path(on: data(), settings: settings).study
    }
    #expect(results[0].selection == results[1].selection)
    #expect(results[0].points == results[1].points)
    let selection = try #require(results[0].selection)
    #expect(selection.chosen == selection.oneStandardError)
    #expect(selection.losses.count == 4)
  }

  @Test func searchesAreFewerThanPointsAndAllAreProven() throws {
    let trainer = Trainer(configuration: flags(.relu, gap: 1e-3), threads: 1)
    let (study, _) = try trainer.path(on: data(40), settings: settings(24, 0.3))
    #expect(study.openPoints == [])
    #expect(study.searchCount <= 12)
    #expect(study.points.count { $0.provenBy == "neighbors" } >= 12)
  }

  @Test func anInterruptedPathKeepsItsFinishedPoints() throws {
    let counter = Counter()
    let trainer = Trainer(
      configuration: flags(.gated, gap: 1e-3), threads: 1, isInterrupted: { counter.isAbove(40) })
    let (study, models) = try trainer.path(on: data(), settings: settings(30, 0.01))
    #expect(study.status == "interrupted")
    #expect(models.count == study.points.count)
    #expect((1..<30).contains(study.points.count))
  }
}

/// Counts how often it was asked.
private final class Counter: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0

  func isAbove(_ limit: Int) -> Bool {
    lock.withLock {
      count += 1
      return count > limit
    }
  }
}
