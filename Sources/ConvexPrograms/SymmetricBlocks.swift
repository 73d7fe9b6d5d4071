import Tensors

/// Symmetric matrices in the blocks of rows and the columns of weights, as coordinates (`SymmetricCoordinates`).
struct SymmetricBlocks {
  /// Number of blocks.
  let count: Int
  /// Order of the matrices.
  let order: Int
  /// Threads that the matrices are spread over; the results do not depend on it.
  let threads: Int

  /// The matrix of a block and a column.
  func matrix(block: Int, column: Int, of weights: Matrix) -> Matrix {
    let size = SymmetricCoordinates.count(order: order)
    return SymmetricCoordinates.matrix(
      order: order, from: weights.elements, start: block * size * weights.columns + column,
      stride: weights.columns)
  }

  /// A value for each matrix, columns of a block one after the other.
  func map<T>(_ weights: Matrix, _ body: (Matrix) -> T) -> [T] {
    let columns = weights.columns
    var results = [T?](repeating: nil, count: count * columns)
    results.withUnsafeMutableBufferPointer { results in
      guard let base = results.baseAddress else { return }
      Parallel.forEachChunk(of: count * columns, chunk: 4, threads: threads) { _, range in
        for index in range {
          base[index] = body(matrix(block: index / columns, column: index % columns, of: weights))
        }
      }
    }
    return results.compactMap { $0 }
  }

  /// Puts matrices, columns of a block one after the other, in the place of those of weights.
  func put(_ matrices: [Matrix], into weights: inout Matrix) {
    let (c, size) = (weights.columns, SymmetricCoordinates.count(order: order))
    for (index, matrix) in matrices.enumerated() {
      let start = index / c * size * c + index % c
      SymmetricCoordinates.put(matrix, into: &weights.elements, start: start, stride: c)
    }
  }
}
