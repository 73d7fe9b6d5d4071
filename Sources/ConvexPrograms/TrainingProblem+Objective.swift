import Convolutions
public import Tensors

/// The objective of a network, in its parts.
public struct Objective: Sendable, Equatable {
  /// Mean loss `(1/n) sum_i loss`.
  public let loss: Double
  /// The regularizer of the network, `sum_j |u_j| |W_j|_F` unless the activation has degree two.
  public let regularization: Double
  /// Regularization strength.
  public let lambda: Double
  /// `loss + lambda * regularization`.
  public var total: Double { loss + lambda * regularization }
}

extension TrainingProblem {
  /// Predictions of a network on the samples of the problem, with its output bias if it has one, shape `[n, c]`.
  ///
  /// - Precondition: The network has the problem's geometry, pooling and activation.
  /// - Complexity: O(`n K h m`).
  public func predictions(of network: Network) -> Matrix {
    precondition(
      network.geometry == geometry && network.pooling == pooling
        && network.activation == activation,
      "predictions(of:): network and problem differ in geometry, pooling or activation")
    let constant = Matrix(rows: sampleCount, columns: network.outputCount)
    guard network.neuronCount > 0 else {
      return network.outputBias.map { constant.adding($0) } ?? constant
    }
    let predictions =
      if let gates = network.gates {
        gatedPredictions(of: network, gates: gates)
      } else {
        shared(filters: network.neuronCount)?.predictions(
          filters: network.filters, outputWeights: network.outputWeights)
          ?? passes.predictions(filters: network.filters, outputWeights: network.outputWeights)
      }
    return network.outputBias.map { predictions.adding($0) } ?? predictions
  }

  /// The network with the output bias that is best for its neurons; itself where the problem has none.
  ///
  /// - Complexity: O(`n K h m`).
  public func withBestOutputBias(_ network: Network) -> Network {
    guard let biased = reducedLoss as? OutputBiasLoss else { return network }
    var result = network
    result.outputBias = nil
    result.outputBias = biased.bestBias(at: predictions(of: result))
    return result
  }

  /// Loss and regularization of a network on the samples of the problem.
  public func objective(of network: Network) -> Objective {
    Objective(
      loss: loss.value(at: predictions(of: network)), regularization: network.regularization,
      lambda: lambda)
  }

  /// Predictions from the pooled gated responses `sum_k P[q, k] 1[x_ik . g_j >= 0] (x_ik . u_j)`, without an output bias.
  private func gatedPredictions(of network: Network, gates: Matrix) -> Matrix {
    let (m, a, k) = (network.neuronCount, windowCount, geometry.patchesPerSample)
    let c = network.outputCount
    var result = Matrix(rows: sampleCount, columns: c)
    let both = Matrix(
      rows: 2 * m, columns: gates.columns, elements: network.filters.elements + gates.elements)
    // Blocks of samples keep the responses of filters and gates small.
    let block = max(1, 1_000_000 / max(1, 2 * m * k))
    result.elements.withUnsafeMutableBufferPointer { out in
      guard let out = out.baseAddress else { return }
      Parallel.forEachChunk(of: sampleCount, chunk: block, threads: threads) { _, samples in
        let responses = layer.responses(of: both, samples: samples)
        var pooled = [Double](repeating: 0, count: samples.count * m * a)
        for s in 0..<samples.count {
          for position in 0..<k {
            let row = (s * k + position) * 2 * m
            let weight = poolingMap.weights[position]
            let window = poolingMap.windows[position]
            for j in 0..<m where responses[row + m + j] >= 0 {
              pooled[s * m * a + j * a + window] += weight * responses[row + j]
            }
          }
        }
        BLAS.gemm(
          m: samples.count, n: c, k: m * a, pooled, lda: m * a, network.outputWeights.elements,
          ldb: c, out + samples.lowerBound * c, ldc: c)
      }
    }
    return result
  }
}

extension ConvolutionLayer {
  /// Responses of a few filters on a range of samples, `[samples.count * K, m]`, allocated.
  func responses(of filters: Matrix, samples: Range<Int>) -> [Double] {
    let m = filters.rows
    let count = samples.count * geometry.patchesPerSample * m
    return [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      filters.elements.withUnsafeBufferPointer { u in
        guard let u = u.baseAddress, let out = buffer.baseAddress else { return }
        var workspace = ConvolutionWorkspace()
        responses(filters: u, count: m, samples: samples, into: out, workspace: &workspace)
      }
      initialized = count
    }
  }
}
