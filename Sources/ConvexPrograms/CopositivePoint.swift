public import Tensors

/// A point of a copositive program in block form.
public struct CopositivePoint: Sendable, Equatable {
  /// Blocks `[[U_b, Z_b], [Z_b', V_b]]`, one for each cone, shape `[s, s]`.
  public var blocks: [Matrix]

  /// A point with given blocks.
  public init(blocks: [Matrix]) { self.blocks = blocks }
}

extension CopositiveProgram {
  /// The point that is all zero.
  public var zero: CopositivePoint {
    CopositivePoint(
      blocks: [Matrix](repeating: Matrix(rows: blockOrder, columns: blockOrder), count: cones.count)
    )
  }

  /// The parts `Z_b` as weights of the map, shape `[P a h, c]`.
  package func weights(of point: CopositivePoint) -> Matrix {
    let (h, a, c) = (patchDimension, problem.windowCount, problem.outputCount)
    var result = Matrix(rows: map.featureCount, columns: c)
    for (b, block) in point.blocks.enumerated() {
      for q in 0..<a {
        for e in 0..<h {
          for j in 0..<c { result[(b * a + q) * h + e, j] = block[e, h + q * c + j] }
        }
      }
    }
    return result
  }

  /// Predictions of a point, shape `[n, c]`.
  public func predictions(of point: CopositivePoint) -> Matrix {
    map.predictions(of: weights(of: point))
  }

  /// `L(A Z) + (lambda / 2) sum_b (tr U_b + tr V_b)`.
  public func objective(at point: CopositivePoint) -> Double {
    let trace = point.blocks.reduce(0.0) { sum, block in
      (0..<blockOrder).reduce(sum) { $0 + block[$1, $1] }
    }
    return problem.loss.value(at: predictions(of: point)) + 0.5 * lambda * trace
  }

  /// The point of a network: every neuron belongs to a cone that holds its filter, scaled until it is balanced.
  ///
  /// - Throws: `ProgramError` when a filter lies in none of the cones.
  /// - Returns: A point with the network's predictions and objective.
  public func point(from network: Network) throws -> CopositivePoint {
    let (h, a, c) = (patchDimension, problem.windowCount, problem.outputCount)
    var point = zero
    for j in 0..<network.neuronCount {
      let filter = Array(network.filters.row(j))
      let b = try cones.place(ofFilter: j, filter)
      let weights = Array(network.outputWeights.elements[j * a * c..<(j + 1) * a * c])
      let (size, other) = (BLAS.norm(filter), BLAS.norm(weights))
      guard size > 0, other > 0 else { continue }
      let scale = (other / size).squareRoot()
      let vector = filter.map { $0 * scale } + weights.map { $0 / scale }
      for e in 0..<h + a * c {
        for f in 0..<h + a * c { point.blocks[b][e, f] += vector[e] * vector[f] }
      }
    }
    return point
  }
}

/// The matrix-fractional form, for the squared loss.
///
/// With the best output weights for given filters, and `beta = n lambda`,
///
///     (1/n) minimize (1/2) tr Y' (I + 2 sum_bq A_bq S_b A_bq')^-1 Y + beta^2 sum_b tr S_b
///
/// where `S_b = U_b / (2 beta)`. Note the two and the square of `beta`, which belong to this scaling of `S_b`.
extension CopositiveProgram {
  /// `S_b = U_b / (2 beta)` of a point in block form.
  public func matrixFractional(of point: CopositivePoint) -> [Matrix] {
    let (h, beta) = (patchDimension, Double(problem.sampleCount) * lambda)
    return point.blocks.map { block in
      var result = Matrix(rows: h, columns: h)
      for e in 0..<h { for f in 0..<h { result[e, f] = block[e, f] / (2 * beta) } }
      return result
    }
  }

  /// The objective of the matrix-fractional form, on the mean loss.
  ///
  /// - Parameter grams: Matrices `S_b`, positive semidefinite, shape `[h, h]` each.
  /// - Returns: The objective of the network with the best output weights.
  /// - Throws: `ProgramError` for other losses than the squared one, `LAPACK.Failure` when a matrix is not positive
  ///   semidefinite.
  /// - Complexity: O(`P a n h (n + h) + n^3`).
  public func matrixFractionalObjective(at grams: [Matrix]) throws -> Double {
    let targets = try squaredTargets
    let beta = Double(problem.sampleCount) * lambda
    let residual = try self.residual(at: grams, targets)
    let trace = grams.reduce(0.0) { sum, gram in
      (0..<gram.rows).reduce(sum) { $0 + gram[$1, $1] }
    }
    return (0.5 * BLAS.dot(targets.elements, residual.elements) + beta * beta * trace)
      / Double(problem.sampleCount)
  }

  /// The best point in block form for given matrices `S_b`.
  ///
  /// With the residual `R` and `T_b` of rows `(q, j)`, `R_j' A_bq`: `U_b = 2 beta S_b`, `Z_b = U_b T_b' / beta`,
  /// `V_b = T_b U_b T_b' / beta^2`.
  ///
  /// - Parameter grams: Matrices `S_b`, positive semidefinite, shape `[h, h]` each.
  /// - Returns: A point whose objective is `matrixFractionalObjective(at:)`.
  /// - Throws: As `matrixFractionalObjective(at:)`.
  public func point(matrixFractional grams: [Matrix]) throws -> CopositivePoint {
    let (h, a, c) = (patchDimension, problem.windowCount, problem.outputCount)
    let beta = Double(problem.sampleCount) * lambda
    let correlations = map.adjoint(try residual(at: grams, squaredTargets))
    var point = zero
    for (b, gram) in grams.enumerated() {
      // Columns of [I, T' / beta] carry U to all four parts.
      var carrier = Matrix(rows: h, columns: blockOrder)
      for e in 0..<h {
        carrier[e, e] = 1
        for q in 0..<a {
          for j in 0..<c {
            carrier[e, h + q * c + j] = correlations[(b * a + q) * h + e, j] / beta
          }
        }
      }
      var block = BLAS.product(carrier, .transposed, BLAS.product(gram, .plain, carrier))
      for e in block.elements.indices { block.elements[e] *= 2 * beta }
      point.blocks[b] = block
    }
    return point
  }

  private var squaredTargets: Matrix {
    get throws {
      guard let squared = problem.loss as? SquaredLoss else {
        throw ProgramError(
          place: "matrix-fractional form", expected: "the squared loss",
          found: problem.loss.name, advice: "Use the block form, which has any loss.")
      }
      return squared.targets
    }
  }

  /// `(I + 2 sum_bq A_bq S_b A_bq')^-1 Y`, the residual of the best output weights.
  private func residual(at grams: [Matrix], _ targets: Matrix) throws -> Matrix {
    precondition(
      grams.count == cones.count, "residual: \(grams.count) matrices for \(cones.count) cones")
    let (n, h) = (problem.sampleCount, patchDimension)
    var form = Matrix.identity(n)
    for (b, gram) in grams.enumerated() where gram.elements.contains(where: { $0 != 0 }) {
      for q in 0..<problem.windowCount {
        let start = (b * problem.windowCount + q) * h
        var part = Matrix(rows: n, columns: h)
        for i in 0..<n { for e in 0..<h { part[i, e] = map.features[i, start + e] } }
        let product = BLAS.product(BLAS.product(part, .plain, gram), .plain, part, .transposed)
        BLAS.add(2, product.elements, to: &form.elements)
      }
    }
    return try LAPACK.solvePositiveDefinite(form, targets)
  }
}
