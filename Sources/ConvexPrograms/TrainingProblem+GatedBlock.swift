import Convolutions
package import Tensors

extension TrainingProblem {
  /// Adds the features of `gatedFeatures(of:)` of some samples to zeros, by a dense product for each sample and window.
  ///
  /// - Parameters:
  ///   - gates: Gates of shape `[P, h]`, or nil for the block that is active everywhere.
  ///   - range: Range of sample indices.
  ///   - out: Shape `[range.count, P * a * h]`, zeros before.
  /// - Precondition: The pooling is linear.
  /// - Complexity: O(`K h P`) per sample; every thread has the patches and masks of at most 8 MiB of samples at once.
  /// - Accuracy: Features agree with those of `gatedFeatures(of:)` to 1e-15 of the sums of their terms' sizes
  ///   (`FeatureStorageTests`).
  package func addGatedFeatures(
    of gates: Matrix?, samples range: Range<Int>, into out: UnsafeMutablePointer<Double>
  ) {
    precondition(poolingMap.isLinear, "addGatedFeatures: expected a linear pooling, found max")
    let block = GatedBlock(self, gates: gates)
    let chunk = max(1, min(64, 1_048_576 / max(1, block.scratchCount)))
    Parallel.forEachChunk(of: range.count, chunk: chunk, threads: threads) { _, part in
      block.add(
        part.lowerBound + range.lowerBound..<part.upperBound + range.lowerBound,
        into: out + part.lowerBound * block.width)
    }
  }
}

/// Gates, and the positions of each window, of a pass that makes masked pooled patches.
private struct GatedBlock {
  let layer: ConvolutionLayer
  /// Gates, `[P, h]`; nil for the block that is active everywhere.
  let gates: Matrix?
  let unit: Matrix
  /// Positions in the order of their windows.
  let order: [Int]
  /// Weight of each of those in its window.
  let weights: [Double]
  /// Where each window starts in `order`, and the end.
  let starts: [Int]

  init(_ problem: TrainingProblem, gates: Matrix?) {
    let map = problem.poolingMap
    layer = problem.layer
    self.gates = gates
    unit = .identity(problem.geometry.patchDimension)
    order = map.windows.indices.sorted { (map.windows[$0], $0) < (map.windows[$1], $1) }
    weights = order.map { map.weights[$0] }
    starts = (0...map.outputCount).map { q in map.windows.count { $0 < q } }
  }

  private var patchDimension: Int { unit.rows }
  private var gateCount: Int { gates?.rows ?? 1 }
  private var windowCount: Int { starts.count - 1 }
  /// Features per sample.
  var width: Int { gateCount * windowCount * patchDimension }
  /// Numbers of scratch memory per sample.
  var scratchCount: Int { order.count * (2 * patchDimension + gateCount) }

  func add(_ samples: Range<Int>, into out: UnsafeMutablePointer<Double>) {
    let (k, h, count) = (order.count, patchDimension, gateCount)
    let size = samples.count * k
    var workspace = ConvolutionWorkspace()
    withUnsafeTemporaryAllocation(of: Double.self, capacity: size * (2 * h + count)) { scratch in
      guard let patches = scratch.baseAddress else { return }
      let (sorted, masks) = (patches + size * h, patches + 2 * size * h)
      unit.elements.withUnsafeBufferPointer { unit in
        guard let unit = unit.baseAddress else { return }
        // Responses of the unit filters are the patches themselves.
        layer.responses(
          filters: unit, count: h, samples: samples, into: patches, workspace: &workspace)
      }
      for s in 0..<samples.count {
        for (place, position) in order.enumerated() {
          (sorted + (s * k + place) * h).update(from: patches + (s * k + position) * h, count: h)
        }
      }
      fillMasks(of: sorted, rows: size, into: masks)
      for s in 0..<samples.count {
        for q in 0..<windowCount {
          let first = s * k + starts[q]
          BLAS.gemm(
            .transposed, .plain, m: count, n: h, k: starts[q + 1] - starts[q],
            masks + first * count, lda: count, sorted + first * h, ldb: h, beta: 1,
            out + s * width + q * h, ldc: windowCount * h)
        }
      }
    }
  }

  /// Weights of active patches in their windows, zeros for the others, `[rows, P]`.
  private func fillMasks(
    of patches: UnsafePointer<Double>, rows: Int, into masks: UnsafeMutablePointer<Double>
  ) {
    let (h, count, k) = (patchDimension, gateCount, order.count)
    guard let gates else {
      for row in 0..<rows { masks[row] = weights[row % k] }
      return
    }
    gates.elements.withUnsafeBufferPointer { gates in
      guard let gates = gates.baseAddress else { return }
      BLAS.gemm(
        .plain, .transposed, m: rows, n: count, k: h, patches, lda: h, gates, ldb: h, masks,
        ldc: count)
    }
    for row in 0..<rows {
      let weight = weights[row % k]
      let mask = masks + row * count
      for g in 0..<count { mask[g] = mask[g] >= 0 ? weight : 0 }
    }
  }
}
