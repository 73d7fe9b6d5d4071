import Arrangements
import Tensors

/// Nanoseconds per half cell of the exact enumeration, against lines and dimension.
@main
enum Enumeration {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst().compactMap { Int($0) }
    var cases: [(lines: Int, dimension: Int)] = [
      (10_000, 2), (300, 3), (1_000, 3), (3_000, 3), (100, 4), (400, 4), (50, 5), (150, 5),
      (40, 6), (80, 6), (40, 7),
    ]
    if arguments.count >= 2 { cases = [(arguments[0], arguments[1])] }
    let threads = arguments.count > 2 ? arguments[2] : 1
    print("lines  dimension    half cells   seconds  ns/half cell")
    for (lines, dimension) in cases {
      let enumeration = try CellEnumeration(gaussian(lines, dimension))
      let clock = ContinuousClock()
      var (cells, hash) = (0, UInt64(0))
      let elapsed = try clock.measure {
        try enumeration.forEachBatch(threads: threads) { batch in
          cells += batch.count
          hash ^= batch.words[0]
          return true
        }
      }
      let seconds =
        Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
      let expected = enumeration.upperBound.map { $0 / 2 } ?? 0
      let row = [
        pad("\(lines)", 5), pad("\(dimension)", 11), pad("\(cells)", 14),
        pad("\((seconds * 1000).rounded() / 1000)", 10),
        pad("\((seconds * 1e10 / Double(cells)).rounded() / 10)", 12),
      ]
      print(row.joined(), UInt64(cells) == expected ? "" : "expected \(expected)")
    }
  }

  private static func gaussian(_ lines: Int, _ dimension: Int) throws -> CentralArrangement {
    var generator = SeededGenerator(seed: 1)
    let entries = (0..<lines * dimension).map { _ in generator.normal() }
    return try CentralArrangement(
      normals: Matrix(rows: lines, columns: dimension, elements: entries))
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }
}
