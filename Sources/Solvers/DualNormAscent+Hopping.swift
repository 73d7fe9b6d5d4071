import ConvexPrograms
import Tensors

extension DualNormAscent {
  /// Random steps away from the maxima, and ascent from there.
  ///
  /// The dual norm has many local maxima close to each other, one step from cell to cell apart, and the largest lie
  /// beside other large ones: near an optimum random directions hardly ever reach them. Measured on CNN-38
  /// (`Benchmarks/RESULTS-peers.md`) at a network 0.4 % above the optimum: 500 random directions find `1.040 lambda`,
  /// hops as many from the maxima `1.085 lambda`.
  ///
  /// Steps of three lengths take turns, from the best maximum of every region. A second turn comes where the first found
  /// more than before.
  ///
  /// - Returns: The maxima found, with the best of the start among them.
  /// - Source: Basin hopping: Wales & Doye, *Global Optimization by Basin-Hopping*, J. Physical Chemistry A 1997, with
  ///   many regions at once.
  func hop(
    _ problem: TrainingProblem, _ dual: Matrix, _ start: Matrix, _ startNorms: [Double]
  ) -> (filters: Matrix, norms: [Double]) {
    var generator = SeededGenerator(seed: seed ^ 0x5851_F42D_4C95_7F2D)
    var (filters, norms) = (start, startNorms)
    for _ in 0..<Self.turns {
      let before = norms.max() ?? 0
      for length in Self.hopLengths {
        let regions = Self.distinct(filters, norms, limit: kept, cosine: Self.regionCosine).filters
        var moved = Matrix(rows: Self.hopsPerRegion * regions.rows, columns: filters.columns)
        for row in 0..<moved.rows {
          for e in 0..<moved.columns {
            moved[row, e] = regions[row / Self.hopsPerRegion, e] + length * generator.normal()
          }
        }
        var (found, foundNorms) = ascend(
          problem, dual, moved.withUnitRows, steps: max(4, steps / 4))
        (found, foundNorms) = Self.distinct(found, foundNorms, limit: kept)
        (found, foundNorms) = ascend(problem, dual, found, steps: steps)
        (filters, norms) = Self.distinct(
          Matrix(
            rows: filters.rows + found.rows, columns: filters.columns,
            elements: filters.elements + found.elements),
          norms + foundNorms, limit: 3 * kept)
      }
      guard let largest = norms.max(), largest > before * (1 + 1e-4) else { break }
    }
    return (filters, norms)
  }

  /// Turns through the lengths, at most.
  private static let turns = 2
  /// Standard deviations of a step in each entry of a unit filter.
  private static let hopLengths = [0.3, 0.1, 0.03]
  /// Steps from the best maximum of a region.
  private static let hopsPerRegion = 3
  /// Filters of larger cosine are in one region.
  static let regionCosine = 0.97
}
