public import ConvexPrograms
import Convolutions
public import Tensors

/// Gradient descent on the filters of a smooth network, for `(1/2) |f - y|^2` summed over samples and outputs.
///
/// Output weights stay as they are.
///
/// - Complexity: O(`n K m h`) for each step.
public struct SmoothDescent: Sendable {
  /// The network so far.
  public private(set) var network: SmoothNetwork
  /// Number of steps so far.
  public private(set) var steps = 0
  /// Norm of `f - y` at the network.
  public private(set) var residualNorm: Double
  private let patches: Matrix
  private let pooling: Matrix
  private let targets: Matrix
  private let start: Matrix
  private var residual: Matrix
  private var responses: Matrix

  /// A descent from a network.
  ///
  /// - Parameters:
  ///   - network: Where it starts.
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - targets: `[n, c]`.
  /// - Throws: `GeometryError` when the images do not fit, `ProgramError` when there are not as many targets.
  public init(from network: SmoothNetwork, images: Tensor, targets: Matrix) throws {
    guard targets.rows == images.shape.first, targets.columns == network.outputCount else {
      throw ProgramError(
        place: "targets", expected: "[\(images.shape.first ?? 0), \(network.outputCount)]",
        found: "[\(targets.rows), \(targets.columns)]", advice: "Give a target for every image.")
    }
    patches = try PatchSet(images: images, geometry: network.geometry).patches
    pooling = try network.pooling.map(for: network.geometry).matrix
    (self.network, self.targets, start) = (network, targets, network.filters)
    (residual, responses, residualNorm) = (targets, targets, 0)
    measure()
  }

  /// Distance of the filters to where the descent started.
  public var distance: Double {
    var difference = network.filters.elements
    BLAS.add(-1, start.elements, to: &difference)
    return BLAS.norm(difference)
  }

  /// Mean loss `(1 / (2 n)) |f - y|^2`.
  public var loss: Double { 0.5 * residualNorm * residualNorm / Double(max(targets.rows, 1)) }

  /// One step of a size against the gradient of `(1/2) |f - y|^2`.
  public mutating func step(_ size: Double) {
    let (m, a, count) = (network.neuronCount, pooling.rows, pooling.columns)
    // What the loss gains for each unit of a pooled response, [n, m a], then of a response, [n K, m].
    let pooled = BLAS.product(residual, .plain, network.outputWeights, .transposed)
    var slopes = responses
    for i in 0..<targets.rows {
      for k in 0..<count {
        let row = i * count + k
        for j in 0..<m {
          var sum = 0.0
          for q in 0..<a { sum += pooling[q, k] * pooled[i, j * a + q] }
          slopes[row, j] = sum * network.activation.derivative(responses[row, j])
        }
      }
    }
    let gradient = BLAS.product(slopes, .transposed, patches, .plain)
    BLAS.add(-size, gradient.elements, to: &network.filters.elements)
    steps += 1
    measure()
  }

  private mutating func measure() {
    let (m, a, count) = (network.neuronCount, pooling.rows, pooling.columns)
    responses = BLAS.product(patches, .plain, network.filters, .transposed)
    var features = Matrix(rows: targets.rows, columns: m * a)
    for i in 0..<targets.rows {
      for k in 0..<count {
        for j in 0..<m {
          let value = network.activation.value(responses[i * count + k, j])
          for q in 0..<a { features[i, j * a + q] += pooling[q, k] * value }
        }
      }
    }
    residual = BLAS.product(features, .plain, network.outputWeights)
    BLAS.add(-1, targets.elements, to: &residual.elements)
    residualNorm = BLAS.norm(residual.elements)
  }
}
