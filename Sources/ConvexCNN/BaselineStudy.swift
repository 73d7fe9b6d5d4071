import ConvexPrograms
import Convolutions
public import Solvers
import Tensors

/// Runs of a baseline from several seeds, in the keys of the result JSON of `baseline`.
public struct BaselineStudy: Sendable, Equatable, Codable {
  /// One run.
  public struct Run: Sendable, Equatable, Codable {
    /// Seed of initial weights and batches.
    public let seed: UInt64
    /// Objective, comparable with the one of `train`.
    public let objective: Finite
    /// Mean loss.
    public let loss: Finite
    /// Neurons with weight at the end.
    public let neuronCount: Int
    /// Share of training samples classified correctly.
    public let trainAccuracy: Finite
    /// Share of held-out samples classified correctly; null without any.
    public let testAccuracy: Finite
    /// How the run ended.
    public let status: String
    /// Wall-clock seconds.
    public let seconds: Double
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Name of the optimizer.
  public let optimizer: String
  /// Number of neurons at the start.
  public let width: Int
  /// Passes over the data; iterations for L-BFGS.
  public let epochs: Int
  /// Samples per step; null for all.
  public let batchSize: Finite
  /// Step size of Adam and SGD.
  public let learningRate: Double
  /// Momentum of SGD.
  public let momentum: Double
  /// Regularization strength.
  public let lambda: Finite
  /// Smallest strength whose solution is zero; for ReLU a lower bound of it found by ascent.
  public let lambdaMax: Finite
  /// Smallest objective of all runs.
  public let best: Finite
  /// Median objective of all runs.
  public let median: Finite
  /// The runs in the order of their seeds.
  public let runs: [Run]
  /// Always `none`: local descent proves nothing.
  public var bound = "none"
  /// What is proven.
  public var claim = "Nothing proven: local descent from random starts, for comparison only."
  /// The model flags.
  public let model: TrainingConfiguration
}

extension Trainer {
  /// Trains the same objective by local descent from several seeds.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones that are only evaluated.
  ///   - settings: How each run descends; seeds count up from its seed.
  ///   - seedCount: Number of runs, at least 1.
  ///   - observer: Receives the trace of each run with its seed.
  /// - Returns: All runs, and the model of the best.
  /// - Throws: As `train`; `Interrupted` when the caller asked to stop.
  public func baseline(
    on data: Dataset, settings: Baseline.Settings, seedCount: Int,
    observer: (UInt64, TraceRow) -> Void = { _, _ in }
  ) throws -> (study: BaselineStudy, best: Model) {
    let task = try PreparedTask(configuration, data.train, threads)
    let cells = try task.cells(configuration)
    let problem = task.problem(lambda: cells.lambda)
    var runs: [BaselineStudy.Run] = []
    var best: (objective: Double, model: Model)?
    for offset in 0..<UInt64(max(1, seedCount)) {
      var settings = settings
      settings.seed &+= offset
      let start = PhaseClock()
      let run = try Baseline(settings: settings).train(
        problem, images: task.images,
        limits: SolveLimits(seconds: maximumSeconds, isInterrupted: isInterrupted)
      ) { observer(settings.seed, $0) }
      if isInterrupted() { throw Interrupted(phase: "baseline") }
      let model = Model(
        configuration: configuration, samples: data.train.kind,
        standardization: task.standardization, lossName: task.loss.name, lambda: cells.lambda,
        network: run.network, gates: nil,
        certificate: ["claim": "Nothing proven: local descent.", "bound": "none"])
      runs.append(try summary(run, settings.seed, start.total, model, data))
      let objective = run.objective.total
      if objective < best?.objective ?? .infinity { best = (objective, model) }
    }
    guard let best else {
      throw InputError(
        .data, "baseline", expected: "a run with a finite objective", found: "none",
        advice: "Lower --learning-rate.")
    }
    return (study(settings, cells, runs), best.model)
  }

  private func summary(
    _ run: Baseline.Result, _ seed: UInt64, _ seconds: Double, _ model: Model, _ data: Dataset
  ) throws -> BaselineStudy.Run {
    let train = try model.evaluation(on: data.train, backend: .im2col, threads: threads)
    let test = try data.test.map {
      try model.evaluation(on: $0, backend: .im2col, threads: threads)
    }
    return BaselineStudy.Run(
      seed: seed, objective: Finite(run.objective.total), loss: Finite(run.objective.loss),
      neuronCount: run.network.neuronCount, trainAccuracy: train.accuracy,
      testAccuracy: test?.accuracy ?? Finite(nil), status: run.status.rawValue, seconds: seconds)
  }

  private func study(
    _ settings: Baseline.Settings, _ cells: CellPlan, _ runs: [BaselineStudy.Run]
  ) -> BaselineStudy {
    let sorted = runs.compactMap(\.objective.value).sorted()
    let middle = sorted.count / 2
    let median =
      sorted.isEmpty
      ? nil : sorted.count % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle])
    return BaselineStudy(
      optimizer: settings.optimizer.rawValue, width: settings.width, epochs: settings.epochs,
      batchSize: Finite(settings.batchSize.map(Double.init)), learningRate: settings.learningRate,
      momentum: settings.momentum, lambda: Finite(cells.lambda),
      lambdaMax: Finite(cells.lambdaMax), best: Finite(sorted.first), median: Finite(median),
      runs: runs, model: configuration)
  }
}
