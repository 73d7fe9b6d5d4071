public import Tensors

extension CentralArrangement {
  /// An orthonormal basis of the filters orthogonal to all lines of a flat.
  ///
  /// - Parameter flat: A flat of this arrangement.
  /// - Returns: Matrix of shape `[patchDimension - flat.rank, patchDimension]`, one direction a row.
  /// - Complexity: O(`patchDimension^3`).
  /// - Accuracy: Orthonormal to `1e-14`; orthogonal to the lines of the basis to `2^-52` times the
  ///   condition number of the basis scaled to unit length (`FacesTests`).
  public func directions(of flat: Flat) -> Matrix {
    let h = patchDimension
    var frame: [[Double]] = []
    for line in flat.basis {
      let unit = essential.rows.row(line).map { $0 * inverseNorms[line] }
      frame.append(Self.unitPart(unit, orthogonalTo: frame))
    }
    // The coordinate direction farthest from the frame leaves at least `1 / sqrt(h)` of its length.
    while frame.count < h {
      let leftover = (0..<h).map { j in frame.reduce(1) { $0 - $1[j] * $1[j] } }
      let farthest = (0..<h).max { leftover[$0] < leftover[$1] } ?? 0
      let axis = (0..<h).map { $0 == farthest ? 1.0 : 0 }
      frame.append(Self.unitPart(axis, orthogonalTo: frame))
    }
    return Matrix(
      rows: h - flat.rank, columns: h, elements: frame.dropFirst(flat.rank).flatMap { $0 })
  }

  /// The part of a vector orthogonal to orthonormal ones, of unit length.
  ///
  /// Projecting three times makes it orthogonal to rounding, whatever was left after the first.
  private static func unitPart(_ vector: [Double], orthogonalTo frame: [[Double]]) -> [Double] {
    var rest = vector
    for _ in 0..<3 {
      for known in frame { BLAS.add(-BLAS.dot(known, rest), known, to: &rest) }
      let length = BLAS.norm(rest)
      if length > 0 { rest = rest.map { $0 / length } }
    }
    return rest
  }
}
