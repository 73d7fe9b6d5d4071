public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Softmax cross-entropy of `c` classes, averaged over samples.
///
/// `L(F) = (1/n) sum_i log(sum_k exp F_ik) - F_{i, y_i}`. With `p_i = e_{y_i} + n G_i` its conjugate is
/// `(1/n) sum_i sum_k p_ik log p_ik` for `p_i` in the simplex.
public struct SoftmaxLoss: Loss {
  /// Class of each sample, in `0..<outputCount`.
  public let classes: [Int]
  /// Number of classes `c`.
  public let outputCount: Int

  /// The cross-entropy against given classes.
  ///
  /// - Parameters:
  ///   - classes: Class of each sample.
  ///   - count: Number of classes.
  /// - Precondition: Every class is in `0..<count`.
  public init(classes: [Int], count: Int) {
    precondition(
      classes.allSatisfy { $0 >= 0 && $0 < count },
      "SoftmaxLoss: expected classes in 0..<\(count)")
    self.classes = classes
    outputCount = count
  }

  /// `softmax`.
  public var name: String { "softmax" }
  /// Number of samples `n`.
  public var sampleCount: Int { classes.count }
  /// `1/(2n)`: the Hessian `diag(p) - p p'` has norm at most 1/2.
  public var smoothness: Double { 0.5 / Double(sampleCount) }

  /// Cross-entropy of some samples, over `n`.
  public func value(
    samples: Range<Int>, predictions: UnsafePointer<Double>,
    gradient: UnsafeMutablePointer<Double>?
  ) -> Double {
    let c = outputCount
    let scale = 1 / Double(sampleCount)
    var sum = 0.0
    for k in 0..<samples.count {
      let row = predictions + k * c
      let label = classes[samples.lowerBound + k]
      let (largest, total) = logSumExp(row)
      sum += largest + log(total) - row[label]
      guard let gradient else { continue }
      let target = gradient + k * c
      for j in 0..<c { target[j] = scale * exp(row[j] - largest) / total }
      // 1 - p by the other classes: no cancellation when p is near 1.
      var others = 0.0
      for j in 0..<c where j != label { others += target[j] }
      target[label] = -others
    }
    return scale * sum
  }

  /// `(diag(p) - p p') d / n` for each sample.
  public func hessianProduct(
    samples: Range<Int>, predictions: UnsafePointer<Double>, direction: UnsafePointer<Double>,
    into product: UnsafeMutablePointer<Double>
  ) {
    let c = outputCount
    let scale = 1 / Double(sampleCount)
    for k in 0..<samples.count {
      let (row, d, out) = (predictions + k * c, direction + k * c, product + k * c)
      let (largest, total) = logSumExp(row)
      var mean = 0.0
      for j in 0..<c { mean += exp(row[j] - largest) / total * d[j] }
      for j in 0..<c { out[j] = scale * exp(row[j] - largest) / total * (d[j] - mean) }
    }
  }

  /// Mean negative entropy of `p_i = e_{y_i} + n G_i`; `+infinity` where some `p_i` leaves the simplex.
  ///
  /// Rounding of up to `1e-12` in the sum of a row is tolerated; entries must not be negative.
  public func conjugate(at dual: Matrix) -> Double {
    let c = outputCount
    let n = Double(sampleCount)
    var sum = 0.0
    for i in 0..<sampleCount {
      var total = 0.0
      for j in 0..<c {
        let p = n * dual.elements[i * c + j] + (j == classes[i] ? 1 : 0)
        guard p >= -1e-15 else { return .infinity }
        total += p
        sum += negativeEntropyTerm(p)
      }
      guard abs(total - 1) <= 1e-12 else { return .infinity }
    }
    return sum / n
  }

  /// `1 / max_i (1 - p_{i, y_i})`.
  public func largestDualScale(gradient: Matrix) -> Double {
    let n = Double(sampleCount)
    var largest = 0.0
    for i in 0..<sampleCount { largest = max(largest, -n * gradient[i, classes[i]]) }
    return largest > 0 ? (1 / largest).nextDown : .infinity
  }

  /// Share of samples whose largest output is the class.
  public func accuracy(of predictions: Matrix) -> Double? {
    guard sampleCount > 0 else { return nil }
    let right = (0..<sampleCount).count { predictions.row($0).indexOfLargest == classes[$0] }
    return Double(right) / Double(sampleCount)
  }

  /// The cross-entropy on some of the samples.
  public func selecting(_ samples: [Int]) -> any Loss {
    SoftmaxLoss(classes: samples.map { classes[$0] }, count: outputCount)
  }

  private func logSumExp(_ row: UnsafePointer<Double>) -> (largest: Double, total: Double) {
    var largest = row[0]
    for j in 1..<max(1, outputCount) { largest = max(largest, row[j]) }
    var total = 0.0
    for j in 0..<outputCount { total += exp(row[j] - largest) }
    return (largest, total)
  }
}
