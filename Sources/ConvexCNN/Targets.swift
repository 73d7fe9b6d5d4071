public import ConvexPrograms
public import Tensors

/// What a network should say about each sample.
public enum Targets: Sendable, Equatable {
  /// Classes `0..<count`.
  case classes([Int], count: Int)
  /// Two classes as -1 and +1.
  case signs([Double])
  /// Real numbers of shape `[n, c]`.
  case values(Matrix)

  /// Number of samples.
  public var count: Int {
    switch self {
    case .classes(let labels, _): labels.count
    case .signs(let labels): labels.count
    case .values(let matrix): matrix.rows
    }
  }

  /// Names of the classes, empty for regression.
  public var classNames: [String] {
    switch self {
    case .classes(_, let count): (0..<count).map { "\($0)" }
    case .signs: ["-1", "1"]
    case .values: []
    }
  }

  /// The index of each sample's class in `classNames`, nil for regression.
  public var classIndices: [Int]? {
    switch self {
    case .classes(let labels, _): labels
    case .signs(let labels): labels.map { $0 > 0 ? 1 : 0 }
    case .values: nil
    }
  }

  /// The targets of some samples, in the order given.
  public func selecting(_ samples: [Int]) -> Targets {
    switch self {
    case .classes(let labels, let count): .classes(samples.map { labels[$0] }, count: count)
    case .signs(let labels): .signs(samples.map { labels[$0] })
    case .values(let matrix): .values(matrix.selectingRows(samples))
    }
  }

  /// Name of the loss that is used when none is asked for: `softmax` for classes, `squared` for real numbers.
  public var defaultLossName: String { classIndices == nil ? "squared" : "softmax" }

  /// The loss against these targets.
  ///
  /// Squared loss takes one-hot rows for classes and one column for -1/+1; logistic loss takes -1/+1 or the classes
  /// 0 and 1; softmax takes classes, and -1/+1 as classes 0 and 1.
  ///
  /// - Parameter name: `squared`, `logistic` or `softmax`.
  /// - Throws: `InputError` when loss and targets do not go together.
  public func loss(named name: String) throws -> any Loss {
    switch (name, self) {
    case ("squared", .values(let matrix)): return SquaredLoss(targets: matrix)
    case ("squared", .classes(let labels, let count)):
      return SquaredLoss(classes: labels, count: count)
    case ("squared", .signs(let labels)):
      let column = Matrix(rows: labels.count, columns: 1, elements: labels)
      return SquaredLoss(targets: column, isClassification: true)
    case ("logistic", .signs(let labels)): return LogisticLoss(labels: labels)
    case ("logistic", .classes(let labels, 2)):
      return LogisticLoss(labels: labels.map { $0 == 1 ? 1 : -1 })
    case ("logistic", .classes(_, let count)):
      throw mismatch("logistic", expected: "two classes", found: "\(count) classes", "softmax")
    case ("softmax", .classes(let labels, let count)):
      return SoftmaxLoss(classes: labels, count: count)
    case ("softmax", .signs(let labels)):
      return SoftmaxLoss(classes: labels.map { $0 > 0 ? 1 : 0 }, count: 2)
    default: throw mismatch(name, expected: "class labels", found: "real numbers", "squared")
    }
  }

  private func mismatch(
    _ name: String, expected: String, found: String, _ other: String
  ) -> InputError {
    InputError(
      .data, "labels with --loss \(name)", expected: expected, found: found,
      advice: "Use --loss \(other), or labels of the other kind.")
  }
}
