package import Tensors

/// How hard a verifier works on the dual norm of ReLU networks.
///
/// Filters of up to two entries are bounded by the exact dual norm. For others the bound without search
/// comes first. Where it misses the target, a sweep where it pays, or branch and bound over all cells,
/// goes on until the target gap is proven or a limit is reached; its bound holds at any time, and the
/// lesser of both counts.
public struct BoundEffort: Sendable {
  /// Which bounds may be used.
  public enum Method: String, Sendable, CaseIterable {
    /// Exactly where a sweep pays (`SweepOrSearch`), else without search, then by moments for large filters and by branch
    /// and bound, where that helps.
    case automatic = "auto"
    /// The dual norm itself, by an angular sweep; up to three entries, two with max pooling.
    case exact
    /// Without search.
    case spectral
    /// By semidefinite programs of moments, without search.
    case sdp
    /// By branch and bound.
    case branch
  }

  /// Which bounds may be used.
  public var method: Method
  /// Most cones looked at; this limit gives the same bound on every machine.
  public var nodeLimit: Int
  /// Most seconds of search.
  public var seconds: Double
  /// Asked during the search; true ends it with the bound reached.
  public var isInterrupted: @Sendable () -> Bool

  /// The ranks that search together; nil for this process alone.
  ///
  /// Bounds do not depend on it.
  package var team: RankTeam?

  /// An effort with given limits.
  public init(
    method: Method = .automatic, nodeLimit: Int = .max, seconds: Double = .infinity,
    isInterrupted: @escaping @Sendable () -> Bool = { false }
  ) {
    self.method = method
    self.nodeLimit = nodeLimit
    self.seconds = seconds
    self.isInterrupted = isInterrupted
  }

  /// Only bounds that need no search.
  public static let withoutSearch = BoundEffort(method: .spectral)
}
