public import Tensors

/// Samples that may be on disk, with their labels in memory.
public struct StreamedDataset: Sendable {
  /// Name of the data set, as printed in reports.
  public let name: String
  /// The samples, `[channels, height, width]` each; signals have height 1.
  public let source: any SampleSource
  /// Whether the samples are signals rather than images.
  public let isSignal: Bool
  /// What is to be predicted.
  public let labels: Labels
  /// A name for every class, in the order of the class numbers; empty for regression.
  public let classNames: [String]

  /// Samples with their labels.
  ///
  /// - Precondition: There are as many samples as labels.
  public init(
    name: String, source: any SampleSource, isSignal: Bool, labels: Labels, classNames: [String]
  ) {
    precondition(
      source.sampleCount == labels.sampleCount,
      "StreamedDataset: \(source.sampleCount) samples, \(labels.sampleCount) labels")
    self.name = name
    self.source = source
    self.isSignal = isSignal
    self.labels = labels
    self.classNames = classNames
  }

  /// A data set in memory.
  public init(_ data: LabeledDataset) {
    self.init(
      name: data.name, source: TensorSource(data.images), isSignal: data.isSignal,
      labels: data.labels, classNames: data.classNames)
  }

  /// Number of samples.
  public var sampleCount: Int { labels.sampleCount }

  /// Shape and labels of the samples.
  public var kind: SampleKind {
    SampleKind(shape: source.sampleShape, labels: labels.kind, classNames: classNames)
  }
}

/// Training samples that may be on disk, and a held-out set if there is one.
public struct StreamedData: Sendable {
  /// Samples to train on.
  public let train: StreamedDataset
  /// Samples that training never sees.
  public let test: StreamedDataset?

  /// Training samples with an optional held-out set.
  public init(train: StreamedDataset, test: StreamedDataset? = nil) {
    self.train = train
    self.test = test
  }

  /// A data set in memory.
  public init(_ data: Dataset) {
    self.init(train: StreamedDataset(data.train), test: data.test.map { StreamedDataset($0) })
  }
}

extension StreamedDataset {
  /// Splits off a share of the samples as `LabeledDataset.split` does, without copying any.
  ///
  /// - Parameters:
  ///   - fraction: Share of the test set, above 0 and below 1.
  ///   - seed: Seed of the choice.
  /// - Returns: Training and test samples, each in their original order.
  /// - Throws: `InputError` when one of the two would be empty.
  public func split(testFraction fraction: Double, seed: UInt64) throws -> StreamedData {
    let parts = try labels.split(testFraction: fraction, seed: seed)
    func part(_ indices: [Int], _ suffix: String) -> StreamedDataset {
      StreamedDataset(
        name: "\(name) \(suffix)", source: SelectedSource(source, indices: indices),
        isSignal: isSignal, labels: labels.selecting(indices), classNames: classNames)
    }
    return StreamedData(train: part(parts.train, "train"), test: part(parts.test, "test"))
  }
}
