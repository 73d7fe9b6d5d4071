public import ConvexPrograms
import Convolutions
public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What people do today: local descent on filters and output weights from a random start.
///
/// Minimizes the objective of the training problem in its weight-decay form,
/// `(1/n) sum loss + (lambda/2) sum_j |u_j|^2 + |W_j|_F^2`, by Adam, stochastic gradient descent with momentum,
/// gradient descent, or L-BFGS.
/// Nothing is guaranteed; it is here for comparison.
///
/// - Source: Kingma & Ba, *Adam*, ICLR 2015 (bias-corrected moments); initial weights are uniform in
///   `+-1/sqrt(fan-in)` as in PyTorch.
public struct Baseline: Sendable {
  /// The descent method.
  public enum Optimizer: String, Sendable, CaseIterable, Codable {
    /// Adam with the usual moments 0.9 and 0.999.
    case adam
    /// Stochastic gradient descent with heavy-ball momentum.
    case sgd
    /// L-BFGS on the full batch.
    case lbfgs
    /// Gradient descent on the full batch.
    case gd
  }

  /// How a run descends.
  public struct Settings: Sendable, Equatable {
    /// The method.
    public var optimizer: Optimizer
    /// Number of neurons.
    public var width: Int
    /// Passes over the data; iterations for L-BFGS.
    public var epochs: Int
    /// Samples per step, nil for all; L-BFGS and gradient descent always use all.
    public var batchSize: Int?
    /// Step size of Adam, SGD and gradient descent.
    public var learningRate: Double
    /// Momentum of SGD, in `0..<1`.
    public var momentum: Double
    /// Seed of initial weights and batches.
    public var seed: UInt64
    /// Probability with which each neuron is left out of a step, in `0..<1`; the others count for `1 / (1 - dropout)`.
    ///
    /// One mask serves all samples of a step. Weight decay counts all neurons. Not with L-BFGS.
    public var dropout: Double

    /// Settings with given values.
    public init(
      optimizer: Optimizer = .adam, width: Int = 64, epochs: Int = 200, batchSize: Int? = nil,
      learningRate: Double = 1e-2, momentum: Double = 0.9, seed: UInt64 = 0, dropout: Double = 0
    ) {
      self.optimizer = optimizer
      self.width = width
      self.epochs = epochs
      self.batchSize = batchSize
      self.learningRate = learningRate
      self.momentum = momentum
      self.seed = seed
      self.dropout = dropout
    }
  }

  /// One step of a run.
  public struct Step: Sendable {
    /// The network before.
    public let start: Network
    /// The network after.
    public let end: Network
    /// Factor of each neuron's output weights in this step, 0 for those left out; nil without dropout.
    public let mask: [Double]?
  }

  /// What a run returns.
  public struct Result: Sendable {
    /// The network at the end, balanced; as it is where its objective is not finite.
    public let network: Network
    /// Its objective `(1/n) sum loss + lambda sum_j |u_j| |W_j|_F`.
    public let objective: Objective
    /// Epochs (iterations) run.
    public let epochs: Int
    /// `iterationLimit` after all epochs, or why it ended before; `diverged` where the objective is not finite, or above
    /// both that of the start and that of the network without neurons.
    public let status: SolveStatus
  }

  /// How this run descends.
  public let settings: Settings

  /// A run with given settings.
  public init(settings: Settings = Settings()) { self.settings = settings }

  /// Trains from a random start.
  ///
  /// - Parameters:
  ///   - problem: A problem with ReLU or linear activation.
  ///   - images: The problem's images, from which batches are drawn.
  ///   - limits: Time limit and interruption; the gap is not used.
  ///   - stepObserver: Receives every step of Adam, SGD and gradient descent.
  ///   - observer: Receives a line per epoch.
  /// - Returns: The last network and its objective.
  /// - Throws: `ProgramError` for gated problems and for settings out of range.
  public func train(
    _ problem: TrainingProblem, images: Tensor, limits: SolveLimits = SolveLimits(),
    stepObserver: ((Step) -> Void)? = nil, observer: TraceObserver = { _ in }
  ) throws -> Result {
    let watch = Stopwatch()
    try settings.validate()
    var generator = SeededGenerator(seed: settings.seed)
    var network = try Self.randomNetwork(problem, width: settings.width, &generator)
    let first = problem.objective(of: network).total
    var status = SolveStatus.iterationLimit
    var epochs = 0
    func report(_ value: Double) {
      observer(
        TraceRow(
          phase: "epoch", iteration: epochs, seconds: watch.seconds, objective: value,
          neuronCount: network.neuronCount))
    }
    if settings.optimizer == .lbfgs {
      network = JointDescent(problem: problem).minimize(
        from: network, iterations: settings.epochs
      ) { iteration, value in
        epochs = iteration
        report(value)
        status = limits.interruption(since: watch) ?? status
        return status != .iterationLimit
      }
      if status == .iterationLimit, epochs < settings.epochs { status = .stalled }
    } else {
      var state = Moments(count: network.parameters.count)
      while epochs < settings.epochs {
        network = try epoch(problem, images, network, &state, &generator, stepObserver)
        epochs += 1
        report(problem.objective(of: network).total)
        if let interruption = limits.interruption(since: watch) {
          status = interruption
          break
        }
      }
    }
    return try Self.result(problem, network, first: first, epochs: epochs, status: status)
  }

