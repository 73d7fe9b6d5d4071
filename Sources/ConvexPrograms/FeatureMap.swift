public import Tensors

/// A linear map from weights `V` of shape `[d, c]` to predictions `F = A V` of shape `[n, c]`.
///
/// Law, checked for every conformer by `FeatureMapIdentityTests`: `<A V, G> = <V, A' G>`.
public protocol FeatureMap: Sendable {
  /// Number of samples `n`.
  var sampleCount: Int { get }
  /// Number of features `d`.
  var featureCount: Int { get }
  /// The predictions `A V`, shape `[n, c]`.
  func predictions(of weights: Matrix) -> Matrix
  /// The adjoint `A' G`, shape `[d, c]`.
  func adjoint(_ dual: Matrix) -> Matrix
}

/// A feature map held as a dense matrix.
public struct DenseFeatureMap: FeatureMap {
  /// Features of shape `[n, d]`.
  public let features: Matrix
  /// Threads the products use; the results do not depend on it.
  public let threads: Int

  /// A feature map with given features.
  ///
  /// - Parameters:
  ///   - features: Shape `[n, d]`.
  ///   - threads: Threads the products use.
  public init(features: Matrix, threads: Int = 1) {
    self.features = features
    self.threads = threads
  }

  /// Number of samples `n`.
  public var sampleCount: Int { features.rows }
  /// Number of features `d`.
  public var featureCount: Int { features.columns }

  /// The predictions `A V`, by chunks of samples.
  ///
  /// - Complexity: O(`n d c`).
  public func predictions(of weights: Matrix) -> Matrix {
    precondition(
      weights.rows == featureCount,
      "predictions(of:): expected \(featureCount) rows, found \(weights.rows)")
    let (n, d, c) = (sampleCount, featureCount, weights.columns)
    var result = Matrix(rows: n, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      features.elements.withUnsafeBufferPointer { a in
        weights.elements.withUnsafeBufferPointer { v in
          guard let a = a.baseAddress, let v = v.baseAddress, let out = out.baseAddress else {
            return
          }
          Parallel.forEachChunk(of: n, chunk: max(64, (n + 7) / 8), threads: threads) { _, rows in
            BLAS.gemm(
              m: rows.count, n: c, k: d, a + rows.lowerBound * d, lda: d, v, ldb: c,
              out + rows.lowerBound * c, ldc: c)
          }
        }
      }
    }
    return result
  }

  /// The adjoint `A' G`, by chunks of features.
  ///
  /// - Complexity: O(`n d c`).
  public func adjoint(_ dual: Matrix) -> Matrix {
    precondition(
      dual.rows == sampleCount, "adjoint: expected \(sampleCount) rows, found \(dual.rows)")
    let (n, d, c) = (sampleCount, featureCount, dual.columns)
    var result = Matrix(rows: d, columns: c)
    result.elements.withUnsafeMutableBufferPointer { out in
      features.elements.withUnsafeBufferPointer { a in
        dual.elements.withUnsafeBufferPointer { g in
          guard let a = a.baseAddress, let g = g.baseAddress, let out = out.baseAddress else {
            return
          }
          Parallel.forEachChunk(of: d, chunk: max(32, (d + 7) / 8), threads: threads) { _, block in
            BLAS.gemm(
              .transposed, .plain, m: block.count, n: c, k: n, a + block.lowerBound, lda: d, g,
              ldb: c, out + block.lowerBound * c, ldc: c)
          }
        }
      }
    }
    return result
  }
}

/// A feature map whose matrix can be written down.
public protocol DenselyStored: FeatureMap {
  /// The matrix, shape `[n, d]`.
  var denseFeatures: Matrix { get }
  /// Threads the products use.
  var threads: Int { get }
}

extension DenseFeatureMap: DenselyStored {
  /// The features themselves.
  public var denseFeatures: Matrix { features }
}
