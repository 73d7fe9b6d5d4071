/// Integer bases of the flats on which rows of integers vanish, by elimination without fractions.
enum IntegerKernel {
  /// What came of an elimination.
  enum Outcome {
    /// The new basis was written.
    case found
    /// The row vanishes on the flat already.
    case dependent
    /// An entry of the new basis does not fit into 62 bits.
    case overflows
  }

  /// A basis of the part of a flat on which one more row vanishes.
  ///
  /// - Parameters:
  ///   - row: The row, `dimension` integers below `2^52`.
  ///   - parent: Basis of the flat, `count` vectors one after another, entries below `2^62`.
  ///   - count: Dimension of the flat.
  ///   - target: Receives `count - 1` vectors without common divisors.
  ///   - dimension: Number of coordinates, at most 16.
  /// - Returns: What came of it; `target` holds a basis only when one was found.
  static func eliminate(
    _ row: UnsafePointer<Int64>, from parent: UnsafePointer<Int64>, count: Int,
    into target: UnsafeMutablePointer<Int64>, dimension: Int
  ) -> Outcome {
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: count) { products in
      guard let products = products.baseAddress else { return .overflows }
      return inWords(row, parent, products, count, target, dimension)
        ?? inDoubleWords(row, parent, count, target, dimension)
    }
  }

  /// Elimination while everything fits into 64 bits; nil otherwise.
  private static func inWords(
    _ row: UnsafePointer<Int64>, _ parent: UnsafePointer<Int64>,
    _ products: UnsafeMutablePointer<Int64>, _ e: Int, _ start: UnsafeMutablePointer<Int64>,
    _ d: Int
  ) -> Outcome? {
    var (size, rowSize) = (UInt64(0), UInt64(0))
    for i in 0..<e * d { size |= parent[i].magnitude }
    for k in 0..<d { rowSize |= row[k].magnitude }
    // Bits of a sum of at most 16 products, and of a difference of two products with that sum.
    let bits = 64 - size.leadingZeroBitCount
    guard 64 - rowSize.leadingZeroBitCount + 2 * bits + 5 < 63 else { return nil }
    var pivot = -1
    for v in 0..<e {
      var sum: Int64 = 0
      for k in 0..<d { sum &+= row[k] &* parent[v * d + k] }
      products[v] = sum
      if sum != 0, pivot < 0 || sum.magnitude < products[pivot].magnitude { pivot = v }
    }
    guard pivot >= 0 else { return .dependent }
    var target = start
    for v in 0..<e where v != pivot {
      var divisor: UInt64 = 0
      for k in 0..<d {
        let value =
          products[pivot] &* parent[v * d + k] &- products[v] &* parent[pivot * d + k]
        target[k] = value
        var (a, b) = (value.magnitude, divisor)
        while b != 0 { (a, b) = (b, a % b) }
        divisor = a
      }
      if divisor > 1 { for k in 0..<d { target[k] /= Int64(divisor) } }
      target += d
    }
    return .found
  }

  /// The same with 128 bits in between.
  private static func inDoubleWords(
    _ row: UnsafePointer<Int64>, _ parent: UnsafePointer<Int64>, _ e: Int,
    _ start: UnsafeMutablePointer<Int64>, _ d: Int
  ) -> Outcome {
    var products = [Int128](repeating: 0, count: e)
    var pivot = -1
    for v in 0..<e {
      for k in 0..<d { products[v] += Int128(row[k]) * Int128(parent[v * d + k]) }
      if products[v] != 0, pivot < 0 || products[v].magnitude < products[pivot].magnitude {
        pivot = v
      }
    }
    guard pivot >= 0 else { return .dependent }
    guard products.allSatisfy({ $0.magnitude < 1 << 62 }) else { return .overflows }
    var target = start
    for v in 0..<e where v != pivot {
      let combination = (0..<d).map { k in
        products[pivot] * Int128(parent[v * d + k]) - products[v] * Int128(parent[pivot * d + k])
      }
      let divisor = combination.reduce(UInt128(0)) { commonDivisor($0, $1.magnitude) }
      for k in 0..<d {
        let reduced = combination[k] / Int128(divisor)
        guard reduced.magnitude < 1 << 62 else { return .overflows }
        target[k] = Int64(reduced)
      }
      target += d
    }
    return .found
  }

  private static func commonDivisor(_ a: UInt128, _ b: UInt128) -> UInt128 {
    var (a, b) = (a, b)
    while b != 0 {
      if a >> 64 == 0, b >> 64 == 0 {
        var (x, y) = (UInt64(a), UInt64(b))
        while y != 0 { (x, y) = (y, x % y) }
        return UInt128(x)
      }
      (a, b) = (b, a % b)
    }
    return a
  }
}
