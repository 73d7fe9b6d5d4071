public import Tensors

/// Whether a symmetric positive semidefinite matrix is completely positive, `C = H H'` with `H >= 0`.
///
/// The order of the tests: an entry below zero refutes; connected parts of the matrix are independent; a part of rank one
/// is its diagonal's root; the rows of a root of rank two lie in a right angle, which a rotation moves into the quadrant;
/// a root `B` of higher rank is turned by alternating projections until `B Q >= 0`. A factor that is found is a proof. Up
/// to order four non-negative entries suffice, so the answer is known even where no factor was found.
///
/// - Source: Maxfield & Minc, *On the Matrix Equation X'X = A*, Proc. Edinburgh Math. Soc. 1962 (order four); Groetzner &
///   Duer, *A Factorization Method for Completely Positive Matrices*, Linear Algebra Appl. 2020 (alternating projections,
///   in their variant without linear programs).
public enum CompletePositivity: Sendable, Equatable {
  /// It is: the factor `H` of shape `[n, k]` has no negative entry, and `|H H' - C| <= 1e-10 |C|` entrywise.
  case factored(Matrix)
  /// It is, because it has order at most four and no negative entry; no factor was found.
  case byOrder
  /// It is not: the entry in this row and column is negative.
  case negativeEntry(row: Int, column: Int, value: Double)
  /// No test decided.
  case undecided

  /// Entries above `-tolerance * max |C|` count as zero: they are what rounding leaves.
  static let tolerance = 1e-11

  /// Tests a matrix.
  ///
  /// - Parameter matrix: Symmetric positive semidefinite matrix of shape `[n, n]`.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  /// - Precondition: The matrix is square.
  /// - Complexity: O(`n^3`), and up to 10,000 steps of O(`n k^2`) per part of rank `k >= 3`.
  public init(of matrix: Matrix) throws {
    precondition(matrix.rows == matrix.columns, "CompletePositivity: matrix is not square")
    let n = matrix.rows
    let scale = matrix.elements.reduce(0) { max($0, abs($1)) }
    let floor = Self.tolerance * scale
    var least = (index: 0, value: 0.0)
    for (index, value) in matrix.elements.enumerated() where value < least.value {
      least = (index, value)
    }
    guard least.value >= -floor else {
      let (row, column) = least.index.quotientAndRemainder(dividingBy: n)
      self = .negativeEntry(row: row, column: column, value: least.value)
      return
    }
    var columns: [[Double]] = []
    var isByOrder = false
    for part in Self.parts(of: matrix, above: floor) {
      guard let factor = try Self.factor(of: matrix, part) else {
        guard part.count <= 4 else {
          self = .undecided
          return
        }
        isByOrder = true
        continue
      }
      for k in 0..<factor.columns {
        var column = [Double](repeating: 0, count: n)
        for (i, row) in part.enumerated() { column[row] = factor[i, k] }
        columns.append(column)
      }
    }
    let factors = columns.isEmpty ? Matrix(rows: n, columns: 0) : Matrix(columns).transposed
    self = isByOrder ? .byOrder : .factored(factors)
  }

  /// Connected parts of the graph of positive entries; rows without any are in no part.
  private static func parts(of matrix: Matrix, above floor: Double) -> [[Int]] {
    let n = matrix.rows
    var isSeen = [Bool](repeating: false, count: n)
    var result: [[Int]] = []
    for start in 0..<n where !isSeen[start] && matrix[start, start] > floor {
      var part = [start]
      isSeen[start] = true
      var next = 0
      while next < part.count {
        for j in 0..<n where !isSeen[j] && matrix[part[next], j] > floor {
          isSeen[j] = true
          part.append(j)
        }
        next += 1
      }
      result.append(part.sorted())
    }
    return result
  }

  private static func factor(of matrix: Matrix, _ part: [Int]) throws -> Matrix? {
    let block = Matrix(part.map { i in part.map { matrix[i, $0] } })
    let (values, vectors) = try LAPACK.symmetricEigen(block)
    let largest = values.last ?? 0
    let kept = values.indices.reversed().filter { values[$0] > 1e-12 * largest }
    var root = Matrix(rows: part.count, columns: kept.count)
    for (k, index) in kept.enumerated() {
      for i in part.indices { root[i, k] = values[index].squareRoot() * vectors[index, i] }
    }
    let candidate: Matrix? =
      switch kept.count {
      case 1: Matrix(rows: root.rows, columns: 1, elements: root.elements.map(abs))
      case 2: rotatedIntoQuadrant(root)
      default: try turned(root)
      }
    guard let candidate else { return nil }
    let product = BLAS.product(candidate, .plain, candidate, .transposed)
    let isClose = zip(product.elements, block.elements).allSatisfy {
      abs($0 - $1) <= 1e-10 * largest
    }
    return isClose ? candidate : nil
  }

  /// Rows of rank two, turned so that the first of them in the sense of rotation is the first axis.
  private static func rotatedIntoQuadrant(_ root: Matrix) -> Matrix {
    // All lie within a right angle, so a row from which every other is at most a quarter turn to the left exists.
    var first = 0
    for i in 1..<root.rows {
      let turn = root[first, 0] * root[i, 1] - root[first, 1] * root[i, 0]
      if turn < 0 { first = i }
    }
    let length = BLAS.norm(Array(root.row(first)))
    let (cosine, sine) = (root[first, 0] / length, root[first, 1] / length)
    var result = root
    for i in 0..<root.rows {
      result[i, 0] = max(0, cosine * root[i, 0] + sine * root[i, 1])
      result[i, 1] = max(0, cosine * root[i, 1] - sine * root[i, 0])
    }
    return result
  }

  /// Alternating projections between the orthogonal matrices `Q` and those with `B Q >= 0`.
  private static func turned(_ root: Matrix) throws -> Matrix? {
    let rank = root.columns
    var random = SeededGenerator(seed: 1)
    let scale = root.elements.reduce(0) { max($0, abs($1)) }
    for columns in [rank, rank, rank + 1, rank + 2, 2 * rank] {
      var base = Matrix(rows: root.rows, columns: columns)
      for i in 0..<root.rows { for k in 0..<rank { base[i, k] = root[i, k] } }
      var turn = try orthogonal(
        Matrix(
          rows: columns, columns: columns,
          elements: (0..<columns * columns).map { _ in random.normal() }))
      for _ in 0..<2000 {
        var product = BLAS.product(base, .plain, turn)
        let least = product.elements.min() ?? 0
        for e in product.elements.indices { product.elements[e] = max(0, product.elements[e]) }
        if least >= -1e-12 * scale { return product }
        // The pseudo-inverse of a root with orthogonal columns.
        var lifted = BLAS.product(base, .transposed, product)
        for k in 0..<columns {
          var square = 0.0
          for i in 0..<base.rows { square += base[i, k] * base[i, k] }
          for j in 0..<columns {
            lifted[k, j] = square > 0 ? lifted[k, j] / square : turn[k, j]
          }
        }
        turn = try orthogonal(lifted)
      }
    }
    return nil
  }

  /// The orthogonal matrix closest to a square matrix.
  private static func orthogonal(_ matrix: Matrix) throws -> Matrix {
    let (u, _, vt) = try LAPACK.singularValues(matrix)
    return BLAS.product(u, .plain, vt)
  }
}
