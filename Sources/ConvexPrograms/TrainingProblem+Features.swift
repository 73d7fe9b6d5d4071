import Convolutions
public import Tensors

// Passes over the data. Each works by chunks of samples that depend on the shapes only, and reduces the chunks in
// order, so results have the same bits for any number of threads.

extension TrainingProblem {
  /// Samples per chunk for `m` filters: responses of a chunk fit the cache, and at most 64 chunks.
  private func chunkSize(filters m: Int) -> Int {
    let responses = max(1, geometry.patchesPerSample * m)
    return max(1, 131_072 / responses, (sampleCount + 63) / 64)
  }

  private func chunkCount(_ chunk: Int) -> Int { (sampleCount + chunk - 1) / chunk }

  /// Pooled activations of filters: feature `j * a + q` of sample `i` is `sum_k P[q, k] act(x_ik . u_j)`.
  ///
  /// - Parameter filters: Filters of shape `[m, h]`.
  /// - Returns: Features of shape `[n, m * a]`.
  /// - Precondition: The activation is not gated; see `gatedFeatures(of:)`.
  /// - Complexity: O(`n K h m`).
  public func features(of filters: Matrix) -> Matrix {
    precondition(activation != .gated, "features(of:): gated networks need gatedFeatures(of:)")
    let m = filters.rows
    let width = m * windowCount
    var result = Matrix(rows: sampleCount, columns: width)
    guard m > 0 else { return result }
    let responseSize = geometry.patchesPerSample * m
    withBuffers(filters, &result) { u, out in
      Parallel.forEachChunk(of: sampleCount, chunk: chunkSize(filters: m), threads: threads) {
        _, samples in
        var workspace = ConvolutionWorkspace()
        withScratch(samples.count * responseSize) { responses in
          layer.responses(
            filters: u, count: m, samples: samples, into: responses, workspace: &workspace)
          for (s, i) in samples.enumerated() {
            pool(responses + s * responseSize, filters: m, into: out + i * width)
          }
        }
      }
    }
    return result
  }

