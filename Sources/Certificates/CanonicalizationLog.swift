/// One kind of change that brought a network to its normal form.
public struct CanonicalizationStep: Sendable, Equatable, Codable {
  /// Which change.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// Neurons without filter or without output weights went.
    case drop
    /// Filters were brought to unit length; their norms moved to the output weights.
    case normalize
    /// Filters of a constant response became part of the linear part, or of the output bias.
    case constant
    /// Filters turned around: `relu(z) = relu(-z) + z`, and `z` went to the linear part.
    case flip
    /// Filters moved along their orbit under cyclic shifts.
    case shift
    /// Neurons of one direction became one.
    case merge
    /// Neurons whose output weights canceled went.
    case cancel
    /// The linear part was replaced by the smallest one that is the same function.
    case project
    /// Norms of filters and output weights were made equal.
    case balance
    /// The linear part became neurons.
    case export
    /// A step that this kind of network does not allow.
    case refused
  }

  /// Which change.
  public let kind: Kind
  /// Number of neurons it concerned.
  public let count: Int
  /// What happened, in words.
  public let text: String
  /// What it changed of the function, as a multiple of `CanonicalForm.inputSize`; 0 where only rounding did.
  public let error: Double

  /// A step with all its parts.
  public init(_ kind: Kind, count: Int, text: String, error: Double = 0) {
    self.kind = kind
    self.count = count
    self.text = text
    self.error = error
  }
}
