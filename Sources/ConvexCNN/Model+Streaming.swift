import Certificates
import ConvexPrograms
import Convolutions
public import Tensors

extension Model {
  /// Outputs of the network on samples that are read in passing.
  ///
  /// - Parameters:
  ///   - source: Samples in the units of the data.
  ///   - memory: Bytes that may be used, nil for no limit.
  ///   - precision: Numbers that the responses of filters are computed in.
  ///   - backend: Product used by the convolution layer in single precision, not im2col; double precision takes im2col.
  ///   - threads: Threads to use; the outputs do not depend on it.
  /// - Returns: Outputs of shape `[n, c]`.
  /// - Throws: `InputError` when samples have another shape than the model's, patches are whitened, or the limit cannot be kept;
  ///   `GeometryError` when pixels or weights are out of the range of single precision; what the source throws.
  public func predictions(
    of source: any SampleSource, memory: Int? = nil, precision: ConvolutionPrecision = .double,
    backend: ConvolutionBackend = .auto, threads: Int = 1
  ) throws -> Matrix {
    try samples.check(shape: source.sampleShape, place: "images")
    try MemoryPlan.requireRoom(
      memory, forPredictionsOf: source, outputCount: network.outputCount, threads: threads)
    // The passes of a training problem do the work; its targets are not looked at.
    let units = try StandardizedSource(source, standardization)
    if precision == .float {
      return try network.floatPredictions(of: units, backend: backend, threads: threads)
    }
    var result = Matrix(rows: source.sampleCount, columns: network.outputCount)
    let block = Self.block(network)
    for lower in stride(from: 0, to: source.sampleCount, by: block) {
      let upper = min(lower + block, source.sampleCount)
      let part = SelectedSource(units, indices: Array(lower..<upper))
      let targets = Matrix(rows: upper - lower, columns: network.outputCount)
      let problem = try TrainingProblem(
        source: part, geometry: network.geometry, pooling: network.pooling,
        activation: network.activation, loss: SquaredLoss(targets: targets), lambda: lambda,
        threads: threads)
      let values = problem.predictions(of: network).elements
      try source.requireReadable()
      let start = lower * network.outputCount
      result.elements.replaceSubrange(start..<start + values.count, with: values)
    }
    return result
  }

  /// Samples whose pooled responses take at most 32 MiB, and not too few to share between threads.
  private static func block(_ network: Network) -> Int {
    let features = max(1, network.outputWeights.rows)
    return max(64, 4_194_304 / features)
  }

  /// Compares the network's predictions on samples that are read in passing with labels.
  ///
  /// - Parameters:
  ///   - data: Samples of the model's kind.
  ///   - memory: Bytes that may be used, nil for no limit.
  ///   - threads: Threads to use.
  /// - Returns: Loss, accuracy or R2, and confusion matrix.
  /// - Throws: `InputError` when shape or labels are of another kind, or the limit cannot be kept; what the source throws.
  public func evaluation(
    on data: StreamedDataset, memory: Int? = nil, threads: Int = 1
  ) throws -> Evaluation {
    try samples.check(shape: data.source.sampleShape, place: data.name)
    guard data.labels.kind == samples.labels else {
      throw InputError(
        .data, data.name, expected: "labels of kind \(samples.labels.name)",
        found: data.labels.kind.name,
        advice: "Use labels of the kind the network was trained on.")
    }
    return Evaluation(
      predictions: try predictions(of: data.source, memory: memory, threads: threads),
      labels: data.labels, classNames: samples.classNames,
      loss: try data.labels.loss(named: lossName))
  }

  /// Certifies a gated, linear or ReLU network on samples that are read in passing, whoever trained it.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data, and held-out ones that are only evaluated.
  ///   - memory: Bytes that may be used, nil for no limit.
  ///   - lambda: Regularization strength, nil for the model's.
  ///   - targetGap: Relative gap asked for.
  ///   - threads: Threads to use.
  /// - Returns: The result and whether the gap asked for is proven.
  /// - Throws: `InputError` when data and model do not go together, the limit cannot be kept, or the activation is another;
  ///   `CertificateError` when numbers are not finite; what the source throws.
  public func certified(
    streaming data: StreamedData, memory: Int?, lambda: Double? = nil, targetGap: Double,
    threads: Int = 1
  ) throws -> (result: TrainingResult, isEstablished: Bool) {
    guard network.activation.isPiecewiseLinear, cellGates == nil,
      configuration.filterRank == nil
    else {
      throw InputError(
        .usage, "--memory", expected: "a gated, linear or ReLU network, over all filters",
        found: network.activation.isPiecewiseLinear
          ? "one over given cells or leading directions" : network.activation.rawValue,
        advice: "Leave out --memory: bounds for other networks keep all patches in memory.")
    }
    try samples.check(shape: data.train.source.sampleShape, place: data.train.name)
    var flags = configuration
    flags.loss = lossName
    flags.strength = .lambda(lambda ?? self.lambda)
    var phases = PhaseClock()
    let task = try phases.time("prepare") {
      try StreamedTask(flags, data.train, threads, standardization: standardization)
    }
    let plan = MemoryPlan(
      MemorySettings(limit: memory, features: .streamed), data, task.base, threads: threads)
    _ = try plan.storage(
      FeatureDemand(task.base, gateCount: gates?.rows ?? 1, relativeGap: targetGap))
    let cells = try phases.time("lambda") {
      try task.cells(flags, gates: gates, storage: .streamed, blockBytes: plan.blockBytes)
    }
    let (certificate, predictions) = try phases.time("certify") {
      try StreamedCertifier(
        source: task.source, loss: task.loss, lambda: cells.lambda, threads: threads,
        blockBytes: plan.blockBytes / 2
      ).certify(network, gates: gates, targetGap: targetGap)
    }
    var result = try phases.time("evaluate") {
      try TrainingResult(
        status: "certified", advice: "the network of the model file was checked, not changed",
        certificate: certificate, cells: cells, model: self,
        train: Evaluation(
          predictions: predictions, labels: data.train.labels, classNames: samples.classNames,
          loss: task.loss),
        test: data.test.map { try evaluation(on: $0, threads: threads) })
    }
    result.memoryLimit = Finite(memory.map(Double.init))
    result.peakMemory = Finite(ProcessMemory.peak.map(Double.init))
    result.phases = phases.phases
    result.seconds = Finite(phases.total)
    return (result, certificate.isEstablished)
  }
}
