package import Convolutions
package import Tensors

extension Network {
  /// Predictions on samples whose responses are computed in single precision, with the output bias if there is one.
  ///
  /// Pooling, output weights and the gates of gated networks stay in double precision: a gate near zero decides a whole
  /// response. Samples are read a few at a time.
  ///
  /// - Parameters:
  ///   - source: Samples of the network's geometry.
  ///   - backend: Product of the convolution layer, not im2col.
  ///   - threads: Threads to use; the predictions do not depend on it.
  /// - Returns: Predictions of shape `[n, c]`.
  /// - Throws: `GeometryError` when samples have another shape, the backend is im2col, or pixels or weights are too large
  ///   or too small for single precision; `ProgramError` when a pixel is not finite; what the source throws.
  /// - Accuracy: Within 1e-5 of the largest prediction, unless predictions are much smaller than the terms they are sums
  ///   of (`FloatPredictionTests`).
  package func floatPredictions(
    of source: any SampleSource, backend: ConvolutionBackend, threads: Int
  ) throws -> Matrix {
    let map = try pooling.map(for: geometry)
    var result = Matrix(rows: source.sampleCount, columns: outputCount)
    var backend = backend
    let block = max(1, Self.blockBytes / (8 * max(1, source.sampleSize)))
    for lower in stride(from: 0, to: neuronCount > 0 ? source.sampleCount : 0, by: block) {
      let images = source.batch(lower..<min(lower + block, source.sampleCount))
      try source.requireReadable()
      try requireSinglePrecision(images, first: lower * source.sampleSize)
      let layer = try FloatConvolutionLayer(
        images: images, geometry: geometry, backend: backend, filterCountHint: neuronCount,
        threads: threads, spectrumCacheBytes: 0)
      // What the first block picks serves all, so that every sample has the bits of one backend.
      backend = layer.backend
      let gateSides = try gates.map {
        GateSides(
          gates: $0,
          layer: try ConvolutionLayer(
            images: images, geometry: geometry, backend: backend, patchCacheBytes: 0))
      }
      try write(layer, map, gateSides, into: &result, at: lower)
    }
    return outputBias.map { result.adding($0) } ?? result
  }

  /// Bytes of the samples that are read at once.
  private static var blockBytes: Int { 8 << 20 }

  /// Gates, and the responses that decide on which side of them patches are.
  private struct GateSides {
    let gates: Matrix
    let layer: ConvolutionLayer
  }

  /// Writes the predictions of one block of samples, without output bias.
  private func write(
    _ layer: FloatConvolutionLayer, _ map: PoolingMap, _ gates: GateSides?,
    into result: inout Matrix, at first: Int
  ) throws {
    let (c, width) = (outputCount, neuronCount * map.outputCount)
    let responseCount = geometry.patchesPerSample * neuronCount
    try result.elements.withUnsafeMutableBufferPointer { out in
      guard let out = out.baseAddress else { return }
      nonisolated(unsafe) let target = out + first * c
      try layer.forEachChunk(of: FloatMatrix(filters)) { samples, responses in
        let sides = gates.map { $0.layer.responses(of: $0.gates, samples: samples) }
        withUnsafeTemporaryAllocation(of: Double.self, capacity: samples.count * width) { buffer in
          guard let features = buffer.baseAddress else { return }
          for s in 0..<samples.count {
            pool(
              responses + s * responseCount, sides.map { $0[(s * responseCount)...] }, map,
              into: features + s * width)
          }
          BLAS.gemm(
            m: samples.count, n: c, k: width, features, lda: width, outputWeights.elements, ldb: c,
            target + samples.lowerBound * c, ldc: c)
        }
      }
    }
  }

  /// Pools the activations of one sample, given the responses of the gates if there are any.
  private func pool(
    _ responses: UnsafePointer<Float>, _ sides: ArraySlice<Double>?, _ map: PoolingMap,
    into features: UnsafeMutablePointer<Double>
  ) {
    let m = neuronCount
    if let sides {
      features.update(repeating: 0, count: m * map.outputCount)
      for k in 0..<geometry.patchesPerSample {
        let target = features + map.windows[k]
        for j in 0..<m where sides[sides.startIndex + k * m + j] >= 0 {
          target[j * map.outputCount] += map.weights[k] * Double(responses[k * m + j])
        }
      }
    } else if activation == .linear {
      map.pooledLinear(responses, filters: m, into: features)
    } else if let polynomial = activation.polynomial {
      let values = (0..<geometry.patchesPerSample * m).map { polynomial(Double(responses[$0])) }
      map.pooledLinear(values, filters: m, into: features)
    } else {
      map.pooledReLU(responses, filters: m, into: features)
    }
  }

  /// Throws unless pixels, weights and their products are far from the limits of single precision.
  private func requireSinglePrecision(_ images: Tensor, first: Int) throws {
    if let index = images.firstNonFiniteIndex {
      throw ProgramError(
        place: "images", expected: "finite numbers",
        found: "\(images.elements[index]) at index \(first + index)",
        advice: "Remove the sample or repair the data.")
    }
    let pixel = images.elements.reduce(0) { max($0, abs($1)) }
    let weight = filters.elements.reduce(0) { max($0, abs($1)) }
    for (what, size) in [
      ("pixels", pixel), ("weights of filters", weight), ("products of both", pixel * weight),
    ] where size != 0 && !(1e-30...1e30).contains(size) {
      throw GeometryError.noSinglePrecision(
        of: what, expected: "of at most 1e30 and, the largest, at least 1e-30", found: "\(size)")
    }
  }
}
