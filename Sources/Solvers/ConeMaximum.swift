public import Tensors

/// The largest value of a quadratic form on the unit vectors of a cone, relaxed to doubly nonnegative matrices.
///
///     maximize tr Q U  subject to  U positive semidefinite, tr U = 1, f' U g >= 0 for all pairs of facets
///
/// is at least `max {u' Q u : G u >= 0, |u| = 1}`, with equality for cones of at most four facets. Its dual is the least
/// largest eigenvalue of `Q + sum nu_fg (f g' + g f') / 2` over `nu >= 0`: any multipliers prove an upper bound.
///
/// - Source: Shor's relaxation with products of constraints; alternating direction method of multipliers, Boyd et al.,
///   *Distributed Optimization and Statistical Learning*, 2011.
public struct ConeMaximum: Sendable {
  /// Symmetric matrix `Q`, shape `[h, h]`.
  public let form: Matrix
  /// Unit inward normals of the facets, shape `[k, h]`.
  public let facets: Matrix
  private let interior: [Double]?
  private let products: [Matrix]

  /// The maximum over a cone.
  ///
  /// - Parameters:
  ///   - form: Symmetric matrix `Q`, shape `[h, h]`.
  ///   - facets: Inward normals, shape `[k, h]`.
  ///   - interior: A vector strictly inside, without which there are no lower bounds.
  public init(form: Matrix, facets: Matrix, interior: [Double]?) {
    self.form = form
    self.facets = facets
    self.interior = interior
    products = Self.products(of: facets)
  }

  /// What the relaxation was found to be.
  public struct Solution: Sendable {
    /// Value at a feasible matrix; minus infinity without a vector inside.
    public let lowerBound: Double
    /// Proven bound of the multipliers.
    public let upperBound: Double
    /// Multipliers of the pairs `(0, 1), (0, 2), ..., (1, 2), ...`.
    public let multipliers: [Double]
  }

  /// `(f g' + g f') / 2` of all pairs of facets.
  static func products(of facets: Matrix) -> [Matrix] {
    let (k, h) = (facets.rows, facets.columns)
    return (0..<k).flatMap { f in
      (f + 1..<max(k, f + 1)).map { g in
        var product = Matrix(rows: h, columns: h)
        for e in 0..<h {
          for d in 0..<h {
            product[e, d] =
              0.5 * (facets[f, e] * facets[g, d] + facets[g, e] * facets[f, d])
          }
        }
        return product
      }
    }
  }

  /// The largest eigenvalue with a margin for rounding, for the size of what was summed.
  static func proven(_ matrix: Matrix, _ multipliers: [Double]) throws -> Double {
    let largest = try LAPACK.symmetricEigen(matrix).values.last ?? 0
    let size = BLAS.norm(matrix.elements) + multipliers.reduce(0, +)
    return max(0, largest) + Double(matrix.rows + multipliers.count + 8) * 0x1p-50 * size
  }

  /// The bound that multipliers prove.
  ///
  /// - Parameter multipliers: Not negative, one for each pair.
  /// - Throws: `LAPACK.Failure` when the eigenvalue iteration does not converge.
  /// - Returns: At least the maximum if that is not negative, else at least zero.
  public func upperBound(_ multipliers: [Double]) throws -> Double {
    try Self.proven(sum(multipliers), multipliers)
  }

  private func sum(_ multipliers: [Double]) -> Matrix {
    var result = form
    for (nu, product) in zip(multipliers, products) where nu != 0 {
      BLAS.add(nu, product.elements, to: &result.elements)
    }
    return result
  }

  /// The best multiplier of a cone with two facets, by golden-section search of a convex function.
  func bestSingleMultiplier() throws -> (multiplier: Double, bound: Double) {
    guard let product = products.first else { return (0, try upperBound([])) }
    let eigenvalues = try LAPACK.symmetricEigen(product).values
    let size = BLAS.norm(form.elements)
    // Beyond this the largest eigenvalue exceeds that of the form.
    let end = 4 * size / max(eigenvalues.last ?? 1, 1e-300)
    func value(_ nu: Double) throws -> Double { try largest(sum([nu])) }
    let golden = (5.0.squareRoot() - 1) / 2
    var (low, high) = (0.0, min(end, 1e12 * size))
    var (left, right) = (high - golden * (high - low), low + golden * (high - low))
    var (atLeft, atRight) = (try value(left), try value(right))
    for _ in 0..<90 where high - low > 1e-15 * high {
      if atLeft <= atRight {
        (high, right, atRight) = (right, left, atLeft)
        left = high - golden * (high - low)
        atLeft = try value(left)
      } else {
        (low, left, atLeft) = (left, right, atRight)
        right = low + golden * (high - low)
        atRight = try value(right)
      }
    }
    let best = atLeft <= atRight ? left : right
    return (best, try upperBound([best]))
  }

