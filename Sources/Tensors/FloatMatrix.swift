/// A dense matrix of `Float` in row-major order, for products in single precision.
///
/// Element `(i, j)` is `elements[i * columns + j]`.
public struct FloatMatrix: Sendable, Equatable {
  /// Number of rows, at least 0.
  public let rows: Int
  /// Number of columns, at least 0.
  public let columns: Int
  /// The entries, row after row; always `rows * columns` of them.
  public var elements: [Float]

  /// A matrix with given entries.
  ///
  /// - Precondition: `elements.count == rows * columns`.
  public init(rows: Int, columns: Int, elements: [Float]) {
    precondition(
      elements.count == rows * columns,
      "FloatMatrix: expected \(rows) * \(columns) elements, found \(elements.count)")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  /// A matrix whose entries are all equal, zero unless told.
  public init(rows: Int, columns: Int, repeating value: Float = 0) {
    self.init(
      rows: rows, columns: columns, elements: [Float](repeating: value, count: rows * columns))
  }

  /// A matrix in double precision, rounded to nearest; numbers beyond `Float.greatestFiniteMagnitude` become infinite.
  public init(_ matrix: Matrix) {
    self.init(
      rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { Float($0) })
  }
}

extension Matrix {
  /// A matrix in single precision, exactly.
  public init(_ matrix: FloatMatrix) {
    self.init(
      rows: matrix.rows, columns: matrix.columns, elements: matrix.elements.map { Double($0) })
  }
}
