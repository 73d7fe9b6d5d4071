import CKernels
import Tensors

/// Draws random chains of lines and finds the cells of those that are chains of the sweep.
///
/// The half cells of `n` lines of rank `d` correspond one to one to the sets `b_1 > ... > b_c` of
/// lines other than line 0, `c < d`, that are independent together with line 0 and contain no broken
/// circuit: no line `j` in the span of the set is less than all `b_i` that it is a combination of. So a
/// set drawn uniformly, and kept when it is one of these, gives every half cell with equal probability.
///
/// With `f` the flag of the plan, the cell of a set is known from two vectors and a dual basis. `u`
/// lies on all `b_i`, has the last `c + 1` coordinates only, and the first of these is 1. `E_i` has
/// the last `c` coordinates and `a_l(E_i) = 1[l = i]` for the lines `b_l`. Then, as in `SweepCursor`,
///
///     sign a_j = sign a_j(u)                   for lines j outside the span of the set,
///     sign b_i = -sign(a_0(E_i) a_0(u))        in the set,
///     sign a_j = sign(w_t) sign b_t            for a_j = sum w_l b_l, t its last index with w_t != 0.
///
/// Numbers are computed in floating point with bounds of their errors. What a bound leaves open, and
/// every dependence, is decided in integers.
///
/// A value is used by one thread at a time.
final class ChainSampler: @unchecked Sendable {
  let plan: SweepPlan
  /// The last set drawn, in descending order; `count` lines of it.
  let chain: UnsafeMutablePointer<Int>
  private(set) var count = 0
  /// The last cell found, `plan.words` words.
  let bits: UnsafeMutablePointer<UInt64>
  /// Lines whose sign the bound leaves open.
  let unsure: UnsafeMutablePointer<UInt64>
  /// The flag turned out not to be generic.
  var isDefective = false
  var signs: ExactSigns
  /// Integer bases of the flats of the first `t` lines of the set, each `d * d` integers.
  let kernels: UnsafeMutablePointer<Int64>
  /// Whether each basis has products with rows that fit into 63 bits.
  var kernelIsSmall: [Bool]
  /// Lines in the span of the set, with the place of the line they follow and whether they agree.
  var followers: [(line: Int, place: Int, agrees: Bool)] = []

  /// Probability that a set has at least so many lines.
  private let tails: [Double]
  /// The inverse of the set's last `c` coordinates, and these; both `c` rows of `d` numbers.
  private let inverse: UnsafeMutablePointer<Double>
  private let square: UnsafeMutablePointer<Double>
  private let factors: UnsafeMutablePointer<Double>
  private let residuals: UnsafeMutablePointer<Double>
  private let weights: UnsafeMutablePointer<Double>
  /// Bound on the distance of `inverse` times the exact matrix from the unit matrix.
  private var defect = Double.infinity

  init(_ plan: SweepPlan, sizeWeights: [Double]) {
    self.plan = plan
    let d = plan.rank
    signs = ExactSigns(rows: plan.rows, flag: plan.flag)
    func memory<T>(_ count: Int, _ value: T) -> UnsafeMutablePointer<T> {
      let result = UnsafeMutablePointer<T>.allocate(capacity: count)
      result.initialize(repeating: value, count: count)
      return result
    }
    chain = memory(d, 0)
    bits = memory(plan.words, 0)
    unsure = memory(plan.words, 0)
    kernels = memory(d * d * d, 0)
    for i in 0..<d * d { kernels[i] = i / d == i % d ? 1 : 0 }
    kernelIsSmall = [Bool](repeating: true, count: d)
    inverse = memory(d * d, 0)
    square = memory(d * d, 0)
    factors = memory(d, 0)
    residuals = memory(d, 0)
    weights = memory(d, 0)
    let total = sizeWeights.reduce(0, +)
    tails = sizeWeights.indices.map { sizeWeights[$0...].reduce(0, +) / total }
  }

  deinit {
    chain.deallocate()
    bits.deallocate()
    unsure.deallocate()
    kernels.deallocate()
    inverse.deallocate()
    square.deallocate()
    factors.deallocate()
    residuals.deallocate()
    weights.deallocate()
  }

