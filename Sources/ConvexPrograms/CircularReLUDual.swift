public import Tensors

/// What proves a lower bound of a `CircularReLUProgram`: a dual point, and multipliers of the cones of every block.
///
/// For `g` and `mu_b >= 0` with `|s_b X' D_b g - X' (2 D_b - I) mu_b|_dual <= lambda` in every block, where the dual norm is
/// `max_f |F .|` with the plain transform, every point of the program has an objective of at least `-L*(g)`:
///
///     <g, A v> = sum_b <s_b X' D_b g - X' (2 D_b - I) mu_b, v_b> + sum_b mu_b' (2 D_b - I) X v_b >= -lambda sum_b |v_b| .
public struct CircularReLUDual: Sendable, Equatable {
  /// The dual point `g`, length `n`.
  public var point: [Double]
  /// Signs of the samples in each block, `[blocks, n]`; 0 for samples that are zero.
  public var signs: Matrix
  /// Sign `s_b` of the output weight of each block.
  public var outputSigns: [Double]
  /// Multipliers `mu_b`, `[blocks, n]`, not negative.
  public var multipliers: Matrix

  /// Evidence with all its parts.
  public init(point: [Double], signs: Matrix, outputSigns: [Double], multipliers: Matrix) {
    self.point = point
    self.signs = signs
    self.outputSigns = outputSigns
    self.multipliers = multipliers
  }
}
