import Arrangements
import Certificates
import ConvexPrograms
import Convolutions
public import Solvers
import Tensors

extension Trainer {
  /// Trains a gated, linear or ReLU network within a limit of memory, on samples that may be on disk, and certifies it.
  ///
  /// The program, its optimum and the certificate are those of `train(on:)`; ReLU networks are searched for by cell generation
  /// without pricing all cells, with as many neurons as fit, and their lower bound is a looser one. Features of gates are kept as
  /// `FeatureDemand` says, or made anew in every product. Where the patches of all samples do not fit, gates are chosen from those of some samples, drawn by
  /// the seed; the model says from how many.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones that are only evaluated.
  ///   - memory: The limit, and how features are kept.
  ///   - start: Model to start from, trained with the same architecture and gates.
  ///   - choosing: Receives how features are kept, in words.
  ///   - observer: Receives the solver's trace.
  /// - Returns: The model and what to report about it.
  /// - Throws: `InputError` when the limit cannot be kept or flags and data do not go together, `FormatError` when samples cannot
  ///   be read any more, otherwise as `train(on:)`.
  public func train(
    streaming data: StreamedData, memory: MemorySettings, from start: Model? = nil,
    choosing: (String) -> Void = { _ in }, observer: TraceObserver = { _ in }
  ) throws -> (model: Model, result: TrainingResult) {
    var phases = PhaseClock()
    let choice = try phases.time("prepare") { try StreamedChoice(self, data, memory, start) }
    choice.words.map(choosing)
    let (task, plan) = (choice.task, choice.plan)
    var flags = configuration
    let cells = try phases.time("lambda") {
      let gates = try gateCount(of: configuration).map { count in
        flags.gateSamples = plan.gateSampleCount(task.geometry, samples: data.train.sampleCount)
        return try task.gates(count, flags, limits: gateLimits)
      }
      return try task.cells(
        flags, gates: gates, storage: choice.storage, blockBytes: plan.blockBytes)
    }
    try task.source.requireReadable()
    if configuration.activation != .relu { try start.map { try requireSameGates($0, cells) } }
    try requireUninterrupted("lambda")
    let solution = try phases.time("solve") {
      var trainer = self
      trainer.neuronLimit = choice.neuronLimit
      return try trainer.solve(
        task.problem(lambda: cells.lambda), cells, task.source, from: start?.network,
        observer)
    }
    try task.source.requireReadable()
    if solution.status == .interrupted { throw Interrupted(phase: "solve") }
    let (certificate, predictions) = try phases.time("certify") {
      try StreamedCertifier(
        source: task.source, loss: task.loss, lambda: cells.lambda, threads: threads,
        blockBytes: plan.blockBytes / 2
      ).certify(solution.network, gates: cells.gates, targetGap: configuration.gap)
    }
    try requireUninterrupted("certify")
    let model = Model(
      configuration: flags, samples: data.train.kind, standardization: task.standardization,
      lossName: task.loss.name, lambda: cells.lambda, network: solution.network,
      gates: cells.gates, certificate: certificate.record)
    let status = status(of: solution, certificate)
    var result = try phases.time("evaluate") {
      try TrainingResult(
        status: status.rawValue, advice: status.advice, certificate: certificate, cells: cells,
        model: model,
        train: Evaluation(
          predictions: predictions, labels: data.train.labels,
          classNames: data.train.classNames, loss: task.loss),
        test: data.test.map { try model.evaluation(on: $0, threads: threads) })
    }
    result.cellCount = solution.cellCount
    result.estimatedGap = Finite(solution.estimatedGap)
    result.pricing = solution.pricing
    result.memoryLimit = Finite(memory.limit.map(Double.init))
    result.peakMemory = Finite(ProcessMemory.peak.map(Double.init))
    result.phases = phases.phases
    result.seconds = Finite(phases.total)
    return (model, result)
  }

  /// Number of gates of a gated network; nil for others.
  func gateCount(of configuration: TrainingConfiguration) -> Int? {
    guard configuration.activation == .gated, case .sample(let count) = configuration.cells
    else { return nil }
    return count
  }
}

/// A training set that is read in passing, in the units of the network, with loss and geometry.
struct StreamedTask {
  let source: StandardizedSource
  let standardization: Standardization
  let loss: any Loss
  let geometry: PatchGeometry
  let labels: Labels
  /// The problem without its strength.
  let base: TrainingProblem

  /// Standardizes training samples (with a fit, or as a model says) and checks that flags and data go together.
  init(
    _ configuration: TrainingConfiguration, _ data: StreamedDataset, _ threads: Int,
    standardization fixed: Standardization? = nil
  ) throws {
    geometry = try configuration.geometry(on: data.source.sampleShape)
    let pooling = try Pooling(parsing: configuration.pooling)
    guard configuration.activation != .linear || !CircularProgram.isCircular(geometry, pooling)
    else {
      throw InputError(
        .usage, "--padding circular",
        expected: "filters smaller than the images with --memory or --features",
        found: "filters as large", advice: "Use ccnn closed-form.")
    }
    guard configuration.standardize != .patchWhiten else {
      throw InputError(
        .usage, "--standardize", expected: "none, global or pixel with --memory or --features",
        found: "\"patch-whiten\"",
        advice: "Leave out --memory and --features; whitening needs all patches.")
    }
    standardization = fixed ?? Standardization(fitting: configuration.standardize, to: data.source)
    source = try StandardizedSource(data.source, standardization)
    labels = data.labels
    loss = try data.labels.loss(named: configuration.loss ?? data.labels.defaultLossName)
    base = try TrainingProblem(
      source: source, geometry: geometry, pooling: pooling, activation: configuration.activation,
      loss: loss, lambda: 0, hasOutputBias: configuration.outputBias, threads: threads)
  }

  /// The problem at a strength.
  func problem(lambda: Double) -> TrainingProblem {
    var problem = base
    problem.lambda = lambda
    return problem
  }

  /// Gates chosen as the flags say, from the patches of all samples or of `gateSamples` of them.
  func gates(
    _ count: Int, _ configuration: TrainingConfiguration, limits: SolveLimits
  ) throws -> Matrix {
    var (chosen, labels): (any SampleSource, Labels) = (source, labels)
    if let some = configuration.gateSamples {
      var generator = SeededGenerator(seed: configuration.seed &+ 0x6761_7465)
      let indices = generator.permutation(source.sampleCount).prefix(some).sorted()
      (chosen, labels) = (SelectedSource(source, indices: indices), labels.selecting(indices))
    }
    let images = chosen.batch(0..<chosen.sampleCount)
    return try labels.sampledGates(
      count, configuration, from: PatchSet(images: images, geometry: geometry).patches,
      threads: base.threads, limits: limits)
  }

  /// The program and strength of the flags over given gates.
  func cells(
    _ configuration: TrainingConfiguration, gates: Matrix?, storage: FeatureStorage,
    blockBytes: Int
  ) throws -> CellPlan {
    guard configuration.activation != .relu else {
      let lambdaMax = estimatedLambdaMax(base, seed: configuration.seed)
      return CellPlan(
        program: nil, coneProgram: nil, gates: nil, lambdaMax: lambdaMax,
        lambda: try configuration.strength.value(lambdaMax: lambdaMax))
    }
    let program = try GatedProgram(
      problem: base, gates: gates, storage: storage, blockBytes: blockBytes)
    let lambdaMax = program.composite.lambdaMax
    return CellPlan(
      program: program, coneProgram: nil, gates: gates, lambdaMax: lambdaMax,
      lambda: try configuration.strength.value(lambdaMax: lambdaMax))
  }
}
