public import Tensors

/// The hyperplanes `{u : x_r . u = 0}` orthogonal to the rows of a matrix.
///
/// Between them lie the cells: the sets of filters with one activation pattern.
public struct CentralArrangement: Sendable {
  /// The distinct lines of normals and the map back to the original rows.
  public let essential: EssentialRows
  /// Numerical rank of the normals.
  ///
  /// The number of singular values of the representatives, scaled to unit length, that exceed
  /// `max(lines, columns) * 2^-52` times the largest.
  public let rank: Int
  /// `1 / |x_r|` for every line.
  let inverseNorms: [Double]

  /// Number of coordinates of a filter.
  public var patchDimension: Int { essential.rows.columns }

  /// The arrangement of the hyperplanes orthogonal to the rows of a matrix.
  ///
  /// - Parameter normals: Matrix of shape `[rows, patchDimension]`, usually the stacked patches.
  /// - Throws: `ArrangementError` when the matrix is empty, has non-finite entries or only zero
  ///   rows.
  /// - Complexity: O(`rows * patchDimension + lines * patchDimension^2`).
  public init(normals: Matrix) throws {
    guard normals.rows > 0, normals.columns > 0 else {
      throw ArrangementError(kind: .empty(rows: normals.rows, columns: normals.columns))
    }
    if let index = normals.firstNonFiniteIndex {
      let (row, column) = index.quotientAndRemainder(dividingBy: normals.columns)
      throw ArrangementError(kind: .nonFinite(row: row, column: column))
    }
    essential = EssentialRows(normals)
    guard essential.lineCount > 0 else {
      throw ArrangementError(kind: .allRowsZero(rows: normals.rows))
    }
    let lines = essential.rows
    inverseNorms = (0..<lines.rows).map { 1 / BLAS.norm(Array(lines.row($0))) }
    do {
      rank = try Self.rank(of: lines, inverseNorms: inverseNorms)
    } catch {
      throw ArrangementError(kind: .rankNotFound(reason: "\(error)"))
    }
  }

  /// The pattern of a filter over the lines, in the order of `essential.rows`.
  ///
  /// - Parameter u: Filter of length `patchDimension`.
  /// - Returns: Pattern over `essential.lineCount` lines.
  /// - Precondition: `u.count == patchDimension`.
  public func pattern(of u: [Double]) -> ActivationPattern {
    ActivationPattern(of: u, rows: essential.rows)
  }

  /// Distance of a unit vector from the nearest hyperplane, `min_r |x_r . u| / |x_r|`.
  ///
  /// - Parameter u: Unit vector of length `patchDimension`.
  /// - Returns: The distance, at least 0.
  /// - Precondition: `u.count == patchDimension`.
  public func margin(of u: [Double]) -> Double {
    let products = BLAS.product(
      essential.rows, .plain, Matrix(rows: u.count, columns: 1, elements: u)
    ).elements
    return zip(products, inverseNorms).reduce(.infinity) { min($0, abs($1.0) * $1.1) }
  }

  /// Margin above which the computed signs of all products with a unit vector are certainly right.
  ///
  /// `(patchDimension + 2) 2^-52`, plus the rounding of data that stand for other rationals.
  public var certifiedMargin: Double {
    Double(patchDimension + 2) * 0x1p-52 + essential.representationError
  }

  /// Number of cells if the lines were in general position, an upper bound on the number of cells.
  ///
  /// `2 sum_{k < rank} C(lines - 1, k)`; `nil` when it exceeds `UInt64`.
  public var generalPositionCellCount: UInt64? {
    Self.generalPositionCellCount(lines: essential.lineCount, rank: rank)
  }

  /// The number `2 sum_{k < rank} C(lines - 1, k)` of cells of lines in general position.
  ///
  /// - Parameters:
  ///   - lines: Number of distinct lines of normals, at least 1.
  ///   - rank: Dimension the normals span, at least 1.
  /// - Returns: The exact number, or `nil` when it exceeds `UInt64`.
  /// - Precondition: `lines >= 1` and `rank >= 1`.
  /// - Source: Cover, *Geometrical and Statistical Properties of Systems of Linear Inequalities*,
  ///   IEEE Transactions on Electronic Computers 1965.
  public static func generalPositionCellCount(lines: Int, rank: Int) -> UInt64? {
    precondition(lines >= 1 && rank >= 1, "cell count: \(lines) lines of rank \(rank)")
    var sum: UInt64 = 0
    var binomial: UInt64 = 1
    for k in 0..<min(rank, lines) {
      let (next, overflows) = sum.addingReportingOverflow(binomial)
      guard !overflows else { return nil }
      sum = next
      let product = binomial.multipliedFullWidth(by: UInt64(lines - 1 - k))
      guard product.high < UInt64(k + 1) else {
        return k + 1 < min(rank, lines) ? nil : doubled(sum)
      }
      binomial = UInt64(k + 1).dividingFullWidth(product).quotient
    }
    return doubled(sum)
  }

  private static func doubled(_ number: UInt64) -> UInt64? {
    let (product, overflows) = number.multipliedReportingOverflow(by: 2)
    return overflows ? nil : product
  }

  /// Numerical rank of rows scaled to unit length.
  ///
  /// Rows enter in blocks; after each block the rows so far are replaced by `diag(s) V'`, which has
  /// the same singular values, so that memory stays bounded and no condition number is squared.
  private static func rank(of lines: Matrix, inverseNorms: [Double]) throws -> Int {
    let (blockLength, h) = (max(1024, lines.columns), lines.columns)
    var values: [Double] = []
    var summary: [Double] = []
    for start in stride(from: 0, to: lines.rows, by: blockLength) {
      var stacked = summary
      for r in start..<min(start + blockLength, lines.rows) {
        for x in lines.row(r) { stacked.append(x * inverseNorms[r]) }
      }
      let parts = try LAPACK.singularValues(
        Matrix(rows: stacked.count / h, columns: h, elements: stacked))
      values = parts.values
      summary = parts.vt.elements
      for i in values.indices { for j in 0..<h { summary[i * h + j] *= values[i] } }
    }
    let threshold = Double(max(lines.rows, h)) * 0x1p-52 * (values.first ?? 0)
    return values.count { $0 > threshold }
  }
}
