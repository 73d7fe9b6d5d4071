public import Certificates
import ConvexPrograms
public import Convolutions
import Solvers
import Tensors

extension TrainingResult {
  /// The result of a certified model on its data.
  init(
    status: String, advice: String, certificate: Certificate, cells: CellPlan, model: Model,
    data: Dataset, threads: Int, backend: ConvolutionBackend = .im2col
  ) throws {
    try self.init(
      status: status, advice: advice, certificate: certificate, cells: cells, model: model,
      train: model.evaluation(on: data.train, backend: backend, threads: threads),
      test: data.test.map { try model.evaluation(on: $0, backend: backend, threads: threads) })
  }

  /// The result of a certified model that was evaluated.
  init(
    status: String, advice: String, certificate: Certificate, cells: CellPlan, model: Model,
    train: Evaluation, test: Evaluation?
  ) throws {
    self.init(
      status: status, statusAdvice: advice, objective: Finite(certificate.objective),
      lowerBound: Finite(certificate.lowerBound), gap: Finite(certificate.gap),
      relativeGap: Finite(certificate.relativeGap), claim: certificate.claim,
      scope: certificate.scope.description, bound: certificate.bound.rawValue,
      dualNormOverLambda: Finite(certificate.dualNormOverLambda),
      lambda: Finite(certificate.lambda), lambdaMax: Finite(cells.lambdaMax),
      lambdaMaxKind: cells.lambdaMaxKind, neuronCount: certificate.neuronCount,
      cellCount: cells.cellCount,
      loss: Finite(certificate.loss),
      regularization: Finite(certificate.regularization),
      trainAccuracy: train.accuracy, testAccuracy: test?.accuracy ?? Finite(nil),
      testLoss: test?.loss ?? Finite(nil), pricing: "none", estimatedGap: Finite(nil),
      budgetGap: Finite(nil),
      regularizer: model.network.activation.penalty,
      momentRank: Finite(
        try (cells.lifted as? QuadraticProgram).map { Double(try $0.momentRank()) }),
      features: Nullable(cells.program?.storage.rawValue), seconds: Finite(nil), phases: [],
      model: model.configuration)
  }
}

extension Certificate {
  /// The certificate as recorded in model files.
  var record: [String: String] {
    [
      "claim": claim, "scope": scope.description, "bound": bound.rawValue,
      "objective": "\(objective)", "lowerBound": "\(lowerBound)", "relativeGap": "\(relativeGap)",
    ]
  }
}

extension SolveStatus {
  /// What the status means and what to try next.
  public var advice: String {
    switch self {
    case .solved: "the gap asked for was reached"
    case .converged:
      "no filter that improves the network was found by ascent; the gap asked for is not proven, "
        + "see the claim"
    case .stalled: "progress fell below rounding before the gap was reached; loosen --gap"
    case .iterationLimit: "the iteration limit came first; loosen --gap"
    case .timeLimit: "the time limit came first; raise --max-seconds or loosen --gap"
    case .interrupted: "stopped on request"
    case .diverged:
      "the objective is not finite, or above the start and the network without neurons; "
        + "lower the learning rate"
    }
  }
}

extension Model {
  /// Certifies the network on data, whoever trained it.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data, and held-out ones that are only evaluated.
  ///   - lambda: Regularization strength, nil for the model's.
  ///   - targetGap: Relative gap asked for.
  ///   - effort: How hard to work on the bound for ReLU networks. Networks over given cells are certified over these by the
  ///     methods `automatic` and `exact`, over all cells by the others.
  ///   - multipliers: A proof that is checked instead of searching for a bound.
  ///   - ownCells: Whether to measure the network against the best one over its own cells, too.
  ///   - backend: Product used to find `lambdaMax` and for the accuracies; the certifier has its own.
  ///   - threads: Threads to use.
  /// - Returns: The result and whether the gap asked for is proven.
  /// - Throws: `InputError` when data and model do not go together, `CertificateError` when numbers are not finite.
  public func certified(
    on data: Dataset, lambda: Double? = nil, targetGap: Double,
    effort: BoundEffort = BoundEffort(seconds: Trainer.defaultSearchSeconds),
    multipliers: MultiplierCertificate? = nil, ownCells: Bool = false,
    backend: ConvolutionBackend = .im2col, threads: Int = 1
  ) throws -> (result: TrainingResult, isEstablished: Bool) {
    try data.test.map { try samples.check($0) }
    var phases = PhaseClock()
    let (task, flags) = try phases.time("prepare") {
      try prepared(data, lambda: lambda, backend: backend, threads: threads)
    }
    // A network over given cells is certified over these, unless a bound over all filters is asked for.
    let cellGates = [.automatic, .exact].contains(effort.method) ? cellGates : nil
    let cells = try phases.time("lambda") {
      try task.cellsToCertify(flags, gates: gates, cellGates: cellGates)
    }
    let certificate = try phases.time("certify") {
      let certifier = Certifier(
        images: task.images, loss: task.loss, lambda: cells.lambda, threads: threads)
      if let multipliers {
        return try certifier.certify(network, multipliers: multipliers, targetGap: targetGap)
      }
      return try certifier.certify(
        network, gates: gates ?? cellGates, directions: task.subspace?.directions,
        targetGap: targetGap, effort: effort)
    }
    let isShort = multipliers == nil && effort.method == .sdp && !certificate.isEstablished
    var result = try phases.time("evaluate") {
      try TrainingResult(
        status: "certified",
        advice: "the network of the model file was checked, not changed"
          + (isShort && certificate.bound == .spectral
            ? "; no sdp bound below the spectral one was found in the time given" : ""),
        certificate: certificate, cells: cells, model: self, data: data, threads: threads,
        backend: backend)
    }
    if ownCells {
      let own = try phases.time("own cells") {
        try Certifier(
          images: task.images, loss: task.loss, lambda: cells.lambda, threads: threads
        ).ownCells(of: network)
      }
      result.ownCellCount = Finite(Double(own.cellCount))
      result.ownCellsGap = Finite(own.relativeGap)
    }
    result.phases = phases.phases
    result.seconds = Finite(phases.total)
    return (result, certificate.isEstablished)
  }

  /// A proof of the lower bound at this network that can be checked without search.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data.
  ///   - lambda: Regularization strength, nil for the model's.
  ///   - threads: Threads to use.
  /// - Returns: Cells, multipliers and dual point.
  /// - Throws: `InputError` when data and model do not go together, `CertificateError` where there are no multipliers.
  public func multipliers(
    on data: Dataset, lambda: Double? = nil, threads: Int = 1
  ) throws -> MultiplierCertificate {
    let (task, _) = try prepared(data, lambda: lambda, backend: .im2col, threads: threads)
    return try Certifier(
      images: task.images, loss: task.loss, lambda: lambda ?? self.lambda, threads: threads
    ).multipliers(for: network)
  }

  func prepared(
    _ data: Dataset, lambda: Double?, backend: ConvolutionBackend, threads: Int
  ) throws -> (PreparedTask, TrainingConfiguration) {
    try samples.check(data.train)
    var flags = configuration
    flags.loss = lossName
    flags.strength = .lambda(lambda ?? self.lambda)
    // The certificate does not depend on where the network came from.
    if flags.activation == .relu { flags.cells = .generate }
    let task = try PreparedTask(
      flags, data.train, threads, standardization: standardization, backend: backend)
    return (task, flags)
  }
}
