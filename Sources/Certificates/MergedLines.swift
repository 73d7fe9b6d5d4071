import Tensors

/// The stacked patches with rows on nearly one line merged, and what each line contributes to `B |M u|`.
///
/// `|x . u|` is even in `x`: rows `sigma t v + e` with `sigma = +-1`, `t >= 0` and a unit direction `v` contribute
/// `b t |v . u|` up to `|b| |e|`. The coefficient of a line is the sum of `t b` over its rows, so rows with opposite
/// coefficients cancel. Nothing depends on which rows are merged: what merging changes is bounded by `remainder`.
struct MergedLines {
  /// Unit directions `v_l`, `[lines, h]`.
  private(set) var directions: Matrix
  /// Coefficients `b_l` in the order `(q, j)`, `[lines, a c]`.
  private(set) var coefficients: Matrix
  /// Bound on `|B |M u| - sum_l b_l |v_l . u||` over unit `u`.
  private(set) var remainder: Double

  /// Number of lines.
  var count: Int { directions.rows }

  /// Merges rows whose unit directions agree to about `1e-9`, up to sign; zero rows vanish.
  ///
  /// - Parameters:
  ///   - patches: Data with linear pooling.
  ///   - weights: Pooling weights `P`, `[a, K]`.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  /// - Complexity: O(`n K (h + a c)`) time and memory.
  init(_ patches: PooledPatches, weights: Matrix, dual: Matrix) {
    let (h, a, c) = (patches.patchDimension, weights.rows, dual.columns)
    let count = patches.patchesPerSample
    var index: [UInt64: Int] = [:]
    var directions: [Double] = []
    var coefficients: [Double] = []
    coefficients.reserveCapacity(patches.rows.rows * a * c)
    var remainder = 0.0
    var unit = [Double](repeating: 0, count: h)
    for r in 0..<patches.rows.rows {
      let row = Array(patches.rows.row(r))
      let length = BLAS.norm(row)
      guard length > 0 else { continue }
      Self.normalize(row, length: length, into: &unit)
      let key = Self.key(of: unit)
      var line = index[key] ?? -1
      var distance = 0.0
      if line >= 0 {
        for e in 0..<h {
          let difference = directions[line * h + e] - unit[e]
          distance += difference * difference
        }
        distance = distance.squareRoot()
      }
      if line < 0 || distance > 1e-8 {
        line = directions.count / h
        index[key] = line
        directions += unit
        coefficients += [Double](repeating: 0, count: a * c)
        distance = 0
      }
      let (sample, position) = (r / count, r % count)
      var mass = 0.0
      for q in 0..<a {
        let weight = weights.elements[q * count + position] * length
        guard weight != 0 else { continue }
        for j in 0..<c {
          let b = weight * dual.elements[sample * c + j]
          coefficients[line * a * c + q * c + j] += b
          mass += abs(b)
        }
      }
      // The computed unit vector is within (h + 2) 2^-52 of the true direction.
      remainder += mass * (distance + Double(h + 2) * 0x1p-52)
    }
    let lines = directions.count / max(h, 1)
    self.directions = Matrix(rows: lines, columns: h, elements: directions)
    self.coefficients = Matrix(rows: lines, columns: a * c, elements: coefficients)
    self.remainder = remainder * (1 + 1e-9)
  }

  /// The row over its length, negated when its largest entry (the first of nearly equals) is negative.
  private static func normalize(_ row: [Double], length: Double, into unit: inout [Double]) {
    let largest = row.reduce(0) { max($0, abs($1)) }
    let first = row.first { abs($0) >= 0.999_999 * largest } ?? 0
    for e in row.indices { unit[e] = (first < 0 ? -row[e] : row[e]) / length }
  }

  /// Hash of the entries rounded to multiples of `2^-30`.
  private static func key(of unit: [Double]) -> UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for x in unit {
      let step = Int64((x * 0x1p30).rounded())
      hash = (hash ^ UInt64(bitPattern: step)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 29
    }
    return hash
  }
}
