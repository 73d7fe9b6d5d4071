import Arrangements
import Tensors

/// Upper bounds on the dual norm of ReLU networks over all cells, by branch and bound.
///
/// The correlation is built here from the certifier's own patches and pooling. Filters of large norm
/// only say where to look; the bound comes from cones that cover the space (`ConeSearch`).
enum SearchedDualNorm {
  /// An upper bound on `max_{|u| <= 1} |Phi(u)' Lambda|_F`, with rounding margin.
  ///
  /// - Parameters:
  ///   - patches: Data.
  ///   - windows: Pooling of the responses.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  ///   - target: The search stops when the bound is at most this.
  ///   - hints: Filters that may have a large norm, `[m, h]`.
  ///   - effort: Limits.
  /// - Returns: The bound; infinite when limits came before all of the space was covered, or data overflow.
  static func upperBound(
    _ patches: PooledPatches, windows: PooledWindows, dual: Matrix, target: Double, hints: Matrix?,
    effort: BoundEffort
  ) -> Double {
    guard patches.patchDimension <= ConeSearch.largestDimension else { return .infinity }
    let terms =
      switch windows {
      case .linear(let weights): PatchTerms(patches: patches.rows, weights: weights)
      case .maximum(let windows):
        PatchTerms(
          patches: patches.rows, maximumOver: owners(of: windows, count: patches.patchesPerSample),
          windowCount: windows.count)
      }
    let request = PricingRequest(
      target: target, relativeTolerance: 1e-9, starts: hints, nodeLimit: effort.nodeLimit,
      seconds: effort.seconds, threads: patches.threads, isInterrupted: effort.isInterrupted)
    let bound = ConeSearch().price(terms.correlation(with: dual), request).upperBound
    return bound.isNaN ? .infinity : bound
  }

  /// The window of each position, which lies in exactly one.
  private static func owners(of windows: [[Int]], count: Int) -> [Int] {
    var result = [Int](repeating: 0, count: count)
    for (q, positions) in windows.enumerated() { for k in positions { result[k] = q } }
    return result
  }
}