  /// Draws a set; whether it is a chain of the sweep, whose cell is then in `bits`.
  ///
  /// - Parameters:
  ///   - columns: Column `v` of `plan.values` at `v * 64 * plan.words`, zeros after the last line.
  ///   - generator: Source of the set.
  /// - Returns: Whether a cell was found.
  func attempt(
    _ columns: UnsafePointer<Double>, _ generator: inout SeededGenerator
  ) -> Bool {
    draw(&generator)
    return examine(columns)
  }

  /// Whether given lines are a chain of the sweep, whose cell is then in `bits`.
  ///
  /// - Precondition: The lines are different, at least 1, in descending order, and fewer than the rank.
  func examine(_ lines: [Int], _ columns: UnsafePointer<Double>) -> Bool {
    count = lines.count
    for (i, line) in lines.enumerated() { chain[i] = line }
    return examine(columns)
  }

  /// A set of lines from 1 on, every one of the sizes below the rank equally likely.
  private func draw(_ generator: inout SeededGenerator) {
    let x = generator.uniform()
    var size = plan.rank - 1
    while size > 0, x >= tails[size] { size -= 1 }
    // Floyd's sampling without replacement, kept in descending order.
    let lines = plan.lineCount - 1
    count = 0
    for top in lines - size + 1..<lines + 1 {
      var line = 1 + generator.integer(below: top)
      for i in 0..<count where chain[i] == line { line = top }
      var place = count
      while place > 0, chain[place - 1] < line {
        chain[place] = chain[place - 1]
        place -= 1
      }
      chain[place] = line
      count += 1
    }
  }

  /// Whether the set is a chain of the sweep; finds its cell.
  private func examine(_ columns: UnsafePointer<Double>) -> Bool {
    let isRegular = invert()
    let slack = isRegular ? solve() : .infinity
    let words = plan.words
    if !isRegular { for v in 0...count { factors[v] = 0 } }
    let open = ck_sample_signs(
      columns + (plan.rank - count - 1) * 64 * words, 64 * words, factors, count + 1, slack,
      words, bits, unsure)
    // The lines of the set and the places after the last line are always unsure.
    followers.removeAll(keepingCapacity: true)
    if open > count + 64 * words - plan.lineCount || !isRegular {
      guard settle(isIndependent: isRegular) else { return false }
    }
    writeSet()
    if plan.rank == 1 { bits[0] = 1 }
    return true
  }

  /// Inverts the set's last coordinates and bounds the defect; false when nothing is proven.
  private func invert() -> Bool {
    let (c, d) = (count, plan.rank)
    defect = .infinity
    var columnError = 0.0
    for k in 0..<c {
      columnError += plan.errors[d - c + k]
      let column = (d - c + k) * plan.stride
      for i in 0..<c {
        square[i * d + k] = plan.values[column + chain[i]]
        inverse[i * d + k] = square[i * d + k]
      }
    }
    guard invertInPlace(c, d) else { return false }
    for l in 0..<c {
      var sum = 0.0
      for k in 0..<c { sum += abs(square[l * d + k]) }
      residuals[l] = Double(c + 3) * 0x1p-52 * sum + columnError
    }
    defect = 0
    for i in 0..<c {
      var sum = 0.0
      for l in 0..<c { sum += abs(inverse[i * d + l]) * residuals[l] }
      for k in 0..<c {
        var entry = i == k ? 1.0 : 0.0
        for l in 0..<c { entry -= inverse[i * d + l] * square[l * d + k] }
        sum += abs(entry)
      }
      // Written so that a sum that is no number is kept.
      if !(1.01 * sum <= defect) { defect = 1.01 * sum }
    }
    return defect < 0.5
  }

