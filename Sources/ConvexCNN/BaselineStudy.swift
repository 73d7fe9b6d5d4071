import Certificates
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
    public fileprivate(set) var objective: Finite
    /// Best proven lower bound of all runs, which holds for every network; null when none was asked for.
    public var lowerBound = Finite(nil)
    /// `(objective - lowerBound) / objective`; null when no bound was asked for.
    public var relativeGap = Finite(nil)
    /// What is proven about this run.
    public var claim = BaselineStudy.nothingProven
    /// Mean loss.
    public fileprivate(set) var loss: Finite
    /// Neurons with weight at the end.
    public let neuronCount: Int
    /// Share of training samples classified correctly.
    public let trainAccuracy: Finite
    /// Share of held-out samples classified correctly; null without any.
    public let testAccuracy: Finite
    /// How the run ended; `diverged` where its objective is not finite, or above both its start and the network without
    /// neurons.
    public let status: String
    /// Wall-clock seconds.
    public let seconds: Double
    /// Curvature along the steps; null when it was not asked for.
    public var curvature = Nullable<CurvatureStatistics>(nil)
    /// The same with the neurons left out that each step left out; null without dropout.
    public var maskedCurvature = Nullable<CurvatureStatistics>(nil)

    /// Whether the run diverged, so that its network is of no use.
    public var isDiverged: Bool { status == SolveStatus.diverged.rawValue }
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
  /// Probability with which each neuron is left out of a step.
  public let dropout: Double
  /// Regularization strength.
  public let lambda: Finite
  /// Smallest strength whose solution is zero; for ReLU a lower bound of it found by ascent.
  public let lambdaMax: Finite
  /// Smallest objective of the runs that did not diverge; null when all did.
  public let best: Finite
  /// Median objective of the runs that did not diverge; null when all did.
  public let median: Finite
  /// The runs in the order of their seeds.
  public let runs: [Run]
  /// Best proven lower bound of all runs; null when none was asked for.
  public var lowerBound = Finite(nil)
  /// Kind of that bound; `none` when none was asked for, since local descent proves nothing.
  public var bound = "none"
  /// Over which cells the bound holds; null when none was asked for.
  public var scope: String?
  /// Wall-clock seconds of certifying all runs; null when it was not asked for.
  public var certifySeconds = Finite(nil)
  /// What is proven about the best run.
  public var claim = BaselineStudy.nothingProven
  /// The model flags.
  public let model: TrainingConfiguration

  fileprivate static let nothingProven =
    "Nothing proven: local descent from random starts, for comparison only."
}

extension Trainer {
  /// Trains the same objective by local descent from several seeds, and certifies every run if asked for.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones that are only evaluated.
  ///   - settings: How each run descends; seeds count up from its seed.
  ///   - seedCount: Number of runs, at least 1; fewer when `maximumSeconds`, which all share, come first.
  ///   - certifies: Whether to measure every run against the global optimum. Descents then stop after 70 % of
  ///     `maximumSeconds`; what is left, or `defaultSearchSeconds` without a limit, is for the search.
  ///   - reference: Model of the same architecture, loss and standardization whose lower bound counts too, at
  ///     whatever strength it was trained; used only with `certifies`.
  ///   - measuresCurvature: Whether to follow second derivatives along every step of Adam, SGD or gradient descent, for
  ///     ReLU with linear pooling.
  ///   - observer: Receives the trace of each run with its seed.
  /// - Returns: All runs, and the model of the best that did not diverge, nil when all did. Runs that diverged are not
  ///   certified.
  /// - Throws: As `train`; `Interrupted` when the caller asked to stop.
  public func baseline(
    on data: Dataset, settings: Baseline.Settings, seedCount: Int, certifies: Bool = false,
    reference: Model? = nil, measuresCurvature: Bool = false,
    observer: (UInt64, TraceRow) -> Void = { _, _ in }
  ) throws -> (study: BaselineStudy, best: Model?) {
    let task = try PreparedTask(configuration, data.train, threads)
    try reference.map { try requireSameArchitecture($0, task, option: "--reference") }
    let cells = try task.cells(configuration, limits: gateLimits)
    let problem = task.problem(lambda: cells.lambda)
    let empty = problem.objective(of: try problem.emptyNetwork()).total
    var runs: [BaselineStudy.Run] = []
    var models: [Model] = []
    let clock = PhaseClock()
    let seconds = certifies ? descentSeconds : maximumSeconds
    for offset in 0..<UInt64(max(1, seedCount)) {
      var settings = settings
      settings.seed &+= offset
      let start = PhaseClock()
      if !runs.isEmpty, clock.total >= seconds { break }
      let monitor = measuresCurvature ? try curvatureMonitor(problem, task) : nil
      let run = try Baseline(settings: settings).train(
        problem, images: task.images,
        limits: SolveLimits(seconds: seconds - clock.total, isInterrupted: isInterrupted),
        stepObserver: monitor.map { monitor in { monitor.record($0) } }
      ) { observer(settings.seed, $0) }
      if isInterrupted() { throw Interrupted(phase: "baseline") }
      models.append(
        Model(
          configuration: configuration, samples: data.train.kind,
          standardization: task.standardization, lossName: task.loss.name, lambda: cells.lambda,
          network: run.network, gates: nil,
          certificate: ["claim": "Nothing proven: local descent.", "bound": "none"]))
      runs.append(
        try summary(run, settings.seed, start.total, models[models.count - 1], data))
      runs[runs.count - 1].curvature = Nullable(monitor?.statistics)
      runs[runs.count - 1].maskedCurvature = Nullable(monitor?.maskedStatistics)
    }
    let ranked = runs.indices.filter { !runs[$0].isDiverged }
      .sorted { (runs[$0].objective.value ?? 0) < (runs[$1].objective.value ?? 0) }
    guard let best = ranked.first else { return (study(settings, cells, runs, empty: empty), nil) }
    guard certifies else { return (study(settings, cells, runs, empty: empty), models[best]) }
    let watch = PhaseClock()
    let networks = (reference.map { [$0.network] } ?? []) + ranked.map { models[$0].network }
    let certificates = Array(
      try certificates(of: networks, task, cells, effort: effort(after: clock.total))
        .suffix(ranked.count))
    for (i, certificate) in zip(ranked, certificates) { runs[i].record(certificate) }
    var result = study(settings, cells, runs, empty: empty)
    result.record(certificates[0], seconds: watch.total)
    return (result, models[best].with(certificate: certificates[0]))
  }

