/// A dense array of `Double` with any number of axes, in row-major order.
///
/// Batches of images have shape `[samples, channels, height, width]`; batches of signals have height 1.
public struct Tensor: Sendable, Equatable {
  /// Extent of each axis, outermost first.
  public let shape: [Int]
  /// The entries, as many as the product of `shape`; the last axis varies fastest.
  public var elements: [Double]

  /// A tensor with given entries.
  ///
  /// - Precondition: `elements.count` is the product of `shape`.
  public init(shape: [Int], elements: [Double]) {
    let count = shape.reduce(1, *)
    precondition(
      elements.count == count,
      "Tensor: shape \(shape) needs \(count) elements, found \(elements.count)")
    self.shape = shape
    self.elements = elements
  }

  /// A tensor whose entries are all equal, zero unless told.
  public init(shape: [Int], repeating value: Double = 0) {
    self.init(shape: shape, elements: [Double](repeating: value, count: shape.reduce(1, *)))
  }

  /// The same entries under another shape.
  ///
  /// - Precondition: The product of `shape` is `elements.count`.
  public func reshaped(_ shape: [Int]) -> Tensor { Tensor(shape: shape, elements: elements) }

  /// Number of entries behind one index of the first axis.
  public var strideOfFirstAxis: Int { shape.dropFirst().reduce(1, *) }

  /// The tensor of some indices of the first axis, in the order given.
  ///
  /// - Precondition: The tensor has at least one axis and every index is in range.
  public func selecting(_ indices: [Int]) -> Tensor {
    let stride = strideOfFirstAxis
    var selected: [Double] = []
    selected.reserveCapacity(indices.count * stride)
    for i in indices { selected.append(contentsOf: elements[i * stride..<(i + 1) * stride]) }
    return Tensor(shape: [indices.count] + shape.dropFirst(), elements: selected)
  }

  /// The index of the first entry that is infinite or not a number, if there is one.
  public var firstNonFiniteIndex: Int? { elements.firstIndex { !$0.isFinite } }
}
