package import ConvexPrograms
package import Tensors

extension Loss {
  /// `argmin_F L(F) + (penalty / 2) |F - G|^2`.
  ///
  /// Closed form for the squared loss; else Newton steps for each sample, halved until the value falls.
  ///
  /// - Parameters:
  ///   - center: `G`, shape `[n, c]`.
  ///   - penalty: Positive.
  ///   - start: Where Newton's method starts, shape `[n, c]`.
  /// - Returns: The point, shape `[n, c]`.
  /// - Accuracy: Gradients vanish to `1e-13` of those at the start (`ADMMTests`).
  package func proximalPoint(of center: Matrix, penalty: Double, from start: Matrix) -> Matrix {
    var result = start
    if let squared = self as? SquaredLoss {
      let weight = 1 / Double(sampleCount)
      for e in result.elements.indices {
        result.elements[e] =
          (weight * squared.targets.elements[e] + penalty * center.elements[e])
          / (weight + penalty)
      }
      return result
    }
    for i in 0..<sampleCount {
      var sample = SampleProx(
        loss: self, index: i, center: Array(center.row(i)), penalty: penalty,
        point: Array(start.row(i)))
      sample.minimize()
      for k in 0..<outputCount { result[i, k] = sample.point[k] }
    }
    return result
  }
}

/// The proximal point of one sample.
private struct SampleProx {
  let loss: any Loss
  let index: Int
  let center: [Double]
  let penalty: Double
  var point: [Double]

  mutating func minimize() {
    var (value, gradient) = evaluate(point)
    let first = BLAS.norm(gradient)
    for _ in 0..<60 where BLAS.norm(gradient) > 1e-13 * first {
      guard let step = newtonStep(gradient) else { return }
      var length = 1.0
      while length > 1e-12 {
        let trial = zip(point, step).map { $0 - length * $1 }
        let (trialValue, trialGradient) = evaluate(trial)
        // Where values drown in rounding the gradients decide.
        if trialValue < value || BLAS.norm(trialGradient) < 0.9 * BLAS.norm(gradient) {
          (point, value, gradient) = (trial, trialValue, trialGradient)
          break
        }
        length /= 2
      }
      if length <= 1e-12 { return }
    }
  }

  private func evaluate(_ f: [Double]) -> (value: Double, gradient: [Double]) {
    var gradient = [Double](repeating: 0, count: f.count)
    var value = gradient.withUnsafeMutableBufferPointer { g in
      f.withUnsafeBufferPointer { f in
        guard let f = f.baseAddress, let g = g.baseAddress else { return 0.0 }
        return loss.value(samples: index..<index + 1, predictions: f, gradient: g)
      }
    }
    for k in f.indices {
      let distance = f[k] - center[k]
      value += 0.5 * penalty * distance * distance
      gradient[k] += penalty * distance
    }
    return (value, gradient)
  }

  private func newtonStep(_ gradient: [Double]) -> [Double]? {
    let c = point.count
    var hessian = Matrix.identity(c)
    for k in 0..<c {
      var column = [Double](repeating: 0, count: c)
      let unit = (0..<c).map { $0 == k ? 1.0 : 0 }
      column.withUnsafeMutableBufferPointer { out in
        point.withUnsafeBufferPointer { f in
          unit.withUnsafeBufferPointer { d in
            guard let f = f.baseAddress, let d = d.baseAddress, let out = out.baseAddress else {
              return
            }
            loss.hessianProduct(samples: index..<index + 1, predictions: f, direction: d, into: out)
          }
        }
      }
      for l in 0..<c { hessian[l, k] = column[l] + (l == k ? penalty : 0) }
    }
    return try? LAPACK.solvePositiveDefinite(hessian, gradient)
  }
}
