package import Tensors

/// The polytope `{x >= 0 : A x = A x0}` of nonnegative vectors with the products of one of them, by its vertices.
///
/// Held as a simplex dictionary `x_B = beta - T x_N` at a vertex; there are few vectors beyond the rank, so `T` is small.
/// Every pivot updates all of it, and it is computed anew from `A` after each 64.
///
/// - Precondition: The polytope is bounded, as where a positive combination of the rows of `A` is fixed.
/// - Source: Dantzig, *Linear Programming and Extensions*, 1963; the rule against cycling is Bland's (1977).
package struct MassPolytope {
  /// Orthonormal rows, `[r, m]`.
  package let equations: Matrix
  /// Coordinates that stay zero.
  package private(set) var isExcluded: [Bool]
  /// Basic coordinates in the order of the dictionary's rows.
  package private(set) var basis: [Int] = []
  private var nonbasic: [Int] = []
  private var beta: [Double] = []
  /// `T`, `[r, m - r]`.
  private var table: [Double] = []
  private let target: [Double]
  private let scale: Double
  private var age = 0

  /// Numbers below this, relative to the largest coordinate, are zero.
  private static let tolerance = 1e-11
  /// Reduced costs below this, relative to the largest weight, are zero.
  private static let costTolerance = 1e-10

  /// A polytope with a member.
  ///
  /// - Parameters:
  ///   - equations: `A` with orthonormal rows, `[r, m]`.
  ///   - member: `x0`, nonnegative, of length `m`.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  package init(equations: Matrix, member: [Double]) throws {
    precondition(equations.columns == member.count, "MassPolytope: shapes do not agree")
    self.equations = equations
    isExcluded = [Bool](repeating: false, count: member.count)
    target =
      BLAS.product(
        equations, .plain, Matrix(rows: member.count, columns: 1, elements: member)
      ).elements
    scale = max(member.reduce(0, max), .leastNormalMagnitude)
    basis = Self.independentColumns(equations, preferring: member)
    nonbasic = member.indices.filter { !basis.contains($0) }
    try refactor()
    // Coordinates outside the basis are brought to zero one by one, or into it.
    beta = basis.map { member[$0] }
    let rest = nonbasic.map { member[$0] }
    for column in nonbasic.indices where rest[column] > 0 { dropToZero(column, from: rest[column]) }
    try refactor()
  }

  /// Number of coordinates `m`.
  package var count: Int { isExcluded.count }
  /// Number of independent equations `r`.
  package var rank: Int { basis.count }
  private var width: Int { nonbasic.count }

  /// The vertex of the present dictionary.
  package var vertex: [Double] {
    var x = [Double](repeating: 0, count: count)
    for (row, j) in basis.enumerated() { x[j] = max(0, beta[row]) }
    return x
  }

  /// The largest value of a linear function, and a vertex where it is attained.
  ///
  /// - Parameter weights: One number for each coordinate.
  /// - Returns: The value at the vertex returned.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  /// - Complexity: O(`r (m - r)`) for each pivot.
  package mutating func maximize(_ weights: [Double]) throws -> (value: Double, point: [Double]) {
    let size = weights.reduce(0) { max($0, abs($1)) }
    guard size > 0 else { return (0, vertex) }
    var stalled = 0
    for _ in 0..<(50 * (count + 10)) {
      let costs = reducedCosts(weights)
      let entering: Int? =
        stalled > 20
        ? nonbasic.indices.filter { costs[$0] > Self.costTolerance * size }
          .min { nonbasic[$0] < nonbasic[$1] }
        : nonbasic.indices.max { costs[$0] < costs[$1] }
      guard let column = entering, costs[column] > Self.costTolerance * size,
        let row = leaving(column)
      else { break }
      stalled = beta[row] > Self.tolerance * scale ? 0 : stalled + 1
      try pivot(row, column)
    }
    let x = vertex
    return (zip(weights, x).reduce(0) { $0 + $1.0 * $1.1 }, x)
  }

  /// The polytope with a coordinate held at zero; nil when no member has it at zero.
  package func excluding(_ coordinate: Int) throws -> MassPolytope? {
    var result = self
    var weights = [Double](repeating: 0, count: count)
    weights[coordinate] = -1
    let least = -(try result.maximize(weights).value)
    guard least <= 10 * Self.tolerance * scale else { return nil }
    if let row = result.basis.firstIndex(of: coordinate) {
      // At zero any pivot keeps the vertex; without one the coordinate is zero throughout.
      let column = result.nonbasic.indices.max {
        abs(result.table[row * width + $0]) < abs(result.table[row * width + $1])
      }
      if let column, abs(result.table[row * width + column]) > 1e-7 {
        try result.pivot(row, column)
      }
    }
    result.isExcluded[coordinate] = true
    return result
  }

  /// The neighbors of the vertex: dictionaries one pivot away, ties in the ratio test included.
  func neighbors() throws -> [MassPolytope] {
    var result: [MassPolytope] = []
    for column in nonbasic.indices where !isExcluded[nonbasic[column]] {
      for row in ties(column) {
        var next = self
        try next.pivot(row, column)
        result.append(next)
      }
    }
    return result
  }

  /// The member of least Euclidean norm.
  ///
  /// It is `x = (A' y)_+` at the maximum of the concave dual `b . y - |(A' y)_+|^2 / 2`, found by Newton steps on the
  /// positive coordinates with a line search.
  ///
  /// - Returns: The member.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  /// - Complexity: O(`r^2 m`) for each step, of which there are few.
  package func leastNorm() throws -> [Double] {
    var y = target
    let columns = equations.transposed
    func point(_ y: [Double]) -> [Double] {
      isExcluded.indices.map { isExcluded[$0] ? 0 : max(0, BLAS.dot(Array(columns.row($0)), y)) }
    }
    func value(_ y: [Double]) -> Double {
      let x = point(y)
      return BLAS.dot(target, y) - 0.5 * BLAS.dot(x, x)
    }
    for _ in 0..<200 {
      let x = point(y)
      let image = BLAS.product(
        equations, .plain, Matrix(rows: count, columns: 1, elements: x)
      ).elements
      let gradient = zip(target, image).map { $0 - $1 }
      guard BLAS.norm(gradient) > 1e-14 * scale else { break }
      let active = columns.selectingRows(x.indices.filter { x[$0] > 0 })
      var hessian = BLAS.product(active, .transposed, active, .plain)
      for i in 0..<rank { hessian[i, i] += 1e-12 }
      let step = try LAPACK.solvePositiveDefinite(hessian, gradient)
      let (start, slope) = (value(y), BLAS.dot(gradient, step))
      var length = 1.0
      while length > 1e-12 {
        let trial = zip(y, step).map { $0 + length * $1 }
        if value(trial) >= start + 1e-4 * length * slope - 1e-15 * scale * scale {
          y = trial
          break
        }
        length *= 0.5
      }
      guard length > 1e-12 else { break }
    }
    return point(y)
  }

  /// Vertices by their supports, from all dictionaries that pivots lead to.
  ///
  /// - Parameter limit: Most dictionaries looked at.
  /// - Returns: The vertices, and whether these are all.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  /// - Complexity: O(`r (m - r)^2`) for each dictionary.
  package func vertices(limit: Int) throws -> (points: [[Double]], isComplete: Bool) {
    var points: [[Double]] = []
    var supports: Set<[Int]> = []
    var known: Set<[Int]> = [basis.sorted()]
    var queue = [self]
    var next = 0
    while next < queue.count {
      let polytope = queue[next]
      next += 1
      let x = polytope.vertex
      if supports.insert(x.indices.filter { x[$0] > negligible }).inserted { points.append(x) }
      for neighbor in try polytope.neighbors() where known.insert(neighbor.basis.sorted()).inserted
      {
        guard known.count <= limit else { return (points, false) }
        queue.append(neighbor)
      }
    }
    return (points, true)
  }

  /// Coordinates up to this are zero.
  package var negligible: Double { 1e-9 * scale }

  // MARK: - The dictionary

  private func reducedCosts(_ weights: [Double]) -> [Double] {
    nonbasic.indices.map { column in
      guard !isExcluded[nonbasic[column]] else { return -.infinity }
      var cost = weights[nonbasic[column]]
      for row in basis.indices { cost -= weights[basis[row]] * table[row * width + column] }
      return cost
    }
  }

  /// The row whose coordinate reaches zero first as a column's grows; of equal ones the largest pivot.
  private func leaving(_ column: Int) -> Int? {
    ties(column).max { abs(table[$0 * width + column]) < abs(table[$1 * width + column]) }
  }

  private func ties(_ column: Int) -> [Int] {
    let rows = basis.indices.filter { table[$0 * width + column] > 1e-9 }
    let ratios = rows.map { max(0, beta[$0]) / table[$0 * width + column] }
    guard let least = ratios.min() else { return [] }
    return zip(rows, ratios).filter { $0.1 <= least + Self.tolerance * scale }.map(\.0)
  }

  private mutating func pivot(_ row: Int, _ column: Int) throws {
    let w = width
    let pivot = table[row * w + column]
    let value = max(0, beta[row]) / pivot
    for i in basis.indices where i != row {
      let factor = table[i * w + column]
      guard factor != 0 else { continue }
      for j in 0..<w where j != column {
        table[i * w + j] -= factor * table[row * w + j] / pivot
      }
      table[i * w + column] = -factor / pivot
      beta[i] -= factor * value
      if beta[i] < 0, beta[i] > -Self.tolerance * scale { beta[i] = 0 }
    }
    for j in 0..<w where j != column { table[row * w + j] /= pivot }
    table[row * w + column] = 1 / pivot
    beta[row] = value
    (basis[row], nonbasic[column]) = (nonbasic[column], basis[row])
    age += 1
    if age >= 64 { try refactor() }
  }

  /// Moves a coordinate outside the basis towards zero.
  ///
  /// Where another one reaches zero first, that one leaves the basis in its place.
  private mutating func dropToZero(_ column: Int, from value: Double) {
    let w = width
    // As the coordinate falls by t, row i changes by T t.
    var (step, leaving) = (value, -1)
    for i in basis.indices where table[i * w + column] < -1e-9 {
      let limit = max(0, beta[i]) / -table[i * w + column]
      if limit < step { (step, leaving) = (limit, i) }
    }
    for i in basis.indices { beta[i] += table[i * w + column] * step }
    guard leaving >= 0 else { return }
    let rest = value - step
    // A pivot at which the leaving coordinate is zero: the entering one keeps its value.
    let pivot = table[leaving * w + column]
    for i in basis.indices where i != leaving {
      let factor = table[i * w + column]
      guard factor != 0 else { continue }
      for j in 0..<w where j != column {
        table[i * w + j] -= factor * table[leaving * w + j] / pivot
      }
      table[i * w + column] = -factor / pivot
    }
    for j in 0..<w where j != column { table[leaving * w + j] /= pivot }
    table[leaving * w + column] = 1 / pivot
    (basis[leaving], nonbasic[column]) = (nonbasic[column], basis[leaving])
    beta[leaving] = rest
  }

  /// Computes the dictionary from the equations and the basis.
  private mutating func refactor() throws {
    age = 0
    let r = rank
    var square = Matrix(rows: r, columns: r)
    var sides = Matrix(rows: r, columns: width + 1)
    for i in 0..<r {
      for (k, j) in basis.enumerated() { square[i, k] = equations[i, j] }
      for (k, j) in nonbasic.enumerated() { sides[i, k] = equations[i, j] }
      sides[i, width] = target[i]
    }
    let solution = try LAPACK.solve(square, sides)
    table = (0..<r).flatMap { solution.row($0).dropLast() }
    beta = (0..<r).map { i in
      let value = solution[i, width]
      return abs(value) <= Self.tolerance * scale ? 0 : value
    }
  }

  /// As many columns as there are rows, independent, positive coordinates before others.
  ///
  /// Elimination with the largest remaining column as the pivot, twice: first among the positive coordinates.
  private static func independentColumns(_ equations: Matrix, preferring x: [Double]) -> [Int] {
    let (r, m) = (equations.rows, equations.columns)
    var columns = (0..<m).map { j in (0..<r).map { equations[$0, j] } }
    let lengths = columns.map { BLAS.norm($0) }
    var chosen: [Int] = []
    for candidates in [x.indices.filter { x[$0] > 0 }, x.indices.filter { x[$0] <= 0 }] {
      var left = candidates
      while chosen.count < r {
        let best = left.max { BLAS.norm(columns[$0]) < BLAS.norm(columns[$1]) }
        guard let j = best else { break }
        let length = BLAS.norm(columns[j])
        guard length > 1e-9 * lengths[j], length > 0 else { break }
        chosen.append(j)
        left.removeAll { $0 == j }
        let direction = columns[j].map { $0 / length }
        for k in 0..<m { BLAS.add(-BLAS.dot(direction, columns[k]), direction, to: &columns[k]) }
      }
    }
    return chosen
  }
}
