package import Tensors

/// Coordinates of symmetric matrices in which inner products are those of the matrices.
///
/// A symmetric `[d, d]` matrix is `d (d + 1) / 2` numbers: rows of the upper triangle one after the other, entries off the
/// diagonal times the square root of two.
package enum SymmetricCoordinates {
  /// Number of coordinates of a matrix of some order.
  package static func count(order: Int) -> Int { order * (order + 1) / 2 }

  /// The matrix of every `stride`-th number from `start` on.
  package static func matrix(
    order: Int, from numbers: [Double], start: Int = 0, stride: Int = 1
  ) -> Matrix {
    var result = Matrix(rows: order, columns: order)
    let root = 0.5.squareRoot()
    var index = start
    for i in 0..<order {
      for j in i..<order {
        let value = i == j ? numbers[index] : root * numbers[index]
        result.elements[i * order + j] = value
        result.elements[j * order + i] = value
        index += stride
      }
    }
    return result
  }

  /// Puts the coordinates of a symmetric matrix into every `stride`-th place from `start` on.
  package static func put(
    _ matrix: Matrix, into numbers: inout [Double], start: Int = 0, stride: Int = 1
  ) {
    let (order, root) = (matrix.rows, 2.0.squareRoot())
    var index = start
    for i in 0..<order {
      for j in i..<order {
        let value = matrix.elements[i * order + j]
        numbers[index] = i == j ? value : root * value
        index += stride
      }
    }
  }
}
