import ConvexPrograms
package import Tensors

/// How the responses of a filter are pooled, as the certifier sees it.
package enum PooledWindows: Sendable, Equatable {
  /// `sum_k P[q, k] t_k` with weights `P`, `[a, K]`.
  case linear(Matrix)
  /// `max_k t_k` over the positions of each window.
  case maximum([[Int]])

  /// Number of pooled outputs per filter `a`.
  package var count: Int {
    switch self {
    case .linear(let weights): weights.rows
    case .maximum(let windows): windows.count
    }
  }
}

/// The predictions of a network, by a forward pass written for the certifier alone.
struct CertifiedPredictions {
  /// Data the network is applied to.
  let patches: PooledPatches
  /// Pooling of the responses.
  let windows: PooledWindows
  /// Activation of every neuron.
  let activation: Activation
  /// Filters, `[m, h]`.
  let filters: Matrix
  /// Patterns of the gates of gated networks, one for each neuron.
  let masks: [[UInt64]]?
  /// Output weights, `[m a, c]`.
  let outputWeights: Matrix
  /// Output bias, `c` numbers; nil for networks without one.
  var outputBias: [Double]?

  /// The predictions, `[n, c]`.
  ///
  /// - Complexity: O(`n K m h`) time; samples are passed in chunks of at most 32.
  func values() -> Matrix {
    let (n, c) = (patches.sampleCount, outputWeights.columns)
    var result = Matrix(rows: n, columns: c)
    if let outputBias {
      for e in result.elements.indices { result.elements[e] = outputBias[e % c] }
    }
    guard filters.rows > 0 else { return result }
    // Responses of a chunk take at most 32 MiB.
    let responses = max(1, patches.patchesPerSample * filters.rows)
    let chunk = max(1, min(32, 4_194_304 / responses))
    result.elements.withUnsafeMutableBufferPointer { result in
      nonisolated(unsafe) let result = result
      Parallel.forEachChunk(of: n, chunk: chunk, threads: patches.threads) { _, samples in
        let part = values(samples)
        for e in part.elements.indices { result[samples.lowerBound * c + e] += part.elements[e] }
      }
    }
    return result
  }

  /// What every neuron contributes for output weights of its own.
  ///
  /// - Returns: Predictions of the neurons one by one, `[n c, m]`: row `i c + t` is output `t` of sample `i`.
  /// - Complexity: O(`n K m h`) time.
  func neuronOutputs() -> Matrix {
    let (n, c, m, a) = (patches.sampleCount, outputWeights.columns, filters.rows, windows.count)
    var result = Matrix(rows: n * c, columns: m)
    guard m > 0 else { return result }
    result.elements.withUnsafeMutableBufferPointer { result in
      nonisolated(unsafe) let result = result
      Parallel.forEachChunk(of: n, chunk: 32, threads: patches.threads) { _, samples in
        let features = features(samples)
        for (s, i) in samples.enumerated() {
          for j in 0..<m {
            for t in 0..<c {
              var sum = 0.0
              for q in 0..<a { sum += features[s, j * a + q] * outputWeights[j * a + q, t] }
              result[(i * c + t) * m + j] = sum
            }
          }
        }
      }
    }
    return result
  }

  private func values(_ samples: Range<Int>) -> Matrix {
    BLAS.product(features(samples), .plain, outputWeights)
  }

  /// Pooled responses of some samples, `[samples, m a]`.
  private func features(_ samples: Range<Int>) -> Matrix {
    let (count, h, m, a) = (
      patches.patchesPerSample, patches.patchDimension, filters.rows, windows.count
    )
    let first = samples.lowerBound * count
    let rows = Matrix(
      rows: samples.count * count, columns: h,
      elements: Array(patches.rows.elements[first * h..<(first + samples.count * count) * h]))
    var responses = BLAS.product(rows, .plain, filters, .transposed)
    activate(&responses, firstRow: first)
    var features = Matrix(rows: samples.count, columns: m * a)
    switch windows {
    case .linear(let weights): addPooled(responses, weights, to: &features)
    case .maximum(let windows):
      for s in 0..<samples.count {
        for j in 0..<m {
          for (q, positions) in windows.enumerated() {
            features[s, j * a + q] = largest(responses, sample: s, neuron: j, among: positions)
          }
        }
      }
    }
    return features
  }

  private func activate(_ responses: inout Matrix, firstRow: Int) {
    let m = responses.columns
    switch activation {
    case .linear: return
    case .relu:
      for e in responses.elements.indices where responses.elements[e] < 0 {
        responses.elements[e] = 0
      }
    case .quadratic, .polynomial:
      guard let p = activation.polynomial else { return }
      for e in responses.elements.indices { responses.elements[e] = p(responses.elements[e]) }
    case .gated:
      guard let masks else { return }
      for local in 0..<responses.rows {
        let r = firstRow + local
        for j in 0..<m where (masks[j][r >> 6] >> UInt64(r & 63)) & 1 == 0 {
          responses.elements[local * m + j] = 0
        }
      }
    }
  }

  /// Adds `P[q, k] t_k` to feature `j a + q` of every sample, positions in order, skipping weights that are zero.
  private func addPooled(_ responses: Matrix, _ weights: Matrix, to features: inout Matrix) {
    let (count, m, a) = (patches.patchesPerSample, responses.columns, weights.rows)
    let entries = (0..<a).flatMap { q in
      (0..<count).compactMap { k in
        let weight = weights[q, k]
        return weight == 0 ? nil : (window: q, position: k, weight: weight)
      }
    }
    let sampleCount = features.rows
    features.elements.withUnsafeMutableBufferPointer { features in
      responses.elements.withUnsafeBufferPointer { responses in
        for s in 0..<sampleCount {
          for entry in entries {
            let row = (s * count + entry.position) * m
            let target = s * m * a + entry.window
            for j in 0..<m { features[target + j * a] += entry.weight * responses[row + j] }
          }
        }
      }
    }
  }

  private func largest(
    _ responses: Matrix, sample: Int, neuron: Int, among positions: [Int]
  ) -> Double {
    let start = sample * patches.patchesPerSample * responses.columns + neuron
    var best = -Double.infinity
    for k in positions { best = max(best, responses.elements[start + k * responses.columns]) }
    return best > -.infinity ? best : 0
  }
}
