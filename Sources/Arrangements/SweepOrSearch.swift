package import Tensors

/// Prices by the exact sweep where that pays, and by branch and bound otherwise.
///
/// Filters of up to two entries are swept always: O(`N log N`) is less than any search. Three entries
/// cost O(`N^2 log N`) and are swept for up to `largestRowCount` rows, where both take the same time:
/// 4 and 6 ms for 64 rows, 970 and 71 ms for 1,024 (one output, search to `1e-9`, one busy thread).
public struct SweepOrSearch: PricingOracle {
  /// Most distinct rows of three entries that are swept.
  public static let largestRowCount = 64

  /// The ranks that search together; nil for this process alone.
  ///
  /// Results do not depend on it.
  package var team: RankTeam?

  /// Creates the oracle.
  public init() {}

  /// Largest patch dimension, that of branch and bound.
  public var maximumDimension: Int { ConeSearch.largestDimension }

  /// Whether a correlation is swept.
  public static func sweeps(_ correlation: PooledCorrelation) -> Bool {
    guard AngularSweep.supports(correlation) else { return false }
    return correlation.patchDimension <= 2 || correlation.terms.rows.rows <= largestRowCount
  }

  /// Prices a correlation; `Pricing.isExact` says whether a sweep went through all faces.
  ///
  /// - Parameters:
  ///   - correlation: The function to maximize.
  ///   - request: Targets and limits.
  /// - Returns: Local maxima and the bound over all filters.
  /// - Precondition: `correlation.patchDimension <= maximumDimension`.
  public func price(_ correlation: PooledCorrelation, _ request: PricingRequest) -> Pricing {
    if Self.sweeps(correlation) { return AngularSweep().price(correlation, request) }
    var search = ConeSearch()
    search.team = team
    return search.price(correlation, request)
  }
}
