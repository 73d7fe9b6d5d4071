public import Certificates
import ConvexPrograms
import Solvers
import Tensors

/// What `ccnn sensitivity` reports.
///
/// Every number is finite or null; every key is always present.
public struct SensitivityStudy: Sendable, Equatable, Codable {
  /// A sample that was taken out: what was estimated, and what training without it gave.
  public struct Refit: Sendable, Equatable, Codable {
    /// Number of the sample.
    public var sample: Int
    /// Loss of the network at the sample.
    public var loss: Finite
    /// Estimated loss at it of the network trained without it.
    public var estimatedLoss: Finite
    /// Loss at it of the network trained without it.
    public var refittedLoss: Finite
    /// Largest difference of estimated and refitted predictions, over the largest change that refitting made.
    public var relativeError: Finite
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Whether the conditions for derivatives hold.
  public var isDifferentiable: Bool
  /// Why they do not.
  public var obstacles: [String]
  /// Objective of the network.
  public var objective: Finite
  /// Mean loss of the network.
  public var loss: Finite
  /// Proven relative gap of the network.
  public var relativeGap: Finite
  /// Regularization strength.
  public var lambda: Finite
  /// Number of neurons after dependent ones were pruned.
  public var neuronCount: Int
  /// Number of free weights.
  public var coordinateCount: Int
  /// Derivative of the optimal objective by lambda.
  public var objectiveSlope: Finite
  /// Derivative of the mean loss by lambda.
  public var lossSlope: Finite
  /// Derivative of `sum_j |u_j| |W_j|_F` by lambda.
  public var massSlope: Finite
  /// Largest absolute derivative of a prediction by lambda.
  public var largestPredictionSlope: Finite
  /// Derivative of the mean loss of held-out samples by lambda; null without any.
  public var testLossSlope: Finite
  /// Trace of the derivative of the fit.
  public var degreesOfFreedom: Finite
  /// Largest share of a sample in the degrees of freedom.
  public var largestLeverage: Finite
  /// Sample of the largest share.
  public var mostInfluentialSample: Int?
  /// Estimated mean loss of samples by networks trained without them.
  public var leaveOneOutLoss: Finite
  /// Estimated share of samples that networks trained without them classify correctly; null for regression.
  public var leaveOneOutAccuracy: Finite
  /// Smallest eigenvalue of the Hessian over lambda.
  public var smallestCurvature: Finite
  /// Least slope when a filter leaves its hyperplanes, over what their rows can change; null without hyperplanes.
  public var kinkMargin: Finite
  /// Samples that were taken out and training repeated.
  public var refits: [Refit]
  /// The result in one sentence.
  public var claim: String
  /// Wall-clock seconds.
  public var seconds: Finite
  /// Parts of the work.
  public var phases: [TrainingResult.Phase]
  /// The model flags.
  public var model: TrainingConfiguration
}

extension Model {
  /// Derivatives of this model in lambda and in the targets, after dependent neurons are pruned.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data, and held-out ones whose loss is followed.
  ///   - refits: Samples to take out and train without, to compare with the estimate.
  ///   - seed: Seed of which samples these are.
  ///   - effort: How hard the certifier and the search for other neurons may work.
  ///   - threads: Threads to use.
  /// - Returns: The derivatives and what to report.
  /// - Throws: `InputError` when data and model do not go together, `CertificateError` when the model is not accurate
  ///   enough or has max pooling, `LAPACK.Failure` when a factorization fails.
  public func sensitivity(
    on data: Dataset, refits: Int = 0, seed: UInt64 = 0, effort: BoundEffort = BoundEffort(),
    threads: Int = 1
  ) throws -> (sensitivity: Sensitivity, study: SensitivityStudy) {
    try requireAllDirections()
    try data.test.map { try samples.check($0) }
    var phases = PhaseClock()
    let (task, _) = try phases.time("prepare") {
      try prepared(data, lambda: nil, backend: .im2col, threads: threads)
    }
    let certifier = Certifier(
      images: task.images, loss: task.loss, lambda: lambda, threads: threads)
    let pruned = try phases.time("prune") { try certifier.prune(network).network }
    let certificate = try phases.time("certify") {
      try certifier.certify(pruned, gates: gates, targetGap: configuration.gap, effort: effort)
    }
    let set = try phases.time("directions") {
      try certifier.optimalSet(of: pruned, gates: gates, effort: effort)
    }
    let sensitivity = try phases.time("derivatives") {
      try certifier.sensitivity(of: pruned, set: set)
    }
    let repeated = try phases.time("refit") {
      try repeatedTraining(task, sensitivity, count: refits, seed: seed)
    }
    let testSlope = try data.test.map {
      try testLossSlope(of: pruned, sensitivity, on: $0, threads)
    }
    let leverages = sensitivity.leverages
    let top = leverages.indices.max { leverages[$0] < leverages[$1] }
    var study = SensitivityStudy(
      isDifferentiable: sensitivity.isDifferentiable, obstacles: sensitivity.obstacles,
      objective: Finite(certificate.objective), loss: Finite(certificate.loss),
      relativeGap: Finite(certificate.relativeGap), lambda: Finite(lambda),
      neuronCount: pruned.neuronCount, coordinateCount: sensitivity.coordinateCount,
      objectiveSlope: Finite(sensitivity.objectiveSlope),
      lossSlope: Finite(sensitivity.lossSlope), massSlope: Finite(sensitivity.massSlope),
      largestPredictionSlope: Finite(
        sensitivity.predictionSlopes.elements.reduce(0) { max($0, abs($1)) }),
      testLossSlope: Finite(testSlope), degreesOfFreedom: Finite(sensitivity.degreesOfFreedom),
      largestLeverage: Finite(leverages.max()), mostInfluentialSample: top,
      leaveOneOutLoss: Finite(sensitivity.leaveOneOutLoss),
      leaveOneOutAccuracy: Finite(task.loss.accuracy(of: sensitivity.leaveOneOutPredictions)),
      smallestCurvature: Finite(sensitivity.smallestCurvature),
      kinkMargin: Finite(sensitivity.kinkMargin), refits: repeated, claim: "",
      seconds: Finite(phases.total), phases: phases.phases, model: configuration)
    study.claim = study.sentence
    return (sensitivity, study)
  }

