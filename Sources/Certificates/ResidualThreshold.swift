import ConvexPrograms
import Tensors

/// The criterion for strong convexity that looks at the size of the loss alone, for the squared loss.
///
/// Without the curvature of the loss, `lambda - max_j s_1 >= lambda - sqrt(2 loss) X` bounds the Hessian on a piece, with
/// `X^2 = (1/n) sum_i (sum_k |P_k| |x_ik|)^2`. So a loss below `lambda^2 / (2 X^2)` would prove strong convexity. It fails at
/// every stationary network with a neuron: networks without hidden biases are radially smooth, and at a stationary neuron
/// `s_1 >= lambda`, so the bound is at most 0 there. What proves minima is `CurvatureBounds`.
///
/// - Source: Milne, *Piecewise strong convexity of neural networks*, NeurIPS 2019. Its constant is four times as strict, as
///   recalled; the sharper one here is derived for one hidden layer.
public struct ResidualThreshold: Sendable, Equatable {
  /// Mean loss of the network.
  public let loss: Double
  /// `lambda^2 / (2 X^2)`.
  public let limit: Double
  /// `lambda^2 / (8 X^2)`, with the constant of the paper as recalled, not derived anew.
  public let paperLimit: Double

  /// Whether the loss is below the limit.
  public var isMet: Bool { loss < limit }

  /// Why it fails at stationary networks.
  public static let reason =
    "along its own ray the Hessian without the loss's curvature is at most 0 at every stationary neuron"
}

extension ResidualThreshold {
  /// The threshold of a network; nil for other losses than the squared.
  init?(_ system: SensitivitySystem) {
    guard system.loss is SquaredLoss else { return nil }
    let count = system.patches.patchesPerSample
    let sizes = (0..<count).map { k in
      BLAS.norm((0..<system.windows).map { system.weights[$0, k] })
    }
    var square = 0.0
    for i in 0..<system.patches.sampleCount {
      let sum = (0..<count).reduce(0.0) {
        $0 + sizes[$1] * BLAS.norm(Array(system.patches.rows.row(i * count + $1)))
      }
      square += sum * sum / Double(system.patches.sampleCount)
    }
    loss = system.loss.value(at: system.predictions)
    limit = square > 0 ? system.lambda * system.lambda / (2 * square) : .infinity
    paperLimit = 0.25 * limit
  }
}
