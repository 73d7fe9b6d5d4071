public import Tensors

/// What sort of numbers a file holds.
public enum ElementKind: Sendable, Equatable {
  /// Unsigned bytes, 0...255: pixels, or small classes.
  case unsignedByte
  /// Whole numbers of any other width: classes.
  case integer
  /// Floating-point numbers: scaled pixels, or regression targets.
  case floating
}

/// A dense array as a file holds it: its shape, its values and their sort.
///
/// Values are not scaled: unsigned bytes stay 0...255.
public struct ArrayFile: Sendable, Equatable {
  /// Extent of each axis, outermost first; empty for a scalar.
  public let shape: [Int]
  /// The values in row-major order, as many as the product of `shape`.
  public let elements: [Double]
  /// The sort of numbers that the file stores.
  public let elementKind: ElementKind

  /// An array with given values.
  ///
  /// - Precondition: `elements.count` is the product of `shape`.
  public init(shape: [Int], elements: [Double], elementKind: ElementKind) {
    let count = shape.reduce(1, *)
    precondition(
      elements.count == count,
      "ArrayFile: shape \(shape) needs \(count) elements, found \(elements.count)")
    self.shape = shape
    self.elements = elements
    self.elementKind = elementKind
  }

  /// The floating-point array with the shape and values of a tensor.
  public init(_ tensor: Tensor) {
    self.init(shape: tensor.shape, elements: tensor.elements, elementKind: .floating)
  }

  /// The floating-point array of shape `[rows, columns]` with the values of a matrix.
  public init(_ matrix: Matrix) {
    self.init(
      shape: [matrix.rows, matrix.columns], elements: matrix.elements, elementKind: .floating)
  }

  /// The shape and values as a tensor.
  public var tensor: Tensor { Tensor(shape: shape, elements: elements) }
}

/// Number of elements of a shape read from a file, or nil if it is negative somewhere or so large
/// that it or one of its strides, counted in bytes of `Double`, does not fit an `Int`.
func elementCount(ofShape shape: [Int]) -> Int? {
  var extent = 1
  for length in shape {
    guard length >= 0 else { return nil }
    let (product, overflow) = extent.multipliedReportingOverflow(by: max(length, 1))
    guard !overflow else { return nil }
    extent = product
  }
  guard extent <= Int.max / 64 else { return nil }
  return shape.contains(0) ? 0 : extent
}
