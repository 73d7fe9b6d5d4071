package import Tensors

/// The nonnegative `x` with the least `|A x - b|`, by the active-set method.
///
/// - Complexity: O(`rows m^2`) for each pivot, of which there are about as many as positive coordinates.
/// - Source: Lawson & Hanson, *Solving Least Squares Problems*, 1974.
package enum NonnegativeLeastSquares {
  /// Solves one problem.
  ///
  /// - Parameters:
  ///   - matrix: `A`, `[r, m]`; columns that become positive together should be independent.
  ///   - target: `b`, of length `r`.
  ///   - start: Coordinates that are positive at first, if the solution on them is.
  /// - Returns: The solution, of length `m`.
  package static func solve(_ matrix: Matrix, _ target: [Double], start: [Int] = []) -> [Double] {
    let m = matrix.columns
    let columns = matrix.transposed
    var x = [Double](repeating: 0, count: m)
    var positive = start
    if let solution = free(columns, target, positive), solution.allSatisfy({ $0 > 0 }) {
      for (position, j) in positive.enumerated() { x[j] = solution[position] }
    } else {
      positive = []
    }
    let scale = BLAS.norm(target)
    let lengths = (0..<m).map { BLAS.norm(Array(columns.row($0))) }
    for _ in 0..<(3 * m + 10) {
      let rest = residual(columns, target, x)
      let slopes = (0..<m).map { j in
        positive.contains(j) || lengths[j] == 0
          ? 0 : BLAS.dot(Array(columns.row(j)), rest) / lengths[j]
      }
      guard let entering = slopes.indices.max(by: { slopes[$0] < slopes[$1] }),
        slopes[entering] > 1e-13 * scale
      else { break }
      positive.append(entering)
      guard settle(columns, target, &x, &positive) else {
        positive.removeAll { $0 == entering }
        break
      }
    }
    return x
  }

  /// Moves to the solution on the positive coordinates, dropping those that reach zero on the way.
  private static func settle(
    _ columns: Matrix, _ target: [Double], _ x: inout [Double], _ positive: inout [Int]
  ) -> Bool {
    while let solution = free(columns, target, positive) {
      var step = 1.0
      for (position, j) in positive.enumerated() where solution[position] <= 0 {
        step = min(step, x[j] / (x[j] - solution[position]))
      }
      for (position, j) in positive.enumerated() {
        x[j] += step * (solution[position] - x[j])
      }
      guard step < 1 else { return true }
      let dropped = Set(
        positive.enumerated().filter { solution[$0.offset] <= 0 && x[$0.element] <= 1e-15 }
          .map(\.element))
      let smallest = positive.min { x[$0] < x[$1] }
      for j in positive where dropped.contains(j) || (dropped.isEmpty && j == smallest) { x[j] = 0 }
      positive.removeAll { x[$0] == 0 }
      if positive.isEmpty { return true }
    }
    return false
  }

  /// The least-squares solution on some coordinates, with one step of refinement; nil where they are dependent.
  private static func free(
    _ columns: Matrix, _ target: [Double], _ indices: [Int]
  ) -> [Double]? {
    guard !indices.isEmpty else { return [] }
    let own = columns.selectingRows(indices)
    let gram = BLAS.product(own, .plain, own, .transposed)
    func solution(_ b: [Double]) -> [Double]? {
      let image = BLAS.product(own, .plain, Matrix(rows: b.count, columns: 1, elements: b))
      return try? LAPACK.solvePositiveDefinite(gram, image.elements)
    }
    guard var x = solution(target) else { return nil }
    var rest = target
    for (position, value) in x.enumerated() {
      BLAS.add(-value, Array(own.row(position)), to: &rest)
    }
    if let correction = solution(rest) { BLAS.add(1, correction, to: &x) }
    return x
  }

  private static func residual(
    _ columns: Matrix, _ target: [Double], _ x: [Double]
  ) -> [Double] {
    var rest = target
    for j in x.indices where x[j] != 0 { BLAS.add(-x[j], Array(columns.row(j)), to: &rest) }
    return rest
  }
}