  /// Replaces the matrix in `inverse` by its inverse; false when a pivot is zero or no number.
  private func invertInPlace(_ c: Int, _ d: Int) -> Bool {
    withUnsafeTemporaryAllocation(of: Int.self, capacity: c + 1) { pivots in
      for k in 0..<c {
        var p = k
        for i in k..<c where abs(inverse[i * d + k]) > abs(inverse[p * d + k]) { p = i }
        pivots[k] = p
        let pivot = inverse[p * d + k]
        guard abs(pivot) > 0 else { return false }
        if p != k {
          for j in 0..<c {
            (inverse[k * d + j], inverse[p * d + j]) = (inverse[p * d + j], inverse[k * d + j])
          }
        }
        inverse[k * d + k] = 1
        for j in 0..<c { inverse[k * d + j] /= pivot }
        for i in 0..<c where i != k {
          let factor = inverse[i * d + k]
          inverse[i * d + k] = 0
          for j in 0..<c { inverse[i * d + j] -= factor * inverse[k * d + j] }
        }
      }
      for k in (0..<c).reversed() where pivots[k] != k {
        let p = pivots[k]
        for i in 0..<c {
          (inverse[i * d + k], inverse[i * d + p]) = (inverse[i * d + p], inverse[i * d + k])
        }
      }
      return true
    }
  }

  /// The coordinates of `u`; a bound on the error of its product with any line.
  private func solve() -> Double {
    let (c, d, stride) = (count, plan.rank, plan.stride)
    let first = d - c - 1
    let start = first * stride
    factors[0] = 1
    for k in 0..<c {
      var sum = 0.0
      for l in 0..<c { sum -= inverse[k * d + l] * plan.values[start + chain[l]] }
      factors[k + 1] = sum
    }
    for i in 0..<c {
      var (sum, size) = (plan.values[start + chain[i]], 0.0)
      var error = plan.errors[first]
      size = abs(sum)
      for k in 0..<c {
        let product = square[i * d + k] * factors[k + 1]
        sum += product
        size += abs(product)
        error += plan.errors[first + 1 + k] * abs(factors[k + 1])
      }
      residuals[i] = abs(sum) + Double(c + 2) * 0x1p-52 * size + error
    }
    var distance = 0.0
    for k in 0..<c {
      var sum = 0.0
      for l in 0..<c { sum += abs(inverse[k * d + l]) * residuals[l] }
      if !(sum <= distance) { distance = sum }
    }
    distance *= 1.01 / (1 - defect)
    var (slack, size) = (plan.errors[first], plan.sizes[first])
    for k in 0..<c {
      let (s, e, y) = (
        plan.sizes[first + 1 + k], plan.errors[first + 1 + k], abs(factors[k + 1])
      )
      slack += s * distance + e * (y + distance)
      size += s * y
    }
    return 1.01 * (slack + Double(c + 2) * 0x1p-52 * size) + 0x1p-1000
  }

  /// The signs of the lines of the set and of those that follow them.
  private func writeSet() {
    let (c, d, stride) = (count, plan.rank, plan.stride)
    let isFirstPositive = testBit(bits, 0)
    // `a_0(E_i)`: the weights of line 0 as a combination of the set in the last coordinates.
    var total = Double.infinity
    if defect < 0.5 {
      for i in 0..<c {
        var sum = 0.0
        for l in 0..<c { sum += plan.values[(d - c + l) * stride] * inverse[l * d + i] }
        weights[i] = sum
      }
      total = 0
      for k in 0..<c {
        var rest = plan.values[(d - c + k) * stride]
        var (size, error) = (abs(rest), plan.errors[d - c + k])
        for i in 0..<c {
          let product = weights[i] * square[i * d + k]
          rest -= product
          size += abs(product)
          error += abs(weights[i]) * plan.errors[d - c + k]
        }
        total += abs(rest) + Double(c + 2) * 0x1p-52 * size + error
      }
      total *= 1.01 / (1 - defect)
    }
    for i in 0..<c {
      var largest = 0.0
      for l in 0..<c where !(abs(inverse[l * d + i]) <= largest) {
        largest = abs(inverse[l * d + i])
      }
      let isCertain = abs(weights[i]) > total * largest
      let isWeightPositive = isCertain ? weights[i] > 0 : exactWeightIsPositive(i)
      write(chain[i], isWeightPositive != isFirstPositive)
    }
    for follower in followers {
      write(follower.line, testBit(bits, chain[follower.place]) == follower.agrees)
    }
  }

  /// Sets or clears a line's bit.
  func write(_ line: Int, _ isActive: Bool) {
    let mask: UInt64 = 1 << UInt64(line & 63)
    if isActive { bits[line >> 6] |= mask } else { bits[line >> 6] &= ~mask }
  }
}
