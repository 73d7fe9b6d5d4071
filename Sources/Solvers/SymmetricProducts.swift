import Tensors

/// The linear map `U -> (tr S_1 U, ..., tr S_p U)` of symmetric matrices, and `(I + S'S)^-1`.
///
/// Matrices are vectors of their upper triangles, off-diagonal entries times the root of two, which keeps inner products.
struct SymmetricProducts: Sendable {
  private let order: Int
  /// Number of values.
  let count: Int
  /// Rows are the triangles of the matrices, off-diagonal entries times the root of two.
  private let rows: Matrix
  private let inverse: Matrix

  /// The map of given symmetric matrices.
  ///
  /// - Throws: `LAPACK.Failure` when an entry is not finite.
  init(_ products: [Matrix], order: Int) throws {
    self.order = order
    count = products.count
    let size = order * (order + 1) / 2
    rows = Matrix(
      rows: products.count, columns: size, elements: products.flatMap { Self.triangle($0) })
    var square = BLAS.product(rows, .transposed, rows, .plain)
    for e in 0..<size { square[e, e] += 1 }
    inverse = try LAPACK.solvePositiveDefinite(square, .identity(size))
  }

  /// `tr S_p U` for all `p`.
  func values(_ matrix: Matrix) -> [Double] {
    guard count > 0 else { return [] }
    let vector = Self.triangle(matrix)
    return (0..<count).map { p in
      var sum = 0.0
      for e in vector.indices { sum += rows.elements[p * vector.count + e] * vector[e] }
      return sum
    }
  }

  /// `sum_p y_p S_p`.
  func adjoint(_ values: [Double]) -> Matrix {
    let size = rows.columns
    var vector = [Double](repeating: 0, count: size)
    for p in 0..<count {
      for e in 0..<size { vector[e] += values[p] * rows.elements[p * size + e] }
    }
    return Self.matrix(vector, order)
  }

  /// `(I + S'S)^-1 U`.
  func solve(_ matrix: Matrix) -> Matrix {
    guard count > 0 else { return matrix }
    let vector = Self.triangle(matrix)
    let size = vector.count
    var result = [Double](repeating: 0, count: size)
    for d in 0..<size {
      var sum = 0.0
      for e in 0..<size { sum += inverse.elements[d * size + e] * vector[e] }
      result[d] = sum
    }
    return Self.matrix(result, order)
  }

  /// `sum_i values_i v_i v_i'` for eigenvectors as rows; zeros are skipped.
  static func assembled(_ values: [Double], _ vectors: Matrix) -> Matrix {
    let d = values.count
    var result = Matrix(rows: d, columns: d)
    for i in 0..<d where values[i] != 0 {
      for e in 0..<d {
        let factor = values[i] * vectors.elements[i * d + e]
        for f in 0..<d { result.elements[e * d + f] += factor * vectors.elements[i * d + f] }
      }
    }
    return result
  }

  private static func triangle(_ matrix: Matrix) -> [Double] {
    let d = matrix.rows
    var result: [Double] = []
    result.reserveCapacity(d * (d + 1) / 2)
    for e in 0..<d {
      result.append(matrix.elements[e * d + e])
      for f in e + 1..<max(d, e + 1) {
        result.append(2.0.squareRoot() * matrix.elements[e * d + f])
      }
    }
    return result
  }

  private static func matrix(_ triangle: [Double], _ order: Int) -> Matrix {
    var result = Matrix(rows: order, columns: order)
    var place = 0
    for e in 0..<order {
      result.elements[e * order + e] = triangle[place]
      place += 1
      for f in e + 1..<max(order, e + 1) {
        let value = triangle[place] / 2.0.squareRoot()
        result.elements[e * order + f] = value
        result.elements[f * order + e] = value
        place += 1
      }
    }
    return result
  }
}
