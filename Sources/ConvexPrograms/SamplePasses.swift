import Convolutions
import Tensors

/// Passes over some of the samples of a problem: those of this process, or of one of several ranks.
///
/// Each works by chunks of samples that depend on the shapes only (`SampleBlocks`) and sums over them in pairs, so results have the
/// same bits for any number of threads and ranks.
struct SamplePasses: Sendable {
  /// Convolution layer that has the samples.
  let layer: ConvolutionLayer
  let poolingMap: PoolingMap
  let activation: Activation
  /// Loss of all samples.
  let loss: any Loss
  /// Threads to use.
  let threads: Int
  /// How all samples are cut.
  let blocks: SampleBlocks
  /// The samples of the passes, among all.
  let samples: Range<Int>
  /// The first sample of the layer, among all.
  let first: Int

  private var geometry: PatchGeometry { layer.geometry }
  var windowCount: Int { poolingMap.outputCount }

  /// Samples per chunk for `m` filters.
  private func chunk(filters m: Int) -> Int {
    blocks.chunk(responsesPerSample: geometry.patchesPerSample * m)
  }

  /// Calls the body with the number of each chunk, counted from that of the first sample, and its samples.
  private func forEachChunk(of chunk: Int, _ body: (Int, Range<Int>) -> Void) {
    Parallel.forEachChunk(of: samples.count, chunk: chunk, threads: threads) { index, range in
      body(index, range.lowerBound + samples.lowerBound..<range.upperBound + samples.lowerBound)
    }
  }

  /// Numbers of the layer's samples.
  private func own(_ range: Range<Int>) -> Range<Int> {
    range.lowerBound - first..<range.upperBound - first
  }

  /// Pooled activations of filters, `[samples.count, m * a]`; see `TrainingProblem.features(of:)`.
  func features(of filters: Matrix) -> Matrix {
    let m = filters.rows
    let width = m * windowCount
    var result = Matrix(rows: samples.count, columns: width)
    guard m > 0 else { return result }
    let responseSize = geometry.patchesPerSample * m
    withBuffers(filters, &result) { u, out in
      forEachChunk(of: chunk(filters: m)) { _, range in
        var workspace = ConvolutionWorkspace()
        withScratch(range.count * responseSize) { responses in
          layer.responses(
            filters: u, count: m, samples: own(range), into: responses, workspace: &workspace)
          for (s, i) in range.enumerated() {
            pool(
              responses + s * responseSize, filters: m,
              into: out + (i - samples.lowerBound) * width)
          }
        }
      }
    }
    return result
  }

  /// The part of the samples in the gradient by the filters of `<features(u), cotangent>`, leaves of `[m, h]`.
  ///
  /// - Parameters:
  ///   - filters: Filters of shape `[m, h]`, at least one.
  ///   - cotangent: Shape `[samples.count, m * a]`.
  /// - Returns: The sum over the chunks of these samples.
  func pullback(filters: Matrix, cotangent: Matrix) -> PairwiseSum {
    let m = filters.rows
    let width = m * windowCount
    let responseSize = geometry.patchesPerSample * m
    let chunk = chunk(filters: m)
    let size = m * filters.columns
    var partial = Matrix(rows: chunkCount(chunk), columns: size)
    withBuffers(filters, &partial) { u, partial in
      cotangent.elements.withUnsafeBufferPointer { cotangent in
        guard let cotangent = cotangent.baseAddress else { return }
        forEachChunk(of: chunk) { index, range in
          var workspace = ConvolutionWorkspace()
          withScratch(range.count * responseSize) { responses in
            layer.responses(
              filters: u, count: m, samples: own(range), into: responses, workspace: &workspace)
            for (s, i) in range.enumerated() {
              unpool(
                responses + s * responseSize, filters: m,
                cotangent: cotangent + (i - samples.lowerBound) * width)
            }
            layer.accumulateAdjoint(
              cotangent: responses, count: m, samples: own(range), into: partial + index * size,
              workspace: &workspace)
          }
        }
      }
    }
    return PairwiseSum(partial.elements, first: samples.lowerBound / chunk, size: size)
  }

