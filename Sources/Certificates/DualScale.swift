import ConvexPrograms
import Tensors

/// The best multiple of a gradient as a dual point.
///
/// Weak duality: any `Lambda` with dual norm at most `lambda` proves `optimum >= -L*(Lambda)`. Along `Lambda = s G` the
/// right side is concave in `s`, and `0 <= s <= min(lambda / dualNorm(G), largestDualScale(G))` keeps `s G` feasible.
///
/// The value returned is reduced by `(n c + 64) 2^-52 (n |Lambda|^2 + 2 L(0))`, which exceeds the rounding of the
/// conjugate: for squared loss its two terms are at most `n |Lambda|^2 / 2` and `n |Lambda|^2 / 2 + L(0)`; for logistic and
/// softmax loss it is a mean of entropies, whose sizes add up to at most `L(0)`.
///
/// It also exceeds what the rounding of `s G` itself changes, so the value holds for the real multiple as well: products of
/// three roundings move squares and products by less than `4 2^-52` of the same terms, and probabilities by less than
/// `2 2^-52`, which moves `p log p` by at most `2 2^-52 (1 + log 2^52)`, less than `76 2^-52`, while `64 2 L(0)` is at least
/// 88. A point whose sums over the samples are zero thus keeps its bound (`BalancedDual`).
enum DualScale {
  /// The largest proven value of `-L*(s G)` and the `s` that attains it; value 0 at `s = 0` always counts.
  ///
  /// - Parameters:
  ///   - loss: Loss with its targets.
  ///   - gradient: `G`, `[n, c]`.
  ///   - limit: `lambda / dualNorm(G)`, rounded down by the caller; may be infinite.
  /// - Returns: The scale `s` and the proven lower bound on the optimum, at least 0.
  static func best(
    loss: any Loss, gradient: Matrix, limit: Double
  ) -> (scale: Double, lowerBound: Double) {
    guard limit > 0, gradient.elements.contains(where: { $0 != 0 }) else { return (0, 0) }
    let atZero = lossAtZero(loss)
    let energy = BLAS.dot(gradient.elements, gradient.elements)
    func proven(_ s: Double) -> Double {
      var scaled = gradient
      for e in scaled.elements.indices { scaled.elements[e] *= s }
      return Self.proven(loss, at: scaled, energy: s * s * energy, atZero: atZero)
    }
    let end = upperEnd(min(limit, loss.largestDualScale(gradient: gradient)), proven)
    var candidates = [end, goldenSection(0, end, proven)]
    if let squared = loss as? SquaredLoss {
      // -L*(sG) = -s <G, Y> - (n/2) s^2 |G|^2
      let slope = -BLAS.dot(gradient.elements, squared.targets.elements)
      let vertex = slope / (Double(loss.sampleCount) * energy)
      candidates.append(max(0, min(end, vertex)))
    }
    let values = candidates.map { ($0, proven($0)) }
    let top = values.max { $0.1 < $1.1 } ?? (0, 0)
    return top.1 > 0 ? (top.0, top.1) : (0, 0)
  }

  /// What a feasible dual point proves: `-L*(dual)` less its rounding; minus infinity outside of the domain.
  static func proven(_ loss: any Loss, at dual: Matrix) -> Double {
    proven(
      loss, at: dual, energy: BLAS.dot(dual.elements, dual.elements), atZero: lossAtZero(loss))
  }

  private static func proven(
    _ loss: any Loss, at dual: Matrix, energy: Double, atZero: Double
  ) -> Double {
    let count = Double(loss.sampleCount)
    let margin =
      (Double(dual.elements.count) + 64) * 0x1p-52 * (count * energy + 2 * atZero)
    let result = -loss.conjugate(at: dual) - margin
    return result.isNaN ? -.infinity : result
  }

  private static func lossAtZero(_ loss: any Loss) -> Double {
    loss.value(at: Matrix(rows: loss.sampleCount, columns: loss.outputCount))
  }

  /// The end of the interval to search: the limit, or a point beyond the maximum when there is no limit.
  private static func upperEnd(_ limit: Double, _ value: (Double) -> Double) -> Double {
    guard limit > 1e6 else { return limit }
    var end = 2.0
    while end < min(limit, 1e12), value(2 * end) > value(end) { end *= 2 }
    return min(limit, 2 * end)
  }

  /// The maximiser of a concave function on an interval, to about `1e-8` of its length.
  private static func goldenSection(
    _ start: Double, _ end: Double, _ value: (Double) -> Double
  ) -> Double {
    let golden = (5.0.squareRoot() - 1) / 2
    var (low, high) = (start, end)
    var (left, right) = (high - golden * (high - low), low + golden * (high - low))
    var (atLeft, atRight) = (value(left), value(right))
    for _ in 0..<60 {
      if atLeft >= atRight {
        (high, right, atRight) = (right, left, atLeft)
        left = high - golden * (high - low)
        atLeft = value(left)
      } else {
        (low, left, atLeft) = (left, right, atRight)
        right = low + golden * (high - low)
        atRight = value(right)
      }
    }
    return atLeft >= atRight ? left : right
  }
}
