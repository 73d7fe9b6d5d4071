public import Convolutions
public import Tensors

/// Data, architecture and strength of one training problem.
///
/// `minimize (1/n) sum_i loss(f(x_i), y_i) + lambda sum_j |u_j| |W_j|_F` over networks of any width, and over their output
/// bias if they have one, which is not penalized.
public struct TrainingProblem: Sendable {
  /// Convolution layer over the samples, `[n, channels, height, width]`.
  public let layer: ConvolutionLayer
  /// Pooling of the responses of each filter.
  public let pooling: Pooling
  /// The pooling at this geometry: window and weight of each position.
  public let poolingMap: PoolingMap
  /// Activation of every neuron.
  public let activation: Activation
  /// Loss of the predictions, with the targets.
  public let loss: any Loss
  /// Regularization strength in the mean-loss objective.
  public var lambda: Double
  /// Whether networks have an output bias.
  public var hasOutputBias: Bool { biasedLoss != nil }
  /// The loss after the best output bias.
  private let biasedLoss: OutputBiasLoss?
  /// The loss that programs over filters and output weights see: `loss`, after the best output bias if there is one.
  public var reducedLoss: any Loss { biasedLoss ?? loss }
  /// Threads that passes over the data use; the results do not depend on it.
  public let threads: Int
  /// Where the samples are: in memory (the layer's images, not a copy), or read anew in every pass.
  private enum Samples {
    case images(Tensor)
    case source(any SampleSource)
  }
  private let samples: Samples
  /// Whether the samples are read anew in every pass, so that nothing of the size of their patches may be kept.
  package var isStreamed: Bool { if case .source = samples { true } else { false } }
  /// The ranks that share the samples; nil where this process does all passes.
  package private(set) var shared: SharedProblem?

  /// A problem over a batch of images.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - geometry: How images are cut into patches.
  ///   - pooling: Pooling of the responses.
  ///   - activation: Activation of every neuron.
  ///   - loss: Loss with the targets of the same `n` samples.
  ///   - lambda: Regularization strength, not negative.
  ///   - hasOutputBias: Whether networks have an output bias, which no penalty counts.
  ///   - backend: Product used by the convolution layer. The default is the same on every run, so that
  ///     training is reproducible to the bit; `.auto` measures and may pick another one next time.
  ///   - threads: Threads that passes over the data use.
  /// - Throws: `GeometryError` when images, geometry and pooling do not fit, `ProgramError` when the number of
  ///   targets is not the number of images, a number is not finite, `lambda` is negative, a gated or linear network
  ///   has max pooling, or a class has no sample and there is an output bias.
  public init(
    images: Tensor, geometry: PatchGeometry, pooling: Pooling, activation: Activation,
    loss: any Loss, lambda: Double, hasOutputBias: Bool = false,
    backend: ConvolutionBackend = .im2col, threads: Int = 1
  ) throws {
    guard images.shape.first == loss.sampleCount else {
      throw ProgramError(
        place: "targets", expected: "\(images.shape.first ?? 0) (one per image)",
        found: "\(loss.sampleCount)", advice: "Give as many labels as images.")
    }
    if let index = images.firstNonFiniteIndex {
      throw ProgramError(
        place: "images", expected: "finite numbers",
        found: "\(images.elements[index]) at index \(index)",
        advice: "Remove the sample or repair the data.")
    }
    try self.init(
      geometry: geometry, pooling: pooling, activation: activation, loss: loss, lambda: lambda,
      hasOutputBias: hasOutputBias, threads: threads, samples: .images(images)
    ) {
      try ConvolutionLayer(images: images, geometry: geometry, backend: backend, threads: threads)
    }
  }

  /// A problem over samples that are read anew in every pass.
  ///
  /// - Parameters:
  ///   - source: The `n` samples, which are taken to be finite.
  ///   - geometry: How images are cut into patches.
  ///   - pooling: Pooling of the responses.
  ///   - activation: Activation of every neuron.
  ///   - loss: Loss with the targets of the same samples.
  ///   - lambda: Regularization strength, not negative.
  ///   - hasOutputBias: Whether networks have an output bias, which no penalty counts.
  ///   - threads: Threads that passes over the data use.
  /// - Throws: As for images in memory.
  public init(
    source: any SampleSource, geometry: PatchGeometry, pooling: Pooling, activation: Activation,
    loss: any Loss, lambda: Double, hasOutputBias: Bool = false, threads: Int = 1
  ) throws {
    guard source.sampleCount == loss.sampleCount else {
      throw ProgramError(
        place: "targets", expected: "\(source.sampleCount) (one per image)",
        found: "\(loss.sampleCount)", advice: "Give as many labels as images.")
    }
    try self.init(
      geometry: geometry, pooling: pooling, activation: activation, loss: loss, lambda: lambda,
      hasOutputBias: hasOutputBias, threads: threads, samples: .source(source)
    ) {
      try ConvolutionLayer(source: source, geometry: geometry, threads: threads)
    }
  }

