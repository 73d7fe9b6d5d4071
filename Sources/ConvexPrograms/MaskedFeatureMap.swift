package import Tensors

/// The feature map of gates over samples with one patch: `A_b = diag(m_b) X` for every block `b`.
///
/// All blocks share the rows `X`, so that `n P h` features take the memory of `n (P + h)` numbers, products are products of
/// matrices, and `A_b A_b'` is the entrywise product of `X X'` and `m_b m_b'`. Law, checked by `MaskedFeatureMapTests`:
/// predictions and adjoints are those of the dense features.
package struct MaskedFeatureMap: FeatureMap {
  /// The rows `X` that the blocks share, shape `[n, h]`.
  package let rows: Matrix
  /// Which rows are in which block, shape `[n, P]`; entries are 0 or 1.
  package let masks: Matrix
  /// Threads the products use; the results do not depend on it.
  package let threads: Int
  private static let sampleChunk = 256
  private static let blockChunk = 64

  /// Number of samples `n`.
  package var sampleCount: Int { rows.rows }
  /// Number of features `P h`.
  package var featureCount: Int { masks.columns * rows.columns }

  private init(rows: Matrix, masks: Matrix, threads: Int) {
    (self.rows, self.masks, self.threads) = (rows, masks, threads)
  }

  /// The same map with its structure; nil where a row of a block is neither zero nor that of the other blocks.
  ///
  /// - Parameters:
  ///   - dense: Features of shape `[n, P h]`.
  ///   - blockCount: Number of blocks `P`, at least 1.
  /// - Complexity: O(`n P h`).
  package init?(_ dense: DenseFeatureMap, blockCount: Int) {
    guard blockCount > 0, dense.featureCount % blockCount == 0 else { return nil }
    let (n, size) = (dense.sampleCount, dense.featureCount / blockCount)
    var rows = Matrix(rows: n, columns: size)
    var masks = Matrix(rows: n, columns: blockCount)
    let isMasked = dense.features.elements.withUnsafeBufferPointer { features in
      for i in 0..<n {
        var first: Int?
        for b in 0..<blockCount {
          let start = (i * blockCount + b) * size
          guard (start..<start + size).contains(where: { features[$0] != 0 }) else { continue }
          if let first {
            guard (0..<size).allSatisfy({ features[first + $0] == features[start + $0] }) else {
              return false
            }
          } else {
            first = start
            for e in 0..<size { rows.elements[i * size + e] = features[start + e] }
          }
          masks.elements[i * blockCount + b] = 1
        }
      }
      return true
    }
    guard isMasked else { return nil }
    self.init(rows: rows, masks: masks, threads: dense.threads)
  }

  /// The map of some of the blocks.
  ///
  /// - Parameter blocks: Numbers of the blocks.
  /// - Returns: A map whose block `k` is `blocks[k]` of this one.
  /// - Complexity: O(`n blocks`).
  package func restricted(to blocks: [Int]) -> MaskedFeatureMap {
    MaskedFeatureMap(rows: rows, masks: masks(of: blocks), threads: threads)
  }

  /// Columns of the masks, shape `[n, blocks]`.
  package func masks(of blocks: [Int]) -> Matrix {
    var chosen = Matrix(rows: sampleCount, columns: blocks.count)
    masks.elements.withUnsafeBufferPointer { masks in
      for i in 0..<chosen.rows {
        for (k, b) in blocks.enumerated() {
          chosen.elements[i * blocks.count + k] = masks[i * self.masks.columns + b]
        }
      }
    }
    return chosen
  }

  /// Products `A_b v_b` of single blocks, one column each.
  ///
  /// - Parameters:
  ///   - vectors: A vector of length `h` per row.
  ///   - blocks: The block of each vector.
  /// - Returns: Shape `[n, blocks]`.
  /// - Complexity: O(`n h blocks`).
  package func images(of vectors: Matrix, in blocks: [Int]) -> Matrix {
    let (n, h, count) = (sampleCount, rows.columns, blocks.count)
    var images = Matrix(rows: n, columns: count)
    images.elements.withUnsafeMutableBufferPointer { images in
      nonisolated(unsafe) let images = images
      Parallel.forEachChunk(of: n, chunk: Self.sampleChunk, threads: threads) { _, samples in
        rows.elements.withUnsafeBufferPointer { x in
          vectors.elements.withUnsafeBufferPointer { v in
            masks.elements.withUnsafeBufferPointer { masks in
              guard let x = x.baseAddress, let v = v.baseAddress, let y = images.baseAddress
              else { return }
              BLAS.gemm(
                .plain, .transposed, m: samples.count, n: count, k: h, x + samples.lowerBound * h,
                lda: h, v, ldb: h, y + samples.lowerBound * count, ldc: count)
              for i in samples {
                for (k, b) in blocks.enumerated() {
                  y[i * count + k] *= masks[i * self.masks.columns + b]
                }
              }
            }
          }
        }
      }
    }
    return images
  }

  /// The predictions `A V`; blocks that are zero cost nothing.
  ///
  /// - Complexity: O(`n h c`) per nonzero block.
  package func predictions(of weights: Matrix) -> Matrix {
    precondition(
      weights.rows == featureCount,
      "predictions(of:): expected \(featureCount) rows, found \(weights.rows)")
    let (h, c) = (rows.columns, weights.columns)
    var predictions = Matrix(rows: sampleCount, columns: c)
    for output in 0..<c {
      let blocks = (0..<masks.columns).filter { b in
        (b * h..<(b + 1) * h).contains { weights.elements[$0 * c + output] != 0 }
      }
      let vectors = Matrix(
        rows: blocks.count, columns: h,
        elements: blocks.flatMap { b in
          (b * h..<(b + 1) * h).map { weights.elements[$0 * c + output] }
        })
      let images = images(of: vectors, in: blocks)
      for i in 0..<sampleCount { predictions[i, output] = images.row(i).reduce(0, +) }
    }
    return predictions
  }

  /// The adjoint `A' G`.
  ///
  /// - Complexity: O(`n P h c`).
  package func adjoint(_ dual: Matrix) -> Matrix {
    precondition(
      dual.rows == sampleCount, "adjoint: expected \(sampleCount) rows, found \(dual.rows)")
    let (n, h, c, count) = (sampleCount, rows.columns, dual.columns, masks.columns)
    var adjoint = Matrix(rows: featureCount, columns: c)
    adjoint.elements.withUnsafeMutableBufferPointer { adjoint in
      nonisolated(unsafe) let adjoint = adjoint
      Parallel.forEachChunk(of: count, chunk: Self.blockChunk, threads: threads) { _, blocks in
        var scaled = [Double](repeating: 0, count: n * blocks.count)
        var sums = [Double](repeating: 0, count: blocks.count * h)
        masks.elements.withUnsafeBufferPointer { masks in
          rows.elements.withUnsafeBufferPointer { x in
            guard let x = x.baseAddress else { return }
            for output in 0..<c {
              for i in 0..<n {
                let value = dual.elements[i * c + output]
                for (k, b) in blocks.enumerated() {
                  scaled[i * blocks.count + k] = value * masks[i * count + b]
                }
              }
              BLAS.gemm(
                .transposed, .plain, m: blocks.count, n: h, k: n, scaled, lda: blocks.count, x,
                ldb: h, &sums, ldc: h)
              for e in sums.indices {
                adjoint[(blocks.lowerBound * h + e) * c + output] = sums[e]
              }
            }
          }
        }
      }
    }
    return adjoint
  }
}