  /// Gradient by the filters of `<features(u), cotangent>`.
  ///
  /// - Parameters:
  ///   - filters: Filters `u` of shape `[m, h]`.
  ///   - cotangent: Shape `[n, m * a]`.
  /// - Returns: Gradient of shape `[m, h]`; at a kink the inactive side counts.
  /// - Complexity: O(`n K h m`).
  public func pullback(filters: Matrix, cotangent: Matrix) -> Matrix {
    let m = filters.rows
    let width = m * windowCount
    precondition(
      cotangent.rows == sampleCount && cotangent.columns == width,
      "pullback: expected [\(sampleCount), \(width)], found [\(cotangent.rows), \(cotangent.columns)]"
    )
    guard m > 0 else { return filters }
    let responseSize = geometry.patchesPerSample * m
    let chunk = chunkSize(filters: m)
    var partial = Matrix(rows: chunkCount(chunk) * m, columns: filters.columns)
    withBuffers(filters, &partial) { u, partial in
      cotangent.elements.withUnsafeBufferPointer { cotangent in
        guard let cotangent = cotangent.baseAddress else { return }
        Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) { index, samples in
          var workspace = ConvolutionWorkspace()
          withScratch(samples.count * responseSize) { responses in
            layer.responses(
              filters: u, count: m, samples: samples, into: responses, workspace: &workspace)
            for (s, i) in samples.enumerated() {
              unpool(
                responses + s * responseSize, filters: m, cotangent: cotangent + i * width)
            }
            layer.accumulateAdjoint(
              cotangent: responses, count: m, samples: samples,
              into: partial + index * m * filters.columns, workspace: &workspace)
          }
        }
      }
    }
    return sumOfChunks(partial, rows: m)
  }

  /// Loss of a network and its gradients by filters and output weights, in one pass over the data.
  ///
  /// - Parameters:
  ///   - filters: Shape `[m, h]`.
  ///   - outputWeights: Shape `[m * a, c]`.
  /// - Returns: The loss without regularizer, the gradient by the filters `[m, h]` and by the weights `[m * a, c]`.
  /// - Complexity: O(`n K h m + n m a c`).
  public func lossAndGradient(
    filters: Matrix, outputWeights: Matrix
  ) -> (loss: Double, filters: Matrix, outputWeights: Matrix) {
    let result = lossAndGradient(
      filters: filters, outputWeights: outputWeights,
      outputBias: [Double](repeating: 0, count: outputCount))
    return (result.loss, result.filters, result.outputWeights)
  }

  /// Loss of a network with an output bias and its gradients by filters, output weights and bias.
  ///
  /// - Parameters:
  ///   - filters: Shape `[m, h]`.
  ///   - outputWeights: Shape `[m * a, c]`.
  ///   - outputBias: `c` numbers.
  /// - Returns: The loss without regularizer, the gradient by the filters `[m, h]`, by the weights `[m * a, c]` and by
  ///   the bias, `c` numbers.
  /// - Complexity: O(`n K h m + n m a c`).
  public func lossAndGradient(
    filters: Matrix, outputWeights: Matrix, outputBias: [Double]
  ) -> (loss: Double, filters: Matrix, outputWeights: Matrix, outputBias: [Double]) {
    let (m, c, h) = (filters.rows, outputCount, filters.columns)
    precondition(outputBias.count == c, "lossAndGradient: \(outputBias.count) biases, \(c) outputs")
    let width = m * windowCount
    guard m > 0 else {
      let (value, gradient) = loss.valueAndGradient(
        at: Matrix(rows: sampleCount, columns: c).adding(outputBias))
      return (value, filters, outputWeights, gradient.columnSums)
    }
    let responseSize = geometry.patchesPerSample * m
    let chunk = chunkSize(filters: m)
    let chunks = chunkCount(chunk)
    // Loss and bias gradient of each chunk.
    var values = Matrix(rows: chunks, columns: 1 + c)
    var filterParts = Matrix(rows: chunks * m, columns: h)
    var weightParts = Matrix(rows: chunks * width, columns: c)
    withBuffers(filters, &filterParts) { u, filterParts in
      withBuffers(outputWeights, &weightParts) { w, weightParts in
        values.elements.withUnsafeMutableBufferPointer { values in
          guard let values = values.baseAddress else { return }
          Parallel.forEachChunk(of: sampleCount, chunk: chunk, threads: threads) {
            index, samples in
            let sums = values + index * (1 + c)
            var workspace = ConvolutionWorkspace()
            let count = samples.count
            withScratch(count * (responseSize + 2 * width + 2 * c)) { responses in
              let features = responses + count * responseSize
              let cotangent = features + count * width
              let predictions = cotangent + count * width
              let dual = predictions + count * c
              layer.responses(
                filters: u, count: m, samples: samples, into: responses, workspace: &workspace)
              for s in 0..<count {
                pool(responses + s * responseSize, filters: m, into: features + s * width)
              }
              BLAS.gemm(
                m: count, n: c, k: width, features, lda: width, w, ldb: c, predictions, ldc: c)
              for e in 0..<count * c { predictions[e] += outputBias[e % c] }
              sums[0] = loss.value(samples: samples, predictions: predictions, gradient: dual)
              for e in 0..<count * c { sums[1 + e % c] += dual[e] }
              BLAS.gemm(
                .transposed, .plain, m: width, n: c, k: count, features, lda: width, dual, ldb: c,
                weightParts + index * width * c, ldc: c)
              BLAS.gemm(
                .plain, .transposed, m: count, n: width, k: c, dual, lda: c, w, ldb: c, cotangent,
                ldc: width)
              for s in 0..<count {
                unpool(
                  responses + s * responseSize, filters: m, cotangent: cotangent + s * width)
              }
              layer.accumulateAdjoint(
                cotangent: responses, count: m, samples: samples,
                into: filterParts + index * m * h, workspace: &workspace)
            }
          }
        }
      }
    }
    let sums = values.columnSums
    return (
      sums[0], sumOfChunks(filterParts, rows: m), sumOfChunks(weightParts, rows: width),
      Array(sums.dropFirst())
    )
  }

  /// Pooled patches of each sample under each gate's mask, the features of the gated program.
  ///
  /// Feature `(g * a + q) * h + e` of sample `i` is `sum_k P[q, k] 1[x_ik . g >= 0] x_ik[e]`; without gates one block
  /// with all patches active, the features of the linear network.
  ///
  /// - Parameter gates: Gates of shape `[P, h]`, or nil for the block that is active everywhere.
  /// - Returns: Features of shape `[n, P * a * h]`.
  /// - Precondition: The pooling is linear.
  /// - Complexity: O(`n K h P`) time, O(`n P a h`) memory.
  public func gatedFeatures(of gates: Matrix?) -> Matrix {
    precondition(poolingMap.isLinear, "gatedFeatures(of:): expected a linear pooling, found max")
    let (h, a, k) = (geometry.patchDimension, windowCount, geometry.patchesPerSample)
    let blocks = gates?.rows ?? 1
    let width = blocks * a * h
    var result = Matrix(rows: sampleCount, columns: width)
    let active = gates ?? Matrix(rows: 1, columns: h)
    var unit = Matrix.identity(h).elements
    withBuffers(active, &result) { g, out in
      unit.withUnsafeMutableBufferPointer { unit in
        guard let unit = unit.baseAddress.map({ UnsafePointer($0) }) else { return }
        Parallel.forEachChunk(of: sampleCount, chunk: chunkSize(filters: blocks), threads: threads)
        {
          _, samples in
          var workspace = ConvolutionWorkspace()
          withScratch(samples.count * k * (blocks + h)) { responses in
            let patches = responses + samples.count * k * blocks
            layer.responses(
              filters: g, count: blocks, samples: samples, into: responses, workspace: &workspace)
            // Responses of the unit filters are the patches themselves.
            layer.responses(
              filters: unit, count: h, samples: samples, into: patches, workspace: &workspace)
            for row in 0..<samples.count * k * blocks {
              responses[row] = responses[row] >= 0 ? 1 : 0
            }
            for (s, i) in samples.enumerated() {
              maskedSums(
                masks: responses + s * k * blocks, patches: patches + s * k * h, blocks: blocks,
                into: out + i * width)
            }
          }
        }
      }
    }
    return result
  }

  /// Adds `P[q, k] mask[k, g] x_k` over the positions into feature block `(g, q)` of one sample.
  private func maskedSums(
    masks: UnsafePointer<Double>, patches: UnsafePointer<Double>, blocks: Int,
    into out: UnsafeMutablePointer<Double>
  ) {
    let (h, a) = (geometry.patchDimension, windowCount)
    for k in 0..<geometry.patchesPerSample {
      let weight = poolingMap.weights[k]
      let window = poolingMap.windows[k]
      let patch = patches + k * h
      for g in 0..<blocks where masks[k * blocks + g] != 0 {
        let target = out + (g * a + window) * h
        for e in 0..<h { target[e] += weight * patch[e] }
      }
    }
  }

  private func pool(
    _ responses: UnsafePointer<Double>, filters m: Int, into out: UnsafeMutablePointer<Double>
  ) {
    if activation == .linear {
      poolingMap.pooledLinear(responses, filters: m, into: out)
    } else if let polynomial = activation.polynomial {
      let count = geometry.patchesPerSample * m
      withScratch(count) { values in
        for e in 0..<count { values[e] = polynomial(responses[e]) }
        poolingMap.pooledLinear(values, filters: m, into: out)
      }
    } else {
      poolingMap.pooledReLU(responses, filters: m, into: out)
    }
  }

  private func unpool(
    _ responses: UnsafeMutablePointer<Double>, filters m: Int, cotangent: UnsafePointer<Double>
  ) {
    if activation == .linear {
      poolingMap.pooledLinearAdjoint(responses, filters: m, cotangent: cotangent)
    } else if let polynomial = activation.polynomial {
      let count = geometry.patchesPerSample * m
      withScratch(count) { pooled in
        poolingMap.pooledLinearAdjoint(pooled, filters: m, cotangent: cotangent)
        for e in 0..<count { responses[e] = polynomial.derivative(responses[e]) * pooled[e] }
      }
    } else {
      poolingMap.pooledReLUAdjoint(responses, filters: m, cotangent: cotangent)
    }
  }

  private func sumOfChunks(_ parts: Matrix, rows: Int) -> Matrix {
    let size = rows * parts.columns
    var sum = Matrix(rows: rows, columns: parts.columns)
    sum.elements.withUnsafeMutableBufferPointer { sum in
      parts.elements.withUnsafeBufferPointer { parts in
        for start in stride(from: 0, to: parts.count, by: max(1, size)) {
          for e in 0..<size { sum[e] += parts[start + e] }
        }
      }
    }
    return sum
  }
}

/// Calls the body with the storage of an input and an output matrix, unless one is empty.
private func withBuffers(
  _ input: Matrix, _ output: inout Matrix,
  _ body: (UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
) {
  output.elements.withUnsafeMutableBufferPointer { output in
    input.elements.withUnsafeBufferPointer { input in
      guard let input = input.baseAddress, let output = output.baseAddress else { return }
      body(input, output)
    }
  }
}

/// Calls the body with uninitialised scratch memory.
private func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Double>) -> Void) {
  withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, count)) { buffer in
    guard let base = buffer.baseAddress else { return }
    body(base)
  }
}
