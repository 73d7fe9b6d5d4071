/// A basis of facets' rows with its inverse, and a proof of how far off the inverse is.
///
/// With rows `x_0, ..., x_{d-1}`, direction `i` has product one with `x_i` and zero with the others,
/// so that a row `p` is `sum_i (p . direction_i) x_i`.
final class FacetBasis {
  let dimension: Int
  /// Lines of the basis.
  let lines: UnsafeMutablePointer<Int32>
  /// Direction `i` at `i * dimension`.
  let directions: UnsafeMutablePointer<Double>
  /// Room to invert in.
  private let work: UnsafeMutablePointer<Double>

  /// A basis of given dimension, to be filled by `invert`.
  init(dimension: Int) {
    self.dimension = dimension
    lines = .allocate(capacity: dimension)
    lines.initialize(repeating: -1, count: dimension)
    directions = .allocate(capacity: dimension * dimension)
    directions.initialize(repeating: 0, count: dimension * dimension)
    work = .allocate(capacity: 2 * dimension * dimension)
    work.initialize(repeating: 0, count: 2 * dimension * dimension)
  }

  deinit {
    lines.deallocate()
    directions.deallocate()
    work.deallocate()
  }

  /// Inverts the rows of the basis.
  ///
  /// - Parameter row: Coordinate `k` of the row at place `i`.
  /// - Returns: The determinant as computed; zero when a pivot is.
  func invert(_ row: (Int, Int) -> Double) -> Double {
    let d = dimension
    var determinant = 1.0
    for i in 0..<d {
      for k in 0..<d {
        work[i * 2 * d + k] = row(i, k)
        work[i * 2 * d + d + k] = i == k ? 1 : 0
      }
    }
    for c in 0..<d {
      var p = c
      for i in c + 1..<max(d, c + 1) where abs(work[i * 2 * d + c]) > abs(work[p * 2 * d + c]) {
        p = i
      }
      guard work[p * 2 * d + c] != 0 else { return 0 }
      if p != c {
        determinant = -determinant
        for k in 0..<2 * d {
          (work[p * 2 * d + k], work[c * 2 * d + k]) = (work[c * 2 * d + k], work[p * 2 * d + k])
        }
      }
      let pivot = work[c * 2 * d + c]
      determinant *= pivot
      for k in 0..<2 * d { work[c * 2 * d + k] /= pivot }
      for i in 0..<d where i != c {
        let factor = work[i * 2 * d + c]
        guard factor != 0 else { continue }
        for k in 0..<2 * d { work[i * 2 * d + k] -= factor * work[c * 2 * d + k] }
      }
    }
    for i in 0..<d {
      for k in 0..<d { directions[i * d + k] = work[k * 2 * d + d + i] }
    }
    return determinant
  }

  /// Product of a vector with a direction.
  @inline(__always)
  func product(_ i: Int, _ x: UnsafePointer<Double>) -> Double {
    var sum = 0.0
    for k in 0..<dimension { sum += directions[i * dimension + k] * x[k] }
    return sum
  }

  /// Exchanges the line at a place for another one, whose row is `x`.
  func exchange(_ index: Int, for line: Int32, _ x: UnsafePointer<Double>) {
    let d = dimension
    let pivot = product(index, x)
    for k in 0..<d { directions[index * d + k] /= pivot }
    for i in 0..<d where i != index {
      let factor = product(i, x)
      for k in 0..<d { directions[i * d + k] -= factor * directions[index * d + k] }
    }
    lines[index] = line
  }

  /// Bound on the relative error of coordinates `p . direction_i` in the maximum norm.
  ///
  /// With `x_i . direction_l = [i = l] + e_il` the computed coordinates are those of the row plus
  /// `sum_i e_il` times coordinate `i`.
  ///
  /// - Parameter row: The row at place `i`.
  /// - Returns: `max_l sum_i |e_il|`, rounding included.
  func defect(_ row: (Int) -> UnsafePointer<Double>) -> Double {
    let d = dimension
    var worst = 0.0
    for l in 0..<d {
      var sum = 0.0
      for i in 0..<d {
        let x = row(i)
        var (value, size) = (l == i ? -1.0 : 0, 0.0)
        for k in 0..<d {
          let product = directions[l * d + k] * x[k]
          value += product
          size += abs(product)
        }
        sum += abs(value) + Double(d + 2) * 0x1p-52 * (size + 1)
      }
      worst = max(worst, sum)
    }
    return worst
  }

  /// Replaces directions by integer multiples that are exact, if that is possible.
  ///
  /// The directions of `invert` for integer rows, times the determinant, are the adjugate. Rounded
  /// to integers it is verified by multiplication, in which no number exceeds `2^53`.
  ///
  /// - Parameters:
  ///   - determinant: The determinant that `invert` returned.
  ///   - largest: Bound on the entries of the rows.
  ///   - row: Coordinate `k` of the integer row at place `i`.
  /// - Returns: Whether the directions are now exact, each up to a positive factor.
  func makeExact(
    determinant: Double, largest: Double, _ row: (Int, Int) -> Double
  ) -> Bool {
    let d = dimension
    let exact = determinant.rounded()
    guard exact != 0, abs(exact) < 0x1p52 else { return false }
    var size = 0.0
    for i in 0..<d * d {
      work[i] = (directions[i] * exact).rounded()
      size = max(size, abs(work[i]))
    }
    guard Double(d) * size * largest < 0x1p52 else { return false }
    for i in 0..<d {
      for l in 0..<d {
        var sum = 0.0
        for k in 0..<d { sum += work[l * d + k] * row(i, k) }
        guard sum == (i == l ? exact : 0) else { return false }
      }
    }
    let sign = exact < 0 ? -1.0 : 1
    for i in 0..<d * d { directions[i] = sign * work[i] }
    return true
  }
}
