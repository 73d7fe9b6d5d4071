public import Convolutions
public import Tensors

/// A two-layer convolutional network with a smooth activation and a linear pooling, whose output weights stay fixed.
///
/// `f(x)_t = sum_j sum_q V_j[q, t] sum_k P[q, k] phi(x_k . u_j)`.
public struct SmoothNetwork: Sendable, Equatable {
  /// How images are cut into patches.
  public let geometry: PatchGeometry
  /// How responses are pooled.
  public let pooling: Pooling
  /// What neurons do with responses.
  public let activation: SmoothActivation
  /// Filters `u_j`, `[m, h]`.
  public var filters: Matrix
  /// Output weights, `[m a, c]`: row `j a + q` belongs to neuron `j` and window `q`.
  public let outputWeights: Matrix

  /// A network with given weights.
  ///
  /// - Parameters:
  ///   - geometry: Patch geometry with patch dimension `h`.
  ///   - pooling: A linear pooling with `a` outputs per filter.
  ///   - activation: Activation of every neuron.
  ///   - filters: `[m, h]`.
  ///   - outputWeights: `[m a, c]`.
  /// - Throws: `GeometryError` when the windows do not fit, `ProgramError` for max pooling and when shapes do not agree.
  public init(
    geometry: PatchGeometry, pooling: Pooling, activation: SmoothActivation, filters: Matrix,
    outputWeights: Matrix
  ) throws {
    let map = try pooling.map(for: geometry)
    guard map.isLinear else {
      throw ProgramError(
        place: "pooling", expected: "average, sum or none", found: pooling.description,
        advice: "A maximum over positions has no second derivative; choose a linear pooling.")
    }
    guard filters.columns == geometry.patchDimension,
      outputWeights.rows == filters.rows * map.outputCount
    else {
      throw ProgramError(
        place: "smooth network",
        expected:
          "filters of \(geometry.patchDimension) entries and \(map.outputCount) rows of output "
          + "weights each",
        found:
          "[\(filters.rows), \(filters.columns)] and [\(outputWeights.rows), \(outputWeights.columns)]",
        advice: "Use the geometry and the pooling that the weights were made for.")
    }
    self.geometry = geometry
    self.pooling = pooling
    self.activation = activation
    self.filters = filters
    self.outputWeights = outputWeights
  }

  /// Number of neurons `m`.
  public var neuronCount: Int { filters.rows }
  /// Number of outputs `c`.
  public var outputCount: Int { outputWeights.columns }

  /// A random network whose predictions are zero: neurons in pairs of one filter and opposite output weights.
  ///
  /// Filters are standard normal, output weights are `+-1 / sqrt(m)`.
  ///
  /// - Parameters:
  ///   - geometry: Patch geometry.
  ///   - pooling: A linear pooling.
  ///   - activation: Activation of every neuron.
  ///   - width: Number of neurons `m`, positive and even.
  ///   - outputs: Number of outputs `c`.
  ///   - seed: Seed of signs and filters.
  /// - Returns: The network.
  /// - Throws: As `init`, and `ProgramError` when the width is odd or not positive.
  public static func pairedStart(
    geometry: PatchGeometry, pooling: Pooling, activation: SmoothActivation, width: Int,
    outputs: Int, seed: UInt64
  ) throws -> SmoothNetwork {
    let (m, c) = (width, outputs)
    guard m > 0, m % 2 == 0 else {
      throw ProgramError(
        place: "width", expected: "an even number >= 2", found: "\(m)",
        advice: "Neurons start in pairs whose predictions cancel.")
    }
    var generator = SeededGenerator(seed: seed)
    let (a, h) = (try pooling.map(for: geometry).outputCount, geometry.patchDimension)
    var filters = Matrix(rows: m, columns: h)
    var weights = Matrix(rows: m * a, columns: c)
    let size = 1 / Double(m).squareRoot()
    for pair in 0..<m / 2 {
      for e in 0..<h {
        let x = generator.normal()
        filters[2 * pair, e] = x
        filters[2 * pair + 1, e] = x
      }
      for q in 0..<a {
        for t in 0..<c {
          let x = generator.uniform() < 0.5 ? size : -size
          weights[2 * pair * a + q, t] = x
          weights[(2 * pair + 1) * a + q, t] = -x
        }
      }
    }
    return try SmoothNetwork(
      geometry: geometry, pooling: pooling, activation: activation, filters: filters,
      outputWeights: weights)
  }
}
