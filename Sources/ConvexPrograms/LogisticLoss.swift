public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Logistic loss of two classes with labels -1 and +1, averaged over samples.
///
/// `L(f) = (1/n) sum_i log(1 + exp(-y_i f_i))`. With `q_i = -n y_i G_i` its conjugate is
/// `(1/n) sum_i q_i log q_i + (1 - q_i) log(1 - q_i)` for `0 <= q_i <= 1`.
public struct LogisticLoss: Loss {
  /// Labels of length `n`, each -1 or +1.
  public let labels: [Double]

  /// The logistic loss against given labels.
  ///
  /// - Parameter labels: -1 or +1 for each sample.
  /// - Precondition: Every label is -1 or +1.
  public init(labels: [Double]) {
    precondition(
      labels.allSatisfy { $0 == 1 || $0 == -1 }, "LogisticLoss: expected labels -1 and +1")
    self.labels = labels
  }

  /// `logistic`.
  public var name: String { "logistic" }
  /// Number of samples `n`.
  public var sampleCount: Int { labels.count }
  /// One output.
  public var outputCount: Int { 1 }
  /// `1/(4n)`.
  public var smoothness: Double { 0.25 / Double(sampleCount) }

  /// Logistic loss of some samples, over `n`.
  public func value(
    samples: Range<Int>, predictions: UnsafePointer<Double>,
    gradient: UnsafeMutablePointer<Double>?
  ) -> Double {
    let scale = 1 / Double(sampleCount)
    var sum = 0.0
    for k in 0..<samples.count {
      let y = labels[samples.lowerBound + k]
      let margin = y * predictions[k]
      sum += margin > 0 ? log1p(exp(-margin)) : -margin + log1p(exp(margin))
      gradient?[k] = -scale * y * sigmoid(-margin)
    }
    return scale * sum
  }

  /// `sigma(f) sigma(-f) d / n`.
  public func hessianProduct(
    samples: Range<Int>, predictions: UnsafePointer<Double>, direction: UnsafePointer<Double>,
    into product: UnsafeMutablePointer<Double>
  ) {
    let scale = 1 / Double(sampleCount)
    for k in 0..<samples.count {
      product[k] = scale * sigmoid(predictions[k]) * sigmoid(-predictions[k]) * direction[k]
    }
  }

  /// Mean negative entropy of `q_i = -n y_i G_i`; `+infinity` where some `q_i` leaves `[0, 1]`.
  public func conjugate(at dual: Matrix) -> Double {
    let n = Double(sampleCount)
    var sum = 0.0
    for i in 0..<sampleCount {
      let q = -n * labels[i] * dual.elements[i]
      guard q >= 0, q <= 1 else { return .infinity }
      sum += negativeEntropyTerm(q) + negativeEntropyTerm(1 - q)
    }
    return sum / n
  }

  /// `1 / max_i q_i`.
  public func largestDualScale(gradient: Matrix) -> Double {
    let n = Double(sampleCount)
    let largest = gradient.elements.reduce(0) { max($0, n * abs($1)) }
    return largest > 0 ? (1 / largest).nextDown : .infinity
  }

  /// Share of samples whose sign is right.
  public func accuracy(of predictions: Matrix) -> Double? {
    guard sampleCount > 0 else { return nil }
    let right = (0..<sampleCount).count { (predictions[$0, 0] >= 0) == (labels[$0] > 0) }
    return Double(right) / Double(sampleCount)
  }

  /// The logistic loss on some of the samples.
  public func selecting(_ samples: [Int]) -> any Loss {
    LogisticLoss(labels: samples.map { labels[$0] })
  }

  private func sigmoid(_ x: Double) -> Double {
    x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))
  }
}

/// `p log p`, zero at zero.
package func negativeEntropyTerm(_ p: Double) -> Double { p > 0 ? p * log(p) : 0 }
