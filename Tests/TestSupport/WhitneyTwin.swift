/// Slow twin of the characteristic polynomial and of the face counts: sums over all subsets of rows.
package enum WhitneyTwin {
  /// The numbers `w_k` with `chi(t) = sum_k (-1)^k w_k t^(rank - k)`, by Whitney's theorem
  /// `chi(t) = sum_B (-1)^|B| t^(rank - rank B)` over all sets `B` of rows.
  ///
  /// - Parameter rows: Integer rows that span different lines, at most 14 of them.
  /// - Returns: `w_0, ..., w_rank`.
  package static func whitneyNumbers(_ rows: [[Int]]) -> [Int] {
    let ranks = (0..<1 << rows.count).map { rank(of: rows, subset: $0) }
    var numbers = [Int](repeating: 0, count: (ranks.last ?? 0) + 1)
    for (subset, rank) in ranks.enumerated() {
      numbers[rank] += (subset.nonzeroBitCount + rank) % 2 == 0 ? 1 : -1
    }
    return numbers
  }

  /// The numbers of faces of dimension 0, 1, ..., rank, by the subsets that are flats.
  ///
  /// - Parameter rows: Integer rows that span different lines, at most 14 of them.
  /// - Returns: The counts, the origin's first.
  package static func faceCounts(_ rows: [[Int]]) -> [Int] {
    let ranks = (0..<1 << rows.count).map { rank(of: rows, subset: $0) }
    let total = ranks.last ?? 0
    let flats = ranks.indices.filter { set in
      rows.indices.allSatisfy { set >> $0 & 1 == 1 || ranks[set | 1 << $0] > ranks[set] }
    }
    // Cells of the restriction to a flat X: sum over flats Y above X of |mu(X, Y)|.
    var faces = [Int](repeating: 0, count: total + 1)
    for x in flats {
      var moebius: [Int: Int] = [:]
      for y in flats.sorted(by: { ranks[$0] < ranks[$1] }) where y & x == x {
        let below = moebius.filter { $0.key & y == $0.key }.values.reduce(0, +)
        moebius[y] = y == x ? 1 : -below
      }
      faces[total - ranks[x]] += moebius.values.reduce(0) { $0 + abs($1) }
    }
    return faces
  }

  /// The rank of some rows by elimination without division.
  private static func rank(of rows: [[Int]], subset: Int) -> Int {
    var rest = rows.indices.filter { subset >> $0 & 1 == 1 }.map { rows[$0] }
    var rank = 0
    while let pivot = rest.popLast() {
      guard let p = pivot.firstIndex(where: { $0 != 0 }) else { continue }
      rank += 1
      rest = rest.map { row in row.indices.map { row[$0] * pivot[p] - row[p] * pivot[$0] } }
    }
    return rank
  }
}
