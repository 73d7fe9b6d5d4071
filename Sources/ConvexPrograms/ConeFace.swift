import Tensors

/// The nearest point of a cone to a vector, kept with its face so that the next vector costs little.
///
/// The cone is `{v : G v >= 0}` by some rows `G` of length one, which may grow at the end. The nearest point to `z` is
/// `v = z + G' m` with multipliers `m >= 0` of the active rows, those with `G v = 0` and `m > 0`. Multipliers and an
/// orthonormal basis of the active rows stay from one vector to the next: where the face stays the same, a projection is
/// two triangular products. For rows of another cone that contains this one the point is farther from zero at most.
///
/// - Source: Lawson & Hanson, *Solving Least Squares Problems*, 1974, chapter 23, from a feasible start; rows leave a
///   factorization by Givens rotations (chapter 24).
package struct ConeFace: Sendable {
  /// The last nearest point; zero before the first.
  package private(set) var point: [Double]
  /// Its norm.
  package private(set) var norm = 0.0
  /// Active rows, which are independent.
  package private(set) var active: [Int] = []
  /// Multipliers of the active rows, positive.
  package private(set) var multipliers: [Double] = []
  private let h: Int
  /// Orthonormal basis `Q` of the active rows, row `i` at `i h`.
  private var basis: [Double] = []
  /// Upper triangle `R` with active row `j` equal to `sum_i R[i, j] Q_i`, column `j` at `j h`.
  private var triangle: [Double] = []
  private var candidate: [Double] = []
  /// Number of rows of the last projection.
  package private(set) var rowCount = 0
  /// Changes of the active rows since the basis was made anew.
  private var changeCount = 0
  private static let mostChanges = 64

  /// The cone's dimension, before the first projection.
  package init(dimension: Int) {
    h = dimension
    point = [Double](repeating: 0, count: dimension)
  }

  /// Whether the products of a unit row with the nearest point are below what rounding explains.
  ///
  /// - Parameters:
  ///   - product: The product.
  ///   - norm: Norm of the nearest point.
  ///   - size: Norm of the vector that was projected.
  /// - Returns: Whether the row is violated.
  package static func isBelow(_ product: Double, norm: Double, size: Double) -> Bool {
    product < -1e-14 * norm - 4e-16 * size
  }

  /// Projects a vector of length `h`.
  ///
  /// - Parameters:
  ///   - z: The vector.
  ///   - rows: Rows of length one, `[count, h]`; those of the projection before come first, in the same order.
  ///   - count: Number of rows.
  package mutating func project(
    _ z: UnsafePointer<Double>, rows: UnsafePointer<Double>, count: Int
  ) {
    if changeCount > Self.mostChanges { renew(rows) }
    rowCount = count
    if !active.isEmpty { settle(z) }
    search(z, rows, count)
    norm = point.withUnsafeBufferPointer { p in
      p.baseAddress.map { BLAS.norm($0, count: h) } ?? 0
    }
  }

  private mutating func search(
    _ z: UnsafePointer<Double>, _ rows: UnsafePointer<Double>, _ count: Int
  ) {
    moveToFace(z)
    let size = BLAS.norm(z, count: h)
    for _ in 0..<10 * (count + h) {
      let entering = mostViolated(rows, count, size: size)
      guard entering >= 0 else { return }
      guard active.count < h else { break }
      let didEnter = enter(entering, z, rows)
      moveToFace(z)
      guard didEnter else { return }
    }
    // All directions are blocked: the vector lies in the polar cone.
    for e in 0..<h { point[e] = 0 }
  }

  /// The row with the least product with the point, -1 where none is below zero.
  private func mostViolated(_ rows: UnsafePointer<Double>, _ count: Int, size: Double) -> Int {
    point.withUnsafeBufferPointer { point in
      guard let point = point.baseAddress else { return -1 }
      var (entering, least) = (-1, 0.0)
      for f in 0..<count {
        let product = Self.dot(h, rows + f * h, point)
        if product < least, !active.contains(f) { (entering, least) = (f, product) }
      }
      let length = BLAS.norm(point, count: h)
      return Self.isBelow(least, norm: length, size: size) ? entering : -1
    }
  }

  /// Takes a row in and drops those whose multiplier would be negative; false when rounding forbids it.
  private mutating func enter(
    _ row: Int, _ z: UnsafePointer<Double>, _ rows: UnsafePointer<Double>
  ) -> Bool {
    guard append(row, rows) else { return false }
    multipliers.append(0)
    solve(z)
    guard candidate[active.count - 1] > 0 else {
      remove(at: active.count - 1)
      return false
    }
    settle(z)
    return true
  }

  /// Moves the multipliers to the least-squares solution on the active rows, less those that reach zero on the way.
  private mutating func settle(_ z: UnsafePointer<Double>) {
    while !active.isEmpty {
      solve(z)
      var step = 1.0
      for i in candidate.indices where candidate[i] <= 0 {
        step = min(step, multipliers[i] / (multipliers[i] - candidate[i]))
      }
      let isInside = candidate.allSatisfy { $0 > 0 }
      if isInside {
        multipliers = candidate
        return
      }
      var leaving: [Int] = []
      for i in candidate.indices {
        let ratio =
          candidate[i] > 0 ? .infinity : multipliers[i] / (multipliers[i] - candidate[i])
        multipliers[i] += step * (candidate[i] - multipliers[i])
        if !(ratio > step * (1 + 1e-12)) { leaving.append(i) }
      }
      for i in leaving.reversed() { remove(at: i) }
    }
  }

  /// Multipliers of the least-squares problem on the active rows into `candidate`: `R m = -Q z`.
  private mutating func solve(_ z: UnsafePointer<Double>) {
    let q = active.count
    candidate = [Double](repeating: 0, count: q)
    for i in 0..<q {
      candidate[i] = -basis.withUnsafeBufferPointer { b in
        b.baseAddress.map { Self.dot(h, $0 + i * h, z) } ?? 0
      }
    }
    for j in (0..<q).reversed() {
      candidate[j] /= triangle[j * h + j]
      for i in 0..<j { candidate[i] -= triangle[j * h + i] * candidate[j] }
    }
  }

  /// The part of the vector at right angles to the active rows, twice against rounding.
  private mutating func moveToFace(_ z: UnsafePointer<Double>) {
    let (q, h) = (active.count, h)
    point.withUnsafeMutableBufferPointer { point in
      basis.withUnsafeBufferPointer { basis in
        guard let point = point.baseAddress else { return }
        for e in 0..<h { point[e] = q == h ? 0 : z[e] }
        guard let basis = basis.baseAddress, q < h else { return }
        for _ in 0..<2 {
          for i in 0..<q {
            let product = Self.dot(h, basis + i * h, point)
            for e in 0..<h { point[e] -= product * basis[i * h + e] }
          }
        }
      }
    }
  }

  // Products of short vectors cost less than a call.
  @inline(__always)
  private static func dot(
    _ h: Int, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) -> Double {
    guard h < 24 else { return BLAS.dot(h, x, y) }
    var sum = 0.0
    for e in 0..<h { sum += x[e] * y[e] }
    return sum
  }
}

