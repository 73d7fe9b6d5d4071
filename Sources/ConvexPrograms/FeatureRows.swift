package import Tensors

/// Rows of a feature matrix, those of some or all samples, and their part of its products.
package struct FeatureRows: Sendable {
  /// The rows, `[samples.count, d]`.
  package var features: Matrix
  /// The samples they are of: whole blocks.
  package let samples: Range<Int>
  /// How all samples are cut.
  package let blocks: SampleBlocks
  /// Threads to use; results do not depend on it.
  package let threads: Int

  /// The rows of some samples.
  package init(_ features: Matrix, samples: Range<Int>, of blocks: SampleBlocks, threads: Int) {
    precondition(
      features.rows == samples.count,
      "FeatureRows: \(features.rows) rows, expected \(samples.count)")
    (self.features, self.samples, self.blocks, self.threads) = (features, samples, blocks, threads)
  }

  /// The rows of all samples.
  package init(all features: Matrix, threads: Int) {
    self.init(
      features, samples: 0..<features.rows, of: SampleBlocks(features.rows), threads: threads)
  }

  /// The products of the rows with weights `[d, c]`, shape `[samples.count, c]`.
  package func predictions(of weights: Matrix) -> Matrix {
    let (d, c) = (features.columns, weights.columns)
    var result = Matrix(rows: features.rows, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      features.elements.withUnsafeBufferPointer { a in
        weights.elements.withUnsafeBufferPointer { v in
          guard let a = a.baseAddress, let v = v.baseAddress, let out = out.baseAddress else {
            return
          }
          Parallel.forEachChunk(of: features.rows, chunk: blocks.featureBlock, threads: threads) {
            _, rows in
            BLAS.gemm(
              m: rows.count, n: c, k: d, a + rows.lowerBound * d, lda: d, v, ldb: c,
              out + rows.lowerBound * c, ldc: c)
          }
        }
      }
    }
    return result
  }

  /// The part of the rows in `A' G`, one leaf of `[d, c]` per block of samples.
  ///
  /// - Parameter dual: `G` of shape `[n, c]`, for all samples.
  /// - Returns: The sum over the blocks of these rows.
  package func adjoint(_ dual: Matrix) -> PairwiseSum {
    let (d, c) = (features.columns, dual.columns)
    return features.elements.withUnsafeBufferPointer { a in
      dual.elements.withUnsafeBufferPointer { g in
        guard let a = a.baseAddress, let g = g.baseAddress else { return PairwiseSum() }
        return sum(over: d, width: c) { rows, columns, out in
          BLAS.gemm(
            .transposed, .plain, m: columns.count, n: c, k: rows.count,
            a + (rows.lowerBound - samples.lowerBound) * d + columns.lowerBound, lda: d,
            g + rows.lowerBound * c, ldb: c, out, ldc: c)
        }
      }
    }
  }

  /// The part of the rows in the sums of the columns, one leaf of `d` per block of samples.
  package var columnSums: PairwiseSum {
    let d = features.columns
    return features.elements.withUnsafeBufferPointer { a in
      sum(over: d, width: 1) { rows, columns, out in
        for e in 0..<columns.count { out[e] = 0 }
        for i in rows {
          let row = (i - samples.lowerBound) * d + columns.lowerBound
          for e in 0..<columns.count { out[e] += a[row + e] }
        }
      }
    }
  }

  /// Sums over blocks of samples of `[count, width]`, by pieces of rows.
  ///
  /// - Parameters:
  ///   - count: Rows of the sum.
  ///   - width: Columns of the sum.
  ///   - leastPiece: Rows of a piece, at least.
  ///   - body: Overwrites some rows of the sum with the part of a block of samples.
  /// - Returns: The sum over the blocks of these rows.
  package func sum(
    over count: Int, width: Int, leastPiece: Int = 32,
    _ body: (Range<Int>, Range<Int>, UnsafeMutablePointer<Double>) -> Void
  ) -> PairwiseSum {
    // Pieces of 64 KiB stay in the cache while they are added.
    let piece = max(leastPiece, min((count + 7) / 8, 8192 / max(1, width)))
    if !samples.isEmpty, samples.count <= blocks.featureBlock {
      // One block: nothing to add.
      let leaf = [Double](unsafeUninitializedCapacity: count * width) { buffer, initialized in
        if let out = buffer.baseAddress {
          nonisolated(unsafe) let out = out
          Parallel.forEachChunk(of: count, chunk: piece, threads: threads) { _, range in
            body(samples, range, out + range.lowerBound * width)
          }
        }
        initialized = count * width
      }
      var sum = PairwiseSum()
      sum.append(leaf, at: samples.lowerBound / blocks.featureBlock)
      return sum
    }
    var sums = [PairwiseSum](repeating: PairwiseSum(), count: (count + piece - 1) / piece)
    let block = blocks.featureBlock
    sums.withUnsafeMutableBufferPointer { sums in
      nonisolated(unsafe) let sums = sums
      Parallel.forEachChunk(of: count, chunk: piece, threads: threads) { index, range in
        for start in stride(from: samples.lowerBound, to: samples.upperBound, by: block) {
          let rows = start..<min(start + block, samples.upperBound)
          let size = range.count * width
          let part = [Double](unsafeUninitializedCapacity: size) { buffer, initialized in
            if let out = buffer.baseAddress { body(rows, range, out) }
            initialized = size
          }
          sums[index].append(part, at: start / block)
        }
      }
    }
    return PairwiseSum(joining: sums)
  }
}
