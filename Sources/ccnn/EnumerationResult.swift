import ConvexCNN

/// What `enumerate` found.
struct EnumerationResult: Encodable {
  var schema = Package.schema
  var version = Package.version
  /// Rows of the matrix, zero rows and repeats included.
  let rows: Int
  /// Distinct lines of normals.
  let distinctRows: Int
  /// Dimension the normals span.
  let rank: Int
  /// Cells, both of each pair; with `--shard` those of the shard, with filters those that passed.
  let cells: UInt128
  /// Cells of as many lines in general position; null above 2^128.
  let upperBound: WholeNumber
  /// How the cells were found: `polynomial`, `sweep` (counted one by one) or `list`.
  let method: String
  /// Whether the number of listed cells was compared with the count by the polynomial, and is equal.
  let isConfirmed: Bool
  /// Cells that filters looked at, both of each pair; null without filters.
  let examined: UInt128?
  /// Faces of dimension 0 to `rank`, with `--faces`.
  var faces: [UInt128]?
  /// Wall time without reading the data.
  let seconds: Finite

  /// The result as a table whose last line is the number of cells.
  var table: String {
    var table = Table("ccnn enumerate   version \(version)")
    table.add("rows", "\(rows)")
    table.add("distinct lines", "\(distinctRows)")
    table.add("rank", "\(rank)")
    table.add(
      "general position", upperBound.value.map { "at most \($0) cells" } ?? "more than 2^128")
    if let faces {
      for (dimension, count) in faces.enumerated() {
        table.add("faces, dimension \(dimension)", "\(count)")
      }
      table.add("Euler", "\(alternatingSum(faces)) = (-1)^\(rank)")
    }
    table.add("method", isConfirmed ? "\(method), as many as the polynomial counts" : method)
    table.add("seconds", digits(seconds.value, "%.2f"))
    if let examined {
      return table.text(last: "\(cells) of \(examined) cells pass the filters, exact")
    }
    return table.text(last: "\(cells / 2) half cells (\(cells) cells), exact")
  }

  /// The sum with alternating signs, the first positive.
  private func alternatingSum(_ counts: [UInt128]) -> Int128 {
    var sum: Int128 = 0
    for (k, count) in counts.enumerated() {
      let term = Int128(truncatingIfNeeded: count)
      sum = k % 2 == 0 ? sum &+ term : sum &- term
    }
    return sum
  }
}

/// A number that is written as null when it is absent.
struct WholeNumber: Encodable {
  let value: UInt128?

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let value { try container.encode(value) } else { try container.encodeNil() }
  }
}
