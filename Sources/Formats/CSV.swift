public import Tensors

/// Tables of numbers as text: one row a line, values separated by commas.
public enum CSV {
  /// A table of numbers.
  public struct Table: Sendable, Equatable {
    /// The names of the columns, if the first line holds names.
    public let header: [String]?
    /// The values, of shape `[lines, columns]`.
    public let values: Matrix
    /// Whether every value is written as a whole number, without point or exponent.
    public let isInteger: Bool

    /// The values as an array of shape `[lines, columns]`.
    ///
    /// Whole numbers are of kind `integer`, all others `floating`.
    public var array: ArrayFile {
      ArrayFile(
        shape: [values.rows, values.columns], elements: values.elements,
        elementKind: isInteger ? .integer : .floating)
    }
  }

  /// Reads a table.
  ///
  /// The first line is a header if its first field is a name: neither a number, nor empty, nor a word for a missing value.
  /// Line ends may be `\n` or `\r\n`; blanks around values, quotes, `nan` and `inf` are understood.
  ///
  /// - Parameter path: The file.
  /// - Returns: The table; every value is the `Double` nearest to its text.
  /// - Throws: `FormatError` with the number of the line.
  /// - Complexity: O(bytes); 28 MB take about 0.2 s.
  public static func read(_ path: String) throws -> Table {
    try parse(try FileBytes.read(path), path: path)
  }

  /// Writes a table whose values read back bit for bit.
  ///
  /// - Parameters:
  ///   - matrix: The values, of shape `[lines, columns]`.
  ///   - path: Where the file is to be.
  ///   - header: The names of the columns, if they are to be written; a first name that is a number,
  ///     empty or a word like `NA` does not read back as a header.
  ///   - asIntegers: Whether to write whole numbers as `3`, not `3.0`, so that they read as classes.
  /// - Throws: `FormatError` of kind `unwritable`.
  /// - Precondition: `header` has one name for each column.
  public static func write(
    _ matrix: Matrix, to path: String, header: [String]? = nil, asIntegers: Bool = false
  ) throws {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(matrix.elements.count * (asIntegers ? 4 : 20))
    if let header {
      precondition(
        header.count == matrix.columns,
        "CSV: expected \(matrix.columns) column names, found \(header.count)")
      bytes.append(contentsOf: header.map(escaped).joined(separator: ",").utf8)
      bytes.append(UInt8(ascii: "\n"))
    }
    for row in 0..<matrix.rows {
      for column in 0..<matrix.columns {
        if column > 0 { bytes.append(UInt8(ascii: ",")) }
        let value = matrix.elements[row * matrix.columns + column]
        let whole = asIntegers ? Int(exactly: value) : nil
        bytes.append(contentsOf: (whole?.description ?? value.description).utf8)
      }
      bytes.append(UInt8(ascii: "\n"))
    }
    try AtomicFile.write(bytes, to: path)
  }

  /// A column name in quotes where it needs them; line ends become blanks.
  private static func escaped(_ name: String) -> String {
    let line = String(name.map { $0.isNewline ? " " : $0 })
    guard line.contains(where: { $0 == "," || $0 == "\"" }) else { return line }
    return "\"" + line.replacing("\"", with: "\"\"") + "\""
  }

  /// The table in the bytes of a file.
  static func parse(_ bytes: [UInt8], path: String) throws -> Table {
    try bytes.withUnsafeBufferPointer { buffer in
      var parser = CSVParser(buffer, path: path)
      return try parser.table()
    }
  }
}
