import Arrangements
import Tensors

/// Time to count the cells of arrangements without listing them, beside the linear tree that lists
/// them.
struct CountingScaling {
  /// Whether to leave out the cases above one second.
  let isQuick: Bool

  /// Lines, rank, cells up to sign, seconds, nanoseconds for each, and the same for the tree.
  func run() throws {
    print("case,lines,rank,half_cells,seconds,ns_per_half,forecast_seconds,tree_ns_per_half")
    for (lines, columns) in [
      (30, 3), (300, 3), (30, 4), (100, 4), (300, 4), (25, 5), (100, 5), (40, 7),
    ] {
      try measure("gaussian", gaussian(lines, columns))
    }
    for n in isQuick ? 5...6 : 5...7 { try measure("resonance", resonance(n)) }
  }

  private func gaussian(_ lines: Int, _ columns: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(lines + columns))
    let elements = (0..<lines * columns).map { _ in generator.normal() }
    return Matrix(rows: lines, columns: columns, elements: elements)
  }

  private func resonance(_ n: Int) -> Matrix {
    Matrix((1..<1 << n).map { code in (0..<n).map { Double((code >> $0) & 1) } })
  }

  private func measure(_ name: String, _ rows: Matrix) throws {
    let arrangement = try CentralArrangement(normals: rows)
    let forecast = arrangement.countForecast
    var half: UInt128 = 0
    let seconds = try self.seconds {
      half = try arrangement.characteristicPolynomial(threads: 1).halfCellCount
    }
    var tree = ""
    if half < 30_000 {
      var twin = LinearTreeTwin((0..<rows.rows).map { Array(rows.row($0)) })
      var count = 0
      let seconds = self.seconds { twin.forEachHalfCell { _, _ in count += 1 } }
      tree = "\(Int(1e9 * seconds / Double(count)))"
    }
    let each = (1e10 * seconds / Double(half)).rounded() / 10
    print(
      "\(name),\(forecast.lineCount),\(forecast.rank),\(half),\(seconds),\(each),"
        + "\(forecast.countingSeconds),\(tree)")
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let time = try ContinuousClock().measure(body)
    return Double(time.components.seconds) + 1e-18 * Double(time.components.attoseconds)
  }
}
