/// What a neuron does with its filter responses before pooling.
public enum Activation: String, Sendable, CaseIterable {
  /// `max(x . u, 0)`.
  case relu
  /// `1[x . g >= 0] (x . u)` with a gate `g` that is fixed before training.
  case gated
  /// `x . u`.
  case linear
}
