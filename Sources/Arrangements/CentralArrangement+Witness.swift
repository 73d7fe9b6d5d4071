extension CentralArrangement {
  /// The cell of a pattern, with its deepest point as witness where floating point can prove it.
  ///
  /// The witness is the unit vector farthest from all hyperplanes of the cell: the direction of the
  /// point of least norm in the convex hull of the unit normals `+-x_r / |x_r|` that point inwards.
  /// In a cell too thin for that to be proven in floating point it is another vector near an exact
  /// point inside, whose signs are computed exactly. `CellGeometry` does the same for many cells.
  ///
  /// - Parameter pattern: Pattern over the lines.
  /// - Returns: The cell; `nil` when no cell has the pattern, or when no floating-point vector inside
  ///   was found.
  /// - Precondition: `pattern.count == essential.lineCount`.
  /// - Complexity: O(`lines * patchDimension`) per iteration, usually a few iterations per dimension.
  /// - Accuracy: Every sign is proven; `WitnessTests`, `ThinCellTests`.
  /// - Source: Wolfe, *Finding the nearest point in a polytope*, Mathematical Programming 1976.
  public func cell(of pattern: ActivationPattern) -> Cell? { CellGeometry(self).cell(of: pattern) }
}
