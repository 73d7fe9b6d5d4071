public import Tensors

/// The rows of a matrix without repeats: one row per line of normals, with the map back.
///
/// Row `r` of the original matrix lies on line `lineOfRow[r]` and is `signOfRow[r] * scales[r]`
/// times that line's representative.
///
/// Rows are merged only when exactly proportional as rational numbers. Rows whose entries are all
/// integers, sixteenths, or rounded quotients `k / 255`, `k / 1000`, `k / 65535` (`|k| <= 2^20`,
/// within `2^-51` relative, for bytes also rounded to single precision) stand for their integers
/// `k`; other rows stand for themselves. Rows that are merely close are never merged.
///
/// - Complexity: O(`rows * columns`) expected time: directions are hashed by their quotients, which
///   round equally for proportional rows, and each hit is confirmed by exact multiplication.
public struct EssentialRows: Sendable {
  /// Representatives, shape `[lines, columns]`, in order of first appearance.
  ///
  /// The first nonzero coordinate is positive. Coprime integers where the row stands for integers,
  /// otherwise the first row of the line times a power of two.
  public let rows: Matrix
  /// For every original row the number of its line, or -1 for a zero row.
  public let lineOfRow: [Int]
  /// For every original row `1` or `-1`, its side of the representative; `0` for a zero row.
  public let signOfRow: [Int8]
  /// For every original row its positive length relative to the representative; `0` for a zero row.
  public let scales: [Double]
  /// For every line the number of original rows on it.
  public let multiplicity: [Int]
  /// Number of original rows that are zero.
  public let zeroRowCount: Int
  /// Bound on the relative difference between an entry and the rational number it stands for.
  package let representationError: Double

  /// Number of lines.
  public var lineCount: Int { rows.rows }

  /// Merges the rows of a matrix.
  ///
  /// - Parameter matrix: Matrix of shape `[rows, columns]`.
  /// - Precondition: Every entry is finite, and there are fewer than `2^31` rows.
  public init(_ matrix: Matrix) {
    precondition(matrix.firstNonFiniteIndex == nil, "EssentialRows: the matrix is not finite")
    precondition(matrix.rows < Int(Int32.max), "EssentialRows: \(matrix.rows) rows")
    let h = matrix.columns
    var table = LineTable(rowCount: matrix.rows, columns: h)
    var lineOfRow = [Int](repeating: -1, count: matrix.rows)
    var signOfRow = [Int8](repeating: 0, count: matrix.rows)
    var scales = [Double](repeating: 0, count: matrix.rows)
    var error = 0.0
    matrix.elements.withUnsafeBufferPointer { elements in
      withUnsafeTemporaryAllocation(of: Double.self, capacity: h + 1) { scratch in
        guard let base = elements.baseAddress, let scratch = scratch.baseAddress else { return }
        for r in 0..<matrix.rows {
          let row = base + r * h
          let canonical = CanonicalRow.write(row, into: scratch, count: h)
          guard let first = canonical.first else { continue }
          error = max(error, canonical.error)
          let line = table.line(of: scratch, first: first, hash: canonical.hash)
          lineOfRow[r] = line
          signOfRow[r] = canonical.isNegated ? -1 : 1
          scales[r] = abs(row[first]) / table.elements[line * h + first]
        }
      }
    }
    rows = Matrix(rows: table.multiplicity.count, columns: h, elements: table.elements)
    multiplicity = table.multiplicity
    zeroRowCount = matrix.rows - table.multiplicity.reduce(0, +)
    representationError = error
    (self.lineOfRow, self.signOfRow, self.scales) = (lineOfRow, signOfRow, scales)
  }

  /// The pattern over all original rows that belongs to a pattern over the lines.
  ///
  /// A row opposite to its representative has the flipped bit; zero rows are active.
  ///
  /// - Parameter pattern: Pattern over the lines, of a filter that is orthogonal to none of them.
  /// - Returns: Pattern over the rows of the matrix the value was made from.
  /// - Precondition: `pattern.count == lineCount`.
  public func expand(_ pattern: ActivationPattern) -> ActivationPattern {
    precondition(
      pattern.count == lineCount,
      "expand: pattern of \(pattern.count) rows, \(lineCount) lines")
    var bits = [UInt64](repeating: 0, count: (lineOfRow.count + 63) / 64)
    for r in lineOfRow.indices {
      let line = lineOfRow[r]
      let isActive = line < 0 || pattern[line] == (signOfRow[r] > 0)
      if isActive { bits[r >> 6] |= 1 << UInt64(r & 63) }
    }
    return ActivationPattern(bits: bits, count: lineOfRow.count)
  }

  /// The pattern over the lines in which no original row is active, zero rows aside.
  ///
  /// `nil` when some line carries rows of both signs, so that every filter activates some row. A
  /// neuron in this cell contributes nothing. The pattern need not belong to a cell: there may be
  /// no filter that has it.
  public var inactivePattern: ActivationPattern? {
    var signOfLine = [Int8](repeating: 0, count: lineCount)
    for (line, sign) in zip(lineOfRow, signOfRow) where line >= 0 {
      if signOfLine[line] == -sign { return nil }
      signOfLine[line] = sign
    }
    var bits = [UInt64](repeating: 0, count: (lineCount + 63) / 64)
    for line in 0..<lineCount where signOfLine[line] < 0 {
      bits[line >> 6] |= 1 << UInt64(line & 63)
    }
    return ActivationPattern(bits: bits, count: lineCount)
  }
}

/// Open-addressed table of the lines found so far.
private struct LineTable {
  private var slots: [Int32]
  private var hashes: [UInt64] = []
  private let columns: Int
  var elements: [Double] = []
  var multiplicity: [Int] = []

  init(rowCount: Int, columns: Int) {
    var capacity = 16
    while capacity < 2 * rowCount { capacity *= 2 }
    slots = [Int32](repeating: -1, count: capacity)
    self.columns = columns
  }

  /// The number of the line of a canonical row, entered when it is new.
  mutating func line(of row: UnsafePointer<Double>, first: Int, hash: UInt64) -> Int {
    let mask = slots.count - 1
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] >= 0 {
      let line = Int(slots[slot])
      if hashes[line] == hash, isSame(line, row, first: first) {
        multiplicity[line] += 1
        return line
      }
      slot = (slot + 1) & mask
    }
    slots[slot] = Int32(multiplicity.count)
    hashes.append(hash)
    multiplicity.append(1)
    elements.append(contentsOf: UnsafeBufferPointer(start: row, count: columns))
    return multiplicity.count - 1
  }

  private func isSame(_ line: Int, _ row: UnsafePointer<Double>, first: Int) -> Bool {
    elements.withUnsafeBufferPointer { elements in
      guard let base = elements.baseAddress else { return false }
      let known = base + line * columns
      // Equal hashes do not promise equal first nonzero coordinates.
      guard known[first] != 0, (0..<first).allSatisfy({ known[$0] == 0 }) else { return false }
      return CanonicalRow.spanSameLine(known, row, first: first, count: columns)
    }
  }
}
