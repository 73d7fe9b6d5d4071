public import ConvexPrograms
import Convolutions
public import Tensors

/// Small problems with quadratic or polynomial activation whose optima are known.
public enum DegreeTwoProblem {
  /// Four signals with two patches of two entries each, and one target each.
  ///
  /// Optima: `Tests/Oracles` and an independent solver in numpy (2026-11-27), to `1e-10`.
  public static func four(
    _ activation: Activation, pooling: String, lambda: Double
  ) throws -> TrainingProblem {
    try TrainingProblem(
      images: fourImages,
      geometry: PatchGeometry(channels: 1, length: 4, filterLength: 2, stride: 2),
      pooling: Pooling(parsing: pooling), activation: activation,
      loss: SquaredLoss(targets: Matrix(rows: 4, columns: 1, elements: [1, -2, 1.5, 0.5])),
      lambda: lambda)
  }

  /// The signals of `four`.
  public static var fourImages: Tensor {
    Tensor(
      shape: [4, 1, 1, 4],
      elements: [1, 2, -1, 1, 2, -1, 0, 1, -1, -3, 1, 0, 3, 1, -3, 2])
  }

  /// Nine signals of length 6 with filters of length 2, average pooling in two windows and two outputs: the data of
  /// `Tests/Oracles/degree_two.py`.
  public static func nine(_ activation: Activation, lambda: Double) throws -> TrainingProblem {
    var targets = Matrix(rows: 9, columns: 2)
    for i in 0..<9 {
      for t in 0..<2 {
        let number = (5 * i + 3 * t + i * i) % 7 - 3
        targets[i, t] = Double(number) / 2
      }
    }
    return try TrainingProblem(
      images: nineImages, geometry: PatchGeometry(length: 6, filterLength: 2),
      pooling: Pooling(parsing: "average:1x2"), activation: activation,
      loss: SquaredLoss(targets: targets), lambda: lambda)
  }

  /// The signals of `nine`.
  public static var nineImages: Tensor {
    var result = Tensor(shape: [9, 1, 1, 6])
    for i in 0..<9 {
      for p in 0..<6 {
        let number = (7 * i + 5 * p + 3 * i * p) % 11 - 5
        result.elements[6 * i + p] = Double(number) / 3
      }
    }
    return result
  }

  /// A random problem with two windows.
  public static func random(
    _ activation: Activation, samples: Int = 10, outputs: Int = 2, filterLength: Int = 3,
    pooling: String = "sum:1x2", lambda: Double = 0.05, seed: Int
  ) throws -> TrainingProblem {
    var generator = SeededGenerator(seed: UInt64(seed))
    return try TrainingProblem(
      images: generator.normalTensor(shape: [samples, 1, 1, 6]),
      geometry: PatchGeometry(length: 6, filterLength: filterLength),
      pooling: Pooling(parsing: pooling), activation: activation,
      loss: SquaredLoss(targets: generator.normalMatrix(rows: samples, columns: outputs)),
      lambda: lambda)
  }

  /// A network of the problem with random weights; filters of polynomial networks have norm 1.
  public static func network(
    for problem: TrainingProblem, neurons: Int, seed: Int
  ) throws -> Network {
    var generator = SeededGenerator(seed: UInt64(seed) &+ 77)
    let h = problem.geometry.patchDimension
    var filters = generator.normalMatrix(rows: neurons, columns: h)
    if case .polynomial = problem.activation {
      for j in 0..<neurons {
        let norm = BLAS.norm(Array(filters.row(j)))
        for e in 0..<h { filters[j, e] /= norm }
      }
    }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: filters,
      outputWeights: generator.normalMatrix(
        rows: neurons * problem.windowCount, columns: problem.outputCount))
  }

  /// Predictions from the definition, one patch at a time.
  public static func predictions(of network: Network, on problem: TrainingProblem) -> Matrix {
    var result = Matrix(rows: problem.sampleCount, columns: network.outputCount)
    let (a, map) = (problem.windowCount, problem.poolingMap)
    guard let act = network.activation.polynomial else { return result }
    for i in 0..<problem.sampleCount {
      let patches = problem.patches(ofSample: i)
      for k in 0..<patches.rows {
        for j in 0..<network.neuronCount {
          let z = BLAS.dot(Array(patches.row(k)), Array(network.filters.row(j)))
          let value = act.a * z * z + act.b * z + act.c
          for t in 0..<network.outputCount {
            result[i, t] +=
              map.weights[k] * value * network.outputWeights[j * a + map.windows[k], t]
          }
        }
      }
    }
    return result
  }
}
