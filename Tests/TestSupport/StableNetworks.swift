public import ConvexPrograms
public import Convolutions
import Tensors

/// Random networks of the stable space, and pairs that share some directions.
public struct StableNetworks {
  /// Geometry of all of them.
  public let geometry: PatchGeometry
  /// Pooling of all of them.
  public let pooling: Pooling
  private let windows: Int
  private var generator: SeededGenerator

  /// Networks of a geometry.
  public init(_ geometry: PatchGeometry, _ pooling: Pooling, seed: UInt64) throws {
    (self.geometry, self.pooling) = (geometry, pooling)
    windows = try pooling.map(for: geometry).outputCount
    generator = SeededGenerator(seed: seed)
  }

  /// Two networks with the same number of neurons; the second keeps some directions of the first.
  public mutating func pair(neurons: Int, outputs: Int) throws -> (Network, Network) {
    let size = windows * outputs
    let spread = exp10(-4 + 4.5 * generator.uniform())
    let share = [0, 0.5, 1][generator.integer(below: 3)]
    var parts: [[Double]] = [[], [], [], []]
    for _ in 0..<neurons {
      let (u, w) = neuron(size, scale: 1)
      parts[0] += u
      parts[1] += w
      guard generator.uniform() < share else {
        let (other, weights) = neuron(size, scale: spread)
        parts[2] += other
        parts[3] += weights
        continue
      }
      let s = u.reduce(0) { max($0, abs($1)) }
      let moved = max(1e-6, s * (1 + spread * generator.normal()))
      let weights = w.map { $0 + spread * s * generator.normal() }
      let largest = weights.reduce(1e-12) { max($0, abs($1)) }
      parts[2] += u.map { $0 / s * moved }
      parts[3] += weights.map { $0 / largest * moved }
    }
    return (
      try network(parts[0], parts[1], outputs), try network(parts[2], parts[3], outputs)
    )
  }

  /// A balanced neuron whose last filter entry is positive.
  private mutating func neuron(_ size: Int, scale: Double) -> ([Double], [Double]) {
    var u = (0..<geometry.patchDimension).map { _ in generator.normal() }
    u[u.count - 1] = abs(u[u.count - 1]) + 1e-3
    let w = (0..<size).map { _ in generator.normal() }
    let s = scale * abs(generator.normal()) + 1e-9
    let (inner, outer) = (u.map(abs).max() ?? 1, w.map(abs).max() ?? 1)
    return (u.map { $0 / inner * s }, w.map { $0 / outer * s })
  }

  private func network(_ u: [Double], _ w: [Double], _ outputs: Int) throws -> Network {
    let h = geometry.patchDimension
    return try Network(
      geometry: geometry, pooling: pooling, activation: .relu,
      filters: Matrix(rows: u.count / h, columns: h, elements: u),
      outputWeights: Matrix(rows: w.count / outputs, columns: outputs, elements: w))
  }

  private func exp10(_ x: Double) -> Double {
    var (result, rest) = (1.0, x)
    while rest <= -1 { (result, rest) = (result / 10, rest + 1) }
    while rest >= 1 { (result, rest) = (result * 10, rest - 1) }
    // Between powers of ten a line is as good as the exponential here.
    return rest < 0 ? result * (1 + 0.9 * rest) : result * (1 + 9 * rest)
  }
}
