import Tensors

/// Ascent from given and from patch directions, without a bound: for filters with too many entries to cover all cells.
///
/// The norms are attained; the upper bound is infinite, so nothing can be claimed from what was not found.
///
/// - Complexity: About 50 evaluations of the correlation for each start.
public struct AscentPricing: PricingOracle {
  /// Number of rows of the terms, evenly spread, from which ascents start besides the given filters.
  public var rowCount: Int

  /// An oracle that ascends from so many rows, in both directions, besides the given starts.
  public init(rowCount: Int = 16) { self.rowCount = rowCount }

  /// Largest patch dimension: any.
  public var maximumDimension: Int { .max }

  /// Ascends from all starts, unless time or caller end it.
  ///
  /// - Parameters:
  ///   - correlation: The function to maximize.
  ///   - request: Starts and limits; a node is one ascent.
  /// - Returns: Local maxima, and an infinite upper bound unless the correlation vanishes.
  public func price(_ correlation: PooledCorrelation, _ request: PricingRequest) -> Pricing {
    guard correlation.mass.isFinite, correlation.mass > 0 else { return .trivial(correlation) }
    let (normalized, unit) = correlation.normalized()
    let request = request.divided(by: unit)
    let (clock, rows) = (ContinuousClock(), normalized.terms.rows)
    let start = clock.now
    var ascent = CorrelationAscent(normalized)
    var ending = Pricing.Ending.rounding
    var count = 0
    for begin in starts(request.starts, rows) {
      if ascent.largestNorm > request.sufficient { ending = .sufficient }
      if count >= request.nodeLimit { ending = .nodeLimit }
      if (clock.now - start) / .seconds(1) > request.seconds { ending = .timeLimit }
      if request.isInterrupted() { ending = .interrupted }
      guard ending == .rounding else { break }
      ascent.climb(from: begin)
      count += 1
    }
    let result = Pricing(
      filters: Matrix(
        rows: ascent.found.count, columns: normalized.patchDimension,
        elements: ascent.found.flatMap(\.filter)),
      norms: ascent.found.map(\.norm), upperBound: .infinity, nodeCount: count, ending: ending)
    return result.multiplied(by: unit)
  }

  private func starts(_ given: Matrix?, _ rows: Matrix) -> [[Double]] {
    var result = (0..<(given?.rows ?? 0)).compactMap { j in given.map { Array($0.row(j)) } }
    let count = min(rowCount, rows.rows)
    for s in 0..<count {
      let row = Array(rows.row(s * rows.rows / count))
      result += [row, row.map { -$0 }]
    }
    return result
  }
}
