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
  private let featureCount: Int
  /// Passes over the features; nil where the Gram matrix is known.
  private var passes: FactoredPasses?
  private let loss: any Loss
  /// `A' A` and `A' Y`, where they are known.
  let normal: GramFeatureMap?
  let lambda: Double
  let threads: Int
  let shape: BlockNuclearNorm
  private(set) var factors: [FactoredRows.Factor] = []
  /// Filters to start from, shape `[filterCount, h]`.
  private var start: [Double] = []
  /// Output weights to start from, shape `[width, c]`.
  private var startWeights: [Double] = []

  /// Number of features of the factored program, `a` per filter.
  package var width: Int { filterCount * shape.windowCount }
  /// Number of filters, the sum of the ranks of the blocks.
  package var filterCount: Int { factors.last.map { $0.offset + $0.rank } ?? 0 }

  /// Cost of an evaluation in proximal steps, `4 d c` products per sample.
  package var relativeCost: Double {
    let proximal = Double(4 * featureCount * loss.outputCount)
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
    let dense = program.map as? DenseFeatureMap
    normal = program.loss is SquaredLoss ? program.map as? GramFeatureMap : nil
    guard let threads = dense?.threads ?? normal?.threads else { return nil }
    (self.threads, featureCount) = (threads, program.map.featureCount)
    (loss, lambda) = (program.loss, program.lambda)
    if let norm = program.regularizer as? BlockNuclearNorm {
      shape = norm
    } else if program.regularizer is GroupNorm, loss.outputCount == 1 {
      let count = program.regularizer.blockCount
      shape = BlockNuclearNorm(
        blockCount: count, patchDimension: featureCount / max(1, count), windowCount: 1)
    } else {
      return nil
    }
    let parts = (0..<shape.blockCount).map { [shape] in
      try? LAPACK.singularValues(shape.block($0, of: point))
    }
    let largest = parts.compactMap { $0?.values.first }.max() ?? 0
    for (block, part) in parts.enumerated() {
      guard let part else { return nil }
      let kept = part.values.count { $0 > 1e-9 * largest }
      guard kept > 0 else { continue }
      let offset = start.count / shape.patchDimension
      factors.append(FactoredRows.Factor(block: block, rank: kept, offset: offset))
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
    passes = dense.map { [shape, factors, loss] dense in
      FactoredPasses(
        dense, shape: shape, factors: factors,
        targets: (loss as? SquaredLoss)?.targets ?? Matrix(rows: 0, columns: 0))
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
    guard let passes else { return (.nan, parameters.map { _ in .nan }) }
    let phi = passes.responses(filters)
    let (value, dual) = loss.valueAndGradient(at: passes.predictions(of: phi, weights: weights))
    var gradient = passes.gradients(of: phi, dual: dual, weights: weights)
      .total(count: parameters.count)
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
    guard let passes else { return (.nan, filters.map { _ in .nan }, targets) }
    let phi = passes.responses(filters)
    let (c, scale) = (targets.columns, 1 / Double(max(1, targets.rows)))
    let sums = passes.gramAndImage(of: phi).total(count: width * (width + c))
    var gram = Matrix(rows: width, columns: width)
    var image = Matrix(rows: width, columns: c)
    for i in 0..<width {
      let line = i * (width + c)
      for j in i..<width {
        gram[i, j] = scale * sums[line + j]
        gram[j, i] = gram[i, j]
      }
      gram[i, i] += lambda
      for k in 0..<c { image[i, k] = scale * sums[line + width + k] }
    }
    guard let weights = try? LAPACK.solvePositiveDefinite(gram, image) else {
      return (.nan, filters.map { _ in .nan }, image)
    }
    var dual = passes.predictions(of: phi, weights: weights)
    for i in dual.elements.indices {
      dual.elements[i] = scale * (dual.elements[i] - targets.elements[i])
    }
    let loss = 0.5 / scale * BLAS.dot(dual.elements, dual.elements)
    let squares = BLAS.dot(filters, filters) + BLAS.dot(weights.elements, weights.elements)
    let sum = passes.gradients(of: phi, dual: dual, weights: weights)
    var gradient = Array(
      sum.total(count: filters.count + weights.elements.count).prefix(filters.count))
    BLAS.add(lambda, filters, to: &gradient)
    return (loss + 0.5 * lambda * squares, gradient, weights)
  }

  /// The weights `[d, c]` of factors.
  func point(filters: [Double], outputWeights: Matrix) -> Matrix {
    let (h, a, c) = (shape.patchDimension, shape.windowCount, loss.outputCount)
    var point = Matrix(rows: featureCount, columns: c)
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

  func forEachFactor(_ body: (FactoredRows.Factor) -> Void) {
    Parallel.forEachChunk(of: factors.count, chunk: 4, threads: threads) { _, range in
      for index in range { body(factors[index]) }
    }
  }
}
