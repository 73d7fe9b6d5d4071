import Convolutions
public import Tensors

/// The sum of norms of blocks that are confined to cones: `sum_b |v_b|` for `v_b` in `K_b`, infinite elsewhere.
///
/// The regularizer of a `ConeProgram` as a composite program: first all blocks `v_b`, then all `w_b`.
///
/// - Source: Pilanci & Ergen, *Neural Networks are Convex Regularizers*, ICML 2020 (the program). The proximal point of a
///   norm on a cone is the projection on the cone, shortened.
public struct ConeNorm: Regularizer {
  /// Cone of each block of the first half, and of the second.
  public let cones: [ActivationCone]
  /// Threads that the blocks are spread over; the results do not depend on it.
  public let threads: Int

  /// The norm over cones, each of which holds two blocks.
  public init(cones: [ActivationCone], threads: Int = 1) {
    (self.cones, self.threads) = (cones, threads)
  }

  /// Number of blocks, two per cone.
  public var blockCount: Int { 2 * cones.count }

  /// `sum_b |v_b|`, whether or not the blocks lie in their cones.
  public func value(_ weights: Matrix) -> Double {
    GroupNorm(blockCount: blockCount).value(weights)
  }

  /// The length of the projection of each block on its cone: `max u . g` over unit `u` in the cone.
  public func blockDualNorms(_ gradient: Matrix) -> [Double] {
    var points = gradient
    return projected(&points, shortening: 0)
  }

  /// Each block projected on its cone and shortened by the step, to zero at least.
  public func prox(_ weights: inout Matrix, step: Double) -> Double {
    projected(&weights, shortening: step).reduce(0, +)
  }

  /// Projects and shortens every block; the lengths that are left.
  private func projected(_ weights: inout Matrix, shortening step: Double) -> [Double] {
    guard blockCount > 0 else { return [] }
    let h = weights.elements.count / blockCount
    var lengths = [Double](repeating: 0, count: blockCount)
    weights.elements.withUnsafeMutableBufferPointer { weights in
      lengths.withUnsafeMutableBufferPointer { lengths in
        nonisolated(unsafe) let (weights, lengths) = (weights, lengths)
        Parallel.forEachChunk(of: blockCount, chunk: 256, threads: threads) { _, blocks in
          var projector = ConeProjector(dimension: h)
          for b in blocks {
            guard let block = weights.baseAddress.map({ $0 + b * h }) else { return }
            projector.project(block, onto: cones[b % cones.count])
            let left = max(0, projector.norm - step)
            // A block that is not a number has no length.
            lengths[b] = projector.norm.isNaN ? .nan : left
            let factor = projector.norm > 0 ? left / projector.norm : 0
            for e in 0..<h { block[e] = factor * projector.point[e] }
          }
        }
      }
    }
    return lengths
  }
}

/// The map `(V, W) -> A (V - W)` of a `ConeProgram`.
public struct SignedFeatureMap: DenselyStored {
  /// The map `A`.
  public let map: DenseFeatureMap

  /// Number of samples `n`.
  public var sampleCount: Int { map.sampleCount }
  /// Number of features, twice that of `A`.
  public var featureCount: Int { 2 * map.featureCount }
  /// Threads the products use.
  public var threads: Int { map.threads }

  /// `[A, -A]`.
  public var denseFeatures: Matrix {
    let (n, d) = (map.sampleCount, map.featureCount)
    var result = Matrix(rows: n, columns: 2 * d)
    for i in 0..<n {
      for e in 0..<d {
        result[i, e] = map.features[i, e]
        result[i, d + e] = -map.features[i, e]
      }
    }
    return result
  }

  /// `A (V - W)`.
  public func predictions(of weights: Matrix) -> Matrix {
    let half = map.featureCount * weights.columns
    let difference = (0..<half).map { weights.elements[$0] - weights.elements[half + $0] }
    return map.predictions(
      of: Matrix(rows: map.featureCount, columns: weights.columns, elements: difference))
  }

  /// `(A'G, -A'G)`.
  public func adjoint(_ dual: Matrix) -> Matrix {
    let half = map.adjoint(dual)
    return Matrix(
      rows: 2 * half.rows, columns: half.columns,
      elements: half.elements + half.elements.map { -$0 })
  }
}

extension ConeProgram {
  /// The program in the composite form, over the same points.
  ///
  /// - Precondition: The cones have facets of their own: the cells were not given.
  public var composite: CompositeProgram {
    precondition(given == nil, "ConeProgram: no composite form over \(coneCount) given cells")
    return CompositeProgram(
      map: SignedFeatureMap(map: map), loss: problem.loss,
      regularizer: ConeNorm(cones: cones, threads: problem.threads), lambda: problem.lambda)
  }
}
