public import Tensors

/// A feature map whose rows are made or widened a block at a time.
///
/// Products go through the blocks in order, so results have the same bits for any number of threads. Laws: those of
/// `FeatureMap`; blocks are consecutive and cover all samples (`FeatureStorageTests`).
public protocol BlockedFeatureMap: FeatureMap {
  /// Threads the products use.
  var threads: Int { get }

  /// Calls the body with the features of consecutive blocks of samples.
  ///
  /// - Parameter body: Receives a range of samples and their features, `[samples.count, d]` row-major.
  func forEachBlock(_ body: (Range<Int>, UnsafePointer<Double>) -> Void)
}

extension BlockedFeatureMap {
  /// Samples per block so that a block of features takes about as many bytes as given.
  static func samples(perBlockOf bytes: Int, featureCount: Int) -> Int {
    max(1, bytes / (MemoryLayout<Double>.stride * max(1, featureCount)))
  }

  /// The predictions `A V`, block by block.
  public func predictions(of weights: Matrix) -> Matrix {
    precondition(
      weights.rows == featureCount,
      "predictions(of:): expected \(featureCount) rows, found \(weights.rows)")
    let (d, c) = (featureCount, weights.columns)
    var result = Matrix(rows: sampleCount, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      weights.elements.withUnsafeBufferPointer { v in
        guard let v = v.baseAddress, let out = out.baseAddress else { return }
        forEachBlock { samples, a in
          let target = out + samples.lowerBound * c
          Parallel.forEachChunk(of: samples.count, chunk: 64, threads: threads) { _, rows in
            BLAS.gemm(
              m: rows.count, n: c, k: d, a + rows.lowerBound * d, lda: d, v, ldb: c,
              target + rows.lowerBound * c, ldc: c)
          }
        }
      }
    }
    return result
  }

  /// The adjoint `A' G`, summed block by block.
  public func adjoint(_ dual: Matrix) -> Matrix {
    precondition(
      dual.rows == sampleCount, "adjoint: expected \(sampleCount) rows, found \(dual.rows)")
    let (d, c) = (featureCount, dual.columns)
    var result = Matrix(rows: d, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      dual.elements.withUnsafeBufferPointer { g in
        guard let g = g.baseAddress, let out = out.baseAddress else { return }
        forEachBlock { samples, a in
          let source = g + samples.lowerBound * c
          Parallel.forEachChunk(of: d, chunk: max(32, (d + 7) / 8), threads: threads) { _, part in
            BLAS.gemm(
              .transposed, .plain, m: part.count, n: c, k: samples.count, a + part.lowerBound,
              lda: d, source, ldb: c, beta: 1, out + part.lowerBound * c, ldc: c)
          }
        }
      }
    }
    return result
  }

  /// `A' A`, of shape `[d, d]` and exactly symmetric, in one pass over the data.
  ///
  /// - Complexity: O(`n d^2 / 2`) beside the pass, O(`d^2`) memory.
  public var gram: Matrix {
    let d = featureCount
    var result = Matrix(rows: d, columns: d)
    result.elements.withUnsafeMutableBufferPointer { out in
      guard let out = out.baseAddress else { return }
      forEachBlock { samples, a in
        Parallel.forEachChunk(of: d, chunk: 192, threads: threads) { _, rows in
          let first = rows.lowerBound
          BLAS.gemm(
            .transposed, .plain, m: rows.count, n: d - first, k: samples.count, a + first, lda: d,
            a + first, ldb: d, beta: 1, out + first * d + first, ldc: d)
        }
      }
      for i in 0..<d { for j in 0..<i { out[i * d + j] = out[j * d + i] } }
    }
    return result
  }
}