  /// Certificates of networks of one problem, each with the best bound of all.
  ///
  /// Each search has an equal share of the time that is left. Once one network's gap is proven, no other's bound can
  /// be better by more than the target, so the rest are not searched.
  private func certificates(
    of networks: [Network], _ task: PreparedTask, _ cells: CellPlan, effort: BoundEffort
  ) throws -> [Certificate] {
    let certifier = Certifier(
      images: task.images, loss: task.loss, lambda: cells.lambda, threads: threads)
    let clock = PhaseClock()
    var found: [Certificate] = []
    for (i, network) in networks.enumerated() {
      var share = effort
      share.seconds = max(0, effort.seconds - clock.total) / Double(networks.count - i)
      if found.contains(where: \.isEstablished) { share.method = .spectral }
      found.append(
        try certifier.certify(
          network, gates: nil, targetGap: configuration.gap, effort: share))
      if isInterrupted() { throw Interrupted(phase: "certify") }
    }
    guard let best = found.max(by: { $0.lowerBound < $1.lowerBound }) else { return [] }
    return found.map { $0.sharingBound(of: best) }
  }

  private func curvatureMonitor(
    _ problem: TrainingProblem, _ task: PreparedTask
  ) throws -> CurvatureMonitor {
    try CurvatureMonitor(
      Certifier(images: task.images, loss: task.loss, lambda: problem.lambda, threads: threads),
      like: problem.emptyNetwork())
  }

  private func summary(
    _ run: Baseline.Result, _ seed: UInt64, _ seconds: Double, _ model: Model, _ data: Dataset
  ) throws -> BaselineStudy.Run {
    // A network that is not finite predicts nothing.
    let isFinite = run.objective.total.isFinite
    let parts: [LabeledDataset?] = isFinite ? [data.train, data.test] : [nil, nil]
    let evaluations = try parts.map { part in
      try part.map { try model.evaluation(on: $0, backend: .im2col, threads: threads) }
    }
    return BaselineStudy.Run(
      seed: seed, objective: Finite(run.objective.total),
      claim: run.status == .diverged
        ? "Nothing proven: the run diverged." : BaselineStudy.nothingProven,
      loss: Finite(run.objective.loss), neuronCount: run.network.neuronCount,
      trainAccuracy: evaluations[0]?.accuracy ?? Finite(nil),
      testAccuracy: evaluations[1]?.accuracy ?? Finite(nil), status: run.status.rawValue,
      seconds: seconds)
  }

  private func study(
    _ settings: Baseline.Settings, _ cells: CellPlan, _ runs: [BaselineStudy.Run], empty: Double
  ) -> BaselineStudy {
    let sorted = runs.filter { !$0.isDiverged }.compactMap(\.objective.value).sorted()
    let middle = sorted.count / 2
    let median =
      sorted.isEmpty
      ? nil : sorted.count % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle])
    return BaselineStudy(
      optimizer: settings.optimizer.rawValue, width: settings.width, epochs: settings.epochs,
      batchSize: Finite(settings.batchSize.map(Double.init)), learningRate: settings.learningRate,
      momentum: settings.momentum, dropout: settings.dropout, lambda: Finite(cells.lambda),
      lambdaMax: Finite(cells.lambdaMax), best: Finite(sorted.first), median: Finite(median),
      runs: runs, claim: BaselineStudy.claim(best: sorted.first, empty: empty),
      model: configuration)
  }
}

extension BaselineStudy.Run {
  /// Takes over what a certificate says, with the objective that it recomputed.
  fileprivate mutating func record(_ certificate: Certificate) {
    objective = Finite(certificate.objective)
    loss = Finite(certificate.loss)
    lowerBound = Finite(certificate.lowerBound)
    relativeGap = Finite(certificate.relativeGap)
    claim = certificate.claim
  }
}

extension BaselineStudy {
  /// What is said about the best objective of runs that were not certified, beside that of the network without neurons.
  fileprivate static func claim(best: Double?, empty: Double) -> String {
    guard let best else {
      return "Nothing proven: every run diverged, so there is no network. Lower the learning rate."
    }
    return best <= empty * (1 + 1e-9)
      ? nothingProven
      : nothingProven
        + " The best run ended above the objective \(Float(empty)) of the network without neurons."
  }

  /// Takes over what the certificate of the best run says.
  fileprivate mutating func record(_ certificate: Certificate, seconds: Double) {
    lowerBound = Finite(certificate.lowerBound)
    bound = certificate.bound.rawValue
    scope = certificate.scope.description
    claim = certificate.claim
    certifySeconds = Finite(seconds)
  }
}

extension Model {
  /// The same model with the record of a certificate.
  fileprivate func with(certificate: Certificate) -> Model {
    Model(
      configuration: configuration, samples: samples, standardization: standardization,
      lossName: lossName, lambda: lambda, network: network, gates: gates,
      certificate: certificate.record)
  }
}
