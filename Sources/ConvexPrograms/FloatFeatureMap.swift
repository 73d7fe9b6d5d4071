public import Tensors

/// A feature map that is stored in single precision; products widen it and work in double precision.
///
/// It is the map of features rounded to nearest, `|A~ - A| <= 2^-24 |A|` entry by entry, and nothing else is rounded to single
/// precision. No certificate may rest on it.
///
/// - Accuracy: Products agree with those of the exact features to `1e-7` relative to `|A| |V|` (`FeatureStorageTests`); single
///   precision sums over the features, which the products avoid, would lose another digit.
public struct FloatFeatureMap: FeatureMap, BlockedFeatureMap {
  private let features: [Float]
  /// Number of samples `n`.
  public let sampleCount: Int
  /// Number of features `d`.
  public let featureCount: Int
  /// Threads the products use.
  public let threads: Int

  /// The features of another map, rounded to single precision, in one pass over the data.
  ///
  /// - Parameter map: A map whose features are made by blocks.
  public init(_ map: StreamedFeatureMap) {
    let d = map.featureCount
    sampleCount = map.sampleCount
    featureCount = d
    threads = map.threads
    let count = map.sampleCount * d
    features = [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      initialized = count
      guard let out = buffer.baseAddress else { return }
      nonisolated(unsafe) let target = out
      map.forEachBlock { samples, a in
        nonisolated(unsafe) let a = a
        Parallel.forEachChunk(of: samples.count, chunk: 64, threads: map.threads) { _, rows in
          let start = (samples.lowerBound + rows.lowerBound) * d
          let source = a + rows.lowerBound * d
          for e in 0..<rows.count * d { (target + start + e).initialize(to: Float(source[e])) }
        }
      }
    }
  }

  /// Samples whose widened features stay in the cache.
  private var blockSamples: Int { max(1, 131_072 / max(1, featureCount)) }

  /// Widens the features block after block.
  public func forEachBlock(_ body: (Range<Int>, UnsafePointer<Double>) -> Void) {
    let block = Self.samples(perBlockOf: 16 << 20, featureCount: featureCount)
    let d = featureCount
    var wide = [Double](repeating: 0, count: min(block, sampleCount) * d)
    wide.withUnsafeMutableBufferPointer { wide in
      guard let base = wide.baseAddress else { return }
      for lower in stride(from: 0, to: sampleCount, by: block) {
        let samples = lower..<min(lower + block, sampleCount)
        Parallel.forEachChunk(of: samples.count, chunk: 16, threads: threads) { _, rows in
          widen(
            from: (lower + rows.lowerBound) * d, count: rows.count * d,
            into: base + rows.lowerBound * d)
        }
        body(samples, base)
      }
    }
  }

  /// The predictions `A V`: every thread widens its own samples.
  public func predictions(of weights: Matrix) -> Matrix {
    precondition(
      weights.rows == featureCount,
      "predictions(of:): expected \(featureCount) rows, found \(weights.rows)")
    let (n, d, c) = (sampleCount, featureCount, weights.columns)
    var result = Matrix(rows: n, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      weights.elements.withUnsafeBufferPointer { v in
        guard let v = v.baseAddress, let out = out.baseAddress else { return }
        Parallel.forEachChunk(of: n, chunk: blockSamples, threads: threads) { _, rows in
          withUnsafeTemporaryAllocation(of: Double.self, capacity: rows.count * d) { wide in
            guard let wide = wide.baseAddress else { return }
            widen(from: rows.lowerBound * d, count: rows.count * d, into: wide)
            BLAS.gemm(
              m: rows.count, n: c, k: d, wide, lda: d, v, ldb: c, out + rows.lowerBound * c,
              ldc: c)
          }
        }
      }
    }
    return result
  }

  /// The adjoint `A' G`: every thread widens its own features, of all samples in order.
  public func adjoint(_ dual: Matrix) -> Matrix {
    precondition(
      dual.rows == sampleCount, "adjoint: expected \(sampleCount) rows, found \(dual.rows)")
    let (n, d, c) = (sampleCount, featureCount, dual.columns)
    var result = Matrix(rows: d, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      dual.elements.withUnsafeBufferPointer { g in
        guard let g = g.baseAddress, let out = out.baseAddress else { return }
        Parallel.forEachChunk(of: d, chunk: 256, threads: threads) { _, part in
          let block = 256
          let width = part.count
          withUnsafeTemporaryAllocation(of: Double.self, capacity: block * width) { wide in
            guard let wide = wide.baseAddress else { return }
            for lower in stride(from: 0, to: n, by: block) {
              let count = min(block, n - lower)
              for s in 0..<count {
                widen(
                  from: (lower + s) * d + part.lowerBound, count: width, into: wide + s * width)
              }
              BLAS.gemm(
                .transposed, .plain, m: width, n: c, k: count, wide, lda: width, g + lower * c,
                ldb: c, beta: 1, out + part.lowerBound * c, ldc: c)
            }
          }
        }
      }
    }
    return result
  }

  private func widen(from start: Int, count: Int, into target: UnsafeMutablePointer<Double>) {
    features.withUnsafeBufferPointer { features in
      guard let source = features.baseAddress.map({ $0 + start }) else { return }
      for e in 0..<count { target[e] = Double(source[e]) }
    }
  }
}
