public import ConvexPrograms
import Tensors

extension Labels {
  /// The class number of each sample (for signs 0 and 1), nil for regression.
  public var classIndices: [Int]? {
    switch self {
    case .classes(let classes, _): classes
    case .signs(let signs): signs.map { $0 > 0 ? 1 : 0 }
    case .regression: nil
    }
  }

  /// Number of classes, 0 for regression.
  public var classCount: Int {
    switch self {
    case .classes(_, let count): count
    case .signs: 2
    case .regression: 0
    }
  }

  /// The labels of some samples, in the order given.
  public func selecting(_ samples: [Int]) -> Labels {
    switch self {
    case .classes(let classes, let count): .classes(samples.map { classes[$0] }, count: count)
    case .signs(let signs): .signs(samples.map { signs[$0] })
    case .regression(let targets): .regression(targets.selectingRows(samples))
    }
  }

  /// Name of the loss that is used when none is asked for: `softmax` for classes, `squared` for real targets.
  public var defaultLossName: String { classIndices == nil ? "squared" : "softmax" }

  /// The loss against these labels.
  ///
  /// Squared loss takes one-hot rows for classes and one column for -1/+1; logistic loss takes -1/+1 or the classes
  /// 0 and 1; softmax takes classes, and -1/+1 as classes 0 and 1.
  ///
  /// - Parameter name: `squared`, `logistic` or `softmax`.
  /// - Returns: A loss of as many samples as there are labels.
  /// - Throws: `InputError` when loss and labels do not go together.
  public func loss(named name: String) throws -> any Loss {
    switch (name, self) {
    case ("squared", .regression(let targets)): return SquaredLoss(targets: targets)
    case ("squared", .classes(let classes, let count)):
      return SquaredLoss(classes: classes, count: count)
    case ("squared", .signs(let signs)):
      let column = Matrix(rows: signs.count, columns: 1, elements: signs)
      return SquaredLoss(targets: column, isClassification: true)
    case ("logistic", .signs(let signs)): return LogisticLoss(labels: signs)
    case ("logistic", .classes(let classes, 2)):
      return LogisticLoss(labels: classes.map { $0 == 1 ? 1 : -1 })
    case ("logistic", .classes(_, let count)):
      throw mismatch("logistic", expected: "two classes", found: "\(count) classes", "softmax")
    case ("softmax", .classes(let classes, let count)):
      return SoftmaxLoss(classes: classes, count: count)
    case ("softmax", .signs): return SoftmaxLoss(classes: classIndices ?? [], count: 2)
    default: throw mismatch(name, expected: "class labels", found: "real targets", "squared")
    }
  }

  private func mismatch(
    _ name: String, expected: String, found: String, _ other: String
  ) -> InputError {
    InputError(
      .data, "labels with loss \(name)", expected: expected, found: found,
      advice: "Use --loss \(other), or labels of the other kind.")
  }

  /// Checks that there is something to tell apart: at least two classes among class labels.
  ///
  /// - Parameter place: File the labels come from.
  /// - Throws: `InputError` when all samples have one class.
  public func requireTwoClasses(in place: String) throws {
    guard let indices = classIndices, let first = indices.first,
      indices.allSatisfy({ $0 == first })
    else { return }
    throw InputError(
      .data, place, expected: "at least two classes",
      found: "\(indices.count) samples of one class",
      advice: "Add samples of another class.")
  }
}
