public import ConvexPrograms
public import Tensors

/// How well predictions agree with labels, in the keys of the result JSON of `evaluate`.
public struct Evaluation: Sendable, Equatable, Codable {
  /// Version of these keys.
  public var schema = Package.schema
  /// Number of samples.
  public let sampleCount: Int
  /// Name of the loss.
  public let lossName: String
  /// Mean loss.
  public let loss: Finite
  /// Share of samples classified correctly; null for regression.
  public let accuracy: Finite
  /// Share of the variance explained; null for classes.
  public let r2: Finite
  /// Names of the classes, empty for regression.
  public let classes: [String]
  /// Number of samples of each class (row) that were named each class (column).
  public let confusion: [[Int]]

  /// An evaluation with all its parts.
  init(
    sampleCount: Int, lossName: String, loss: Finite, accuracy: Finite, r2: Finite,
    classes: [String], confusion: [[Int]]
  ) {
    (self.sampleCount, self.lossName, self.loss) = (sampleCount, lossName, loss)
    (self.accuracy, self.r2, self.classes, self.confusion) = (accuracy, r2, classes, confusion)
  }

  /// Compares predictions with labels.
  ///
  /// - Parameters:
  ///   - predictions: Outputs of a network, shape `[n, c]`.
  ///   - labels: Labels of the same samples.
  ///   - classNames: Names of the classes, empty for regression.
  ///   - loss: Loss against these targets.
  public init(predictions: Matrix, labels: Labels, classNames: [String], loss: any Loss) {
    sampleCount = labels.sampleCount
    lossName = loss.name
    self.loss = Finite(loss.value(at: predictions))
    accuracy = Finite(loss.accuracy(of: predictions))
    classes = classNames
    if let actual = labels.classIndices {
      var table = [[Int]](
        repeating: [Int](repeating: 0, count: labels.classCount), count: labels.classCount)
      for (a, p) in zip(actual, predictions.classIndices) { table[a][p] += 1 }
      confusion = table
    } else {
      confusion = []
    }
    if case .regression(let values) = labels {
      r2 = Finite(Self.explainedVariance(predictions, values))
    } else {
      r2 = Finite(nil)
    }
  }

  /// `1 - |F - Y|^2 / |Y - mean Y|^2`, nil when the targets do not vary.
  static func explainedVariance(_ predictions: Matrix, _ values: Matrix) -> Double? {
    var (residual, total) = (0.0, 0.0)
    for c in 0..<values.columns {
      var mean = 0.0
      for i in 0..<values.rows { mean += values[i, c] }
      mean /= Double(max(1, values.rows))
      for i in 0..<values.rows {
        let (error, spread) = (predictions[i, c] - values[i, c], values[i, c] - mean)
        residual += error * error
        total += spread * spread
      }
    }
    return total > 0 ? 1 - residual / total : nil
  }
}

extension Matrix {
  /// The class each row names: its largest entry, or with one column whether it is at least zero.
  public var classIndices: [Int] {
    (0..<rows).map { i in
      guard columns > 1 else { return self[i, 0] >= 0 ? 1 : 0 }
      var best = 0
      for c in 1..<columns where self[i, c] > self[i, best] { best = c }
      return best
    }
  }
}
