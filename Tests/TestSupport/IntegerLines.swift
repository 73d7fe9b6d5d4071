/// Slow twin of `EssentialRows` for integer data: compares every pair of rows by cross products.
package enum IntegerLines {
  /// Numbers the lines of integer rows in order of first appearance.
  ///
  /// - Parameter rows: Integer rows of equal length.
  /// - Returns: The line and the sign of every row, -1 and 0 for a zero row. Signs are relative to
  ///   the multiple of the line whose first nonzero coordinate is positive.
  package static func find(_ rows: [[Int]]) -> (line: [Int], sign: [Int]) {
    var representatives: [[Int]] = []
    var line: [Int] = []
    var sign: [Int] = []
    for row in rows {
      guard let leading = row.first(where: { $0 != 0 }) else {
        line.append(-1)
        sign.append(0)
        continue
      }
      sign.append(leading.signum())
      if let known = representatives.firstIndex(where: { isCollinear($0, row) }) {
        line.append(known)
      } else {
        line.append(representatives.count)
        representatives.append(row)
      }
    }
    return (line, sign)
  }

  private static func isCollinear(_ a: [Int], _ b: [Int]) -> Bool {
    a.indices.allSatisfy { i in a.indices.allSatisfy { j in a[i] * b[j] == a[j] * b[i] } }
  }
}
