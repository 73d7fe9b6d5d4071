public import Certificates
import ConvexPrograms
import Tensors

/// What `ccnn prune` reports.
///
/// Every number is finite or null; every key is always present.
public struct PruningResult: Sendable, Equatable, Codable {
  /// A network of the same number of neurons made another way.
  public struct Comparison: Sendable, Equatable, Codable {
    /// `least-squares`, `magnitude`, `magnitude-refitted` or `random`.
    public var method: String
    /// Number of neurons.
    public var neuronCount: Int
    /// Objective on the training data.
    public var objective: Finite
    /// Share of training samples classified correctly; null for regression.
    public var trainAccuracy: Finite
    /// Share of held-out samples classified correctly; null without any.
    public var testAccuracy: Finite
    /// Mean loss of the held-out samples; null without any.
    public var testLoss: Finite
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Neurons of the network given.
  public var neuronsBefore: Int
  /// Neurons left.
  public var neuronsAfter: Int
  /// Objective of the network given.
  public var objectiveBefore: Finite
  /// Objective of the network left.
  public var objectiveAfter: Finite
  /// Largest absolute change of a prediction on the training data.
  public var maxPredictionChange: Finite
  /// Whether no neuron can go without changing the predictions; of `--smallest` whether no optimum has fewer neurons.
  public var minimal: Bool
  /// Rank of the neurons' outputs before: without changing predictions at most so many neurons are needed.
  public var bound: Int
  /// Smallest singular value of the outputs left, over the largest, each scaled to unit length.
  public var independence: Finite
  /// `exact`, `smallest`, or the method by which a budget was met.
  public var method: String
  /// Proven lower bound of the optimum.
  public var lowerBound: Finite
  /// Proven relative gap of the network left.
  public var relativeGap: Finite
  /// Share of training samples classified correctly, before.
  public var trainAccuracyBefore: Finite
  /// Share of training samples classified correctly, after.
  public var trainAccuracyAfter: Finite
  /// Share of held-out samples classified correctly, before.
  public var testAccuracyBefore: Finite
  /// Share of held-out samples classified correctly, after.
  public var testAccuracyAfter: Finite
  /// The other methods at the same number of neurons; empty where they were not asked for.
  public var comparisons: [Comparison]
  /// The result in one sentence.
  public var claim: String
  /// Regularization strength.
  public var lambda: Finite
  /// Wall-clock seconds.
  public var seconds: Finite
  /// Parts of the work.
  public var phases: [TrainingResult.Phase]
  /// The model flags.
  public var model: TrainingConfiguration
}

/// How a model is pruned.
public struct PruningRequest: Sendable {
  /// Most neurons to keep; nil to keep all predictions.
  public var neurons: Int?
  /// Which neurons go when predictions have to change.
  public var method: Pruning.Method
  /// Look for the smallest optimum among all of them; needs an accurate model.
  public var smallest: Bool
  /// Largest change of predictions, relative to their Euclidean norm, while nothing is to change.
  public var tolerance: Double
  /// Whether to make networks of the same size by the other methods.
  public var compares: Bool
  /// Seed of `random`.
  public var seed: UInt64