  private init(
    geometry: PatchGeometry, pooling: Pooling, activation: Activation, loss: any Loss,
    lambda: Double, hasOutputBias: Bool, threads: Int, samples: Samples,
    layer: () throws -> ConvolutionLayer
  ) throws {
    let zero = Matrix(rows: loss.sampleCount, columns: loss.outputCount)
    guard loss.value(at: zero).isFinite, lambda >= 0, lambda.isFinite else {
      throw ProgramError(
        place: "targets and lambda", expected: "finite targets and a finite lambda >= 0",
        found: "loss \(loss.value(at: zero)) of zero predictions, lambda \(lambda)",
        advice: "Remove the samples without a target, or give another strength.")
    }
    let map = try pooling.map(for: geometry)
    guard map.isLinear || activation == .relu else {
      throw ProgramError(
        place: "pooling", expected: "average, sum or none", found: pooling.description,
        advice: "Gated and linear networks need a linear pooling.")
    }
    self.layer = try layer()
    self.samples = samples
    self.pooling = pooling
    poolingMap = map
    self.activation = activation
    self.loss = loss
    self.lambda = lambda
    biasedLoss = hasOutputBias ? try OutputBiasLoss(loss) : nil
    self.threads = threads
  }

  /// The problem with its samples shared by several ranks, where there is more than one and there are samples enough.
  ///
  /// Results do not depend on it.
  ///
  /// - Parameters:
  ///   - images: The images of the problem, `[n, channels, height, width]`.
  ///   - team: Rank 0 and the others.
  /// - Returns: The problem, whose passes involve the other ranks.
  package func shared(
    images: @autoclosure () -> Tensor, by team: RankTeam?
  ) -> TrainingProblem {
    var problem = self
    problem.shared = team.flatMap { SharedProblem(self, images: images(), team: $0) }
    return problem
  }

  /// Number of samples `n`.
  public var sampleCount: Int { layer.sampleCount }
  /// Number of pooled outputs per filter `a`.
  public var windowCount: Int { poolingMap.outputCount }
  /// Number of network outputs `c`.
  public var outputCount: Int { loss.outputCount }
  /// Patch geometry.
  public var geometry: PatchGeometry { layer.geometry }

  /// The network without neurons, whose predictions are zero or the best output bias.
  public func emptyNetwork() throws -> Network {
    try Network(
      geometry: geometry, pooling: pooling, activation: activation,
      filters: Matrix(rows: 0, columns: geometry.patchDimension),
      gates: activation == .gated ? Matrix(rows: 0, columns: geometry.patchDimension) : nil,
      outputWeights: Matrix(rows: 0, columns: outputCount),
      outputBias: biasedLoss?.bestBias(at: Matrix(rows: sampleCount, columns: outputCount)))
  }
}

extension TrainingProblem {
  /// The problem on some of the samples, with the loss averaged over those.
  ///
  /// - Parameters:
  ///   - samples: Sample indices.
  ///   - images: The images of those samples, `[samples.count, channels, height, width]`.
  /// - Returns: The problem with the same architecture and strength, but without an output bias of its own: predictions
  ///   of networks that have one include it all the same.
  /// - Throws: `ProgramError` or `GeometryError` when the images do not fit.
  public func selecting(_ samples: [Int], images: Tensor) throws -> TrainingProblem {
    try TrainingProblem(
      images: images, geometry: geometry, pooling: pooling, activation: activation,
      loss: loss.selecting(samples), lambda: lambda, backend: layer.backend, threads: threads)
  }

  /// The problem on some of the samples, with the same architecture, strength and output bias, for this process alone.
  ///
  /// - Parameter indices: Sample indices.
  /// - Returns: The problem, whose samples are read anew in every pass where those of this one are.
  /// - Throws: `ProgramError` when there is an output bias and a class without samples.
  package func part(_ indices: [Int]) throws -> TrainingProblem {
    switch samples {
    case .images(let images):
      try TrainingProblem(
        images: images.selecting(indices), geometry: geometry, pooling: pooling,
        activation: activation, loss: loss.selecting(indices), lambda: lambda,
        hasOutputBias: hasOutputBias, backend: layer.backend, threads: threads)
    case .source(let source):
      try TrainingProblem(
        source: SelectedSource(source, indices: indices), geometry: geometry, pooling: pooling,
        activation: activation, loss: loss.selecting(indices), lambda: lambda,
        hasOutputBias: hasOutputBias, threads: threads)
    }
  }
}
