import Tensors

/// The lines of an arrangement as exact integers over independent columns.
///
/// Entry `(j, k)` is `mantissas[j * rank + k] * 2^exponents[j * rank + k]`. Rows and columns are
/// multiplied by powers of two and columns that depend on the others are left out; neither changes
/// which sign patterns there are.
struct ExactRows: Sendable {
  /// Number of lines.
  let lineCount: Int
  /// Dimension the normals span.
  let rank: Int
  /// Columns of the original rows that were kept, ascending, `rank` of them.
  let columns: [Int]
  /// Powers of two that the kept columns were divided by.
  let columnShifts: [Int]
  /// Odd integers or zero, row by row.
  let mantissas: [Int64]
  /// Exponents, at least zero.
  let exponents: [Int32]
  /// Every entry as an integer, when all are below `2^52`.
  let integers: [Int64]?
  /// Rows times powers of two, of moderate size, row by row.
  ///
  /// An entry is exact unless it is below `2^-1000`, where it may be off by `2^-1074`.
  let approximations: [Double]
  /// For every row a bound on the binary logarithm of its largest entry.
  let rowBits: [Int]

  /// The exact rows of an arrangement.
  init(_ essential: EssentialRows) {
    let lines = essential.rows
    let parts = Self.oddParts(lines)
    let columns = Self.independentColumns(lines, parts)
    self.init(lines, parts, columns)
  }

  private init(_ lines: Matrix, _ parts: [(odd: Int64, exponent: Int)], _ columns: [Int]) {
    let (n, d, h) = (lines.rows, columns.count, lines.columns)
    var mantissas = [Int64](repeating: 0, count: n * d)
    var exponents = [Int32](repeating: 0, count: n * d)
    var approximations = [Double](repeating: 0, count: n * d)
    var rowBits = [Int](repeating: 0, count: n)
    let shifts = Self.columnShifts(lines, parts, columns)
    for j in 0..<n {
      var (lowest, highest) = (Int.max, Int.min)
      for k in 0..<d {
        let part = parts[j * h + columns[k]]
        guard part.odd != 0 else { continue }
        let exponent = part.exponent - shifts[k]
        lowest = min(lowest, exponent)
        highest = max(highest, exponent + 64 - part.odd.magnitude.leadingZeroBitCount)
      }
      rowBits[j] = highest - lowest
      for k in 0..<d {
        let part = parts[j * h + columns[k]]
        guard part.odd != 0 else { continue }
        mantissas[j * d + k] = part.odd
        exponents[j * d + k] = Int32(part.exponent - shifts[k] - lowest)
        let exponent = max(-1100, part.exponent - shifts[k] - highest)
        approximations[j * d + k] = Self.scaled(Double(part.odd), by: exponent)
      }
    }
    lineCount = n
    rank = d
    self.columns = columns
    columnShifts = shifts
    self.mantissas = mantissas
    self.exponents = exponents
    self.approximations = approximations
    self.rowBits = rowBits
    integers =
      rowBits.allSatisfy { $0 <= 52 }
      ? mantissas.indices.map { mantissas[$0] << Int64(exponents[$0]) } : nil
  }

  /// `x 2^exponent`, in two steps so that no factor is out of range.
  private static func scaled(_ x: Double, by exponent: Int) -> Double {
    let half = exponent / 2
    return x * Double(sign: .plus, exponent: half, significand: 1)
      * Double(sign: .plus, exponent: exponent - half, significand: 1)
  }

  /// Every entry as an odd integer times a power of two.
  private static func oddParts(_ lines: Matrix) -> [(odd: Int64, exponent: Int)] {
    lines.elements.map { x in
      guard x != 0 else { return (0, 0) }
      let isSubnormal = x.exponentBitPattern == 0
      let significand = x.significandBitPattern | (isSubnormal ? 0 : 1 << 52)
      let exponent = isSubnormal ? -1074 : Int(x.exponentBitPattern) - 1075
      let shift = significand.trailingZeroBitCount
      let odd = Int64(significand >> UInt64(shift))
      return (x < 0 ? -odd : odd, exponent + shift)
    }
  }

  /// Exponents that bring columns of very different size to one size; zeros for common data.
  private static func columnShifts(
    _ lines: Matrix, _ parts: [(odd: Int64, exponent: Int)], _ columns: [Int]
  ) -> [Int] {
    var (lowest, highest) = (0, 0)
    var tops = [Int](repeating: Int.min, count: columns.count)
    for j in 0..<lines.rows {
      for (k, column) in columns.enumerated() {
        let part = parts[j * lines.columns + column]
        guard part.odd != 0 else { continue }
        let top = part.exponent + 64 - part.odd.magnitude.leadingZeroBitCount
        tops[k] = max(tops[k], top)
        lowest = min(lowest, part.exponent)
        highest = max(highest, top)
      }
    }
    return lowest >= 0 && highest <= 52 ? tops.map { _ in 0 } : tops
  }

  /// A largest set of columns that are linearly independent over the rationals.
  ///
  /// A set that is independent modulo a prime is independent. Conversely a minor that is not zero is
  /// smaller than the product of the primes tried, so one of them does not divide it.
  private static func independentColumns(
    _ lines: Matrix, _ parts: [(odd: Int64, exponent: Int)]
  ) -> [Int] {
    let (n, h) = (lines.rows, lines.columns)
    var floors = [Int](repeating: Int.max, count: n)
    var bits = 0
    for j in 0..<n {
      var highest = Int.min
      for part in parts[j * h..<(j + 1) * h] where part.odd != 0 {
        floors[j] = min(floors[j], part.exponent)
        highest = max(highest, part.exponent + 64 - part.odd.magnitude.leadingZeroBitCount)
      }
      bits = max(bits, highest - floors[j])
    }
    let order = min(n, h)
    let primeCount = (order * (bits + order.bitWidth) + 1) / ExactPrimes.bitsPerPrime + 1
    var best: [Int] = []
    for i in 0..<primeCount {
      let field = ExactPrimes.list(i + 1).fields[i]
      let found = columnsByElimination(lines, parts, floors, field)
      if found.count > best.count { best = found }
      let occupied = (0..<h).count { k in (0..<n).contains { parts[$0 * h + k].odd != 0 } }
      if best.count == min(occupied, n) { break }
    }
    return best
  }

  /// Pivot columns of Gaussian elimination modulo a prime.
  private static func columnsByElimination(
    _ lines: Matrix, _ parts: [(odd: Int64, exponent: Int)], _ floors: [Int], _ field: PrimeField
  ) -> [Int] {
    let h = lines.columns
    var basis: [[UInt64]] = []
    var pivots: [Int] = []
    for j in 0..<lines.rows {
      var row = parts[j * h..<(j + 1) * h].map {
        $0.odd == 0 ? 0 : field.residue($0.odd, exponent: $0.exponent - floors[j])
      }
      for (vector, pivot) in zip(basis, pivots) where row[pivot] != 0 {
        let factor = row[pivot]
        for k in 0..<h { row[k] = field.subtract(row[k], field.multiply(factor, vector[k])) }
      }
      guard let pivot = row.firstIndex(where: { $0 != 0 }) else { continue }
      let inverse = field.inverse(row[pivot])
      basis.append(row.map { field.multiply($0, inverse) })
      pivots.append(pivot)
      if pivots.count == h { break }
    }
    return pivots.sorted()
  }
}
