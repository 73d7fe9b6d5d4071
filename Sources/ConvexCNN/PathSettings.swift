/// What `path` computes besides the solutions.
public struct PathSettings: Sendable, Equatable {
  /// Which samples decide among the strengths.
  public enum Selection: Sendable, Equatable {
    /// The held-out set.
    case heldOut
    /// Parts of the training set, each held out in turn.
    case crossValidation(folds: Int)
  }

  /// Which strength is taken.
  public enum Rule: String, Sendable, CaseIterable {
    /// The one of smallest validation loss.
    case minimum
    /// The largest whose validation loss is within one standard error of the smallest.
    case oneStandardError = "one-standard-error"
  }

  /// Number of strengths, at least 2.
  public var pointCount = 30
  /// Last strength over the first, above 0 and below 1.
  public var minimumRatio = 0.05
  /// Relative width to which breakpoints are located; nil to leave them out.
  public var breakpointTolerance: Double?
  /// Which samples decide; nil to select nothing.
  public var selection: Selection?
  /// Which strength is taken.
  public var rule = Rule.minimum

  /// Default settings.
  public init() {}
}