extension ConeFace {
  /// Adds a row to basis and triangle; false where it depends on those there.
  private mutating func append(_ row: Int, _ rows: UnsafePointer<Double>) -> Bool {
    let (q, h) = (active.count, h)
    if triangle.count < (q + 1) * h {
      triangle += [Double](repeating: 0, count: h)
      basis += [Double](repeating: 0, count: h)
    }
    let length = basis.withUnsafeMutableBufferPointer { basis in
      triangle.withUnsafeMutableBufferPointer { triangle -> Double in
        guard let basis = basis.baseAddress, let triangle = triangle.baseAddress else { return 0 }
        let (rest, column) = (basis + q * h, triangle + q * h)
        for e in 0..<h { (rest[e], column[e]) = (rows[row * h + e], 0) }
        // Orthogonalised twice: rows of thin cones nearly coincide.
        for _ in 0..<2 {
          for i in 0..<q {
            let product = Self.dot(h, basis + i * h, rest)
            column[i] += product
            for e in 0..<h { rest[e] -= product * basis[i * h + e] }
          }
        }
        let length = BLAS.norm(rest, count: h)
        column[q] = length
        if length > 0 { for e in 0..<h { rest[e] /= length } }
        return length
      }
    }
    guard length > 1e-13 else { return false }
    active.append(row)
    changeCount += 1
    return true
  }

