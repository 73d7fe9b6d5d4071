public import ConvexPrograms
public import Convolutions
public import Tensors

/// An architecture with a loss, over random images; tests run over all of them.
public struct ProblemCase: Sendable, CustomStringConvertible {
  /// Where filters look.
  public enum Shape: String, Sendable {
    /// Signals of length 9, filters of length 3.
    case signal
    /// Two channels of 6 x 5 pixels, filters 3 x 2 and a bias.
    case image
    /// One channel of 6 x 6 pixels with zeros around, filters 3 x 3, stride 2.
    case padded
    /// Signals of length 3 and filters as long: a dense network.
    case dense
  }

  /// Which loss.
  public enum LossKind: String, Sendable, CaseIterable {
    /// Squared error with normal targets.
    case squared
    /// Logistic loss with random signs.
    case logistic
    /// Cross-entropy with random classes.
    case softmax
  }

  /// Where filters look.
  public let shape: Shape
  /// Text of the pooling.
  public let pooling: String
  /// Activation of the neurons.
  public let activation: Activation
  /// Which loss.
  public let loss: LossKind
  /// Number of outputs; 1 for the logistic loss.
  public let outputs: Int

  /// A case with all its parts.
  public init(
    _ shape: Shape, _ pooling: String, _ activation: Activation, _ loss: LossKind, outputs: Int
  ) {
    self.shape = shape
    self.pooling = pooling
    self.activation = activation
    self.loss = loss
    self.outputs = outputs
  }

  /// The parts, in the order of the initializer.
  public var description: String {
    "\(shape.rawValue) \(pooling) \(activation.rawValue) \(loss.rawValue) \(outputs)"
  }

  /// Ungated cases.
  public static let ungated = [
    ProblemCase(.signal, "sum", .relu, .squared, outputs: 1),
    ProblemCase(.signal, "average:1x2", .relu, .softmax, outputs: 3),
    ProblemCase(.signal, "none", .relu, .logistic, outputs: 1),
    ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2),
    ProblemCase(.image, "average", .relu, .squared, outputs: 2),
    ProblemCase(.image, "sum:2x2", .linear, .softmax, outputs: 3),
    ProblemCase(.image, "max", .relu, .logistic, outputs: 1),
    ProblemCase(.padded, "max:2x1", .relu, .softmax, outputs: 3),
    ProblemCase(.padded, "none", .linear, .squared, outputs: 1),
    ProblemCase(.dense, "sum", .relu, .squared, outputs: 2),
  ]

  /// Cases with a gated or linear program.
  public static let programs = [
    ProblemCase(.signal, "sum", .gated, .squared, outputs: 1),
    ProblemCase(.signal, "sum:1x2", .gated, .softmax, outputs: 3),
    ProblemCase(.signal, "none", .gated, .logistic, outputs: 1),
    ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2),
    ProblemCase(.padded, "average", .gated, .softmax, outputs: 2),
    ProblemCase(.dense, "sum", .gated, .squared, outputs: 1),
    ProblemCase(.signal, "average:1x2", .linear, .squared, outputs: 2),
    ProblemCase(.image, "sum", .linear, .logistic, outputs: 1),
  ]

  /// The geometry of the shape.
  public func geometry() throws -> PatchGeometry {
    switch shape {
    case .signal: try PatchGeometry(length: 9, filterLength: 3)
    case .image:
      try PatchGeometry(
        channels: 2, imageHeight: 6, imageWidth: 5, filterHeight: 3, filterWidth: 2, hasBias: true)
    case .padded:
      try PatchGeometry(
        imageHeight: 6, imageWidth: 6, filterHeight: 3, filterWidth: 3, stride: 2, padding: .zero)
    case .dense: try PatchGeometry(length: 3, filterLength: 3)
    }
  }

  /// Random images, `[samples, channels, height, width]`.
  public func images(samples: Int, seed: Int = 1) throws -> Tensor {
    var generator = SeededGenerator(seed: UInt64(seed))
    let geometry = try geometry()
    return generator.normalTensor(
      shape: [samples, geometry.channels, geometry.imageHeight, geometry.imageWidth])
  }

  /// The loss against random targets.
  public static func loss(_ kind: LossKind, samples: Int, outputs: Int, seed: Int) -> any Loss {
    var generator = SeededGenerator(seed: UInt64(seed) &+ 1000)
    switch kind {
    case .squared:
      return SquaredLoss(targets: generator.normalMatrix(rows: samples, columns: outputs))
    case .logistic:
      return LogisticLoss(labels: (0..<samples).map { _ in generator.normal() < 0 ? -1 : 1 })
    case .softmax:
      return SoftmaxLoss(
        classes: (0..<samples).map { _ in generator.integer(below: outputs) }, count: outputs)
    }
  }

  /// The problem over random images.
  public func problem(
    samples: Int = 12, seed: Int = 1, lambda: Double = 0.05, threads: Int = 1,
    backend: ConvolutionBackend = .im2col, hasOutputBias: Bool = false
  ) throws -> TrainingProblem {
    try TrainingProblem(
      images: images(samples: samples, seed: seed), geometry: geometry(),
      pooling: Pooling(parsing: pooling), activation: activation,
      loss: ProblemCase.loss(loss, samples: samples, outputs: outputs, seed: seed),
      lambda: lambda, hasOutputBias: hasOutputBias, backend: backend, threads: threads)
  }
}
