public import Tensors

/// The block nuclear norm and its prox by definition: cut out each block, decompose it, put it back.
public struct NaiveProx {
  private let blockCount: Int
  private let patchDimension: Int
  private let windowCount: Int

  /// The twin of a block nuclear norm of given shape.
  public init(blockCount: Int, patchDimension: Int, windowCount: Int) {
    self.blockCount = blockCount
    self.patchDimension = patchDimension
    self.windowCount = windowCount
  }

  /// Every singular value of every block sent through a function.
  public func mapped(_ weights: Matrix, _ change: (Double) -> Double) throws -> Matrix {
    let (h, a, c) = (patchDimension, windowCount, weights.columns)
    var result = Matrix(rows: weights.rows, columns: c)
    for b in 0..<blockCount {
      var block = Matrix(rows: h, columns: a * c)
      for e in 0..<h {
        for q in 0..<a { for k in 0..<c { block[e, q * c + k] = weights[(b * a + q) * h + e, k] } }
      }
      let (u, values, vt) = try LAPACK.singularValues(block)
      for e in 0..<h {
        for q in 0..<a {
          for k in 0..<c {
            result[(b * a + q) * h + e, k] = values.indices.reduce(0) {
              $0 + u[e, $1] * change(values[$1]) * vt[$1, q * c + k]
            }
          }
        }
      }
    }
    return result
  }

  /// The minimizer of `step R(U) + (1/2) |U - V|^2`.
  public func prox(_ weights: Matrix, step: Double) throws -> Matrix {
    try mapped(weights) { max($0 - step, 0) }
  }

  /// The nearest point whose blocks have singular values up to a radius.
  public func projection(_ weights: Matrix, radius: Double) throws -> Matrix {
    try mapped(weights) { min($0, radius) }
  }
}