  /// Trains without some samples, at `lambda n / (n - 1)`, and compares with the estimates.
  private func repeatedTraining(
    _ task: PreparedTask, _ sensitivity: Sensitivity, count: Int, seed: UInt64
  ) throws -> [SensitivityStudy.Refit] {
    guard count > 0 else { return [] }
    let n = task.loss.sampleCount
    var generator = SeededGenerator(seed: seed)
    let chosen = generator.permutation(n).prefix(count).sorted()
    let whole = task.problem(lambda: lambda)
    let before = whole.predictions(of: network)
    return try chosen.map { i in
      let others = (0..<n).filter { $0 != i }
      let problem = try TrainingProblem(
        images: task.images.selecting(others), geometry: task.geometry, pooling: task.pooling,
        activation: network.activation, loss: task.loss.selecting(others),
        lambda: lambda * Double(n) / Double(n - 1), hasOutputBias: whole.hasOutputBias,
        threads: whole.threads)
      let refitted = try retrained(problem)
      let after = Array(whole.predictions(of: refitted).row(i))
      let estimate = Array(sensitivity.leaveOneOutPredictions.row(i))
      let own = task.loss.selecting([i])
      func loss(_ row: [Double]) -> Finite { Finite(own.value(at: Matrix([row]))) }
      func largest(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).reduce(0) { max($0, abs($1.0 - $1.1)) }
      }
      return SensitivityStudy.Refit(
        sample: i, loss: loss(Array(before.row(i))), estimatedLoss: loss(estimate),
        refittedLoss: loss(after),
        relativeError: Finite(
          largest(estimate, after) / largest(Array(before.row(i)), after)))
    }
  }

  /// The optimum of a problem, from this model's network.
  private func retrained(_ problem: TrainingProblem) throws -> Network {
    let limits = SolveLimits(relativeGap: 1e-9, iterations: 200)
    guard network.activation != .relu else {
      return try CellGeneration(settings: CellGeneration.Settings(seed: configuration.seed))
        .solve(problem, start: network, limits: limits).network
    }
    let program = try GatedProgram(
      problem: problem, gates: gates ?? Matrix(rows: 0, columns: network.filters.columns))
    let solved = GatedSolver().solve(
      program.composite, from: try program.point(from: network),
      limits: SolveLimits(relativeGap: 1e-9, iterations: 1_000_000))
    return try program.network(from: solved.point)
  }

  /// The derivative by lambda of the mean loss on other samples, by the filters and output weights' slopes.
  private func testLossSlope(
    of network: Network, _ sensitivity: Sensitivity, on data: LabeledDataset, _ threads: Int
  ) throws -> Double {
    let step = 1e-6 * lambda
    let ends = try [step, -step].map { step -> Double in
      var moved = network.balanced()
      BLAS.add(step, sensitivity.filterSlopes.elements, to: &moved.filters.elements)
      BLAS.add(step, sensitivity.outputWeightSlopes.elements, to: &moved.outputWeights.elements)
      if let slopes = sensitivity.outputBiasSlopes, var bias = moved.outputBias {
        BLAS.add(step, slopes, to: &bias)
        moved.outputBias = bias
      }
      let evaluation = try replacing(network: moved).evaluation(on: data, threads: threads)
      return evaluation.loss.value ?? .nan
    }
    return (ends[0] - ends[1]) / (2 * step)
  }
}

extension SensitivityStudy {
  fileprivate var sentence: String {
    guard isDifferentiable else {
      return "Derivatives are not guaranteed: \(obstacles.joined(separator: "; "))."
    }
    return
      "The optimal network is differentiable in lambda and in the targets here, up to the tolerances: "
      + "\(Float(degreesOfFreedom.value ?? 0)) degrees of freedom with \(coordinateCount) free weights."
  }
}
