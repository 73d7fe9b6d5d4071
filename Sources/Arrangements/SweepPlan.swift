import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What every sweep over one arrangement shares: exact rows, a generic flag, and the first level.
///
/// The flag is a list of vectors `z_0, ..., z_{d-1}`; functionals `f_v` of its dual basis order the
/// flats. Its entries are integers, so every value `a_j . z_v` is a rational number.
struct SweepPlan: Sendable {
  /// The lines, exactly.
  let rows: ExactRows
  /// Seed of the flag.
  let seed: UInt64
  /// Coordinates of the flag, `flag[v * rank + k]`, below `2^42` in size.
  let flag: [Int64]
  /// `a_j . z_v` times a positive power of two that depends on `j` and `v`: `values[v * stride + j]`.
  let values: [Double]
  /// Bound on the error of any entry of `values` with one `v`.
  let errors: [Double]
  /// Largest modulus of any entry of `values` with one `v`.
  let sizes: [Double]
  /// The rows as integers, column by column with `stride`, when they are below `2^52`.
  let integerColumns: [Double]?
  /// Largest modulus of such an integer.
  let largestInteger: Double

  /// Number of lines.
  var lineCount: Int { rows.lineCount }
  /// Dimension.
  var rank: Int { rows.rank }
  /// Words of a pattern.
  var words: Int { (rows.lineCount + 63) / 64 }
  /// Distance between columns of `values`.
  var stride: Int { (rows.lineCount + 7) / 8 * 8 }

  /// The plan for rows with a seed for the flag.
  init(_ rows: ExactRows, seed: UInt64) {
    self.rows = rows
    self.seed = seed
    let (n, d) = (rows.lineCount, rows.rank)
    let stride = (n + 7) / 8 * 8
    var scales = [Double](repeating: 1, count: n)
    let directions = Self.flag(rows, &scales, seed: seed)
    var flag = [Int64](repeating: 0, count: d * d)
    var values = [Double](repeating: 0, count: d * stride)
    var errors = [Double](repeating: 0, count: d)
    var sizes = [Double](repeating: 0, count: d)
    for v in 0..<d {
      let largest = directions[v * d..<(v + 1) * d].reduce(0) { max($0, abs($1)) }
      let factor = Double(sign: .plus, exponent: 40 - Int(largest.exponent), significand: 1)
      for k in 0..<d { flag[v * d + k] = Int64((directions[v * d + k] * factor).rounded()) }
      var worst = 0.0
      for j in 0..<n {
        var (sum, size) = (0.0, 0.0)
        for k in 0..<d {
          let product =
            rows.approximations[j * d + k] * scales[j] * (Double(flag[v * d + k]) * 0x1p-40)
          sum += product
          size += abs(product)
        }
        values[v * stride + j] = sum
        worst = max(worst, size)
        sizes[v] = max(sizes[v], abs(sum))
      }
      errors[v] = Double(d + 3) * 0x1p-52 * worst + 0x1p-500
    }
    (self.flag, self.values, self.errors, self.sizes) = (flag, values, errors, sizes)
    guard let integers = rows.integers else {
      integerColumns = nil
      largestInteger = 0
      return
    }
    var columns = [Double](repeating: 0, count: d * stride)
    var largest = 0.0
    for j in 0..<n {
      for k in 0..<d {
        columns[k * stride + j] = Double(integers[j * d + k])
        largest = max(largest, abs(columns[k * stride + j]))
      }
    }
    integerColumns = columns
    largestInteger = largest
  }

  /// Random orthonormal vectors in coordinates in which the rows spread evenly, and powers of two
  /// that bring rows to about unit length there.
  private static func flag(
    _ rows: ExactRows, _ scales: inout [Double], seed: UInt64
  ) -> [Double] {
    let (n, d) = (rows.lineCount, rows.rank)
    var generator = SeededGenerator(seed: seed)
    var z = (0..<d * d).map { _ in generator.normal() }
    for v in 0..<d {
      for u in 0..<v {
        let product = (0..<d).reduce(0.0) { $0 + z[v * d + $1] * z[u * d + $1] }
        for k in 0..<d { z[v * d + k] -= product * z[u * d + k] }
      }
      let norm = (0..<d).reduce(0.0) { $0 + z[v * d + $1] * z[v * d + $1] }.squareRoot()
      for k in 0..<d { z[v * d + k] /= norm }
    }
    for round in 0..<2 {
      guard let factor = cholesky(rows, scales) else { break }
      if round == 0 {
        for j in 0..<n {
          var y = [Double](repeating: 0, count: d)
          for a in 0..<d {
            var q = rows.approximations[j * d + a]
            for k in 0..<a { q -= factor[a * d + k] * y[k] }
            y[a] = q / factor[a * d + a]
          }
          let norm = y.reduce(0) { $0 + $1 * $1 }.squareRoot()
          guard norm.isNormal else { continue }
          let exponent = min(max(-Int(norm.exponent), -500), 500)
          scales[j] = Double(sign: .plus, exponent: exponent, significand: 1)
        }
      } else {
        var white = z
        for v in 0..<d {
          for a in (0..<d).reversed() {
            var q = z[v * d + a]
            for k in a + 1..<max(d, a + 1) { q -= factor[k * d + a] * white[v * d + k] }
            white[v * d + a] = q / factor[a * d + a]
          }
        }
        if white.allSatisfy({ $0.isFinite }) { z = white }
      }
    }
    return z
  }

  /// Lower triangular factor of `sum_j a_j a_j'`, nil when it is nearly singular.
  private static func cholesky(_ rows: ExactRows, _ scales: [Double]) -> [Double]? {
    let d = rows.rank
    var gram = [Double](repeating: 0, count: d * d)
    for j in 0..<rows.lineCount {
      for a in 0..<d {
        let x = rows.approximations[j * d + a] * scales[j]
        for b in 0...a { gram[a * d + b] += x * rows.approximations[j * d + b] * scales[j] }
      }
    }
    var factor = [Double](repeating: 0, count: d * d)
    for a in 0..<d {
      for b in 0...a {
        var q = gram[a * d + b]
        for k in 0..<b { q -= factor[a * d + k] * factor[b * d + k] }
        if a == b {
          guard q > 1e-13 * gram[a * d + a], q.isFinite else { return nil }
          factor[a * d + a] = q.squareRoot()
        } else {
          factor[a * d + b] = q / factor[b * d + b]
        }
      }
    }
    return factor
  }
}
