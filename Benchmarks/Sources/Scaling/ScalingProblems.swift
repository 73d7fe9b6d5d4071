import ConvexCNN
import Convolutions
import Foundation
import Tensors

/// Problems of which one size is varied.
enum ScalingProblems {
  /// The first samples of the digits (training part), parity or classes.
  static func digits(
    samples: Int, filter: (Int, Int), pooling: String = "sum", outputs: Int = 1,
    threads: Int = Parallel.processorCount
  ) throws -> TrainingProblem {
    let train = try DatasetLoader.bundled(named: "digits").train
    let count = min(samples, train.images.shape[0])
    let images = Tensor(
      shape: [count, 1, 8, 8], elements: Array(train.images.elements.prefix(64 * count)))
    guard case .classes(let classes, _) = train.labels else {
      throw ScalingError.labels
    }
    // Output k says whether the digit is k modulo the number of outputs; a single one whether it is odd. Targets are
    // centered, else the mean would outweigh all else.
    var targets = Matrix(rows: count, columns: outputs)
    for i in 0..<count {
      for k in 0..<outputs {
        targets[i, k] =
          outputs == 1
          ? Double(2 * (classes[i] % 2) - 1)
          : (classes[i] % outputs == k ? 1 : 0) - 1 / Double(outputs)
      }
    }
    return try problem(
      images,
      PatchGeometry(
        imageHeight: 8, imageWidth: 8, filterHeight: filter.0, filterWidth: filter.1), pooling,
      targets, threads: threads)
  }

  /// Random waves on a grid of a given size, so that patches are alike for every size; a single target says which waves
  /// are shorter, several are smooth functions of the rates.
  static func waves(
    samples: Int, size: Int, filter: (Int, Int), outputs: Int = 1, pooling: String = "sum",
    seed: UInt64
  ) throws -> TrainingProblem {
    let (images, rates) = waveImages(samples: samples, size: size, seed: seed)
    return try problem(
      images,
      PatchGeometry(
        imageHeight: size, imageWidth: size, filterHeight: filter.0, filterWidth: filter.1),
      pooling,
      outputs == 1
        ? Matrix(rows: samples, columns: 1, elements: rates.map { $0.0 > $0.1 ? 1 : -1 })
        : waveTargets(rates, outputs: outputs))
  }

  /// Smooth functions of the rates of the two waves, another one for every output, `[samples, outputs]`.
  static func waveTargets(_ rates: [(Double, Double)], outputs: Int) -> Matrix {
    var targets = Matrix(rows: rates.count, columns: outputs)
    for (i, (a, b)) in rates.enumerated() {
      for k in 0..<outputs {
        let turn = Double(k) * 0.7
        targets[i, k] = sin(cos(turn) * a + sin(turn) * b)
      }
    }
    return targets
  }

  /// Sums of a horizontal and a vertical wave with noise, `[samples, 1, size, size]`, and the rates of the two waves.
  static func waveImages(
    samples: Int, size: Int, seed: UInt64
  ) -> (images: Tensor, rates: [(Double, Double)]) {
    var generator = SeededGenerator(seed: seed)
    var images = Tensor(shape: [samples, 1, size, size])
    var rates: [(Double, Double)] = []
    for i in 0..<samples {
      let (a, b, phase) = (
        1 + 2 * generator.uniform(), 1 + 2 * generator.uniform(), 6 * generator.uniform()
      )
      for p in 0..<size * size {
        let (y, x) = (Double(p / size) * 0.8, Double(p % size) * 0.8)
        images.elements[i * size * size + p] =
          sin(a * x + phase) + cos(b * y) + 0.3 * generator.normal()
      }
      rates.append((a, b))
    }
    return (images, rates)
  }

  private static func problem(
    _ images: Tensor, _ geometry: PatchGeometry, _ pooling: String, _ targets: Matrix,
    threads: Int = Parallel.processorCount
  ) throws -> TrainingProblem {
    var result = try TrainingProblem(
      images: images, geometry: geometry, pooling: Pooling(parsing: pooling), activation: .relu,
      loss: SquaredLoss(targets: targets), lambda: 1, threads: threads)
    result.lambda = 0.05 * estimatedLambdaMax(result)
    return result
  }
}

/// What a benchmark cannot do.
enum ScalingError: Error {
  /// A data set without classes.
  case labels
}
