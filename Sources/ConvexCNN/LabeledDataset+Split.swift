import Tensors

/// Training samples, and a held-out set if there is one.
public struct Dataset: Sendable, Equatable {
  /// Samples to train on.
  public let train: LabeledDataset
  /// Samples that training never sees.
  public let test: LabeledDataset?

  /// Training samples with an optional held-out set.
  public init(train: LabeledDataset, test: LabeledDataset? = nil) {
    self.train = train
    self.test = test
  }
}

extension Dataset {
  /// All samples for training, those held out last; nothing is held out.
  public var withoutHeldOut: Dataset {
    Dataset(train: test.map { train.followed(by: $0) } ?? train)
  }
}

extension LabeledDataset {
  /// These samples and then others of the same kind.
  ///
  /// - Precondition: Both have the same shape of samples, kind of labels and class names.
  func followed(by other: LabeledDataset) -> LabeledDataset {
    precondition(
      images.shape.dropFirst() == other.images.shape.dropFirst()
        && classNames == other.classNames, "followed(by:): data sets of another kind")
    let joined: Labels
    switch (labels, other.labels) {
    case (.classes(let first, let count), .classes(let second, _)):
      joined = .classes(first + second, count: count)
    case (.signs(let first), .signs(let second)): joined = .signs(first + second)
    case (.regression(let first), .regression(let second)):
      joined = .regression(
        Matrix(
          rows: first.rows + second.rows, columns: first.columns,
          elements: first.elements + second.elements))
    default: preconditionFailure("followed(by:): labels of another kind")
    }
    return LabeledDataset(
      name: name,
      images: Tensor(
        shape: [images.shape[0] + other.images.shape[0]] + images.shape.dropFirst(),
        elements: images.elements + other.images.elements),
      isSignal: isSignal, labels: joined, classNames: classNames)
  }

  /// Number of samples.
  public var sampleCount: Int { labels.sampleCount }

  /// Some of the samples, in the order given, under another name.
  public func selecting(_ samples: [Int], name: String) -> LabeledDataset {
    LabeledDataset(
      name: name, images: images.selecting(samples), isSignal: isSignal,
      labels: labels.selecting(samples), classNames: classNames)
  }

  /// Splits off a share of the samples, of each class as nearly as whole numbers allow.
  ///
  /// - Parameters:
  ///   - fraction: Share of the test set, above 0 and below 1.
  ///   - seed: Seed of the choice.
  /// - Returns: Training and test samples, each in their original order.
  /// - Throws: `InputError` when one of the two would be empty.
  public func split(testFraction fraction: Double, seed: UInt64) throws -> Dataset {
    let (train, test) = try labels.split(testFraction: fraction, seed: seed)
    return Dataset(
      train: selecting(train, name: "\(name) train"), test: selecting(test, name: "\(name) test"))
  }
}

extension Labels {
  /// The samples of a training and of a test set; see `LabeledDataset.split`.
  func split(testFraction fraction: Double, seed: UInt64) throws -> (train: [Int], test: [Int]) {
    var generator = SeededGenerator(seed: seed)
    let classes = classIndices ?? [Int](repeating: 0, count: sampleCount)
    let groups = Dictionary(grouping: classes.indices) { classes[$0] }
    var isTest = [Bool](repeating: false, count: sampleCount)
    for (_, group) in groups.sorted(by: { $0.key < $1.key }) {
      let order = generator.permutation(group.count)
      for p in order.prefix(Int((fraction * Double(group.count)).rounded())) {
        isTest[group[p]] = true
      }
    }
    let test = isTest.indices.filter { isTest[$0] }
    let train = isTest.indices.filter { !isTest[$0] }
    guard !test.isEmpty, !train.isEmpty else {
      throw InputError(
        .data, "--test-fraction \(fraction)", expected: "at least one training and one test sample",
        found: "\(train.count) and \(test.count) of \(sampleCount)", advice: "Use more data.")
    }
    return (train, test)
  }
}
