import Tensors

/// A correlation with one entry, written with pairs of rows of opposite sign.
///
///     F(u) = g . u + sum_i c_i ((x_i . u)_+ - (y_i . u)_+),     c_i > 0
///
/// A residual is positive at some patches and negative at others nearby, so that most of the mass
/// cancels. A pair is bounded from above by the chord of `(x - y) . u` over its positive part, whose
/// slack is the distance `|x - y|`, where the two rows by themselves leave slack in proportion to the
/// size of the cone. Any way to pair is valid; near rows make the bound sharp. What is not paired has
/// a zero partner.
///
/// - Source: The greedy plan is a coarse-to-fine heuristic for optimal transport between the positive and
///   the negative part of the dual point.
struct SignedPairs {
  /// Rows with positive sign, `[pairs, h]`.
  let plus: Matrix
  /// Rows with negative sign.
  let minus: Matrix
  /// Weights of the pairs.
  let weights: [Double]
  /// The linear part, of length `h`.
  let linear: [Double]

  /// The pairs of a correlation with one window and one output.
  ///
  /// - Complexity: O(`terms * patchDimension`) expected time for each of about 14 scales.
  init(_ correlation: PooledCorrelation) {
    let (rows, h) = (correlation.terms.rows, correlation.patchDimension)
    var plan = TransportPlan(rows: rows, masses: correlation.coefficients.elements)
    plan.pairNearRows()
    let zero = [Double](repeating: 0, count: h)
    let pairs = plan.pairs
    func side(_ row: (TransportPlan.Pair) -> Int) -> Matrix {
      var elements: [Double] = []
      elements.reserveCapacity(pairs.count * h)
      for pair in pairs {
        if row(pair) >= 0 {
          elements.append(contentsOf: rows.row(row(pair)))
        } else {
          elements.append(contentsOf: zero)
        }
      }
      return Matrix(rows: pairs.count, columns: h, elements: elements)
    }
    plus = side { $0.plus }
    minus = side { $0.minus }
    weights = pairs.map(\.weight)
    linear = correlation.linear.elements
  }
}

/// Pairs mass of opposite sign at rows near each other.
struct TransportPlan {
  /// Mass carried from one row to another, -1 where there is none.
  struct Pair {
    let plus: Int
    let minus: Int
    let weight: Double
  }

  private let rows: Matrix
  private var left: [Double]
  private var matched: [Pair] = []

  init(rows: Matrix, masses: [Double]) {
    self.rows = rows
    left = masses
  }

  /// The pairs found, then what is left of every row by itself.
  var pairs: [Pair] {
    matched
      + left.enumerated().compactMap { row, mass in
        if mass == 0 { return nil }
        return mass > 0
          ? Pair(plus: row, minus: -1, weight: mass) : Pair(plus: -1, minus: row, weight: -mass)
      }
  }

  /// Pairs rows within cells of grids that grow, the nearest first.
  mutating func pairNearRows() {
    var size = 0.004
    while size < 0.3 {
      for shift in [0.0, 0.5] { pairWithinCells(size: size, shift: shift) }
      size *= 1.35
    }
  }

  private mutating func pairWithinCells(size: Double, shift: Double) {
    let h = rows.columns
    var cells: [UInt64: (plus: [Int], minus: [Int])] = [:]
    var order: [UInt64] = []
    for row in left.indices where left[row] != 0 {
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for e in 0..<h {
        let place = (rows.elements[row * h + e] / size + shift + 0.137 * Double(e)).rounded(.down)
        hash = (hash ^ UInt64(bitPattern: Int64(place))) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
      }
      if cells[hash] == nil { order.append(hash) }
      if left[row] > 0 {
        cells[hash, default: ([], [])].plus.append(row)
      } else {
        cells[hash, default: ([], [])].minus.append(row)
      }
    }
    for hash in order {
      guard let cell = cells[hash], !cell.plus.isEmpty, !cell.minus.isEmpty else { continue }
      pair(cell.plus, cell.minus, within: 2 * size)
    }
  }

  /// Pairs the rows of one cell, the nearest first; of crowded cells the rows in order.
  private mutating func pair(_ plus: [Int], _ minus: [Int], within radius: Double) {
    if plus.count * minus.count > 4000 {
      for (p, q) in zip(plus, minus) { match(p, q, within: radius) }
      return
    }
    var candidates: [(distance: Double, plus: Int, minus: Int)] = []
    for p in plus { for q in minus { candidates.append((distance(p, q), p, q)) } }
    candidates.sort {
      ($0.distance, $0.plus, $0.minus) < ($1.distance, $1.plus, $1.minus)
    }
    for candidate in candidates { match(candidate.plus, candidate.minus, within: radius) }
  }

  private mutating func match(_ p: Int, _ q: Int, within radius: Double) {
    let weight = min(left[p], -left[q])
    guard weight > 0, distance(p, q) <= radius else { return }
    matched.append(Pair(plus: p, minus: q, weight: weight))
    left[p] -= weight
    left[q] += weight
  }

  private func distance(_ p: Int, _ q: Int) -> Double {
    let h = rows.columns
    var square = 0.0
    for e in 0..<h {
      let difference = rows.elements[p * h + e] - rows.elements[q * h + e]
      square += difference * difference
    }
    return square.squareRoot()
  }
}
