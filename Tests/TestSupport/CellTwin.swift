/// Slow twin of the enumeration: cells of integer rows of full rank, by recursion over extreme rays.
///
/// Every cell of an essential arrangement has an extreme ray `u`. Rows that do not vanish on `u` have
/// the sign of their product with it; the others form an arrangement in one dimension less, of which
/// the cell is any cell. All in integers.
package enum CellTwin {
  /// All cells, both of each pair; `true` for a positive product.
  ///
  /// - Parameter rows: Nonzero integer rows that span the whole space, of small size.
  /// - Returns: The sign vectors.
  package static func cells(_ rows: [[Int]]) -> Set<[Bool]> {
    let d = rows[0].count
    guard d > 1 else { return [rows.map { $0[0] > 0 }, rows.map { $0[0] < 0 }] }
    var result: Set<[Bool]> = []
    var seen: Set<[Int]> = []
    for chosen in subsets(of: rows.count, size: d - 1) {
      guard let ray = orthogonal(to: chosen.map { rows[$0] }) else { continue }
      for u in [ray, ray.map { -$0 }] where seen.insert(u).inserted {
        let products = rows.map { row in zip(row, u).reduce(0) { $0 + $1.0 * $1.1 } }
        guard let p = u.firstIndex(where: { $0 != 0 }) else { continue }
        let zero = rows.indices.filter { products[$0] == 0 }
        let local = zero.map { j in rows[j].indices.filter { $0 != p }.map { rows[j][$0] } }
        for signs in cells(local) {
          var cell = products.map { $0 > 0 }
          for (j, sign) in zip(zero, signs) { cell[j] = sign }
          result.insert(cell)
        }
      }
    }
    return result
  }

  /// The primitive vector orthogonal to `d - 1` rows; nil when they are dependent.
  private static func orthogonal(to rows: [[Int]]) -> [Int]? {
    let d = rows.count + 1
    let vector = (0..<d).map { k in
      (k % 2 == 0 ? 1 : -1)
        * determinant(rows.map { row in (0..<d).filter { $0 != k }.map { row[$0] } })
    }
    let divisor = vector.reduce(0) { gcd($0, abs($1)) }
    guard divisor != 0 else { return nil }
    let sign = (vector.first { $0 != 0 } ?? 1) < 0 ? -1 : 1
    return vector.map { $0 / divisor * sign }
  }

  private static func determinant(_ matrix: [[Int]]) -> Int {
    guard let first = matrix.first else { return 1 }
    return first.indices.reduce(0) { sum, k in
      guard first[k] != 0 else { return sum }
      let minor = matrix.dropFirst().map { row in row.indices.filter { $0 != k }.map { row[$0] } }
      return sum + (k % 2 == 0 ? 1 : -1) * first[k] * determinant(minor)
    }
  }

  private static func gcd(_ a: Int, _ b: Int) -> Int { b == 0 ? a : gcd(b, a % b) }

  private static func subsets(of count: Int, size: Int) -> [[Int]] {
    guard size > 0 else { return [[]] }
    guard count >= size else { return [] }
    return subsets(of: count - 1, size: size)
      + subsets(of: count - 1, size: size - 1).map { $0 + [count - 1] }
  }
}
