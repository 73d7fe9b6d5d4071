public import Tensors

extension SeededGenerator {
  /// A matrix of standard normal entries.
  public mutating func normalMatrix(rows: Int, columns: Int) -> Matrix {
    Matrix(rows: rows, columns: columns, elements: (0..<rows * columns).map { _ in normal() })
  }

  /// A tensor of standard normal entries.
  public mutating func normalTensor(shape: [Int]) -> Tensor {
    Tensor(shape: shape, elements: (0..<shape.reduce(1, *)).map { _ in normal() })
  }
}

extension Matrix {
  /// The largest absolute entry of the difference, divided by the largest absolute entry of the other matrix.
  public func relativeDistance(to other: Matrix) -> Double {
    guard rows == other.rows, columns == other.columns else { return .infinity }
    var (distance, scale) = (0.0, 1e-300)
    for (x, y) in zip(elements, other.elements) {
      guard x.isFinite, y.isFinite else { return .infinity }
      distance = max(distance, abs(x - y))
      scale = max(scale, abs(y))
    }
    return distance / scale
  }
}
