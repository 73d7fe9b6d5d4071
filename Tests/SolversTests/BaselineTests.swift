import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Local descent: its gradient, its update rules and its batches, each by hand.
struct BaselineTests {
  private typealias Settings = Baseline.Settings
  private static let test = ProblemCase(.signal, "sum:1x2", .relu, .softmax, outputs: 3)

  private func train(
    _ settings: Baseline.Settings, test: ProblemCase = BaselineTests.test, threads: Int = 1,
    limits: SolveLimits = SolveLimits(), observer: TraceObserver = { _ in }
  ) throws -> Baseline.Result {
    try Baseline(settings: settings).train(
      test.problem(threads: threads), images: test.images(samples: 12), limits: limits,
      observer: observer)
  }

  /// The network that a run starts from: uniform in `+-1/sqrt(fan-in)`, filters first.
  private func start(
    _ settings: Baseline.Settings, _ generator: inout SeededGenerator
  ) throws -> Network {
    let problem = try BaselineTests.test.problem()
    let m = settings.width
    func uniform(_ count: Int, _ fanIn: Int) -> [Double] {
      (0..<count).map { _ in (2 * generator.uniform() - 1) / Double(fanIn).squareRoot() }
    }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: Matrix(rows: m, columns: 3, elements: uniform(m * 3, 3)),
      outputWeights: Matrix(rows: 2 * m, columns: 3, elements: uniform(m * 6, 2 * m)))
  }

  private func gradient(
    _ problem: TrainingProblem, _ x: [Double], _ network: Network
  ) -> [Double] {
    JointDescent(problem: problem).evaluate(x, like: network).1
  }

  private func distance(_ x: Network, _ y: Network) -> Double {
    max(
      x.filters.relativeDistance(to: y.filters),
      x.outputWeights.relativeDistance(to: y.outputWeights))
  }

  @Test(arguments: ProblemCase.ungated, 1...2)
  func gradientIsTheDerivativeOfTheWeightDecayObjective(test: ProblemCase, seed: Int) throws {
    let problem = try test.problem(seed: seed)
    var generator = SeededGenerator(seed: UInt64(seed))
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: generator.normalMatrix(rows: 4, columns: problem.geometry.patchDimension),
      outputWeights: generator.normalMatrix(
        rows: 4 * problem.windowCount, columns: problem.outputCount))
    let x = network.filters.elements + network.outputWeights.elements
    let direction = x.map { _ in generator.normal() }
    let descent = JointDescent(problem: problem)
    let (value, gradient) = descent.evaluate(x, like: network)
    let loss = problem.objective(of: network).loss
    #expect(abs(value - loss - problem.lambda * network.weightDecay) <= 1e-12 * value)
    func moved(_ step: Double) -> Double {
      descent.evaluate(zip(x, direction).map { $0 + step * $1 }, like: network).0
    }
    let step = 1e-6
    let difference = (moved(step) - moved(-step)) / (2 * step)
    #expect(abs(difference - BLAS.dot(gradient, direction)) <= 1e-7 * (1 + value))
  }

  @Test func adamStepsByHand() throws {
    let settings = Settings(optimizer: .adam, width: 4, epochs: 2, learningRate: 0.05, seed: 3)
    var generator = SeededGenerator(seed: 3)
    let problem = try Self.test.problem()
    let network = try start(settings, &generator)
    var x = network.filters.elements + network.outputWeights.elements
    let g1 = gradient(problem, x, network)
    // The first corrected moments are g and g^2.
    for i in x.indices { x[i] -= 0.05 * g1[i] / (abs(g1[i]) + 1e-8) }
    let g2 = gradient(problem, x, network)
    for i in x.indices {
      let first = (0.09 * g1[i] + 0.1 * g2[i]) / 0.19
      let second = (0.000999 * g1[i] * g1[i] + 0.001 * g2[i] * g2[i]) / 0.001999
      x[i] -= 0.05 * first / (second.squareRoot() + 1e-8)
    }
    let expected = network.withParameters(x).balanced()
    #expect(distance(try train(settings).network, expected) <= 1e-10)
  }

  @Test func heavyBallStepsByHand() throws {
    let settings = Settings(
      optimizer: .sgd, width: 4, epochs: 3, learningRate: 0.1, momentum: 0.8, seed: 4)
    var generator = SeededGenerator(seed: 4)
    let problem = try Self.test.problem()
    let network = try start(settings, &generator)
    var x = network.filters.elements + network.outputWeights.elements
    var velocity = x.map { _ in 0.0 }
    for _ in 0..<3 {
      let g = gradient(problem, x, network)
      for i in x.indices {
        velocity[i] = 0.8 * velocity[i] + g[i]
        x[i] -= 0.1 * velocity[i]
      }
    }
    let expected = network.withParameters(x).balanced()
    #expect(distance(try train(settings).network, expected) <= 1e-12)
  }

  @Test(arguments: 1...5)
  func batchesUseEverySampleOncePerEpoch(seed: Int) throws {
    // With steps this small three batches of four move as far as three steps on all twelve samples, up to the
    // square of the step; a sample left out or used twice would change the move in its first digit.
    let rate = 1e-4
    let settings = Settings(
      optimizer: .sgd, width: 4, epochs: 1, batchSize: 4, learningRate: rate, momentum: 0,
      seed: UInt64(seed))
    var generator = SeededGenerator(seed: UInt64(seed))
    let problem = try Self.test.problem()
    let network = try start(settings, &generator)
    let x = network.filters.elements + network.outputWeights.elements
    let g = gradient(problem, x, network)
    let expected = network.withParameters(zip(x, g).map { $0 - 3 * rate * $1 }).balanced()
    let found = try train(settings).network
    let move = distance(network.balanced(), expected)
    #expect(move > 1e-5)
    #expect(distance(found, expected) <= 0.02 * move)
  }

  @Test(arguments: Baseline.Optimizer.allCases)
  func seedsAndThreadsDecideTheBits(optimizer: Baseline.Optimizer) throws {
    var settings = Settings(
      optimizer: optimizer, width: 6, epochs: 5, batchSize: optimizer == .adam ? 5 : nil, seed: 6)
    let first = try train(settings)
    let second = try train(settings, threads: 2)
    #expect(first.network == second.network)
    #expect(first.objective == second.objective)
    settings.seed = 7
    #expect(try train(settings).network != first.network)
  }

  @Test(arguments: Baseline.Optimizer.allCases, ProblemCase.ungated)
  func trainingLowersTheObjective(optimizer: Baseline.Optimizer, test: ProblemCase) throws {
    var rows: [TraceRow] = []
    let settings = Settings(optimizer: optimizer, width: 8, epochs: 30, learningRate: 0.01)
    let result = try train(settings, test: test) { rows.append($0) }
    let problem = try test.problem()
    let first = try #require(rows.first)
    #expect(result.objective.total < first.objective)
    #expect(problem.objective(of: result.network) == result.objective)
    #expect(result.epochs == rows.count)
    let decay = result.network.weightDecay
    #expect(abs(decay - result.network.regularization) <= 1e-12 * decay)
  }

  @Test func limitsEndTheRun() throws {
    let settings = Settings(optimizer: .adam, width: 4, epochs: 50)
    #expect(try train(settings).status == .iterationLimit)
    let late = try train(settings, limits: SolveLimits(seconds: 0))
    #expect(late.status == .timeLimit)
    #expect(late.epochs == 1)
    let stopped = try train(settings, limits: SolveLimits(isInterrupted: { true }))
    #expect(stopped.status == .interrupted)
    let lbfgs = Settings(optimizer: .lbfgs, width: 4, epochs: 50)
    #expect(try train(lbfgs, limits: SolveLimits(seconds: 0)).status == .timeLimit)
  }

  /// Steps of such sizes lead to no numbers, or far above the start.
  @Test(arguments: zip([Baseline.Optimizer.adam, .gd, .sgd], [1e300, 1e200, 1e6]))
  func aRunThatDivergedSaysSo(optimizer: Baseline.Optimizer, rate: Double) throws {
    let settings = Settings(optimizer: optimizer, width: 4, epochs: 6, learningRate: rate)
    let result = try train(settings)
    #expect(result.status == .diverged)
    let problem = try Self.test.problem()
    let start = problem.objective(of: try Baseline(settings: settings).start(for: problem))
    let isNoBetter = !(result.objective.total <= start.total)
    #expect(isNoBetter)
  }

  private func message(_ test: ProblemCase, _ settings: Baseline.Settings) -> String {
    do { return "no error: \(try train(settings, test: test).epochs)" } catch { return "\(error)" }
  }

  @Test func problemsAndSettingsOutOfRangeAreRefused() {
    let gated = message(ProblemCase.programs[0], Settings())
    #expect(
      gated
        == "activation: expected relu or linear, found gated. The baseline trains ungated networks."
    )
    let width = message(Self.test, Settings(width: 0))
    #expect(
      width
        == "width: expected a positive number of neurons, found 0. Give a positive number of neurons."
    )
    let batch = message(Self.test, Settings(batchSize: 0))
    #expect(
      batch
        == "batch size: expected a positive number of samples, found 0. Give a positive number of samples."
    )
    let rate = message(Self.test, Settings(learningRate: -1))
    #expect(
      rate == "learning rate: expected a positive number, found -1.0. Give a positive number.")
    let momentum = message(Self.test, Settings(momentum: 1))
    #expect(
      momentum == "momentum: expected a number in 0..<1, found 1.0. Give a number in 0..<1.")
    let epochs = message(Self.test, Settings(epochs: -1))
    #expect(
      epochs
        == "epochs: expected a number of epochs that is not negative, found -1. Give a number of epochs that is not negative."
    )
  }
}
