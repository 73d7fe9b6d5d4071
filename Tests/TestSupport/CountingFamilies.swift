/// Classical arrangements with known numbers of cells, as integer rows.
package enum CountingFamily: String, CaseIterable, Sendable {
  /// Rows `e_i` and `e_i - e_j`.
  case braid
  /// All nonzero vectors of zeros and ones.
  case resonance
  /// Rows `(1, s)` for all vectors `s` of zeros and ones.
  case threshold
  /// Rows `(1, s)` for all such `s` with an odd number of ones.
  case demicube
  /// Rows `(1, e_i)` and `(1, -e_i)`.
  case crossPolytope
  /// Rows `(1, s)` for all permutations `s` of `1...n`.
  case permutations

  /// The rows of a member of the family.
  package func rows(_ n: Int) -> [[Double]] {
    let unit: (Int) -> [Double] = { i in (0..<n).map { $0 == i ? 1 : 0 } }
    let binary: [[Double]] = (0..<1 << n).map { code in
      (0..<n).map { (code >> $0) & 1 == 1 ? 1 : 0 }
    }
    switch self {
    case .braid:
      var rows = (0..<n).map(unit)
      for i in 0..<n {
        for j in i + 1..<max(n, i + 1) { rows.append(difference(unit(i), unit(j))) }
      }
      return rows
    case .resonance: return Array(binary.dropFirst())
    case .threshold: return binary.map { [1] + $0 }
    case .demicube: return binary.filter { Int($0.reduce(0, +)) % 2 == 1 }.map { [1] + $0 }
    case .crossPolytope:
      return (0..<n).flatMap { i in [[1] + unit(i), [1] + unit(i).map { 0 - $0 }] }
    case .permutations: return Self.permutations(n).map { [1] + $0.map(Double.init) }
    }
  }

  private func difference(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }

  private static func permutations(_ n: Int) -> [[Int]] {
    guard n > 0 else { return [[]] }
    return permutations(n - 1).flatMap { shorter in
      (0..<n).map { position in Array(shorter[..<position]) + [n] + Array(shorter[position...]) }
    }
  }
}