  /// What a run returns that began at an objective and ended at a network.
  private static func result(
    _ problem: TrainingProblem, _ network: Network, first: Double, epochs: Int, status: SolveStatus
  ) throws -> Result {
    // Balancing drops neurons whose weights are not numbers, so the network at the end is measured as it is, too.
    let last = problem.objective(of: network)
    let balanced = network.balanced()
    let objective = last.total.isFinite ? problem.objective(of: balanced) : last
    let limit = max(first, try problem.objective(of: problem.emptyNetwork()).total)
    // False for what is not a number; the slack is for rounding.
    let isBelow = objective.total <= limit * (1 + 1e-9)
    return Result(
      network: objective.total.isFinite ? balanced : network, objective: objective, epochs: epochs,
      status: isBelow ? status : .diverged)
  }

  /// The network that a run starts from: weights uniform in `+-1/sqrt(fan-in)`.
  ///
  /// - Parameter problem: A problem with ReLU or linear activation.
  /// - Returns: A network of `settings.width` neurons, drawn by `settings.seed`.
  /// - Throws: `ProgramError` for gated problems and for settings out of range.
  public func start(for problem: TrainingProblem) throws -> Network {
    try settings.validate()
    var generator = SeededGenerator(seed: settings.seed)
    return try Self.randomNetwork(problem, width: settings.width, &generator)
  }

  private static func randomNetwork(
    _ problem: TrainingProblem, width m: Int, _ generator: inout SeededGenerator
  ) throws -> Network {
    guard problem.activation == .relu || problem.activation == .linear else {
      throw ProgramError(
        place: "activation", expected: "relu or linear", found: problem.activation.rawValue,
        advice: "The baseline trains ungated networks.")
    }
    let h = problem.geometry.patchDimension
    let (a, c) = (problem.windowCount, problem.outputCount)
    func uniform(_ count: Int, fanIn: Int) -> [Double] {
      let bound = 1 / Double(fanIn).squareRoot()
      return (0..<count).map { _ in bound * (2 * generator.uniform() - 1) }
    }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: Matrix(rows: m, columns: h, elements: uniform(m * h, fanIn: h)),
      outputWeights: Matrix(rows: m * a, columns: c, elements: uniform(m * a * c, fanIn: m * a)),
      outputBias: problem.hasOutputBias ? uniform(c, fanIn: m * a) : nil)
  }

  private func epoch(
    _ problem: TrainingProblem, _ images: Tensor, _ start: Network, _ state: inout Moments,
    _ generator: inout SeededGenerator, _ stepObserver: ((Step) -> Void)?
  ) throws -> Network {
    var parameters = start.parameters
    let n = problem.sampleCount
    let size = settings.optimizer == .gd ? n : min(n, settings.batchSize ?? n)
    let order = size == n ? Array(0..<n) : generator.permutation(n)
    for first in stride(from: 0, to: n, by: size) {
      let batch = Array(order[first..<min(n, first + size)])
      let part =
        size == n ? problem : try problem.selecting(batch, images: images.selecting(batch))
      let mask = settings.dropout > 0 ? dropoutMask(start.neuronCount, &generator) : nil
      let gradient = Self.gradient(part, at: parameters, like: start, mask: mask)
      let before = stepObserver.map { _ in start.withParameters(parameters) }
      switch settings.optimizer {
      case .adam: state.adam(&parameters, gradient, settings.learningRate)
      case .gd: BLAS.add(-settings.learningRate, gradient, to: &parameters)
      case .sgd, .lbfgs:
        state.heavyBall(&parameters, gradient, settings.learningRate, settings.momentum)
      }
      if let before {
        stepObserver?(Step(start: before, end: start.withParameters(parameters), mask: mask))
      }
    }
    return start.withParameters(parameters)
  }

  private func dropoutMask(_ count: Int, _ generator: inout SeededGenerator) -> [Double] {
    let factor = 1 / (1 - settings.dropout)
    return (0..<count).map { _ in generator.uniform() < settings.dropout ? 0 : factor }
  }

  /// The gradient of the objective, or of the loss with some neurons left out and the weight decay of all.
  private static func gradient(
    _ problem: TrainingProblem, at parameters: [Double], like network: Network, mask: [Double]?
  ) -> [Double] {
    guard let mask else {
      return JointDescent(problem: problem).evaluate(parameters, like: network).1
    }
    var loss = problem
    loss.lambda = 0
    let masked = network.withParameters(parameters).scalingNeurons(by: mask)
    var gradient = JointDescent(problem: loss).evaluate(masked.parameters, like: network).1
    let inner = network.filters.elements.count
    let size = network.windowCount * network.outputCount
    for j in mask.indices {
      for e in inner + j * size..<inner + (j + 1) * size { gradient[e] *= mask[j] }
    }
    for e in 0..<inner + network.outputWeights.elements.count {
      gradient[e] += problem.lambda * parameters[e]
    }
    return gradient
  }
}

