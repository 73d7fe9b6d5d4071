import Formats
import Tensors

extension DatasetLoader {
  /// Labels in an array: integers are classes or the signs -1 and +1, floating-point numbers are real targets.
  ///
  /// Labels that go with training labels take their kind: classes must be known ones.
  static func labels(of array: ArrayFile, path: String, like training: LabelKind?) throws -> Labels
  {
    guard (1...2).contains(array.shape.count), !array.shape.contains(0) else {
      throw InputError(
        .data, path, expected: "labels of shape [n], or targets of shape [n, c]",
        found: "shape \(array.shape)", advice: "Reshape the array.")
    }
    if let bad = array.elements.firstIndex(where: { !$0.isFinite }) {
      throw InputError(
        .data, "\(path)\(index(bad, in: array.shape))", expected: "a finite number",
        found: "\(array.elements[bad])", advice: "Repair or remove this sample.")
    }
    if case .regression(let columns)? = training {
      return try regression(array, path: path, columns: columns)
    }
    if training == nil, array.elementKind == .floating {
      return try regression(array, path: path, columns: nil)
    }
    guard array.shape.count == 1 || array.shape[1] == 1 else {
      throw InputError(
        .data, path, expected: "one class per sample", found: "shape \(array.shape)",
        advice: "Store one-hot targets as floating-point numbers, or classes as shape [n].")
    }
    return try classes(array.elements, path: path, like: training)
  }

  private static func regression(
    _ array: ArrayFile, path: String, columns expected: Int?
  ) throws -> Labels {
    let columns = array.shape.count == 2 ? array.shape[1] : 1
    guard expected == nil || expected == columns else {
      throw InputError(
        .data, path, expected: "\(expected ?? 0) targets per sample", found: "\(columns)",
        advice: "Use the targets that the model was trained for.")
    }
    return .regression(
      Matrix(rows: array.shape[0], columns: columns, elements: array.elements))
  }

  private static func classes(
    _ values: [Double], path: String, like training: LabelKind?
  ) throws -> Labels {
    let hasNegative = values.contains { $0 < 0 }
    let areSigns = hasNegative && values.allSatisfy { $0 == 1 || $0 == -1 }
    if case .signs? = training {
      if areSigns || values.allSatisfy({ $0 == 1 }) { return .signs(values) }
      let numbers = try numbers(values, path: path, bound: 2)
      return .signs(numbers.map { $0 == 1 ? 1 : -1 })
    }
    if case .classes(let count)? = training {
      if areSigns, count == 2 { return .classes(values.map { $0 > 0 ? 1 : 0 }, count: 2) }
      return .classes(try numbers(values, path: path, bound: count), count: count)
    }
    if areSigns { return .signs(values) }
    let numbers = try numbers(values, path: path, bound: maximumClasses)
    return .classes(numbers, count: (numbers.max() ?? 0) + 1)
  }

  private static func numbers(_ values: [Double], path: String, bound: Int) throws -> [Int] {
    try values.enumerated().map { i, value in
      guard let number = Int(exactly: value), number >= 0, number < bound else {
        throw InputError(
          .data, "\(path)[\(i)]", expected: "a class in 0...\(bound - 1)", found: "\(value)",
          advice: "Number classes from 0, or use the labels -1 and +1 for two classes.")
      }
      return number
    }
  }
}

extension Labels {
  /// Class names when the data have none: the labels themselves.
  var defaultClassNames: [String] {
    switch self {
    case .classes(_, let count): (0..<count).map { "\($0)" }
    case .signs: ["-1", "1"]
    case .regression: []
    }
  }

  /// Classes below the largest that no sample has; training goes on without them.
  public var absentClasses: [Int] {
    guard case .classes(let classes, let count) = self else { return [] }
    let present = Set(classes)
    return (0..<count).filter { !present.contains($0) }
  }
}