  private func chunkCount(_ chunk: Int) -> Int { (samples.count + chunk - 1) / chunk }

  /// The part of the samples in the loss of a network, the gradient by its bias, `c` numbers, by its filters `[m, h]`, and by its
  /// output weights `[m * a, c]`, one after the other in each leaf.
  func lossAndGradient(
    filters: Matrix, outputWeights: Matrix, outputBias: [Double]
  ) -> PairwiseSum {
    let (m, c, h) = (filters.rows, loss.outputCount, filters.columns)
    let width = m * windowCount
    let responseSize = geometry.patchesPerSample * m
    let chunk = chunk(filters: m)
    let size = 1 + c + m * h + width * c
    var parts = Matrix(rows: chunkCount(chunk), columns: size)
    withBuffers(filters, &parts) { u, parts in
      outputWeights.elements.withUnsafeBufferPointer { w in
        guard let w = w.baseAddress else { return }
        forEachChunk(of: chunk) { index, range in
          let sums = parts + index * size
          var workspace = ConvolutionWorkspace()
          let count = range.count
          withScratch(count * (responseSize + 2 * width + 2 * c)) { responses in
            let features = responses + count * responseSize
            let cotangent = features + count * width
            let predictions = cotangent + count * width
            let dual = predictions + count * c
            layer.responses(
              filters: u, count: m, samples: own(range), into: responses, workspace: &workspace)
            for s in 0..<count {
              pool(responses + s * responseSize, filters: m, into: features + s * width)
            }
            BLAS.gemm(
              m: count, n: c, k: width, features, lda: width, w, ldb: c, predictions, ldc: c)
            for e in 0..<count * c { predictions[e] += outputBias[e % c] }
            sums[0] = loss.value(samples: range, predictions: predictions, gradient: dual)
            for e in 0..<count * c { sums[1 + e % c] += dual[e] }
            BLAS.gemm(
              .transposed, .plain, m: width, n: c, k: count, features, lda: width, dual, ldb: c,
              sums + 1 + c + m * h, ldc: c)
            BLAS.gemm(
              .plain, .transposed, m: count, n: width, k: c, dual, lda: c, w, ldb: c, cotangent,
              ldc: width)
            for s in 0..<count {
              unpool(responses + s * responseSize, filters: m, cotangent: cotangent + s * width)
            }
            layer.accumulateAdjoint(
              cotangent: responses, count: m, samples: own(range), into: sums + 1 + c,
              workspace: &workspace)
          }
        }
      }
    }
    return PairwiseSum(parts.elements, first: samples.lowerBound / chunk, size: size)
  }

  /// Pooled patches under each gate's mask, `[samples.count, P * a * h]`; see `TrainingProblem.gatedFeatures(of:)`.
  func gatedFeatures(of gates: Matrix?) -> Matrix {
    let (h, a, k) = (geometry.patchDimension, windowCount, geometry.patchesPerSample)
    let count = gates?.rows ?? 1
    let width = count * a * h
    var result = Matrix(rows: samples.count, columns: width)
    let active = gates ?? Matrix(rows: 1, columns: h)
    var unit = Matrix.identity(h).elements
    withBuffers(active, &result) { g, out in
      unit.withUnsafeMutableBufferPointer { unit in
        guard let unit = unit.baseAddress.map({ UnsafePointer($0) }) else { return }
        // Chunks that divide the share of every rank.
        forEachChunk(of: blocks.passBlock) { _, range in
          var workspace = ConvolutionWorkspace()
          withScratch(range.count * k * (count + h)) { responses in
            let patches = responses + range.count * k * count
            layer.responses(
              filters: g, count: count, samples: own(range), into: responses,
              workspace: &workspace)
            // Responses of the unit filters are the patches themselves.
            layer.responses(
              filters: unit, count: h, samples: own(range), into: patches, workspace: &workspace)
            for row in 0..<range.count * k * count {
              responses[row] = responses[row] >= 0 ? 1 : 0
            }
            for (s, i) in range.enumerated() {
              maskedSums(
                masks: responses + s * k * count, patches: patches + s * k * h, blocks: count,
                into: out + (i - samples.lowerBound) * width)
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
