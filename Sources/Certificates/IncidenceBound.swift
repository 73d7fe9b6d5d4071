package import Convolutions
package import Tensors

/// How well the coefficients of directions are determined by the jumps of the gradient: the number `beta` of inverse
/// stability for shared filters.
///
/// A direction `v`, scaled to largest entry 1, bends the function across the hyperplane of every `S_k' v`. Where directions
/// share hyperplanes only sums are seen: with the incidence matrix
/// `B_{p, (v, q)} = sum over positions k of window q with S_k' v on line p of P[q, k] |S_k' v|_inf` the jumps across the
/// lines are `B t`, entry by entry. `beta` is the least `|T|_inf` (largest sum of absolute values of a row) of a matrix with
/// `T B = I`, one linear program for each column; infinite where `B` has dependent columns, as for filters that are
/// cyclic shifts of each other under circular padding.
///
/// Any such `T` bounds the coefficients by `|t| <= |T|_inf |B t|`, so that a `T` that is not the best gives a bound all the
/// same; `isOptimal` tells.
///
/// - Accuracy: The value is `|T| / (1 - |T B - I|)` for the `T` found, so that its rounding is accounted for
///   (`IncidenceBoundTests`).
/// - Source: Derived for this package; a dense network has `B = I` and `beta = 1`.
public struct IncidenceBound: Sendable, Equatable {
  /// The bound; infinite where coefficients are not determined.
  public let beta: Double
  /// Whether every program was solved, so that no `T` has a smaller norm.
  public let isOptimal: Bool
  /// Number of columns of `B`: directions times windows.
  public let columnCount: Int
  /// Rank of `B`.
  public let rank: Int
  /// Largest number of columns that share hyperplanes with each other, through others included.
  public let largestGroup: Int

  /// Largest number of entries of a group of columns whose programs are solved; above it a pseudo-inverse stands in.
  static let programLimit = 200_000
  /// Largest number of entries of a group of columns that is factorized.
  static let entryLimit = 20_000_000

  /// The bound for directions.
  ///
  /// - Parameters:
  ///   - directions: Directions `[p, h]`, no two of them collinear, of any length.
  ///   - geometry: Where filters look.
  ///   - pooling: A linear pooling.
  ///   - tolerance: Largest distance of unit normals that count as one line.
  /// - Throws: `CertificateError` when there are too many rows, `LAPACK.Failure` when a factorization fails.
  package init(
    _ directions: Matrix, geometry: PatchGeometry, pooling: Pooling,
    tolerance: Double = CanonicalForm.defaultTolerance
  ) throws {
    let map = try pooling.map(for: geometry)
    precondition(map.isLinear, "IncidenceBound: max pooling has no incidence matrix")
    let columns = try Self.columns(directions, geometry, map, tolerance)
    var (beta, rank, largest, isOptimal) = (directions.rows > 0 ? 0.0 : 1.0, 0, 0, true)
    for group in Self.groups(columns) {
      largest = max(largest, group.count)
      let part = try Self.bound(group.map { columns[$0] })
      beta = max(beta, part.beta)
      rank += part.rank
      isOptimal = isOptimal && part.isOptimal
    }
    self.beta = beta
    self.rank = rank
    self.isOptimal = isOptimal
    columnCount = columns.count
    largestGroup = largest
  }

  /// Columns of `B` by line, for every direction and window.
  private static func columns(
    _ directions: Matrix, _ geometry: PatchGeometry, _ map: PoolingMap, _ tolerance: Double
  ) throws -> [[Int: Double]] {
    let found = try PatchLines(directions, geometry, tolerance: tolerance)
    var result = [[Int: Double]](repeating: [:], count: directions.rows * map.outputCount)
    for p in 0..<directions.rows {
      let size = directions.row(p).reduce(0) { max($0, abs($1)) }
      for k in 0..<found.positionCount {
        let row = found.rows[p * found.positionCount + k]
        guard row.line >= 0, size > 0 else { continue }
        let jump = map.weights[k] * row.length * found.lines[row.line].largest / size
        result[p * map.outputCount + map.windows[k]][row.line, default: 0] += jump
      }
    }
    return result
  }

  /// Columns that share lines, directly or through others.
  private static func groups(_ columns: [[Int: Double]]) -> [[Int]] {
    var parent = Array(columns.indices)
    func root(_ j: Int) -> Int {
      var j = j
      while parent[j] != j {
        parent[j] = parent[parent[j]]
        j = parent[j]
      }
      return j
    }
    var owner: [Int: Int] = [:]
    for (j, column) in columns.enumerated() {
      for line in column.keys.sorted() {
        if let other = owner[line] {
          parent[root(j)] = root(other)
        } else {
          owner[line] = j
        }
      }
    }
    return Dictionary(grouping: columns.indices) { root($0) }.values
      .sorted { $0[0] < $1[0] }
  }

