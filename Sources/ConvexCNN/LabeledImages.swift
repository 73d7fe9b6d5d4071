public import Tensors

/// Images with what a network should say about each.
public struct LabeledImages: Sendable, Equatable {
  /// Batch of shape `[n, channels, height, width]`; signals have height 1.
  public let images: Tensor
  /// One target per image.
  public let targets: Targets

  /// Images with targets.
  ///
  /// - Precondition: There is one target per image.
  public init(images: Tensor, targets: Targets) {
    precondition(
      images.shape.first == targets.count,
      "LabeledImages: \(images.shape.first ?? 0) images, \(targets.count) targets")
    self.images = images
    self.targets = targets
  }

  /// Number of samples.
  public var count: Int { targets.count }

  /// Some of the samples, in the order given.
  public func selecting(_ samples: [Int]) -> LabeledImages {
    LabeledImages(images: images.selecting(samples), targets: targets.selecting(samples))
  }

  /// Splits off a share of the samples, of each class as nearly as whole numbers allow.
  ///
  /// - Parameters:
  ///   - fraction: Share of the test set, in `0..<1`.
  ///   - seed: Seed of the choice.
  /// - Returns: Training and test samples, each in their original order.
  /// - Throws: `InputError` when one of the two would be empty.
  public func split(
    testFraction fraction: Double, seed: UInt64
  ) throws -> (train: LabeledImages, test: LabeledImages) {
    var generator = SeededGenerator(seed: seed)
    let groups: [[Int]]
    if let classes = targets.classIndices {
      let all = Dictionary(grouping: classes.indices) { classes[$0] }
      groups = all.sorted { $0.key < $1.key }.map(\.value)
    } else {
      groups = [Array(0..<count)]
    }
    var isTest = [Bool](repeating: false, count: count)
    for group in groups {
      let order = generator.permutation(group.count)
      for p in order.prefix(Int((fraction * Double(group.count)).rounded())) {
        isTest[group[p]] = true
      }
    }
    let test = (0..<count).filter { isTest[$0] }
    let train = (0..<count).filter { !isTest[$0] }
    guard !test.isEmpty, !train.isEmpty else {
      throw InputError(
        .data, "--test-fraction \(fraction)", expected: "at least one training and one test sample",
        found: "\(train.count) and \(test.count) of \(count)", advice: "Use more data.")
    }
    return (selecting(train), selecting(test))
  }
}

/// Training samples, and a held-out set if there is one.
public struct Dataset: Sendable, Equatable {
  /// Samples to train on.
  public let train: LabeledImages
  /// Samples that training never sees.
  public let test: LabeledImages?

  /// Training samples with an optional held-out set.
  public init(train: LabeledImages, test: LabeledImages? = nil) {
    self.train = train
    self.test = test
  }
}
