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
  /// Cells, both of each pair; with `--shard` those of the shard.
  let cells: UInt64
  /// Cells of as many lines in general position; null above 2^64.
  let upperBound: UInt64?
  /// Wall time without reading the data.
  let seconds: Finite

  /// The result as a table whose last line is the number of cells.
  var table: String {
    var table = Table("ccnn enumerate   version \(version)")
    table.add("rows", "\(rows)")
    table.add("distinct lines", "\(distinctRows)")
    table.add("rank", "\(rank)")
    table.add("general position", upperBound.map { "at most \($0) cells" } ?? "more than 2^64")
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: "\(cells / 2) half cells (\(cells) cells), exact")
  }
}
