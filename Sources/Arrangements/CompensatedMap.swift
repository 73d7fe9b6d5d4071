/// A linear map kept by adding and removing rows, without errors that pile up.
///
/// Each entry is a sum of two numbers (Neumaier), so after any number `m` of updates by rows of total
/// size `mass` it is off by at most `2^-52 + m 2^-104` of that size: what a row adds is what it takes
/// off again, bit by bit.
///
/// - Source: Neumaier, *Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen*, ZAMM 1974.
struct CompensatedMap {
  private let columns: Int
  private var sums: [Double]
  private var rests: [Double]

  /// The map with given entries, `[rows, columns]`.
  init(_ elements: [Double], columns: Int) {
    self.columns = columns
    sums = elements
    rests = [Double](repeating: 0, count: elements.count)
  }

  /// An entry by its place in the row-major order.
  @inline(__always)
  subscript(place: Int) -> Double { sums[place] + rests[place] }

  /// Adds `coefficient row` to one row of the map.
  ///
  /// - Parameters:
  ///   - row: Number of the map's row.
  ///   - coefficient: Factor; its negative removes what it added.
  ///   - entries: Entries of what is added, `columns` of them from `offset`.
  ///   - offset: First entry.
  @inline(__always)
  mutating func add(
    to row: Int, _ coefficient: Double, _ entries: UnsafePointer<Double>, at offset: Int
  ) {
    for e in 0..<columns {
      let place = row * columns + e
      let x = coefficient * entries[offset + e]
      let (sum, total) = (sums[place], sums[place] + x)
      rests[place] += abs(sum) >= abs(x) ? (sum - total) + x : (x - total) + sum
      sums[place] = total
    }
  }
}
