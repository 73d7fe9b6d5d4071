package import ConvexPrograms
package import Tensors

/// L-BFGS on the factors of a gated program: filters `U` and output weights `W`.
///
/// With the blocks of the point factored as `Z_b = sum_r u_r w_r'` the objective is at most
/// `L(Phi(U) W) + (lambda/2) (|U|^2 + |W|^2)`, with equality for balanced singular vectors. With a squared loss the best
/// weights for given filters solve the ridge equations `(Phi' Phi / n + lambda I) W = Phi' Y / n`, and the gradient
/// of the minimum over `W` is the partial gradient at that `W`. What is left is smooth and well conditioned: about
/// 100 evaluations where proximal gradients take thousands of steps. With other losses both factors descend together; an
/// evaluation then costs less than a proximal step where ranks are lower than the number of outputs. Descents cannot
/// raise ranks, so proximal steps choose blocks and ranks and this descent gives the last digits.
///
/// - Source: Golub & Pereyra, *The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose
///   Variables Separate*, SIAM J. Numer. Anal. 1973 (elimination; here with a ridge, so no pseudo-inverse); Sahiner
///   et al., *Scaling Convex Neural Networks with Burer-Monteiro Factorization*, ICLR 2024 (the factored program).
package struct FactoredDescent {
  /// Features `[n, d]`, without rows where the Gram matrix is known.
  private let features: Matrix
  package let loss: any Loss
  /// `A' A` and `A' Y`, where they are known.
  let normal: GramFeatureMap?
  package let lambda: Double
  let threads: Int
  let shape: BlockNuclearNorm
  private(set) var factors: [Factor] = []
  /// Filters to start from, shape `[filterCount, h]`.
  private var start: [Double] = []
  /// Output weights to start from, shape `[width, c]`.
  package private(set) var startWeights: [Double] = []

  /// The nonzero part of one block: `rank` filters, kept at `offset` among all filters.
  struct Factor {
    let block: Int
    let rank: Int
    let offset: Int
  }

  /// Number of features of the factored program, `a` per filter.
  package var width: Int { filterCount * shape.windowCount }
  /// Number of filters, the sum of the ranks of the blocks.
  package var filterCount: Int { factors.last.map { $0.offset + $0.rank } ?? 0 }

  /// Cost of an evaluation in proximal steps, `4 d c` products per sample.
  package var relativeCost: Double {
    let proximal = Double(4 * features.columns * loss.outputCount)
    guard !(loss is SquaredLoss) else { return Double(width * width) / proximal }
    let (h, a) = (shape.patchDimension, shape.windowCount)
    return Double(4 * filterCount * a * (h + loss.outputCount)) / proximal
  }

  /// The factored program at a point.
  ///
  /// - Parameters:
  ///   - program: A program with dense features, or with their Gram matrix and a squared loss, and a block norm; nil is
  ///     returned for others.
  ///   - point: Weights of shape `[d, c]`; singular values below `1e-9` of the largest are dropped.
  package init?(_ program: CompositeProgram, point: Matrix) {
    guard program.lambda > 0 else { return nil }
    if let dense = program.map as? DenseFeatureMap {
      (features, threads, normal) = (dense.features, dense.threads, nil)
    } else if let gram = program.map as? GramFeatureMap, program.loss is SquaredLoss {
      features = Matrix(rows: 0, columns: gram.featureCount)
      (threads, normal) = (gram.threads, gram)
    } else {
      return nil
    }
    (loss, lambda) = (program.loss, program.lambda)
    if let norm = program.regularizer as? BlockNuclearNorm {
      shape = norm
    } else if program.regularizer is GroupNorm, loss.outputCount == 1 {
      let count = program.regularizer.blockCount
      shape = BlockNuclearNorm(
        blockCount: count, patchDimension: features.columns / max(1, count), windowCount: 1)
    } else {
      return nil
    }
    let parts = (0..<shape.blockCount).map {
      try? LAPACK.singularValues(shape.block($0, of: point))
    }
    let largest = parts.compactMap { $0?.values.first }.max() ?? 0
    for (block, part) in parts.enumerated() {
      guard let part else { return nil }
      let kept = part.values.count { $0 > 1e-9 * largest }
      guard kept > 0 else { continue }
      let offset = start.count / shape.patchDimension
      factors.append(Factor(block: block, rank: kept, offset: offset))
      for r in 0..<kept {
        let root = part.values[r].squareRoot()
        for e in 0..<shape.patchDimension { start.append(root * part.u[e, r]) }
      }
      let c = loss.outputCount
      for q in 0..<shape.windowCount {
        for r in 0..<kept {
          let root = part.values[r].squareRoot()
          for k in 0..<c { startWeights.append(root * part.vt[r, q * c + k]) }
        }
      }
    }
  }

  /// Descends from the point given.
  ///
  /// - Parameters:
  ///   - iterations: Most L-BFGS iterations.
  ///   - shouldStop: Asked after each iteration with its number and the objective.
  /// - Returns: Weights of shape `[d, c]`, with an objective no larger than the start's up to the values dropped;
  ///   nil when the ridge equations cannot be solved.
  /// - Complexity: O(`n (d a r + width^2)`) per evaluation, `r` the mean rank of a block; O(`width (d h + width h + d c)`) with
  ///   a Gram matrix.
  package func minimize(iterations: Int, shouldStop: (Int, Double) -> Bool) -> Matrix? {
    let solver = LBFGS(memory: 30, iterations: iterations, relativeDecrease: 1e-13)
    guard let squared = loss as? SquaredLoss else {
      let result = solver.minimize(
        from: start + startWeights,
        shouldStop: { iteration, value, _ in shouldStop(iteration, value) },
        evaluate: evaluateJointly)
      guard result.value.isFinite else { return nil }
      let (filters, weights) = parts(of: result.point)
      return point(filters: filters, outputWeights: weights)
    }
    let result = solver.minimize(
      from: start, shouldStop: { iteration, value, _ in shouldStop(iteration, value) },
      evaluate: { filters in
        let (value, gradient, _) = evaluate(filters, targets: squared.targets)
        return (value, gradient)
      })
    let end = evaluate(result.point, targets: squared.targets)
    guard end.value.isFinite else { return nil }
    return point(filters: result.point, outputWeights: end.outputWeights)
  }

  /// Filters and output weights `[width, c]` of concatenated parameters.
  private func parts(of parameters: [Double]) -> (filters: [Double], outputWeights: Matrix) {
    (
      Array(parameters[..<start.count]),
      Matrix(
        rows: width, columns: loss.outputCount, elements: Array(parameters[start.count...]))
    )
  }

  /// `L(Phi(U) W) + (lambda/2) (|U|^2 + |W|^2)` and its gradient at concatenated filters and output weights.
  ///
  /// - Complexity: O(`n (d r + width c)`), `r` the mean rank of a block.
  package func evaluateJointly(_ parameters: [Double]) -> (Double, [Double]) {
    let (filters, weights) = parts(of: parameters)
    let phi = DenseFeatureMap(features: pooledResponses(filters), threads: threads)
    let (value, dual) = loss.valueAndGradient(at: phi.predictions(of: weights))
    var gradient = filterGradient(dual: dual, weights: weights) + phi.adjoint(dual).elements
    BLAS.add(lambda, parameters, to: &gradient)
    return (value + 0.5 * lambda * BLAS.dot(parameters, parameters), gradient)
  }

  /// Objective at the best output weights, its gradient by the filters, and those weights `[width, c]`.
  ///
  /// Row `offset * a + q * rank + r` of the weights belongs to window `q` of filter `r` of a block.
  package func evaluate(
    _ filters: [Double], targets: Matrix
  ) -> (value: Double, gradient: [Double], outputWeights: Matrix) {
    if let normal { return evaluate(filters, normal) }
    let phi = pooledResponses(filters)
    let scale = 1 / Double(max(1, targets.rows))
    var gram = gram(of: phi)
    for i in gram.elements.indices { gram.elements[i] *= scale }
    for i in 0..<width { gram[i, i] += lambda }
    var image = BLAS.product(phi, .transposed, targets)
    for i in image.elements.indices { image.elements[i] *= scale }
    guard let weights = try? LAPACK.solvePositiveDefinite(gram, image) else {
      return (.nan, filters.map { _ in .nan }, image)
    }
    var dual = BLAS.product(phi, .plain, weights)
    for i in dual.elements.indices {
      dual.elements[i] = scale * (dual.elements[i] - targets.elements[i])
    }
    let loss = 0.5 / scale * BLAS.dot(dual.elements, dual.elements)
    let squares = BLAS.dot(filters, filters) + BLAS.dot(weights.elements, weights.elements)
    var gradient = filterGradient(dual: dual, weights: weights)
    BLAS.add(lambda, filters, to: &gradient)
    return (loss + 0.5 * lambda * squares, gradient, weights)
  }

  /// The features `Phi`, shape `[n, width]`.
  private func pooledResponses(_ filters: [Double]) -> Matrix {
    let (n, d, h, a) = (features.rows, features.columns, shape.patchDimension, shape.windowCount)
    let windows = WindowProducts(height: h, windowCount: a)
    var phi = Matrix(rows: n, columns: width)
    phi.elements.withUnsafeMutableBufferPointer { phi in
      features.elements.withUnsafeBufferPointer { features in
        filters.withUnsafeBufferPointer { filters in
          guard let phi = phi.baseAddress, let features = features.baseAddress,
            let filters = filters.baseAddress
          else { return }
          forEachFactor { factor in
            windows.products(
              rows: n, features + factor.block * a * h, lda: d,
              filters: filters + factor.offset * h, count: factor.rank, phi + factor.offset * a,
              ldc: width)
          }
        }
      }
    }
    return phi
  }

  /// `Phi' Phi`, by chunks of rows of the upper triangle.
  private func gram(of phi: Matrix) -> Matrix {
    let (n, width) = (phi.rows, phi.columns)
    var gram = Matrix(rows: width, columns: width)
    gram.elements.withUnsafeMutableBufferPointer { gram in
      phi.elements.withUnsafeBufferPointer { phi in
        guard let gram = gram.baseAddress, let phi = phi.baseAddress else { return }
        Parallel.forEachChunk(of: width, chunk: 64, threads: threads) { _, rows in
          let first = rows.lowerBound
          BLAS.gemm(
            .transposed, .plain, m: rows.count, n: width - first, k: n, phi + first, lda: width,
            phi + first, ldb: width, gram + first * width + first, ldc: width)
        }
        for i in 0..<width {
          for j in 0..<i { gram[i * width + j] = gram[j * width + i] }
        }
      }
    }
    return gram
  }

  /// `sum_i sum_q A_{i,b,q} (G W')_{i,(b,q,r)}` for each filter.
  private func filterGradient(dual: Matrix, weights: Matrix) -> [Double] {
    let (n, d, h, a) = (features.rows, features.columns, shape.patchDimension, shape.windowCount)
    let c = dual.columns
    let windows = WindowProducts(height: h, windowCount: a)
    var gradient = [Double](repeating: 0, count: start.count)
    gradient.withUnsafeMutableBufferPointer { gradient in
      features.elements.withUnsafeBufferPointer { features in
        weights.elements.withUnsafeBufferPointer { weights in
          guard let gradient = gradient.baseAddress, let features = features.baseAddress,
            let weights = weights.baseAddress
          else { return }
          forEachFactor { factor in
            let columns = a * factor.rank
            var cotangent = Matrix(rows: n, columns: columns)
            BLAS.gemm(
              .plain, .transposed, m: n, n: columns, k: c, dual.elements, lda: c,
              weights + factor.offset * a * c, ldb: c, &cotangent.elements, ldc: columns)
            windows.addAdjoint(
              rows: n, features + factor.block * a * h, lda: d, cotangent: cotangent.elements,
              ldb: columns, count: factor.rank, to: gradient + factor.offset * h)
          }
        }
      }
    }
    return gradient
  }

  /// The weights `[d, c]` of factors.
  func point(filters: [Double], outputWeights: Matrix) -> Matrix {
    let (h, a, c) = (shape.patchDimension, shape.windowCount, loss.outputCount)
    var point = Matrix(rows: features.columns, columns: c)
    for factor in factors {
      for q in 0..<a {
        for r in 0..<factor.rank {
          let row = factor.offset * a + q * factor.rank + r
          for e in 0..<h {
            let filter = filters[(factor.offset + r) * h + e]
            let target = (factor.block * a + q) * h + e
            for k in 0..<c { point[target, k] += filter * outputWeights[row, k] }
          }
        }
      }
    }
    return point
  }

  func forEachFactor(_ body: (Factor) -> Void) {
    Parallel.forEachChunk(of: factors.count, chunk: 4, threads: threads) { _, range in
      for index in range { body(factors[index]) }
    }
  }
}
