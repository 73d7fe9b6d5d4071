public import ConvexPrograms
public import Convolutions
public import Tensors

/// A trained network with all that is needed to use it: units, labels, strength, and what was proven.
public struct Model: Sendable, Equatable {
  /// The flags it was trained with.
  public let configuration: TrainingConfiguration
  /// Shape of samples and kind of labels.
  public let samples: SampleKind
  /// Units of the network's input.
  public let standardization: Standardization
  /// Name of the loss.
  public let lossName: String
  /// Regularization strength.
  public let lambda: Double
  /// The network, on standardized images.
  public let network: Network
  /// All gates of the gated program, `[P, h]`; nil for other activations.
  public let gates: Matrix?
  /// A gate in each of the cells that a ReLU network was trained over, `[P, h]`; nil where it was over all cells.
  public var cellGates: Matrix?
  /// What was proven, in the words and numbers of the certificate.
  public let certificate: [String: String]

  /// A model with all its parts.
  public init(
    configuration: TrainingConfiguration, samples: SampleKind, standardization: Standardization,
    lossName: String, lambda: Double, network: Network, gates: Matrix?,
    certificate: [String: String]
  ) {
    self.configuration = configuration
    self.samples = samples
    self.standardization = standardization
    self.lossName = lossName
    self.lambda = lambda
    self.network = network
    self.gates = gates
    self.certificate = certificate
  }

  /// Outputs of the network.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]` in the units of the data.
  ///   - backend: Product used by the convolution layer; not im2col in single precision.
  ///   - precision: Numbers that the responses of filters are computed in.
  ///   - threads: Threads to use; the outputs do not depend on it.
  /// - Returns: Outputs of shape `[n, c]`.
  /// - Throws: `InputError` when the images have another shape than the model's, `GeometryError` when pixels or weights
  ///   are out of the range of single precision.
  /// - Accuracy: In single precision within 1e-5 of the largest output, unless outputs are much smaller than the terms
  ///   they are sums of (`FloatPredictionTests`).
  public func predictions(
    of images: Tensor, backend: ConvolutionBackend = .auto,
    precision: ConvolutionPrecision = .double, threads: Int = 1
  ) throws -> Matrix {
    try samples.check(images, place: "images")
    if precision == .float {
      return try network.floatPredictions(
        of: TensorSource(try standardization.applied(to: images)), backend: backend,
        threads: threads)
    }
    // The layer of a training problem does the work; its targets are not looked at.
    let targets = Matrix(rows: images.shape[0], columns: network.outputCount)
    let problem = try TrainingProblem(
      images: try standardization.applied(to: images), geometry: network.geometry,
      pooling: network.pooling, activation: network.activation, loss: SquaredLoss(targets: targets),
      lambda: lambda, backend: backend, threads: threads)
    return problem.predictions(of: network)
  }

  /// Compares the network's predictions with labels.
  ///
  /// - Parameters:
  ///   - data: Samples of the model's kind.
  ///   - backend: Product used by the convolution layer.
  ///   - threads: Threads to use.
  /// - Returns: Loss, accuracy or R2, and confusion matrix.
  /// - Throws: `InputError` when shape or labels are of another kind.
  public func evaluation(
    on data: LabeledDataset, backend: ConvolutionBackend = .auto, threads: Int = 1
  ) throws -> Evaluation {
    try samples.check(data)
    return Evaluation(
      predictions: try predictions(of: data.images, backend: backend, threads: threads),
      labels: data.labels, classNames: samples.classNames,
      loss: try data.labels.loss(named: lossName))
  }
}

extension TrainingConfiguration {
  /// The patch geometry of the flags on samples of a shape.
  ///
  /// - Parameter shape: Shape `[channels, height, width]` of one sample.
  /// - Returns: The geometry.
  /// - Throws: `InputError` when the filter does not fit.
  public func geometry(on shape: [Int]) throws -> PatchGeometry {
    guard !filter.isSignal || shape[1] == 1 else {
      throw InputError(
        .data, "--filter \(filter.rawValue)", expected: "signals", found: "images of \(shape)",
        advice: "Give the height and width of filters, for example 3x3.")
    }
    return try filter.geometry(on: shape, stride: stride, padding: padding, hasBias: bias)
  }
}

extension FilterSize {
  /// The geometry of filters of this size; where none fits, the error names the option.
  ///
  /// - Parameters:
  ///   - shape: Shape `[channels, height, width]` of one sample.
  ///   - stride: Step between patches.
  ///   - padding: `valid`, `zero` or `circular`.
  ///   - hasBias: Whether patches end with a constant 1.
  /// - Returns: The geometry.
  /// - Throws: `InputError` when the filter does not fit, `GeometryError` when a number is not positive.
  package func geometry(
    on shape: [Int], stride: Int, padding: String, hasBias: Bool
  ) throws -> PatchGeometry {
    let padding = PatchGeometry.Padding(rawValue: padding) ?? .valid
    do {
      guard isSignal else {
        return try PatchGeometry(
          channels: shape[0], imageHeight: shape[1], imageWidth: shape[2], filterHeight: height,
          filterWidth: width, stride: stride, padding: padding, hasBias: hasBias)
      }
      return try PatchGeometry(
        channels: shape[0], length: shape[2], filterLength: width, stride: stride,
        padding: padding, hasBias: hasBias)
    } catch let error as GeometryError {
      guard case .filterLargerThanImage(_, let image, _) = error.reason else { throw error }
      throw InputError(
        .data, "--filter \(rawValue)",
        expected: "a filter within "
          + (isSignal ? "signals of length \(image[1])" : "images of \(image[0])x\(image[1])"),
        found: "a larger one", advice: "Use a smaller filter.")
    }
  }
}
