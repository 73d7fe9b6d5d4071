/// Slow twin of the facets of a cell: the bits whose flip gives another cell.
///
/// For rows on different lines the patterns of two cells differ in one bit exactly when the cells
/// share a facet on that row.
package enum FacetTwin {
  /// The facets of every cell of a full list.
  ///
  /// - Parameters:
  ///   - cells: All cells of an arrangement of rows on different lines.
  ///   - rowCount: Number of rows.
  ///   - flip: A cell's pattern with the bit of a row flipped.
  /// - Returns: For every cell the rows that bound it, ascending.
  package static func facets<Cell: Hashable>(
    of cells: Set<Cell>, rowCount: Int, flip: (Cell, Int) -> Cell
  ) -> [Cell: [Int]] {
    var result: [Cell: [Int]] = [:]
    for cell in cells {
      result[cell] = (0..<rowCount).filter { cells.contains(flip(cell, $0)) }
    }
    return result
  }
}
