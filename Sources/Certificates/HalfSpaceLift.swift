public import ConvexPrograms
import Convolutions
public import Tensors

/// A dense network with biases as one without, in the stable space of two more inputs.
///
/// `relu(a . x + b) = relu((a, b + beta, beta) . (x, 1, -1))` for every `beta`; with `beta > max(0, -b)` the two new entries
/// are positive, so that all filters lie in one half-space. The output bias `e` becomes the neuron
/// `e relu((0, ..., 0, 2, 1) . (x, 1, -1)) = e`. Merged and balanced, the network is in the stable space, so that its
/// parameters are determined by its function on all of the larger space, up to inverse stability. On the images `(x, 1, -1)`
/// alone they are not: another `beta` gives another network with the same values there.
///
/// - Accuracy: Values agree to 1e-13 (`InverseStabilityTests`).
/// - Source: Berner, Elbraechter & Grohs, NeurIPS 2019, who show that nothing is lost by the restricted space.
public struct HalfSpaceLift: Sendable {
  /// The network on `d + 2` inputs, without biases.
  public let network: Network

  /// The lift of `sum_j c_j relu(a_j . x + b_j) + e`.
  ///
  /// - Parameters:
  ///   - filters: `a_j`, `[m, d]`.
  ///   - biases: `b_j`, of length `m`.
  ///   - outputWeights: `c_j`, `[m, D]`.
  ///   - outputBias: `e`, of length `D`.
  ///   - margin: How far every `beta_j` is above `max(0, -b_j)`, positive.
  /// - Throws: `GeometryError` or `ProgramError` when the shapes do not agree.
  /// - Precondition: The margin is positive.
  public init(
    filters: Matrix, biases: [Double], outputWeights: Matrix, outputBias: [Double],
    margin: Double = 1
  ) throws {
    precondition(margin > 0, "HalfSpaceLift: expected a positive margin, found \(margin)")
    precondition(biases.count == filters.rows, "HalfSpaceLift: shapes do not agree")
    let d = filters.columns
    var rows: [Double] = []
    for (j, b) in biases.enumerated() {
      let beta = max(0, -b) + margin
      rows += filters.row(j)
      rows += [b + beta, beta]
    }
    rows += [Double](repeating: 0, count: d) + [2, 1]
    network = try Network(
      geometry: try PatchGeometry(length: d + 2, filterLength: d + 2), pooling: Pooling(.sum),
      activation: .relu, filters: Matrix(rows: biases.count + 1, columns: d + 2, elements: rows),
      outputWeights: Matrix(
        rows: biases.count + 1, columns: outputBias.count,
        elements: outputWeights.elements + outputBias))
  }

  /// The images `(x, 1, -1)`.
  ///
  /// - Parameter points: Rows `x`, `[n, d]`.
  /// - Returns: Batch of shape `[n, 1, 1, d + 2]`.
  public static func images(_ points: Matrix) -> Tensor {
    Tensor(
      shape: [points.rows, 1, 1, points.columns + 2],
      elements: (0..<points.rows).flatMap { Array(points.row($0)) + [1, -1] })
  }
}
