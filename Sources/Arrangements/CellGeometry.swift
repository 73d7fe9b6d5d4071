import Tensors

/// A cell on the other side of a facet.
public struct CellNeighbor: Sendable, Hashable {
  /// The line between the cells.
  public let facet: Int
  /// The other cell's pattern over the lines: the bit of `facet` is flipped.
  public let pattern: ActivationPattern
}

/// Facets, neighbors and witnesses of the cells of one arrangement, one cell after another.
///
/// Holds the memory that all cells share, so that a cell costs no set-up. A value is used from one
/// thread; others `init(sharing:)` the arrangement's numbers with it. Any rank is allowed.
///
/// - Accuracy: Exact. Floating point proves what it can: a facet by a point that is on the wrong side
///   of that row alone, a row that is none as a combination of facets with coefficients at least
///   zero. What is open after that is decided in integers (`CellGeometryTests`).
public final class CellGeometry {
  /// The arrangement.
  public let arrangement: CentralArrangement
  /// Number of cells so far that floating point did not decide.
  public private(set) var exactCellCount = 0
  private lazy var plan = FacetPlan(rows ?? ExactRows(arrangement.essential))
  private lazy var search = FacetSearch(plan)
  private lazy var deepest = DeepestPoint(
    rows: arrangement.essential.rows.elements, inverseNorms: arrangement.inverseNorms,
    dimension: arrangement.patchDimension)
  private let rows: ExactRows?

  /// Prepares for the cells of an arrangement.
  ///
  /// - Complexity: O(1); the first question costs O(`lines * patchDimension^2`) more than others.
  public convenience init(_ arrangement: CentralArrangement) { self.init(arrangement, nil) }

  /// Prepares for the cells of an arrangement that are being enumerated.
  public convenience init(_ enumeration: CellEnumeration) {
    self.init(enumeration.arrangement, enumeration.plan.rows)
  }

  /// Prepares for cells of the same arrangement on another thread.
  public convenience init(sharing other: CellGeometry) {
    self.init(other.arrangement, other.plan)
  }

  /// Prepares for cells with numbers that are known already.
  convenience init(_ arrangement: CentralArrangement, _ plan: FacetPlan) {
    self.init(arrangement, plan.rows)
    self.plan = plan
  }

  private init(_ arrangement: CentralArrangement, _ rows: ExactRows?) {
    (self.arrangement, self.rows) = (arrangement, rows)
  }

  private func check(_ pattern: ActivationPattern) {
    precondition(
      pattern.count == arrangement.essential.lineCount,
      "CellGeometry: pattern of \(pattern.count) lines, \(arrangement.essential.lineCount) lines")
  }

  /// The lines whose hyperplanes bound a cell.
  ///
  /// A line is a facet when some point of its hyperplane is strictly on the cell's side of all
  /// others; equivalently, when the pattern with its bit flipped is another cell's.
  ///
  /// - Parameter pattern: Pattern over the lines.
  /// - Returns: The facets, ascending, at least `rank` of them; `nil` when no cell has the pattern.
  /// - Precondition: `pattern.count == arrangement.essential.lineCount`.
  /// - Complexity: About O(`lines * rank`) per facet; `Benchmarks/RESULTS-cells.md` has times.
  public func facets(of pattern: ActivationPattern) -> [Int]? {
    check(pattern)
    let found = pattern.bits.withUnsafeBufferPointer { bits in
      bits.baseAddress.flatMap { search.facets(of: $0) }
    }
    if let found { return found }
    exactCellCount += 1
    return exactCell(pattern)?.facets
  }

  /// The cells that share a facet with a cell.
  ///
  /// - Parameter pattern: Pattern over the lines.
  /// - Returns: One neighbor for every facet, by ascending facet; `nil` when no cell has the pattern.
  /// - Precondition: `pattern.count == arrangement.essential.lineCount`.
  public func neighbors(of pattern: ActivationPattern) -> [CellNeighbor]? {
    facets(of: pattern)?.map { facet in
      var bits = pattern.bits
      bits[facet >> 6] ^= 1 << UInt64(facet & 63)
      return CellNeighbor(
        facet: facet, pattern: ActivationPattern(bits: bits, count: pattern.count))
    }
  }