  /// The largest eigenvalue, in closed form for two rows.
  private func largest(_ matrix: Matrix) throws -> Double {
    guard matrix.rows == 2 else { return try LAPACK.symmetricEigen(matrix).values.last ?? 0 }
    let (x, y, off) = (matrix[0, 0], matrix[1, 1], matrix[0, 1])
    let half = 0.5 * (x - y)
    return 0.5 * (x + y) + (half * half + off * off).squareRoot()
  }

  /// Solves the relaxation.
  ///
  /// - Parameters:
  ///   - tolerance: Difference of the bounds to reach, relative to the norm of the form.
  ///   - iterations: Most iterations.
  /// - Returns: The best bounds found; their difference says how well it went.
  /// - Throws: `LAPACK.Failure` when a factorisation fails.
  /// - Complexity: O(`h^6`) once, then O(`h^3 + k^2 h^2`) per iteration.
  public func solve(tolerance: Double = 1e-9, iterations: Int = 50_000) throws -> Solution {
    let size = BLAS.norm(form.elements)
    guard size > 0 else {
      return Solution(
        lowerBound: 0, upperBound: 0, multipliers: products.map { _ in 0 })
    }
    let map = try SymmetricProducts(products, order: form.rows)
    var matrix = Matrix.identity(form.rows)
    for e in matrix.elements.indices { matrix.elements[e] /= Double(form.rows) }
    var matrixDual = Matrix(rows: form.rows, columns: form.rows)
    var values = map.values(matrix)
    var valueDuals = values.map { _ in 0.0 }
    let penalty = size
    var (lower, upper, best) = (-Double.infinity, Double.infinity, values.map { _ in 0.0 })
    for iteration in 1...max(1, iterations) {
      var right = map.adjoint(zip(values, valueDuals).map { $0 - $1 })
      for e in right.elements.indices {
        right.elements[e] +=
          matrix.elements[e] - matrixDual.elements[e] + form.elements[e] / penalty
      }
      let free = map.solve(right)
      BLAS.add(1, free.elements, to: &matrixDual.elements)
      matrix = try Self.unitTraceProjection(of: matrixDual)
      BLAS.add(-1, matrix.elements, to: &matrixDual.elements)
      let products = map.values(free)
      for p in values.indices {
        let sum = products[p] + valueDuals[p]
        values[p] = max(0, sum)
        valueDuals[p] = sum - values[p]
      }
      guard iteration % 50 == 0 || iteration == iterations else { continue }
      let multipliers = valueDuals.map { max(0, -penalty * $0) }
      let bound = try Self.proven(sum(multipliers), multipliers)
      let signed = try LAPACK.symmetricEigen(sum(multipliers)).values.last ?? bound
      let value = min(bound, signed + 0x1p-46 * (size + multipliers.reduce(0, +)))
      if value < upper { (upper, best) = (value, multipliers) }
      lower = max(lower, feasibleValue(matrix, map))
      if upper - lower <= tolerance * size { break }
    }
    return Solution(lowerBound: lower, upperBound: upper, multipliers: best)
  }

  /// The value at a matrix that is moved inside.
  private func feasibleValue(_ matrix: Matrix, _ map: SymmetricProducts) -> Double {
    guard let interior else { return -.infinity }
    let inside = BLAS.product(
      facets, .plain, Matrix(rows: interior.count, columns: 1, elements: interior)
    ).elements
    var shift = 0.0
    var pair = 0
    let values = map.values(matrix)
    for f in 0..<facets.rows {
      for g in f + 1..<max(facets.rows, f + 1) {
        shift = max(shift, -values[pair] / (inside[f] * inside[g]))
        pair += 1
      }
    }
    var value = BLAS.dot(form.elements, matrix.elements)
    let h = form.rows
    for e in 0..<h {
      for d in 0..<h { value += shift * form[e, d] * interior[e] * interior[d] }
    }
    return value / (1 + shift * BLAS.dot(interior, interior))
  }

  /// The nearest positive semidefinite matrix of trace one: eigenvalues on the simplex.
  private static func unitTraceProjection(of matrix: Matrix) throws -> Matrix {
    let (values, vectors) = try LAPACK.symmetricEigen(matrix)
    var (sum, shift) = (0.0, 0.0)
    for (count, value) in values.reversed().enumerated() {
      sum += value
      let candidate = (sum - 1) / Double(count + 1)
      if value > candidate { shift = candidate }
    }
    return SymmetricProducts.assembled(values.map { max(0, $0 - shift) }, vectors)
  }
}