  /// Takes a row out of basis and triangle.
  private mutating func remove(at place: Int) {
    let (q, h) = (active.count, h)
    active.remove(at: place)
    multipliers.remove(at: place)
    changeCount += 1
    basis.withUnsafeMutableBufferPointer { basis in
      triangle.withUnsafeMutableBufferPointer { r in
        guard let basis = basis.baseAddress, let r = r.baseAddress else { return }
        for k in place..<q - 1 {
          for i in 0...k + 1 { r[k * h + i] = r[(k + 1) * h + i] }
        }
        for k in place..<max(place, q - 1) {
          let (a, b) = (r[k * h + k], r[k * h + k + 1])
          let length = (a * a + b * b).squareRoot()
          let (c, s) = length > 0 ? (a / length, b / length) : (1, 0)
          for j in k..<q - 1 {
            let (x, y) = (r[j * h + k], r[j * h + k + 1])
            r[j * h + k] = c * x + s * y
            r[j * h + k + 1] = c * y - s * x
          }
          for e in 0..<h {
            let (x, y) = (basis[k * h + e], basis[(k + 1) * h + e])
            basis[k * h + e] = c * x + s * y
            basis[(k + 1) * h + e] = c * y - s * x
          }
        }
      }
    }
  }

  /// Makes basis and triangle anew, so that rounding errors of rotations do not add up.
  private mutating func renew(_ rows: UnsafePointer<Double>) {
    let (old, weights) = (active, multipliers)
    (active, multipliers) = ([], [])
    for (row, weight) in zip(old, weights) where append(row, rows) { multipliers.append(weight) }
    changeCount = 0
  }

  /// Rows `V` with `V' V = d d' + s^2 (F - d d')`, where `d` points to the last nearest point and `F` projects on the span
  /// of its face.
  ///
  /// - Parameter shrinkage: The factor `s`.
  /// - Returns: `h - active.count` rows of length `h`, or one where the factor is zero.
  /// - Precondition: The nearest point is not zero.
  /// - Complexity: O(`h^2 (active.count + 1)`), by Householder reflections.
  package func spanRoots(shrinkage: Double) -> [Double] {
    let direction = point.map { $0 / norm }
    let (q, h) = (active.count, h)
    guard shrinkage > 0, q + 1 < h else { return direction }
    let count = q + 1
    var columns = Array(basis[0..<q * h]) + direction
    var factors = [Double](repeating: 0, count: count)
    var result = direction + [Double](repeating: 0, count: (h - count) * h)
    columns.withUnsafeMutableBufferPointer { columns in
      result.withUnsafeMutableBufferPointer { result in
        guard let columns = columns.baseAddress, let result = result.baseAddress else { return }
        for j in 0..<count {
          let v = columns + j * h
          var square = 0.0
          for e in j..<h { square += v[e] * v[e] }
          let length = square.squareRoot()
          let first = v[j] + (v[j] >= 0 ? length : -length)
          square += first * first - v[j] * v[j]
          v[j] = first
          factors[j] = square > 0 ? 2 / square : 0
          for k in j + 1..<max(count, j + 1) {
            Self.reflect(columns + k * h, by: v, from: j, h, factors[j])
          }
        }
        for i in count..<h {
          let y = result + (i - q) * h
          y[i] = shrinkage
          for j in (0..<count).reversed() {
            Self.reflect(y, by: columns + j * h, from: j, h, factors[j])
          }
        }
      }
    }
    return result
  }

  @inline(__always)
  private static func reflect(
    _ y: UnsafeMutablePointer<Double>, by v: UnsafePointer<Double>, from start: Int, _ h: Int,
    _ factor: Double
  ) {
    var product = 0.0
    for e in start..<h { product += v[e] * y[e] }
    product *= factor
    for e in start..<h { y[e] -= product * v[e] }
  }
}
