package import ConvexPrograms
package import Tensors

/// Which blocks of a program can be nonzero at its optimum, from any point with its gap.
///
/// A loss of smoothness `s` has a `1/s`-strongly concave dual, so the dual optimum lies within `r = sqrt(2 s gap)` of every
/// feasible dual point `nu`. Where `|A_b' nu| + r |A_b| < lambda`, the block `b` is zero at every optimum.
///
/// - Source: Ndiaye, Fercoq, Gramfort & Salmon, *Gap Safe Screening Rules for Sparse-Group Lasso*, NeurIPS 2016; blocks of
///   matrices are bounded by their Frobenius norm here.
package struct BlockScreening: Sendable {
  /// The program; its strength is not used.
  package let program: CompositeProgram
  /// Upper bounds of the spectral norms `|A_b|`.
  package let blockNorms: [Double]

  /// What is known at a point.
  package struct Assessment: Sendable {
    /// `L(A V) + lambda R(V)`.
    package let objective: Double
    /// Dual value of the feasible multiple of the gradient.
    package let lowerBound: Double
    /// Dual norm of each block at the gradient.
    package let norms: [Double]
    /// Whether each block is zero at every optimum.
    package let isZero: [Bool]
    /// Number of blocks that are zero at every optimum.
    package var zeroCount: Int { isZero.count { $0 } }
    /// `(objective - lowerBound) / objective`, 0 when the objective is not above the bound.
    package var relativeGap: Double {
      objective > lowerBound ? (objective - lowerBound) / objective : 0
    }
  }

  /// The screening of a program whose map is stored densely; nil for others.
  ///
  /// - Parameters:
  ///   - program: The program.
  ///   - prefersMasks: Whether to go on with masked rows where the features have that structure.
  /// - Complexity: O(`n d^2 / P`) for `P` blocks, once for a whole path.
  package init?(_ program: CompositeProgram, prefersMasks: Bool = false) {
    guard let map = program.map as? DenseFeatureMap else { return nil }
    let count = max(1, program.regularizer.blockCount)
    let masked = prefersMasks ? MaskedFeatureMap(map, blockCount: count) : nil
    self.program = CompositeProgram(
      map: masked ?? map, loss: program.loss, regularizer: program.regularizer,
      lambda: program.lambda)
    let size = map.featureCount / count
    blockNorms = (0..<count).map { b in
      let gram = BLAS.gram(map.features.selectingColumns(b * size..<(b + 1) * size), .transposed)
      let top = (try? LAPACK.symmetricEigen(gram))?.values.last ?? .infinity
      // Rounding of the Gram matrix is far below a share of 1e-9 of its trace.
      let trace = (0..<size).reduce(0) { $0 + gram[$1, $1] }
      return (max(0, top) + 1e-9 * trace).squareRoot()
    }
  }

  /// Gap, dual norms and safely zero blocks at a point.
  ///
  /// - Parameters:
  ///   - point: Weights `[d, c]`.
  ///   - lambda: Strength.
  /// - Returns: The assessment at that strength.
  /// - Complexity: Two products with the feature map.
  package func assess(_ point: Matrix, lambda: Double) -> Assessment {
    let predictions = program.map.predictions(of: point)
    let (loss, gradient) = program.loss.valueAndGradient(at: predictions)
    let objective = loss + lambda * program.regularizer.value(point)
    let norms = program.regularizer.blockDualNorms(program.map.adjoint(gradient))
    let largest = norms.max() ?? 0
    let (scale, value) = bestScaledDual(
      loss: program.loss, gradient: gradient,
      largestScale: largest > 0 ? lambda / largest : .infinity)
    // Rounding of both values is far below this share of the objective.
    let gap = max(0, objective - value) + 1e-12 * abs(objective)
    let radius = (2 * program.loss.smoothness * gap).squareRoot()
    let isZero = zip(norms, blockNorms).map { norm, size in
      scale * norm + radius * size < lambda * (1 - 1e-12)
    }
    return Assessment(
      objective: objective, lowerBound: max(0, value), norms: norms, isZero: isZero)
  }

  /// The program over some of the blocks.
  ///
  /// - Parameters:
  ///   - blocks: Numbers of the blocks, ascending.
  ///   - lambda: Strength.
  /// - Returns: The program; the identity of its blocks is their place in `blocks`.
  package func restricted(to blocks: [Int], lambda: Double) -> CompositeProgram {
    let regularizer: any Regularizer =
      (program.regularizer as? BlockNuclearNorm).map {
        BlockNuclearNorm(
          blockCount: blocks.count, patchDimension: $0.patchDimension,
          windowCount: $0.windowCount, threads: $0.threads)
      } ?? GroupNorm(blockCount: blocks.count)
    return CompositeProgram(
      map: map(of: blocks), loss: program.loss, regularizer: regularizer, lambda: lambda)
  }

  private func map(of blocks: [Int]) -> any FeatureMap {
    if let masked = program.map as? MaskedFeatureMap { return masked.restricted(to: blocks) }
    guard let dense = program.map as? DenseFeatureMap else {
      preconditionFailure("BlockScreening: expected dense or masked features")
    }
    let size = dense.featureCount / max(1, program.regularizer.blockCount)
    return DenseFeatureMap(
      features: dense.features.selectingColumns(of: blocks, size: size), threads: dense.threads)
  }

  /// Rows of some blocks of a point, one block after the other.
  package func rows(of blocks: [Int], in point: Matrix) -> Matrix {
    let size = point.rows / max(1, program.regularizer.blockCount)
    return point.selectingRows(blocks.flatMap { Array($0 * size..<($0 + 1) * size) })
  }

  /// The point that is zero outside some blocks.
  package func expanded(_ part: Matrix, of blocks: [Int]) -> Matrix {
    var result = program.zero
    let size = result.elements.count / max(1, program.regularizer.blockCount)
    for (place, b) in blocks.enumerated() {
      for e in 0..<size { result.elements[b * size + e] = part.elements[place * size + e] }
    }
    return result
  }
}

extension Matrix {
  /// A range of columns.
  fileprivate func selectingColumns(_ range: Range<Int>) -> Matrix {
    var result = Matrix(rows: rows, columns: range.count)
    for i in 0..<rows {
      for (e, column) in range.enumerated() {
        result.elements[i * range.count + e] = elements[i * columns + column]
      }
    }
    return result
  }

  /// Columns of blocks of equal size, one block after the other.
  fileprivate func selectingColumns(of blocks: [Int], size: Int) -> Matrix {
    var result = Matrix(rows: rows, columns: blocks.count * size)
    for i in 0..<rows {
      for (place, b) in blocks.enumerated() {
        for e in 0..<size {
          result.elements[(i * blocks.count + place) * size + e] =
            elements[i * columns + b * size + e]
        }
      }
    }
    return result
  }
}
