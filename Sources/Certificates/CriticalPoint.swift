import ConvexPrograms
import Tensors

/// What kind of point a ReLU network is in the landscape of the objective in its weights, with the evidence.
///
/// The objective is `L + (lambda / 2) sum_j (|u_j|^2 + |W_j|_F^2)`, any linear pooling, any number of outputs, with or without
/// an output bias. A point is a strict isolated local minimum when it is stationary within the faces of its filters, the
/// Hessian there is positive definite (`CurvatureBounds`), and every hyperplane holds its filters strictly (`Kink`). Filters
/// within `kinkTolerance` of a hyperplane are taken to lie on it: the statements are about the network whose filters are moved
/// there, `projectionDistance` away.
///
/// The point need not be stationary exactly: where `existenceRadius` is not nil, an exact local minimum lies within it. Without
/// that radius nothing is certified.
///
/// - Source: Second-order conditions and radii: notes of this package, section 5; see `CurvatureBounds`, `Kink`.
public struct CriticalPoint: Sendable {
  /// Why a point is not certified to be a strict isolated local minimum.
  public enum Obstacle: Sendable, Equatable {
    /// The gradient within the faces is too large for an exact minimum to be proven nearby.
    case notStationary
    /// A neuron whose filter and output weights differ in norm, so that rescaling it lowers the objective.
    case unbalanced(neuron: Int)
    /// A neuron without filter or without output weights: the objective is not twice differentiable there.
    case zeroNeuron(Int)
    /// Outputs of neurons are linearly dependent up to rounding, as those of duplicated filters are.
    case dependentOutputs
    /// The loss does not see a common shift of the output biases of a softmax network, so no point is isolated.
    case freeOutputBias
    /// The Hessian has a direction of negative curvature, or none that is proven positive.
    case curvature
    /// A hyperplane does not hold the filter of a neuron strictly, or hyperplanes nearly coincide.
    case kink(neuron: Int)
    /// There are no weights to vary.
    case noWeights
  }

  /// Sines of angles between filter and hyperplane up to this count as zero, unless told otherwise.
  public static let kinkTolerance = 1e-7
  /// Most weights for which the whole Hessian is made, unless told otherwise.
  public static let denseWeightLimit = 1500
  /// Fractional activations have to be at least this far from 0 and 1, beside what the distance to the exact point asks for.
  public static let fractionTolerance = 1e-9

  /// Number of neurons.
  public let neuronCount: Int
  /// Hyperplanes on which filters lie.
  public let kinks: [Kink]
  /// Distance to the network whose filters lie on these exactly.
  public let projectionDistance: Double
  /// Norm of the gradient of the objective within the faces.
  public let slope: Double
  /// Largest norm of the gradient by the weights of a neuron over `lambda` times their norm; the output bias counts against
  /// the norm of all weights.
  public let relativeSlope: Double
  /// Largest difference of the norms of filter and output weights of a neuron, over their sum.
  public let imbalance: Double
  /// Curvature within the faces; nil without any neuron and bias.
  public let curvature: CurvatureBounds?
  /// Least distance of a filter to a hyperplane on which it does not lie.
  public let pieceRadius: Double
  /// Within this distance of an exact stationary point there is no other one in its faces.
  public let isolationRadius: Double?
  /// Within this distance the Hessian in the faces is at least half of the proven curvature.
  public let convexityRadius: Double?
  /// Within this distance there is an exact stationary point in the faces, the only one within `convexityRadius` and
  /// `pieceRadius`; nil where none is proven.
  public let existenceRadius: Double?
  /// The criterion by the size of the loss alone; nil for other losses than the squared.
  public let threshold: ResidualThreshold?
  /// The determinant identity, evaluated; nil where the determinants are too large.
  public let determinant: DeterminantIdentity?
  /// The network whose filters lie on their faces, without zero neurons.
  let moved: Network
  /// Why the point is not certified; empty for a strict isolated local minimum.
  public let obstacles: [Obstacle]

  /// Whether the network, or the exact point within `existenceRadius`, is certified to be a strict isolated local minimum.
  public var isStrictMinimum: Bool { obstacles.isEmpty }
}
