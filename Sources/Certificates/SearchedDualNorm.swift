import Arrangements
import Tensors

/// Upper bounds on the dual norm of ReLU networks over all cells, by sweeps or by branch and bound.
///
/// The correlation is built here from the certifier's own patches and pooling. Filters of large norm
/// only say where to look; the bound comes from all faces of the arrangement (`AngularSweep`) or from
/// cones that cover the space (`ConeSearch`).
enum SearchedDualNorm {
  /// An upper bound on `max_{|u| <= 1} |Phi(u)' Lambda|_F`, with rounding margin, and its kind.
  ///
  /// - Parameters:
  ///   - patches: Data.
  ///   - windows: Pooling of the responses.
  ///   - dual: Dual point `Lambda`, `[n, c]`.
  ///   - target: A branch and bound stops when the bound is at most this.
  ///   - hints: Filters that may have a large norm, `[m, h]`.
  ///   - effort: Method and limits.
  /// - Returns: The bound; nil when limits came before all of the space was covered, or data overflow.
  /// - Throws: `CertificateError` when the exact norm is asked for and filters have too many entries.
  static func upperBound(
    _ patches: PooledPatches, windows: PooledWindows, dual: Matrix, target: Double, hints: Matrix?,
    effort: BoundEffort
  ) throws -> DualNormBound? {
    let h = patches.patchDimension
    guard effort.method == .exact || h <= ConeSearch.largestDimension else { return nil }
    let correlation = correlation(patches, windows: windows, dual: dual)
    guard effort.method != .exact || AngularSweep.supports(correlation) else {
      throw CertificateError(
        place: "exact bound",
        expected: "filters of at most 3 entries, or 2 with max pooling", found: "\(h) entries",
        advice: "Ask for the automatic bound, or for branch and bound.")
    }
    // A sweep that ended because the mass is small enough would not know the norm.
    let sweeps =
      effort.method == .exact || (effort.method == .automatic && SweepOrSearch.sweeps(correlation))
    let request = PricingRequest(
      target: sweeps ? 0 : target, relativeTolerance: 1e-9, starts: hints,
      nodeLimit: effort.nodeLimit,
      seconds: effort.seconds, threads: patches.threads, isInterrupted: effort.isInterrupted)
    var search = ConeSearch()
    search.team = effort.team
    let pricing =
      sweeps
      ? AngularSweep().price(correlation, request) : search.price(correlation, request)
    // A sweep that was not finished knows no more than the mass.
    guard pricing.upperBound.isFinite, !sweeps || pricing.isExact else { return nil }
    return DualNormBound(
      norm: pricing.upperBound, kind: sweeps ? .exact : .branch, nodeCount: pricing.nodeCount)
  }

  /// The function whose largest norm over unit filters is the dual norm.
  static func correlation(
    _ patches: PooledPatches, windows: PooledWindows, dual: Matrix
  ) -> PooledCorrelation {
    let terms =
      switch windows {
      case .linear(let weights): PatchTerms(patches: patches.rows, weights: weights)
      case .maximum(let windows):
        PatchTerms(
          patches: patches.rows, maximumOver: owners(of: windows, count: patches.patchesPerSample),
          windowCount: windows.count)
      }
    return terms.correlation(with: dual)
  }

  /// The window of each position, which lies in exactly one.
  private static func owners(of windows: [[Int]], count: Int) -> [Int] {
    var result = [Int](repeating: 0, count: count)
    for (q, positions) in windows.enumerated() { for k in positions { result[k] = q } }
    return result
  }
}
