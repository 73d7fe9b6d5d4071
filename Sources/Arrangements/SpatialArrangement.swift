import Tensors

/// Rows of three entries on a grid, with exact orientations, and their coefficients.
struct SpatialArrangement {
  /// A row as integers: multiples of `2^-41`, of a length from 1 to 2 up to rounding.
  typealias Vector = (x: Int64, y: Int64, z: Int64)
  /// The product of two rows, exact.
  typealias Product = (x: Int128, y: Int128, z: Int128)

  let correlation: PooledCorrelation
  /// The rows of terms whose coefficients are not all zero, each line once.
  private let lines: [Vector]
  /// The same as numbers, `[lines, 3]`; exact.
  let numbers: [Double]
  /// Terms with the line as their row, by line; lines and windows of a term may repeat.
  let termsOfLine: [[Int32]]

  private static let scale = 0x1p41

  init(_ correlation: PooledCorrelation) {
    self.correlation = correlation
    var lines: [Vector] = []
    var places: [[Int64]: Int] = [:]
    var terms: [[Int32]] = []
    for t in 0..<correlation.termCount
    where correlation.coefficients.row(t).contains(where: { $0 != 0 }) {
      let row = correlation.terms.rows.row(t).map { Int64(($0 * Self.scale).rounded()) }
      if let place = places[row] {
        terms[place].append(Int32(t))
      } else {
        places[row] = lines.count
        lines.append((row[0], row[1], row[2]))
        terms.append([Int32(t)])
      }
    }
    (self.lines, termsOfLine) = (lines, terms)
    numbers = lines.flatMap { [Double($0.x), Double($0.y), Double($0.z)] }.map { $0 / Self.scale }
  }

  /// Number of different rows.
  var rowCount: Int { lines.count }

  /// The best filter when there are no rows at all: that of the linear part.
  var wholeSpace: AngularSweepRun.Candidate? {
    guard lines.isEmpty else { return nil }
    let linear = correlation.linear.elements
    let top = SymmetricThree(gramOf: { linear[$0] }, rows: correlation.entryCount).top
    return .init(filter: top.vector, norm: top.largest.squareRoot())
  }

  /// The vector product of two rows: a filter where both vanish.
  func product(_ i: Int, _ j: Int) -> Product {
    let (a, b) = (lines[i], lines[j])
    func minor(_ p: Int64, _ q: Int64, _ r: Int64, _ s: Int64) -> Int128 {
      Int128(truncatingIfNeeded: p) &* Int128(truncatingIfNeeded: s)
        &- Int128(truncatingIfNeeded: q) &* Int128(truncatingIfNeeded: r)
    }
    return (minor(a.y, a.z, b.y, b.z), minor(a.z, a.x, b.z, b.x), minor(a.x, a.y, b.x, b.y))
  }

  /// A product as numbers, each rounded once; the library's conversion is many times slower.
  static func rounded(_ product: Product) -> SIMD3<Double> {
    func rounded(_ x: Int128) -> Double {
      // Below 2^85: the high part has at most 45 bits.
      Double(Int64(truncatingIfNeeded: x >> 40)) * 0x1p40
        + Double(Int64(truncatingIfNeeded: x & 0xFF_FFFF_FFFF))
    }
    return SIMD3(rounded(product.x), rounded(product.y), rounded(product.z))
  }

  /// The sign of a product's determinant with a row.
  ///
  /// Lengths are at most `2^42` up to rounding, so the determinant is below `2^127`; what overflows
  /// in between comes back.
  func orientation(_ product: Product, _ k: Int) -> Int {
    let row = lines[k]
    let value =
      product.x &* Int128(row.x) &+ product.y &* Int128(row.y) &+ product.z &* Int128(row.z)
    return value == 0 ? 0 : value > 0 ? 1 : -1
  }

  /// The inner product of two rows that are known not to be orthogonal.
  func cosine(_ i: Int, _ j: Int) -> Double {
    (0..<3).reduce(0) { $0 + numbers[3 * i + $1] * numbers[3 * j + $1] }
  }
}
