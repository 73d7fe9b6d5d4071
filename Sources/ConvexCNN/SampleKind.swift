public import Tensors

/// What sort of labels a network was trained on.
public enum LabelKind: Sendable, Equatable {
  /// Classes `0..<count`.
  case classes(count: Int)
  /// Two classes, -1 and +1.
  case signs
  /// Real targets, a number of them per sample.
  case regression(columns: Int)

  /// The kind in one word, as recorded in model files: `classes:10`, `signs` or `regression:1`.
  public var name: String {
    switch self {
    case .classes(let count): "classes:\(count)"
    case .signs: "signs"
    case .regression(let columns): "regression:\(columns)"
    }
  }

  /// The kind that `name` describes.
  public init?(name: String) {
    let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
    let count = parts.count == 2 ? Int(parts[1]) : nil
    switch (parts.first, count) {
    case ("classes", let count?) where count >= 1: self = .classes(count: count)
    case ("signs", nil) where parts.count == 1: self = .signs
    case ("regression", let count?) where count >= 1: self = .regression(columns: count)
    default: return nil
    }
  }

  /// Number of outputs of a network trained on such labels with a loss.
  ///
  /// - Parameter loss: `squared`, `logistic` or `softmax`.
  /// - Returns: Number of outputs `c`.
  public func outputCount(loss: String) -> Int {
    switch self {
    case .classes(let count): loss == "logistic" ? 1 : count
    case .signs: loss == "softmax" ? 2 : 1
    case .regression(let columns): columns
    }
  }
}

/// Shape of samples and kind of labels that belong together with a network.
public struct SampleKind: Sendable, Equatable {
  /// Shape `[channels, height, width]` of one sample.
  public let shape: [Int]
  /// Kind of the labels.
  public let labels: LabelKind
  /// Names of the classes, empty for regression.
  public let classNames: [String]

  /// A kind of samples.
  public init(shape: [Int], labels: LabelKind, classNames: [String]) {
    self.shape = shape
    self.labels = labels
    self.classNames = classNames
  }

  /// Checks that a batch has samples of the shape.
  ///
  /// - Parameters:
  ///   - batch: Batch of shape `[n, channels, height, width]`.
  ///   - place: File it comes from.
  /// - Throws: `InputError` when it has not.
  public func check(_ batch: Tensor, place: String) throws {
    try check(shape: Array(batch.shape.dropFirst()), place: place)
  }

  /// Checks that a data set has samples and labels of the kind.
  ///
  /// - Throws: `InputError` when it has not.
  public func check(_ data: LabeledDataset) throws {
    try check(data.images, place: data.name)
    guard data.labels.kind != labels else { return }
    throw InputError(
      .data, data.name, expected: "labels of kind \(labels.name)", found: data.labels.kind.name,
      advice: "Use labels of the kind the network was trained on.")
  }
}

extension Labels {
  /// The kind of the labels.
  public var kind: LabelKind {
    switch self {
    case .classes(_, let count): .classes(count: count)
    case .signs: .signs
    case .regression(let targets): .regression(columns: targets.columns)
    }
  }
}

extension LabeledDataset {
  /// Shape and labels of the samples.
  public var kind: SampleKind {
    SampleKind(shape: Array(images.shape.dropFirst()), labels: labels.kind, classNames: classNames)
  }
}