  /// The bound for columns that share lines only with each other.
  private static func bound(
    _ columns: [[Int: Double]]
  ) throws -> (beta: Double, rank: Int, isOptimal: Bool) {
    if columns.count == 1 {
      let largest = columns[0].values.max() ?? 0
      return largest > 0 ? (1 / largest, 1, true) : (.infinity, 0, true)
    }
    let lines = Set(columns.flatMap(\.keys)).sorted()
    guard lines.count * columns.count <= entryLimit else {
      throw CertificateError(
        place: "incidence matrix of directions and hyperplanes",
        expected: "at most \(entryLimit) entries for directions that share hyperplanes",
        found: "\(lines.count) x \(columns.count)",
        advice: "Prune the networks, or compare them as functions only.")
    }
    let number = Dictionary(
      uniqueKeysWithValues: lines.enumerated().map { ($0.element, $0.offset) })
    var matrix = Matrix(rows: lines.count, columns: columns.count)
    for (j, column) in columns.enumerated() {
      for (line, value) in column { matrix[number[line] ?? 0, j] = value }
    }
    let factors = try LAPACK.singularValues(matrix)
    let least = LinearPart.rankTolerance * (factors.values.first ?? 0)
    let rank = factors.values.count { $0 > least }
    guard rank == columns.count else { return (.infinity, rank, true) }
    // The pseudo-inverse V diag(1/s) U' is one left inverse.
    var inverse = BLAS.product(
      Matrix(
        rows: rank, columns: rank,
        elements: (0..<rank * rank).map {
          factors.vt[$0 % rank, $0 / rank] / factors.values[$0 % rank]
        }),
      .plain, factors.u, .transposed)
    let isOptimal = lines.count * columns.count <= programLimit
    if isOptimal {
      let program = try LeftInverseProgram(matrix, start: inverse)
      for j in 0..<columns.count {
        let row = try program.row(j)
        for p in lines.indices { inverse[j, p] = row[p] }
      }
    }
    return (norm(of: inverse, for: matrix), rank, isOptimal)
  }

  /// `|T|_inf / (1 - |T B - I|_inf)`, which bounds coefficients whatever the rounding of `T`.
  private static func norm(of inverse: Matrix, for matrix: Matrix) -> Double {
    func norm(_ x: Matrix) -> Double {
      (0..<x.rows).reduce(0) { max($0, x.row($1).reduce(0) { $0 + abs($1) }) }
    }
    var rest = BLAS.product(inverse, .plain, matrix)
    for j in 0..<rest.rows { rest[j, j] -= 1 }
    let error = norm(rest)
    return error < 1 ? norm(inverse) / (1 - error) : .infinity
  }
}

/// Rows `y` of least `|y|_1` with `B' y = e_j`, by the simplex method.
///
/// `y = y+ - y-` with `y+, y-, s >= 0` and `sum (y+ + y-) + s = |y0|_1` for a row `y0` that is known: the polytope is bounded,
/// and the largest `s` belongs to the least norm.
private struct LeftInverseProgram {
  private let equations: Matrix
  private let start: Matrix

  init(_ matrix: Matrix, start: Matrix) throws {
    let (p, j) = (matrix.rows, matrix.columns)
    var rows = Matrix(rows: j + 1, columns: 2 * p + 1)
    for c in 0..<j {
      for r in 0..<p {
        rows[c, r] = matrix[r, c]
        rows[c, p + r] = -matrix[r, c]
      }
    }
    for e in 0..<2 * p + 1 { rows[j, e] = 1 }
    equations = try LAPACK.singularValues(rows).vt
    self.start = start
  }

  func row(_ j: Int) throws -> [Double] {
    let p = (equations.columns - 1) / 2
    let known = Array(start.row(j))
    let member = known.map { max(0, $0) } + known.map { max(0, -$0) } + [0]
    var polytope = try MassPolytope(equations: equations, member: member)
    var weights = [Double](repeating: 0, count: 2 * p + 1)
    weights[2 * p] = 1
    let point = try polytope.maximize(weights).point
    let found = (0..<p).map { point[$0] - point[p + $0] }
    let (new, old) = (found.reduce(0) { $0 + abs($1) }, known.reduce(0) { $0 + abs($1) })
    return new < old ? found : known
  }
}

extension CanonicalForm {
  /// How well the coefficients of the directions are determined by the function.
  ///
  /// - Returns: The bound, of the lines of this form alone.
  /// - Throws: `CertificateError` when there are too many rows, `LAPACK.Failure` when a factorization fails.
  /// - Precondition: The pooling is linear.
  public func incidence() throws -> IncidenceBound {
    try IncidenceBound(directions, geometry: geometry, pooling: pooling, tolerance: tolerance)
  }
}
