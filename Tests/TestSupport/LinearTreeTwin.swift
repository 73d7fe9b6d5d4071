/// Slow twin of the enumerator: the tree of partial sign vectors, with a feasibility problem for every
/// node.
///
/// A node fixes the signs of the first `k` rows and keeps a witness; the witness gives one child for
/// free, and whether the other exists is decided by a min-norm point: the system `s_i x_i . u > 0`
/// is feasible exactly when the hull of the `s_i x_i` does not contain the origin. Floating point
/// with a tolerance, so thin cells of ill-conditioned rows can be lost.
///
/// - Source: Rada & Cerny, *A New Algorithm for Enumeration of Cells of Hyperplane Arrangements and a
///   Comparison with Avis and Fukuda's Reverse Search*, SIAM Journal on Discrete Mathematics 2018;
///   Wolfe, *Finding the Nearest Point in a Polytope*, Mathematical Programming 1976.
package struct LinearTreeTwin {
  private let rows: [[Double]]
  /// Number of feasibility problems solved.
  package private(set) var problemCount = 0

  /// The tree over rows that span different lines.
  package init(_ rows: [[Double]]) {
    self.rows = rows.map { row in
      let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return row.map { $0 / length }
    }
  }

  /// Calls a closure with the signs and a witness of one of every pair of opposite cells.
  ///
  /// The first row is active in all of them.
  package mutating func forEachHalfCell(_ body: ([Bool], [Double]) -> Void) {
    guard let first = rows.first else { return }
    var signs = [true]
    descend(&signs, [first], first, body)
  }

  private mutating func descend(
    _ signs: inout [Bool], _ normals: [[Double]], _ witness: [Double],
    _ body: ([Bool], [Double]) -> Void
  ) {
    let k = signs.count
    guard k < rows.count else {
      body(signs, witness)
      return
    }
    let product = Self.dot(rows[k], witness)
    for isActive in [true, false] {
      let normal = isActive ? rows[k] : rows[k].map { 0 - $0 }
      let isFree = isActive ? product > Self.tolerance : product < -Self.tolerance
      let inside = isFree ? witness : interiorPoint(normals + [normal])
      guard let inside else { continue }
      signs.append(isActive)
      descend(&signs, normals + [normal], inside, body)
      signs.removeLast()
    }
  }

  private static let tolerance = 1e-9

  /// A unit vector with positive products with all normals, or `nil` when there is none.
  private mutating func interiorPoint(_ normals: [[Double]]) -> [Double]? {
    problemCount += 1
    var corral = [normals[normals.count - 1]]
    var weights = [1.0]
    for _ in 0..<1000 {
      let point = Self.combination(corral, weights)
      let square = Self.dot(point, point)
      guard square > Self.tolerance * Self.tolerance else { return nil }
      var (entering, least) = (0, Double.infinity)
      for i in normals.indices {
        let product = Self.dot(point, normals[i])
        if product < least { (entering, least) = (i, product) }
      }
      let length = square.squareRoot()
      if least > Self.tolerance * length { return point.map { $0 / length } }
      corral.append(normals[entering])
      weights.append(0)
      Self.minimize(&corral, &weights)
    }
    return nil
  }

  /// Moves to the point of least norm of a face of the hull of the corral.
  private static func minimize(_ corral: inout [[Double]], _ weights: inout [Double]) {
    while true {
      let target = affineMinimizer(corral)
      if target.allSatisfy({ $0 > 1e-13 }) {
        weights = target
        return
      }
      var step = 1.0
      for i in weights.indices where target[i] <= 1e-13 {
        step = min(step, weights[i] / max(weights[i] - target[i], 1e-300))
      }
      for i in weights.indices { weights[i] += step * (target[i] - weights[i]) }
      let kept = weights.indices.filter { weights[$0] > 1e-13 }
      if kept.count == corral.count { return }
      corral = kept.map { corral[$0] }
      weights = kept.map { weights[$0] }
    }
  }

  /// Weights of the point of least norm in the affine hull, from `(1 1' + P P') y = 1`.
  private static func affineMinimizer(_ points: [[Double]]) -> [Double] {
    let n = points.count
    var matrix = points.map { a in points.map { 1 + dot(a, $0) } + [1] }
    for i in 0..<n {
      let pivot = (i..<n).max { abs(matrix[$0][i]) < abs(matrix[$1][i]) } ?? i
      matrix.swapAt(i, pivot)
      if abs(matrix[i][i]) < 1e-15 { matrix[i][i] = 1e-15 }
      for r in 0..<n where r != i {
        let factor = matrix[r][i] / matrix[i][i]
        for c in i...n { matrix[r][c] -= factor * matrix[i][c] }
      }
    }
    let y = (0..<n).map { matrix[$0][n] / matrix[$0][$0] }
    let sum = y.reduce(0, +)
    return y.map { $0 / sum }
  }

  private static func combination(_ points: [[Double]], _ weights: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: points[0].count)
    for (point, weight) in zip(points, weights) {
      for j in result.indices { result[j] += weight * point[j] }
    }
    return result
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for j in a.indices { sum += a[j] * b[j] }
    return sum
  }
}
