/// The numbers that responses are computed in.
public enum ConvolutionPrecision: String, Sendable, CaseIterable {
  /// `Double`; what training and certificates use.
  case double
  /// `Float`; about twice as fast, with errors of about 1e-7 of the largest response.
  case float
}
