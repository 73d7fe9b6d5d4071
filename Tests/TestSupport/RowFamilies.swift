/// Classical families of integer rows with known numbers of cells.
package enum RowFamilies {
  /// Rows `e_i` and `e_i - e_j`.
  package static func braid(_ n: Int) -> [[Int]] {
    var rows = (0..<n).map { i in (0..<n).map { $0 == i ? 1 : 0 } }
    for i in 0..<n {
      for j in i + 1..<max(n, i + 1) {
        rows.append((0..<n).map { $0 == i ? 1 : $0 == j ? -1 : 0 })
      }
    }
    return rows
  }

  /// All nonzero vectors of zeros and ones.
  package static func resonance(_ n: Int) -> [[Int]] { (1..<1 << n).map { bits($0, n) } }

  /// Rows `(1, s)` with `s` any vector of zeros and ones.
  package static func threshold(_ n: Int) -> [[Int]] { (0..<1 << n).map { [1] + bits($0, n) } }

  /// Rows `(1, s)` with `s` of odd weight.
  package static func demicube(_ n: Int) -> [[Int]] {
    (0..<1 << n).filter { $0.nonzeroBitCount % 2 == 1 }.map { [1] + bits($0, n) }
  }

  /// Rows `(1, +-e_i)`.
  package static func crossPolytope(_ n: Int) -> [[Int]] {
    (0..<n).flatMap { i in [1, -1].map { s in [1] + (0..<n).map { $0 == i ? s : 0 } } }
  }

  /// Rows `(1, permutation of 1...n)`.
  package static func permutations(_ n: Int) -> [[Int]] {
    orders(Array(1...n)).map { [1] + $0 }
  }

  private static func bits(_ number: Int, _ n: Int) -> [Int] { (0..<n).map { number >> $0 & 1 } }

  private static func orders(_ items: [Int]) -> [[Int]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { i in
      var rest = items
      let first = rest.remove(at: i)
      return orders(rest).map { [first] + $0 }
    }
  }
}
