/// One open full-dimensional region between the hyperplanes of an arrangement, with a point inside.
public struct Cell: Sendable, Equatable {
  /// Which lines the cell is on the active side of, in the order of `EssentialRows.rows`.
  ///
  /// `EssentialRows.expand` gives the pattern over all original rows.
  public let pattern: ActivationPattern
  /// A unit vector strictly inside the cell, of length `patchDimension`.
  public let witness: [Double]
  /// Distance of the witness from the nearest hyperplane, positive.
  ///
  /// `min_r |x_r . u| / |x_r|` over the essential rows.
  public let margin: Double

  /// A cell with its pattern over the lines, a unit witness and the witness's margin.
  public init(pattern: ActivationPattern, witness: [Double], margin: Double) {
    self.pattern = pattern
    self.witness = witness
    self.margin = margin
  }
}

/// A list of cells that knows whether it is complete.
///
/// Laws: patterns are distinct; every witness has its cell's pattern with a positive margin;
/// `isExhaustive` is true only when it is proven that no cell is missing, other than one in which
/// no row is active (`CellSamplingTests`).
public protocol CellSource: Sendable {
  /// The cells, without repeats.
  var cells: [Cell] { get }
  /// Whether the cells are proven to be all the cells of the arrangement in which some row is
  /// active.
  var isExhaustive: Bool { get }
}

/// Cells found by sampling.
public struct CellSample: CellSource, Equatable {
  /// The cells, in the order in which they were found.
  public let cells: [Cell]
  /// Number of directions, gates or cells drawn.
  public let attempts: Int
  /// Whether the cells are proven to be all.
  ///
  /// True only when as many cells were found as any arrangement of so many lines in so many
  /// dimensions can have.
  public let isExhaustive: Bool
  /// How much of the arrangement the directions have seen, those too close to a hyperplane left out.
  ///
  /// `nil` for gates made from data, which are no independent draws. A sample that is complete ends
  /// with a new cell, so `coveredProbability` is low by up to `1 / drawCount`.
  public let coverage: SamplingCoverage?
}
