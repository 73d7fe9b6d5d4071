import Tensors

/// Lines of normals over a prime field, in coordinates of their exact rank.
struct CountingSetup: Sendable {
  let lineCount: Int
  /// Exact rank of the lines.
  let rank: Int
  /// Whether every minor is zero exactly when it is zero modulo the prime.
  let isFaithful: Bool
  /// Number of the prime to try when this one turns out to be bad.
  let nextPrime: Int
  private let exact: CountingRows
  private let field: CountingField
  /// Scaled rows of length `rank`.
  private let elements: [UInt64]

  /// The first prime that tells all lines apart, from a given number of primes on.
  ///
  /// - Parameters:
  ///   - lines: Rows that span different lines.
  ///   - prime: Number of the first prime tried; larger after a prime turned out to be bad.
  init(_ lines: Matrix, prime: Int = 0) {
    let exact = CountingRows(lines)
    let columns = exact.columnBasis()
    self.exact = exact
    lineCount = lines.rows
    rank = columns.count
    isFaithful = exact.isFaithful(order: columns.count)
    var number = prime
    while true {
      let field = CountingPrimes.field(number)
      number += 1
      if let rows = Self.rows(exact, columns, field, isFaithful: isFaithful) {
        (self.field, elements, nextPrime) = (field, rows, number)
        return
      }
    }
  }

  /// The scaled rows in some columns, or `nil` when the prime cannot be used.
  private static func rows(
    _ exact: CountingRows, _ columns: [Int], _ field: CountingField, isFaithful: Bool
  ) -> [UInt64]? {
    let all = exact.residues(in: field)
    let (n, rank) = (exact.count, columns.count)
    var elements = (0..<n).flatMap { r in columns.map { all[r * exact.columns + $0] } }
    guard field.pivotColumns(elements, columns: rank).count == rank else { return nil }
    let restriction = CountingRestriction(
      field: field, exact: exact, isFaithful: isFaithful, capacity: n)
    var labels = (0..<Int32(n)).map { $0 }
    let isUsable = elements.withUnsafeMutableBufferPointer { elements in
      labels.withUnsafeMutableBufferPointer { labels in
        guard let elements = elements.baseAddress, let labels = labels.baseAddress else {
          return false
        }
        return restriction.prepare((elements, labels), count: n, dimension: rank)
      }
    }
    return isUsable ? elements : nil
  }

  /// An eliminator with its own work space.
  func restriction() -> CountingRestriction {
    CountingRestriction(field: field, exact: exact, isFaithful: isFaithful, capacity: lineCount)
  }

  /// An empty memory; without a faithful prime equal rows need not have equal polynomials.
  func memory() -> CountingMemory { CountingMemory(rank: rank, isUsed: isFaithful) }

  /// Copies the rows and their numbers.
  func write(into rows: CountingRestriction.Rows) {
    for i in elements.indices { rows.elements[i] = elements[i] }
    for r in 0..<lineCount { rows.labels[r] = Int32(r) }
  }

  /// Whether lines are linearly dependent, decided exactly.
  func areDependent(_ lines: [Int]) -> Bool { exact.areDependent(lines) }
}
