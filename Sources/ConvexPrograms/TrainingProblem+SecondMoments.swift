import Convolutions
package import Tensors

extension TrainingProblem {
  /// Pooled second moments of the patches of each sample, in symmetric coordinates.
  ///
  /// Block `q` of sample `i` holds the coordinates of `G_iq = sum_k P[q, k] x_ik x_ik'`, so a quadratic network with
  /// `M_q = sum_j W_j[q] u_j u_j'` predicts `sum_q <M_q, G_iq>`.
  ///
  /// - Parameter coefficients: Nil for the moments of the patches themselves. For a polynomial `a z^2 + b z + c` patches get a
  ///   constant 1 as their last entry, and the moments become `[[a G, b s / 2], [b s' / 2, c p]]` with `s = sum_k P[q, k] x_ik`
  ///   and `p = sum_k P[q, k]`.
  /// - Returns: Features of shape `[n, a d (d + 1) / 2]` with `d = h`, or `h + 1` with coefficients.
  /// - Precondition: The pooling is linear.
  /// - Complexity: O(`n K d^2`) time, O(`n a d^2`) memory.
  package func secondMoments(_ coefficients: Polynomial? = nil) -> Matrix {
    precondition(poolingMap.isLinear, "secondMoments: expected a linear pooling, found max")
    let (a, h, k) = (windowCount, geometry.patchDimension, geometry.patchesPerSample)
    let d = coefficients == nil ? h : h + 1
    let size = SymmetricCoordinates.count(order: d)
    let scales = Self.momentScales(order: d, coefficients)
    var result = Matrix(rows: sampleCount, columns: a * size)
    result.elements.withUnsafeMutableBufferPointer { out in
      nonisolated(unsafe) let out = out
      Parallel.forEachChunk(of: sampleCount, chunk: 16, threads: threads) { _, samples in
        var patch = [Double](repeating: 1, count: d)
        for i in samples {
          let patches = patches(ofSample: i)
          for position in 0..<k {
            for e in 0..<h { patch[e] = patches.elements[position * h + e] }
            var index = (i * a + poolingMap.windows[position]) * size
            let weight = poolingMap.weights[position]
            for e in 0..<d {
              let left = weight * patch[e]
              for f in e..<d {
                out[index] += left * patch[f]
                index += 1
              }
            }
          }
          for q in 0..<a {
            for s in 0..<size { out[(i * a + q) * size + s] *= scales[s] }
          }
        }
      }
    }
    return result
  }

  /// Factors from products of patch entries to coordinates.
  private static func momentScales(order d: Int, _ coefficients: Polynomial?) -> [Double] {
    let root = 2.0.squareRoot()
    var result: [Double] = []
    for e in 0..<d {
      for f in e..<d {
        let factor: Double =
          switch coefficients {
          case nil: 1
          case .some(let p): f < d - 1 ? p.a : e < d - 1 ? 0.5 * p.b : p.c
          }
        result.append(e == f ? factor : root * factor)
      }
    }
    return result
  }
}
