public import ConvexPrograms
import Convolutions
public import Tensors

extension Certifier {
  /// This verifier with the data read for networks of one class, so that several certificates share it.
  ///
  /// Certificates of networks of another architecture, other gates or directions read the data anew.
  ///
  /// - Parameters:
  ///   - network: A network of the class; its weights do not matter.
  ///   - gates: All gates of the gated program, `[P, h]`; nil for other activations.
  ///   - directions: Orthonormal directions `[r, h]` in whose span the filters of the class lie; nil for all filters.
  /// - Returns: The verifier, which holds the patches of the data, and the pattern of every gate.
  /// - Throws: `CertificateError` when the data are not finite or shapes do not agree.
  /// - Complexity: O(`n K h`) time and memory, and O(`n K h P`) time for gates.
  public func prepared(
    for network: Network, gates: Matrix? = nil, directions: Matrix? = nil
  ) throws -> Certifier {
    try checkData()
    var result = self
    result.prepared = try view(of: network, gates: gates, directions: directions)
    return result
  }

  /// This verifier at another strength.
  ///
  /// - Parameter lambda: Regularization strength in the mean-loss objective, finite and not negative.
  /// - Returns: The verifier, with what was read of the data.
  public func at(lambda: Double) -> Certifier {
    var result = self
    result.lambda = lambda
    return result
  }

  /// The data as the neurons of a network see them, for what is asked about these neurons alone.
  ///
  /// A gated network without neurons has no gate; one that nothing depends on takes its place.
  func ownView(of network: Network) throws -> ProblemView {
    let h = network.geometry.patchDimension
    let gates = network.gates.map { $0.rows > 0 ? $0 : Matrix(rows: 1, columns: h, repeating: 1) }
    return try view(of: network, gates: gates)
  }

  /// The data as the class of a network sees them.
  func view(of network: Network, gates: Matrix?, directions: Matrix? = nil) throws -> ProblemView {
    let (geometry, pooling, activation) = (network.geometry, network.pooling, network.activation)
    if let prepared,
      prepared.serves(geometry, pooling, activation, gates: gates, directions: directions)
    {
      return prepared
    }
    return try ProblemView(
      images: images, geometry: geometry, pooling: pooling, activation: activation, gates: gates,
      directions: directions, threads: threads)
  }
}