extension Network {
  /// The network with the output weights of each neuron times a factor.
  ///
  /// - Parameter factors: One for each neuron.
  /// - Returns: The network; neurons of factor 0 do nothing.
  /// - Precondition: There are as many factors as neurons.
  public func scalingNeurons(by factors: [Double]) -> Network {
    precondition(
      factors.count == neuronCount,
      "scalingNeurons: \(factors.count) factors, \(neuronCount) neurons")
    var result = self
    let size = windowCount * outputCount
    for e in result.outputWeights.elements.indices {
      result.outputWeights.elements[e] *= factors[e / size]
    }
    return result
  }
}

extension Baseline.Settings {
  /// Throws when a number is out of its range.
  fileprivate func validate() throws {
    func require(_ isLegal: Bool, _ place: String, _ expected: String, _ found: String) throws {
      guard !isLegal else { return }
      throw ProgramError(
        place: place, expected: expected, found: found, advice: "Give \(expected).")
    }
    try require(width > 0, "width", "a positive number of neurons", "\(width)")
    try require(epochs >= 0, "epochs", "a number of epochs that is not negative", "\(epochs)")
    if let batchSize {
      try require(batchSize > 0, "batch size", "a positive number of samples", "\(batchSize)")
    }
    try require(
      learningRate > 0 && learningRate.isFinite, "learning rate", "a positive number",
      "\(learningRate)")
    try require((0..<1).contains(momentum), "momentum", "a number in 0..<1", "\(momentum)")
    try require((0..<1).contains(dropout), "dropout", "a number in 0..<1", "\(dropout)")
    try require(
      dropout == 0 || optimizer != .lbfgs, "dropout", "0 with L-BFGS, whose steps compare values",
      "\(dropout)")
  }
}

/// Running moments of the gradient.
private struct Moments {
  var first: [Double]
  var second: [Double]
  var step = 0

  init(count: Int) {
    first = [Double](repeating: 0, count: count)
    second = first
  }

  mutating func adam(_ x: inout [Double], _ g: [Double], _ rate: Double) {
    step += 1
    let (power1, power2) = (pow(0.9, Double(step)), pow(0.999, Double(step)))
    for i in x.indices {
      first[i] = 0.9 * first[i] + 0.1 * g[i]
      second[i] = 0.999 * second[i] + 0.001 * g[i] * g[i]
      let corrected = (second[i] / (1 - power2)).squareRoot() + 1e-8
      x[i] -= rate * first[i] / (1 - power1) / corrected
    }
  }

  mutating func heavyBall(
    _ x: inout [Double], _ g: [Double], _ rate: Double, _ momentum: Double
  ) {
    for i in x.indices {
      first[i] = momentum * first[i] + g[i]
      x[i] -= rate * first[i]
    }
  }
}

extension Network {
  /// Filters, output weights and output bias, if there is one, as one vector.
  fileprivate var parameters: [Double] {
    filters.elements + outputWeights.elements + (outputBias ?? [])
  }
}
