import ConvexCNN

/// Arrays of the caller, checked and copied into values of the library.
enum Batch {
  /// Largest number of entries of an array, so that no product of extents overflows.
  private static let largest = Int64(1) << 40

  /// The shape `[n, channels, height, width]` of the caller's images.
  ///
  /// - Throws: `InputError` when it is null, or when an extent is not positive or too large.
  static func shape(_ pointer: UnsafePointer<Int64>?) throws -> [Int] {
    guard let pointer else { throw null("shape") }
    let extents = (0..<4).map { pointer[$0] }
    var product = Int64(1)
    for extent in extents {
      guard extent >= 1, extent <= largest / product else {
        throw InputError(
          .data, "shape", expected: "four numbers >= 1 with a product of at most 2^40",
          found: "\(extents)", advice: "Give samples, channels, height and width.")
      }
      product *= extent
    }
    return extents.map(Int.init)
  }

  /// The images, copied once; numbers that are not finite are refused with their index.
  static func images(_ pointer: UnsafePointer<Double>?, shape: [Int]) throws -> Tensor {
    guard let pointer else { throw null("images") }
    let count = shape.reduce(1, *)
    let tensor = Tensor(
      shape: shape, elements: Array(UnsafeBufferPointer(start: pointer, count: count)))
    if let bad = tensor.firstNonFiniteIndex {
      throw notFinite("images[\(bad / tensor.strideOfFirstAxis)]", tensor.elements[bad])
    }
    return tensor
  }

  /// Classes `0..<count`, one per sample, of which at least two occur.
  static func classes(
    _ pointer: UnsafePointer<Int64>, samples: Int, count: Int64
  ) throws -> Labels {
    guard 2...Int64(DatasetLoader.maximumClasses) ~= count else {
      throw InputError(
        .data, "classes", expected: "2...\(DatasetLoader.maximumClasses) classes",
        found: "\(count)", advice: "Train on samples of at least two classes.")
    }
    let classes = try (0..<samples).map { i in
      guard 0..<count ~= pointer[i] else {
        throw InputError(
          .data, "classes[\(i)]", expected: "a class in 0...\(count - 1)", found: "\(pointer[i])",
          advice: "Number classes from 0.")
      }
      return Int(pointer[i])
    }
    let labels = Labels.classes(classes, count: Int(count))
    try labels.requireTwoClasses(in: "classes")
    return labels
  }

  /// Real targets, shape `[n, columns]`.
  static func targets(
    _ pointer: UnsafePointer<Double>, samples: Int, columns: Int64
  ) throws -> Labels {
    guard columns >= 1, columns <= largest / Int64(samples) else {
      throw InputError(
        .data, "targets", expected: "at least one target per sample", found: "\(columns)",
        advice: "Give targets of shape [n, c].")
    }
    let elements = Array(UnsafeBufferPointer(start: pointer, count: samples * Int(columns)))
    if let bad = elements.firstIndex(where: { !$0.isFinite }) {
      throw notFinite("targets[\(bad / Int(columns))]", elements[bad])
    }
    return .regression(Matrix(rows: samples, columns: Int(columns), elements: elements))
  }

  /// The text of a C string.
  static func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws -> String {
    guard let pointer else { throw null(name) }
    return String(cString: pointer)
  }

  /// The error of a pointer that must not be null.
  static func null(_ name: String) -> InputError {
    InputError(
      .usage, name, expected: "a pointer", found: "NULL", advice: "Pass the address of the value.")
  }

  private static func notFinite(_ place: String, _ value: Double) -> InputError {
    InputError(
      .data, place, expected: "a finite number", found: "\(value)",
      advice: "Repair or remove this sample.")
  }
}
