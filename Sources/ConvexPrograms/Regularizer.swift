public import Tensors

/// A norm that is a sum over blocks of consecutive rows of the weights.
///
/// Weights `V` of shape `[d, c]` fall into blocks of `d / blockCount` rows; `R(V) = sum_b r(V_b)`.
///
/// Laws, checked for every conformer by `RegularizerIdentityTests`:
/// - Moreau: `V = prox_t(V) + projection of V on the dual ball of radius t`.
/// - Duality: `<V, G> <= R(V) * dualNorm(G)`, with equality for the pairs that `prox` returns.
/// - `prox(V, t) == 0` exactly when `dualNorm(V) <= t`.
public protocol Regularizer: Sendable {
  /// Number of blocks.
  var blockCount: Int { get }
  /// Value `R(V)`.
  func value(_ weights: Matrix) -> Double
  /// Dual norm of each block; the dual norm is their maximum.
  func blockDualNorms(_ gradient: Matrix) -> [Double]
  /// The minimizer of `t R(U) + (1/2) |U - V|^2` over `U`, put in place of `V`.
  ///
  /// - Returns: `R` of the result.
  func prox(_ weights: inout Matrix, step: Double) -> Double
}

extension Regularizer {
  /// The dual norm `max_b r°(G_b)`; not a number where one of the blocks has none.
  public func dualNorm(_ gradient: Matrix) -> Double {
    // `max()` of a sequence drops what is not a number.
    blockDualNorms(gradient).reduce(0) { $0.isNaN || $1 <= $0 ? $0 : $1 }
  }
}

/// The sum of Euclidean (Frobenius) norms of blocks: the group lasso.
public struct GroupNorm: Regularizer {
  /// Number of blocks.
  public let blockCount: Int

  /// A group norm over equally large blocks of rows.
  public init(blockCount: Int) { self.blockCount = blockCount }

  /// `sum_b |V_b|_F`.
  public func value(_ weights: Matrix) -> Double { blockDualNorms(weights).reduce(0, +) }

  /// `|G_b|_F` for each block; the Frobenius norm is its own dual.
  public func blockDualNorms(_ gradient: Matrix) -> [Double] {
    guard blockCount > 0 else { return [] }
    let size = gradient.elements.count / blockCount
    return gradient.elements.withUnsafeBufferPointer { g in
      guard let g = g.baseAddress else { return [Double](repeating: 0, count: blockCount) }
      return (0..<blockCount).map { BLAS.dot(size, g + $0 * size, g + $0 * size).squareRoot() }
    }
  }

  /// Each block shortened by the step, to zero at least.
  public func prox(_ weights: inout Matrix, step: Double) -> Double {
    let norms = blockDualNorms(weights)
    guard blockCount > 0 else { return 0 }
    let size = weights.elements.count / blockCount
    var sum = 0.0
    weights.elements.withUnsafeMutableBufferPointer { v in
      for (b, norm) in norms.enumerated() {
        let factor = norm > step ? 1 - step / norm : 0
        sum += factor * norm
        for e in b * size..<(b + 1) * size { v[e] *= factor }
      }
    }
    return sum
  }
}