  /// The cell of a pattern with a witness whose pattern and margin are proven.
  ///
  /// First the deepest point of the cell, by floating-point bounds; then the same point with exact
  /// products; then floating-point numbers near an exact point inside, again with exact products.
  ///
  /// - Parameter pattern: Pattern over the lines.
  /// - Returns: The cell; `nil` when no cell has the pattern, or when it is so thin that none of the
  ///   vectors tried is inside. `integerWitness(of:)` tells the two apart.
  /// - Precondition: `pattern.count == arrangement.essential.lineCount`.
  /// - Accuracy: The witness has length 1 up to `2^-40`; the margin is a lower bound where it is
  ///   below `certifiedMargin`, and right to a few units of `2^-52` elsewhere.
  public func cell(of pattern: ActivationPattern) -> Cell? {
    check(pattern)
    let margin = pattern.bits.withUnsafeBufferPointer { bits in
      bits.baseAddress.map { deepest.solve($0) } ?? 0
    }
    let point = (0..<arrangement.patchDimension).map { deepest.point[$0] }
    if margin > arrangement.certifiedMargin {
      return Cell(pattern: pattern, witness: point, margin: margin)
    }
    exactCellCount += 1
    if point.allSatisfy(\.isFinite), let proven = arrangement.provenMargin(of: point, pattern) {
      return Cell(pattern: pattern, witness: point, margin: proven)
    }
    guard let interior = interior(of: pattern) else { return nil }
    return roundedCell(pattern, interior)
  }

  /// A point inside the cell of a pattern, exactly.
  ///
  /// - Parameter pattern: Pattern over the lines.
  /// - Returns: A sum of extreme rays of the cell in integers; `nil` when no cell has the pattern.
  /// - Precondition: `pattern.count == arrangement.essential.lineCount`.
  public func integerWitness(of pattern: ActivationPattern) -> IntegerWitness? {
    check(pattern)
    guard let interior = interior(of: pattern) else { return nil }
    return IntegerWitness(coordinates: ExactVector(interior).integers)
  }

  private func exactCell(_ pattern: ActivationPattern) -> ExactCell? {
    let order = pattern.bits.withUnsafeBufferPointer { bits in
      bits.baseAddress.map { search.linesByDistance($0) } ?? []
    }
    return ExactCell(plan.rows, pattern, order: order)
  }

  /// An exact point inside in the coordinates of the original rows.
  private func interior(of pattern: ActivationPattern) -> [ScaledInteger]? {
    let rows = plan.rows
    guard let cell = exactCell(pattern) else { return nil }
    var point = [ScaledInteger](
      repeating: ScaledInteger(integer: .zero, exponent: 0), count: arrangement.patchDimension)
    for (k, column) in rows.columns.enumerated() {
      point[column] = ScaledInteger(integer: cell.interior[k], exponent: -rows.columnShifts[k])
    }
    return point
  }

  /// A floating-point vector near an exact point, if one is inside.
  private func roundedCell(_ pattern: ActivationPattern, _ point: [ScaledInteger]) -> Cell? {
    let top =
      point.filter { $0.integer.sign != 0 }
      .map { $0.exponent + $0.integer.bitCount }.max() ?? 0
    let values = point.map { $0.rounded(dividedByPowerOfTwo: top) }
    let norm = BLAS.norm(values)
    guard norm.isNormal else { return nil }
    // Slightly different lengths round differently; in a thin cell some of them stay inside.
    for attempt in 0..<64 {
      let factor = (1 + Double(attempt) * 0x1p-47) / norm
      let witness = values.map { $0 * factor }
      if let margin = arrangement.provenMargin(of: witness, pattern) {
        return Cell(pattern: pattern, witness: witness, margin: margin)
      }
    }
    return nil
  }
}