  /// A request with given values.
  public init(
    neurons: Int? = nil, method: Pruning.Method = .leastSquares, smallest: Bool = false,
    tolerance: Double = 1e-10, compares: Bool = false, seed: UInt64 = 0
  ) {
    self.neurons = neurons
    self.method = method
    self.smallest = smallest
    self.tolerance = tolerance
    self.compares = compares
    self.seed = seed
  }
}

extension Model {
  /// The model with fewer neurons.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data, and held-out ones that are only evaluated.
  ///   - request: What to keep.
  ///   - effort: How hard the certifier may work on the bound of the result.
  ///   - threads: Threads to use.
  /// - Returns: The model and what to report about it.
  /// - Throws: `InputError` when data and model do not go together, `CertificateError` when the smallest optimum is asked
  ///   for and the model is not accurate enough, `LAPACK.Failure` when a factorization fails.
  public func pruned(
    on data: Dataset, _ request: PruningRequest, effort: BoundEffort = BoundEffort(),
    threads: Int = 1
  ) throws -> (model: Model, result: PruningResult) {
    try data.test.map { try samples.check($0) }
    if request.smallest { try requireAllDirections() }
    var phases = PhaseClock()
    let (task, flags) = try phases.time("prepare") {
      try prepared(data, lambda: nil, backend: .im2col, threads: threads)
    }
    let problem = task.problem(lambda: lambda)
    let certifier = Certifier(
      images: task.images, loss: task.loss, lambda: lambda, threads: threads)
    let (pruning, minimal) = try phases.time("prune") {
      try left(certifier, request, effort: effort)
    }
    let rest = replacing(network: pruning.network)
    let certificate = try phases.time("certify") {
      try certifier.certify(
        rest.network, gates: gates, directions: task.subspace?.directions,
        targetGap: flags.gap, effort: effort)
    }
    let comparisons = try phases.time("compare") {
      let methods = request.compares ? Pruning.Method.allCases : []
      return try methods.map { method -> PruningResult.Comparison in
        try compared(
          certifier, problem, data, to: rest.network.neuronCount, method, request, threads)
      }
    }
    let model = Model(
      configuration: configuration, samples: samples, standardization: standardization,
      lossName: lossName, lambda: lambda, network: rest.network, gates: gates,
      certificate: certificate.record)
    let testBefore = try data.test.flatMap { try accuracy(on: $0, threads) }
    let testAfter = try data.test.flatMap { try rest.accuracy(on: $0, threads) }
    var result = PruningResult(
      neuronsBefore: network.neuronCount, neuronsAfter: rest.network.neuronCount,
      objectiveBefore: Finite(problem.objective(of: network.balanced()).total),
      objectiveAfter: Finite(certificate.objective),
      maxPredictionChange: Finite(
        largestChange(problem.predictions(of: network), problem.predictions(of: rest.network))),
      minimal: minimal, bound: pruning.rank, independence: Finite(pruning.independence),
      method: request.neurons.map { _ in request.method.rawValue }
        ?? (request.smallest ? "smallest" : "exact"),
      lowerBound: Finite(certificate.lowerBound), relativeGap: Finite(certificate.relativeGap),
      trainAccuracyBefore: Finite(try accuracy(on: data.train, threads)),
      trainAccuracyAfter: Finite(try rest.accuracy(on: data.train, threads)),
      testAccuracyBefore: Finite(testBefore), testAccuracyAfter: Finite(testAfter),
      comparisons: comparisons, claim: "", lambda: Finite(lambda), seconds: Finite(phases.total),
      phases: phases.phases, model: configuration)
    result.claim = result.sentence(certificate, request)
    return (model, result)
  }

  /// The network left, and whether it is minimal in the sense asked for.
  private func left(
    _ certifier: Certifier, _ request: PruningRequest, effort: BoundEffort
  ) throws -> (Pruning, Bool) {
    if let count = request.neurons {
      let pruning = try certifier.prune(
        network, to: count, by: request.method, tolerance: request.tolerance, seed: request.seed)
      return (pruning, pruning.isIrreducible)
    }
    let exact = try certifier.prune(network, tolerance: request.tolerance)
    guard request.smallest else { return (exact, exact.isIrreducible) }
    let set = try certifier.optimalSet(of: network, gates: gates, effort: effort)
    let (masses, isSmallest) = try set.sparsestMasses()
    let pruning = try certifier.prune(
      try set.network(masses: masses), tolerance: request.tolerance)
    return (pruning, isSmallest && set.coverage != .incomplete && set.flatCount == 0)
  }

  private func compared(
    _ certifier: Certifier, _ problem: TrainingProblem, _ data: Dataset, to count: Int,
    _ method: Pruning.Method, _ request: PruningRequest, _ threads: Int
  ) throws -> PruningResult.Comparison {
    let pruning = try certifier.prune(
      network, to: count, by: method, tolerance: request.tolerance, seed: request.seed)
    let model = replacing(network: pruning.network)
    let test = try data.test.map { try model.evaluation(on: $0, threads: threads) }
    return PruningResult.Comparison(
      method: method.rawValue, neuronCount: pruning.network.neuronCount,
      objective: Finite(problem.objective(of: pruning.network).total),
      trainAccuracy: Finite(try model.accuracy(on: data.train, threads)),
      testAccuracy: test?.accuracy ?? Finite(nil), testLoss: test?.loss ?? Finite(nil))
  }

  private func accuracy(on data: LabeledDataset, _ threads: Int) throws -> Double? {
    try evaluation(on: data, threads: threads).accuracy.value
  }

  private func largestChange(_ before: Matrix, _ after: Matrix) -> Double {
    zip(before.elements, after.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }
}

extension PruningResult {
  fileprivate func sentence(_ certificate: Certificate, _ request: PruningRequest) -> String {
    let change = "\(Float(maxPredictionChange.value ?? 0))"
    let count = neuronsAfter == 1 ? "1 neuron" : "\(neuronsAfter) neurons"
    switch method {
    case "exact":
      return "\(count), predictions changed by at most \(change): "
        + (minimal
          ? "no neuron can go without a larger change, their outputs are independent "
            + "(smallest singular value \(Float(independence.value ?? 0)) of the largest)."
          : "whether a neuron can go is not decided.")
    case "smallest":
      return "\(count), predictions changed by at most \(change): "
        + (minimal
          ? "no optimal network over all of its directions has fewer."
          : "the fewest found; the search did not end.")
    default:
      return "\(count) by \(method): " + certificate.claim
    }
  }
}
