import CKernels

/// Finds the direction farthest from all hyperplanes of a cell, with memory that is used again.
///
/// It is the direction of the point of least norm in the convex hull of the unit normals that point
/// inwards.
///
/// - Source: Wolfe, *Finding the nearest point in a polytope*, Mathematical Programming 1976.
final class DeepestPoint {
  private let lineCount: Int
  private let dimension: Int
  private let stride: Int
  /// Unit rows, column `k` at `k * stride`.
  private let columns: UnsafeMutablePointer<Double>
  private let products: UnsafeMutablePointer<Double>
  /// The direction, a unit vector after `solve` has returned true.
  let point: UnsafeMutablePointer<Double>
  private var corral: [Int] = []
  private var weights: [Double] = []
  private var target: [Double] = []
  /// Products of the corral's points with each other, rows of `dimension + 2`.
  private var gram: [Double]
  private var matrix: [Double]

  /// Memory for cells of an arrangement.
  ///
  /// - Parameters:
  ///   - rows: The lines, row by row.
  ///   - inverseNorms: One over their lengths.
  ///   - dimension: Length of a row.
  init(rows: [Double], inverseNorms: [Double], dimension: Int) {
    let count = inverseNorms.count
    (lineCount, self.dimension, stride) = (count, dimension, (count + 7) / 8 * 8)
    columns = .allocate(capacity: dimension * stride)
    columns.initialize(repeating: 0, count: dimension * stride)
    for j in 0..<count {
      for k in 0..<dimension { columns[k * stride + j] = rows[j * dimension + k] * inverseNorms[j] }
    }
    products = .allocate(capacity: stride)
    products.initialize(repeating: 0, count: stride)
    point = .allocate(capacity: dimension)
    point.initialize(repeating: 0, count: dimension)
    gram = [Double](repeating: 0, count: (dimension + 2) * (dimension + 2))
    matrix = gram
  }

  deinit {
    columns.deallocate()
    products.deallocate()
    point.deallocate()
  }

  @inline(__always)
  private func signed(_ x: Double, _ line: Int, _ bits: UnsafePointer<UInt64>) -> Double {
    let flip = (~bits[line >> 6] >> UInt64(line & 63)) << 63
    return Double(bitPattern: x.bitPattern ^ flip)
  }

  /// Searches for the deepest point of the cell of a packed pattern.
  ///
  /// - Parameter bits: The pattern over the lines.
  /// - Returns: The least distance from a hyperplane as computed; not positive when no point inside
  ///   was found.
  func solve(_ bits: UnsafePointer<UInt64>) -> Double {
    corral.removeAll(keepingCapacity: true)
    weights.removeAll(keepingCapacity: true)
    enter(0, bits)
    weights[0] = 1
    combine(bits)
    for _ in 0..<100 * (dimension + 1) {
      let (best, value) = nearest(bits)
      let square = (0..<dimension).reduce(0) { $0 + point[$1] * point[$1] }
      guard value < square - 1e-12 * square, !corral.contains(best) else { break }
      enter(best, bits)
      guard descend() else { break }
      let previous = square
      combine(bits)
      guard (0..<dimension).reduce(0, { $0 + point[$1] * point[$1] }) < previous else { break }
    }
    let norm = (0..<dimension).reduce(0) { $0 + point[$1] * point[$1] }.squareRoot()
    guard norm.isFinite, norm > 0 else { return 0 }
    for k in 0..<dimension { point[k] /= norm }
    return nearest(bits).value
  }

  /// The row with the least product with the point, on its side.
  private func nearest(_ bits: UnsafePointer<UInt64>) -> (line: Int, value: Double) {
    ck_sweep_restrict(columns, stride, point, dimension, lineCount, products)
    var (best, value) = (0, Double.infinity)
    for j in 0..<lineCount {
      let candidate = signed(products[j], j, bits)
      if candidate < value { (best, value) = (j, candidate) }
    }
    return (best, value)
  }

  private func combine(_ bits: UnsafePointer<UInt64>) {
    for k in 0..<dimension {
      var sum = 0.0
      for (i, line) in corral.enumerated() {
        sum += weights[i] * signed(columns[k * stride + line], line, bits)
      }
      point[k] = sum
    }
  }

  /// Adds a line to the corral, with weight zero.
  private func enter(_ line: Int, _ bits: UnsafePointer<UInt64>) {
    let (m, width) = (corral.count, dimension + 2)
    corral.append(line)
    weights.append(0)
    for (i, other) in corral.enumerated() {
      var sum = 0.0
      for k in 0..<dimension { sum += columns[k * stride + line] * columns[k * stride + other] }
      sum = signed(signed(sum, line, bits), other, bits)
      gram[m * width + i] = sum
      gram[i * width + m] = sum
    }
  }

  /// Removes points whose weight is zero.
  private func leave() {
    let width = dimension + 2
    var count = 0
    for i in corral.indices where weights[i] > 0 {
      (corral[count], weights[count]) = (corral[i], weights[i])
      // Rows and columns move towards the beginning only, so nothing is overwritten too early.
      for j in corral.indices { gram[count * width + j] = gram[i * width + j] }
      for j in corral.indices { gram[j * width + count] = gram[j * width + i] }
      count += 1
    }
    corral.removeLast(corral.count - count)
    weights.removeLast(weights.count - count)
  }

  /// Moves to the least norm in the corral's affine hull, leaving points that block the way.
  private func descend() -> Bool {
    while true {
      guard corral.count <= dimension + 1, affineMinimizer() else { return false }
      if target.allSatisfy({ $0 > 0 }) {
        for i in weights.indices { weights[i] = target[i] }
        return true
      }
      var step = 1.0
      for i in target.indices where target[i] <= 0 {
        step = min(step, weights[i] / (weights[i] - target[i]))
      }
      for i in target.indices { weights[i] += step * (target[i] - weights[i]) }
      let least = weights.indices.min { weights[$0] < weights[$1] } ?? 0
      weights[least] = 0
      let before = corral.count
      leave()
      guard !corral.isEmpty, corral.count < before else { return false }
    }
  }

  /// Weights with sum one of the point of least norm in the affine hull; false when it is singular.
  private func affineMinimizer() -> Bool {
    let (m, width) = (corral.count, dimension + 2)
    // Solve (1 1' + G) w = 1 and scale: then G w is constant, as the minimum demands.
    for i in 0..<m {
      for j in 0..<m { matrix[i * width + j] = 1 + gram[i * width + j] }
      matrix[i * width + m] = 1
    }
    for c in 0..<m {
      guard let p = (c..<m).max(by: { abs(matrix[$0 * width + c]) < abs(matrix[$1 * width + c]) }),
        abs(matrix[p * width + c]) > 1e-14
      else { return false }
      if p != c { for j in c...m { matrix.swapAt(c * width + j, p * width + j) } }
      for i in 0..<m where i != c {
        let factor = matrix[i * width + c] / matrix[c * width + c]
        guard factor != 0 else { continue }
        for j in c...m { matrix[i * width + j] -= factor * matrix[c * width + j] }
      }
    }
    target.removeAll(keepingCapacity: true)
    var sum = 0.0
    for i in 0..<m {
      target.append(matrix[i * width + m] / matrix[i * width + i])
      sum += target[i]
    }
    guard sum.isFinite, sum > 0 else { return false }
    for i in 0..<m { target[i] /= sum }
    return true
  }
}
