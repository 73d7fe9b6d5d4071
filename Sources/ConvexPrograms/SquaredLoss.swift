public import Tensors

/// Half the squared error, summed over outputs and averaged over samples.
///
/// `L(F) = (1/2n) |F - Y|_F^2`. Its conjugate is `L*(G) = (n/2) |G|^2 + <G, Y>`.
public struct SquaredLoss: Loss {
  /// Targets `Y` of shape `[n, c]`.
  public let targets: Matrix
  /// Whether the targets are one-hot classes or signs, so that accuracy means something.
  public let isClassification: Bool

  /// The squared error against given targets.
  ///
  /// - Parameters:
  ///   - targets: Targets of shape `[n, c]`.
  ///   - isClassification: True for one-hot rows, or for one column of -1 and +1.
  public init(targets: Matrix, isClassification: Bool = false) {
    self.targets = targets
    self.isClassification = isClassification
  }

  /// The squared error against one-hot rows.
  ///
  /// - Parameters:
  ///   - classes: Class of each sample, in `0..<count`.
  ///   - count: Number of classes `c`.
  public init(classes: [Int], count: Int) {
    var targets = Matrix(rows: classes.count, columns: count)
    for (i, label) in classes.enumerated() { targets[i, label] = 1 }
    self.init(targets: targets, isClassification: true)
  }

  /// `squared`.
  public var name: String { "squared" }
  /// Number of samples `n`.
  public var sampleCount: Int { targets.rows }
  /// Number of outputs `c`.
  public var outputCount: Int { targets.columns }
  /// `1/n`.
  public var smoothness: Double { 1 / Double(sampleCount) }

  /// Half the squared error of some samples, over `n`.
  public func value(
    samples: Range<Int>, predictions: UnsafePointer<Double>,
    gradient: UnsafeMutablePointer<Double>?
  ) -> Double {
    let offset = samples.lowerBound * outputCount
    let scale = smoothness
    return targets.elements.withUnsafeBufferPointer { y in
      var sum = 0.0
      for k in 0..<samples.count * outputCount {
        let residual = predictions[k] - y[offset + k]
        sum += residual * residual
        gradient?[k] = scale * residual
      }
      return 0.5 * scale * sum
    }
  }

  /// The direction over `n`.
  public func hessianProduct(
    samples: Range<Int>, predictions: UnsafePointer<Double>, direction: UnsafePointer<Double>,
    into product: UnsafeMutablePointer<Double>
  ) {
    for k in 0..<samples.count * outputCount { product[k] = smoothness * direction[k] }
  }

  /// `(n/2) |G|^2 + <G, Y>`.
  public func conjugate(at dual: Matrix) -> Double {
    0.5 * Double(sampleCount) * BLAS.dot(dual.elements, dual.elements)
      + BLAS.dot(dual.elements, targets.elements)
  }

  /// Every multiple of a gradient is in the domain.
  public func largestDualScale(gradient: Matrix) -> Double { .infinity }

  /// Share of samples whose largest output is the class, or whose sign is right; nil for regression.
  public func accuracy(of predictions: Matrix) -> Double? {
    guard isClassification, sampleCount > 0 else { return nil }
    let right = (0..<sampleCount).count { i in
      outputCount == 1
        ? (predictions[i, 0] >= 0) == (targets[i, 0] >= 0)
        : predictions.row(i).indexOfLargest == targets.row(i).indexOfLargest
    }
    return Double(right) / Double(sampleCount)
  }

  /// The squared error on some of the samples.
  public func selecting(_ samples: [Int]) -> any Loss {
    SquaredLoss(targets: targets.selectingRows(samples), isClassification: isClassification)
  }
}

extension ArraySlice<Double> {
  /// Offset of the largest entry from the start of the slice; the first of equals.
  package var indexOfLargest: Int {
    var best = startIndex
    for i in indices where self[i] > self[best] { best = i }
    return best - startIndex
  }
}
