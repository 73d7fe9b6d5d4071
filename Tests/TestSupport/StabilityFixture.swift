public import ConvexPrograms
import Convolutions
import Tensors

/// Two networks on signals with their distances by an independent program, `Tests/Oracles/inverse_stability.py`.
public struct StabilityFixture: Sendable {
  let length: Int
  let filter: Int
  let stride: Int
  let padding: String
  let pooling: String
  let outputs: Int
  /// Filters of both networks, row after row.
  let filters: ([Double], [Double])
  /// Output weights of both networks, windows before outputs.
  let weights: ([Double], [Double])
  /// Largest entry of the gradient of the difference.
  public let distance: Double
  /// Least `beta` of the directions of both.
  public let beta: Double
  /// Largest difference of a parameter after the best permutation.
  public let parameters: Double
  /// Number of hyperplanes, those included across which nothing bends.
  public let lineCount: Int
  /// Number of cells.
  public let cellCount: Int

  /// The two networks.
  public func networks() throws -> (Network, Network) {
    let geometry = try PatchGeometry(
      length: length, filterLength: filter, stride: stride,
      padding: PatchGeometry.Padding(rawValue: padding) ?? .valid)
    func network(_ u: [Double], _ w: [Double]) throws -> Network {
      try Network(
        geometry: geometry, pooling: try Pooling(parsing: pooling), activation: .relu,
        filters: Matrix(rows: u.count / filter, columns: filter, elements: u),
        outputWeights: Matrix(rows: w.count / outputs, columns: outputs, elements: w))
    }
    return (try network(filters.0, weights.0), try network(filters.1, weights.1))
  }
}
