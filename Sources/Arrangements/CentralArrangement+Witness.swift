import Tensors

extension CentralArrangement {
  /// The cell of a pattern, with its deepest point as witness.
  ///
  /// The witness is the unit vector farthest from all hyperplanes of the cell: the direction of the
  /// point of least norm in the convex hull of the unit normals `+-x_r / |x_r|` that point inwards.
  ///
  /// - Parameter pattern: Pattern over the lines.
  /// - Returns: The cell; `nil` when the pattern is of no cell, or of one so thin that floating-point
  ///   numbers cannot prove a point to be inside (margin at most `certifiedMargin`).
  /// - Precondition: `pattern.count == essential.lineCount`.
  /// - Complexity: O(`lines * patchDimension`) per iteration, usually a few iterations per dimension.
  /// - Accuracy: The margin is computed afresh for the point returned, and every sign is checked.
  /// - Source: Wolfe, *Finding the nearest point in a polytope*, Mathematical Programming 1976.
  public func cell(of pattern: ActivationPattern) -> Cell? {
    precondition(
      pattern.count == essential.lineCount,
      "cell(of:): pattern of \(pattern.count) lines, \(essential.lineCount) lines")
    let lines = essential.rows
    var points = Matrix(rows: lines.rows, columns: lines.columns)
    for r in 0..<lines.rows {
      let factor = pattern[r] ? inverseNorms[r] : -inverseNorms[r]
      for k in 0..<lines.columns { points[r, k] = lines[r, k] * factor }
    }
    var search = NearestPoint(points)
    let direction = search.solve()
    let norm = BLAS.norm(direction)
    guard norm.isFinite, norm > 0 else { return nil }
    let witness = direction.map { $0 / norm }
    let margin = margin(of: witness)
    guard margin > certifiedMargin, self.pattern(of: witness) == pattern else { return nil }
    return Cell(pattern: pattern, witness: witness, margin: margin)
  }
}

/// The point of least norm in the convex hull of points.
private struct NearestPoint {
  private let points: Matrix
  private var corral: [Int] = []
  private var weights: [Double] = []

  init(_ points: Matrix) { self.points = points }

  private func product(_ index: Int, _ x: [Double]) -> Double {
    let h = points.columns
    var sum = 0.0
    for k in 0..<h { sum += points.elements[index * h + k] * x[k] }
    return sum
  }

  private func combination() -> [Double] {
    var x = [Double](repeating: 0, count: points.columns)
    for (index, weight) in zip(corral, weights) {
      for k in x.indices { x[k] += weight * points.elements[index * x.count + k] }
    }
    return x
  }

  mutating func solve() -> [Double] {
    (corral, weights) = ([0], [1])
    var x = combination()
    for _ in 0..<100 * (points.columns + 1) {
      var (best, value) = (0, Double.infinity)
      for r in 0..<points.rows {
        let candidate = product(r, x)
        if candidate < value { (best, value) = (r, candidate) }
      }
      let square = product(x)
      guard value < square - 1e-12 * square, !corral.contains(best) else { break }
      corral.append(best)
      weights.append(0)
      guard descend() else { break }
      let next = combination()
      guard product(next) < square else { break }
      x = next
    }
    return x
  }

  private func product(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 } }

  /// Moves to the least norm in the corral's affine hull, leaving points that block the way.
  private mutating func descend() -> Bool {
    while true {
      guard let target = affineMinimizer() else { return false }
      if target.allSatisfy({ $0 > 0 }) {
        weights = target
        return true
      }
      var step = 1.0
      for i in target.indices where target[i] <= 0 {
        step = min(step, weights[i] / (weights[i] - target[i]))
      }
      for i in target.indices { weights[i] += step * (target[i] - weights[i]) }
      let least = weights.indices.min { weights[$0] < weights[$1] } ?? 0
      weights[least] = 0
      let kept = weights.indices.filter { weights[$0] > 0 }
      guard !kept.isEmpty, kept.count < weights.count else { return false }
      corral = kept.map { corral[$0] }
      weights = kept.map { weights[$0] }
    }
  }

  /// Weights with sum one of the point of least norm in the affine hull; nil when it is singular.
  private func affineMinimizer() -> [Double]? {
    let m = corral.count
    let h = points.columns
    // Solve (1 1' + G) w = 1 and scale: then G w is constant, as the minimum demands.
    var matrix = [[Double]](repeating: [Double](repeating: 1, count: m + 1), count: m)
    for i in 0..<m {
      for j in 0..<m {
        for k in 0..<h {
          matrix[i][j] +=
            points.elements[corral[i] * h + k] * points.elements[corral[j] * h + k]
        }
      }
    }
    for c in 0..<m {
      guard let p = (c..<m).max(by: { abs(matrix[$0][c]) < abs(matrix[$1][c]) }),
        abs(matrix[p][c]) > 1e-14
      else { return nil }
      matrix.swapAt(c, p)
      for i in 0..<m where i != c {
        let factor = matrix[i][c] / matrix[c][c]
        guard factor != 0 else { continue }
        for j in c...m { matrix[i][j] -= factor * matrix[c][j] }
      }
    }
    let solution = (0..<m).map { matrix[$0][m] / matrix[$0][$0] }
    let sum = solution.reduce(0, +)
    guard sum.isFinite, sum > 0 else { return nil }
    return solution.map { $0 / sum }
  }
}
