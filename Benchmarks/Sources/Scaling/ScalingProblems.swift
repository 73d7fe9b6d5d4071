import ConvexCNN
import Convolutions
import Foundation
import Tensors

/// Problems of which one size is varied.
enum ScalingProblems {
  /// What a network of one output is to say of a digit, several tasks of the same size.
  enum DigitTask: CaseIterable {
    /// Whether it is odd.
    case odd
    /// Whether it is at least 5.
    case large
    /// Whether it is 0, 1, 4 or 9.
    case square

    fileprivate func holds(_ digit: Int) -> Bool {
      switch self {
      case .odd: digit % 2 == 1
      case .large: digit >= 5
      case .square: [0, 1, 4, 9].contains(digit)
      }
    }
  }

  /// The first samples of the digits (training part), with targets -1 and 1.
  static func digits(
    samples: Int, filter: (Int, Int), task: DigitTask = .odd,
    threads: Int = Parallel.processorCount
  ) throws -> TrainingProblem {
    let train = try DatasetLoader.bundled(named: "digits").train
    let count = min(samples, train.images.shape[0])
    let images = Tensor(
      shape: [count, 1, 8, 8], elements: Array(train.images.elements.prefix(64 * count)))
    guard case .classes(let classes, _) = train.labels else {
      throw ScalingError.labels
    }
    let targets = Matrix(
      rows: count, columns: 1,
      elements: classes.prefix(count).map { task.holds($0) ? 1 : -1 })
    return try problem(
      images,
      PatchGeometry(
        imageHeight: 8, imageWidth: 8, filterHeight: filter.0, filterWidth: filter.1),
      "sum", targets, threads: threads)
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
