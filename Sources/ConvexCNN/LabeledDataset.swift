public import Tensors

/// What is to be predicted, one entry per sample.
public enum Labels: Sendable, Equatable {
  /// Class numbers `0..<count`.
  case classes([Int], count: Int)
  /// Two classes, each label -1 or +1.
  case signs([Double])
  /// Real targets, shape `[samples, outputs]`.
  case regression(Matrix)

  /// Number of samples.
  public var sampleCount: Int {
    switch self {
    case .classes(let classes, _): classes.count
    case .signs(let signs): signs.count
    case .regression(let targets): targets.rows
    }
  }
}

/// Images or signals with their labels.
public struct LabeledDataset: Sendable, Equatable {
  /// Name of the data set, as printed in reports.
  public let name: String
  /// Batch of shape `[samples, channels, height, width]`; signals have height 1.
  public let images: Tensor
  /// Whether the samples are signals rather than images.
  public let isSignal: Bool
  /// What is to be predicted.
  public let labels: Labels
  /// A name for every class, in the order of the class numbers; for signs first -1, then +1.
  ///
  /// Empty for regression.
  public let classNames: [String]

  /// A batch with its labels.
  ///
  /// - Precondition: `images` has four axes and as many samples as there are labels.
  public init(
    name: String, images: Tensor, isSignal: Bool, labels: Labels, classNames: [String]
  ) {
    precondition(images.shape.count == 4, "LabeledDataset: images of shape \(images.shape)")
    precondition(
      images.shape[0] == labels.sampleCount,
      "LabeledDataset: \(images.shape[0]) images, \(labels.sampleCount) labels")
    self.name = name
    self.images = images
    self.isSignal = isSignal
    self.labels = labels
    self.classNames = classNames
  }
}
