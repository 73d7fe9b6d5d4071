public import ConvexPrograms
public import Convolutions
public import Tensors

/// Networks that are one function in many ways.
public struct DegenerateNetworks {
  /// Geometry of all of them.
  public let geometry: PatchGeometry
  /// Pooling of all of them.
  public let pooling: Pooling
  /// Number of outputs.
  public let outputs: Int
  private var generator: SeededGenerator

  /// Networks of a geometry.
  public init(_ geometry: PatchGeometry, _ pooling: Pooling, outputs: Int, seed: UInt64) {
    (self.geometry, self.pooling, self.outputs) = (geometry, pooling, outputs)
    generator = SeededGenerator(seed: seed)
  }

  /// Random images of the geometry, standard normal.
  public mutating func images(_ count: Int) -> Tensor {
    generator.normalTensor(
      shape: [count, geometry.channels, geometry.imageHeight, geometry.imageWidth])
  }

  /// A random number.
  public mutating func normal() -> Double { generator.normal() }

  /// The network of filters and output weights, one array each.
  public func network(_ filters: [[Double]], _ weights: [[Double]]) throws -> Network {
    try Network(
      geometry: geometry, pooling: pooling, activation: .relu,
      filters: Matrix(
        rows: filters.count, columns: geometry.patchDimension, elements: filters.flatMap { $0 }),
      outputWeights: Matrix(
        rows: weights.reduce(0) { $0 + $1.count } / outputs, columns: outputs,
        elements: weights.flatMap { $0 }))
  }

  /// Three directions, each several times and of both signs, a neuron without filter and one without output weights.
  public mutating func network() throws -> Network {
    let size = try pooling.map(for: geometry).outputCount * outputs
    let h = geometry.patchDimension
    var (filters, weights) = ([[Double]](), [[Double]]())
    for _ in 0..<3 {
      let direction = (0..<h).map { _ in generator.normal() }
      for _ in 0..<generator.integer(below: 3) + 1 {
        let sign = generator.integer(below: 3) == 0 ? -1.0 : 1.0
        let factor = sign * (0.2 + 2 * generator.uniform())
        filters.append(direction.map { factor * $0 })
        weights.append((0..<size).map { _ in generator.normal() })
      }
    }
    filters.append([Double](repeating: 0, count: h))
    weights.append((0..<size).map { _ in generator.normal() })
    filters.append((0..<h).map { _ in generator.normal() })
    weights.append([Double](repeating: 0, count: size))
    return try permuted(filters, weights)
  }

  /// The same function: neurons split and scaled, opposite pairs inserted that add up to zero, order changed.
  public mutating func scrambled(_ network: Network) throws -> Network {
    let size = network.windowCount * outputs
    let h = geometry.patchDimension
    var (filters, weights) = ([[Double]](), [[Double]]())
    for j in 0..<network.neuronCount {
      let filter = Array(network.filters.row(j))
      let own = Array(network.outputWeights.elements[j * size..<(j + 1) * size])
      let share = generator.uniform()
      for part in [share, 1 - share] {
        let factor = 0.3 + 2 * generator.uniform()
        filters.append(filter.map { factor * $0 })
        weights.append(own.map { part * $0 / factor })
      }
    }
    var pair = (0..<2).map { _ in (0..<h).map { _ in generator.normal() } }
    pair.append((0..<h).map { -pair[0][$0] - pair[1][$0] })
    let own = (0..<size).map { _ in generator.normal() }
    for filter in pair {
      filters += [filter, filter.map { -$0 }]
      weights += [own, own.map { -$0 }]
    }
    return try permuted(filters, weights)
  }

  private mutating func permuted(_ filters: [[Double]], _ weights: [[Double]]) throws -> Network {
    let order = generator.permutation(filters.count)
    return try network(order.map { filters[$0] }, order.map { weights[$0] })
  }
}

/// Outputs of a network on images by definition, patch by patch and neuron by neuron.
public enum NetworkTwin {
  /// Outputs `[n, c]`, linear pooling only.
  public static func outputs(_ network: Network, _ images: Tensor) throws -> Matrix {
    let patches = try PatchSet(images: images, geometry: network.geometry).patches
    let map = try network.pooling.map(for: network.geometry)
    let (count, a) = (map.windows.count, map.outputCount)
    var result = Matrix(rows: images.shape[0], columns: network.outputCount)
    for i in 0..<images.shape[0] {
      for j in 0..<network.neuronCount {
        for k in 0..<count {
          let response = zip(patches.row(i * count + k), network.filters.row(j))
            .reduce(0) { $0 + $1.0 * $1.1 }
          let value = map.weights[k] * (network.activation == .relu ? max(0, response) : response)
          for o in 0..<network.outputCount {
            result[i, o] += network.outputWeights[j * a + map.windows[k], o] * value
          }
        }
      }
      for (o, b) in (network.outputBias ?? []).enumerated() { result[i, o] += b }
    }
    return result
  }
}
