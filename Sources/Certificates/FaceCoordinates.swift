import Arrangements
import ConvexPrograms
import Tensors

/// The face of the arrangement in which the filter of a neuron lies, and the linear map of the neuron there.
struct FaceCoordinates {
  /// Rows that the neuron passes on, packed 64 to a word; those on the face's hyperplanes are not among them.
  let mask: [UInt64]
  /// Orthonormal basis of the face's span, `[k, h]`.
  let basis: Matrix
  /// Whether no singular value of the normals is so small that rounding decides what the face is.
  let isWellConditioned: Bool
  /// Unit normals of the hyperplanes through the filter, `[l, h]`.
  let normals: Matrix
  /// Rows on each of these hyperplanes, and whether they are on the side of the normal.
  let rowsOnLine: [[(row: Int, isPositive: Bool)]]

  /// Sines of angles up to this count as zero: the filter lies on the hyperplane.
  static let kinkTolerance = 1e-7

  /// The face of a filter.
  ///
  /// - Parameters:
  ///   - filter: Filter of length `h`, not zero.
  ///   - patches: Data.
  ///   - lines: Their hyperplanes.
  ///   - tolerance: Sines of angles up to this count as zero.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  init(
    of filter: [Double], _ patches: PooledPatches, _ lines: EssentialRows,
    tolerance: Double = kinkTolerance
  ) throws {
    let h = filter.count
    let length = BLAS.norm(filter)
    let products = BLAS.product(
      lines.rows, .plain, Matrix(rows: h, columns: 1, elements: filter)
    ).elements
    var position = [Int](repeating: -1, count: lines.lineCount)
    var normals: [Double] = []
    var count = 0
    for line in 0..<lines.lineCount {
      let row = Array(lines.rows.row(line))
      let size = BLAS.norm(row)
      guard abs(products[line]) <= tolerance * size * length else { continue }
      position[line] = count
      count += 1
      normals += row.map { $0 / size }
    }
    var rowsOnLine = [[(row: Int, isPositive: Bool)]](repeating: [], count: count)
    var mask = [UInt64](repeating: 0, count: (patches.rows.rows + 63) / 64)
    for row in 0..<patches.rows.rows {
      let line = lines.lineOfRow[row]
      guard line >= 0 else { continue }
      let isPositive = lines.signOfRow[row] > 0
      if position[line] >= 0 {
        rowsOnLine[position[line]].append((row, isPositive))
      } else if (products[line] > 0) == isPositive {
        mask[row >> 6] |= 1 << UInt64(row & 63)
      }
    }
    (self.mask, self.rowsOnLine) = (mask, rowsOnLine)
    self.normals = Matrix(rows: count, columns: h, elements: normals)
    (basis, isWellConditioned) = try Self.complement(of: self.normals, dimension: h)
  }

  /// The whole space, for a neuron that is linear on the rows of a mask.
  init(mask: [UInt64], dimension: Int) {
    self.mask = mask
    (basis, isWellConditioned) = (.identity(dimension), true)
    normals = Matrix(rows: 0, columns: dimension)
    rowsOnLine = []
  }

  /// Singular values of unit normals up to this share of the largest are rounding errors.
  private static let rounding = 1e-13
  /// Singular values below this share of the largest are too small to say what the face is.
  private static let leastConditioning = 1e-6

  /// An orthonormal basis of the vectors orthogonal to all rows, and whether it is well determined.
  private static func complement(
    of rows: Matrix, dimension: Int
  ) throws -> (basis: Matrix, isWellConditioned: Bool) {
    guard rows.rows > 0 else { return (.identity(dimension), true) }
    let (values, vectors) = try singularVectors(rows)
    let largest = values[0]
    let kept = values.indices.filter { values[$0] <= rounding * largest }
    let isClear = values.allSatisfy {
      $0 <= rounding * largest || $0 > leastConditioning * largest
    }
    return (vectors.selectingRows(kept), isClear)
  }

  /// Singular values of a matrix of `h` columns, largest first, with all `h` right singular vectors as rows.
  private static func singularVectors(
    _ rows: Matrix
  ) throws -> (values: [Double], vectors: Matrix) {
    var square = Matrix(rows: max(rows.rows, rows.columns), columns: rows.columns)
    for e in rows.elements.indices { square.elements[e] = rows.elements[e] }
    let (_, values, vt) = try LAPACK.singularValues(square)
    return (values, vt)
  }

  /// The ways out of the face along its hyperplanes.
  ///
  /// - Parameter limit: Most sets of hyperplanes tried.
  /// - Returns: Unit rays, orthogonal to the face, of the cells in which its hyperplanes cut the space; nil when there are
  ///   too many, or some are not well determined.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  func leavingRays(limit: Int) throws -> [[Double]]? {
    let (values, vectors) = try Self.singularVectors(normals)
    let span = vectors.selectingRows(
      values.indices.filter { values[$0] > Self.rounding * values[0] })
    let k = span.rows
    let inside = BLAS.product(normals, .plain, span, .transposed)
    var result: [[Double]] = []
    func add(_ coordinates: [Double]) {
      let ray = BLAS.product(Matrix([coordinates]), .plain, span).elements
      result.append(ray)
      result.append(ray.map { -$0 })
    }
    guard k > 1 else {
      add([1])
      return result
    }
    var chosen = Array(0..<k - 1)
    var tried = 0
    while true {
      tried += 1
      guard tried <= limit else { return nil }
      let rows = inside.selectingRows(chosen)
      // Sets that are dependent have no ray of their own; sets that nearly are hide one.
      let (values, vectors) = try Self.singularVectors(rows)
      if values[k - 2] > 1e-5 {
        add(Array(vectors.row(k - 1)))
      } else if values[k - 2] > Self.rounding {
        return nil
      }
      // The next set in lexicographic order.
      guard let place = (0..<k - 1).last(where: { chosen[$0] < normals.rows - (k - 1) + $0 })
      else { return result }
      chosen[place] += 1
      for later in place + 1..<max(place + 1, k - 1) { chosen[later] = chosen[later - 1] + 1 }
    }
  }

  /// Products of a filter with the rows of the hyperplanes that are not the face's, divided by the lengths of the rows.
  func distances(of filter: [Double], toOthersOf lines: EssentialRows) -> [Double] {
    let own = Set(rowsOnLine.compactMap { $0.first.map { lines.lineOfRow[$0.row] } })
    return (0..<lines.lineCount).lazy.filter { !own.contains($0) }.map { line in
      let row = Array(lines.rows.row(line))
      return BLAS.dot(row, filter) / BLAS.norm(row)
    }
  }

  /// `sum_k P[q, k] x_ik` over the rows passed on, `[samples, a, h]`.
  func pooled(
    _ patches: PooledPatches, weights: Matrix, samples: Range<Int>
  ) -> [Double] {
    let size = samples.count * weights.rows * patches.patchDimension
    return [Double](unsafeUninitializedCapacity: size) { buffer, count in
      count = size
      guard let target = buffer.baseAddress else { return }
      MaskedDualNorm.pool(patches, weights: weights, mask: mask, samples: samples, into: target)
    }
  }
}
