/// A symmetric 3 x 3 matrix of inner products, with its eigenvalues by Jacobi rotations.
///
/// - Accuracy: Eigenvalues within a few `2^-52` of the largest, absolutely.
/// - Source: Golub & Van Loan, *Matrix Computations*, 2013 (the cyclic Jacobi method).
struct SymmetricThree {
  private var diagonal = SIMD3<Double>.zero
  /// Entries (1, 2), (0, 2) and (0, 1).
  private var mixed = SIMD3<Double>.zero
  /// The row, when there is just one: then it is the eigenvector.
  private var only: SIMD3<Double>?

  /// The matrix `A'A` of a map `[rows, 3]` given by its entries.
  @inline(__always)
  init(gramOf entry: (Int) -> Double, rows: Int) {
    for r in 0..<rows {
      let row = SIMD3(entry(3 * r), entry(3 * r + 1), entry(3 * r + 2))
      diagonal += row * row
      mixed += SIMD3(row.y * row.z, row.x * row.z, row.x * row.y)
      only = rows == 1 ? row : nil
    }
  }

  /// The largest eigenvalue, the second and a unit eigenvector of the largest.
  var top: (largest: Double, second: Double, vector: [Double]) {
    if let only, diagonal.sum() > 0 {
      let length = diagonal.sum().squareRoot()
      return (diagonal.sum(), 0, [only.x / length, only.y / length, only.z / length])
    }
    var (a, b) = (diagonal, mixed)
    var vectors = [SIMD3<Double>(1, 0, 0), SIMD3<Double>(0, 1, 0), SIMD3<Double>(0, 0, 1)]
    let negligible = (a.x + a.y + a.z) * 0x1p-60
    for _ in 0..<12 {
      guard abs(b.x) + abs(b.y) + abs(b.z) > negligible else { break }
      for k in 0..<3 where b[k] != 0 {
        let (p, q) = ((k + 1) % 3, (k + 2) % 3)
        let ratio = (a[q] - a[p]) / (2 * b[k])
        let size = abs(ratio) + (ratio * ratio + 1).squareRoot()
        let t = (ratio < 0 ? -1 : 1) / size
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        a[p] -= t * b[k]
        a[q] += t * b[k]
        b[k] = 0
        // Entry (p, k) is stored at q, and entry (q, k) at p.
        let (first, second) = (b[q], b[p])
        b[q] = c * first - s * second
        b[p] = s * first + c * second
        let (u, v) = (vectors[p], vectors[q])
        vectors[p] = c * u - s * v
        vectors[q] = s * u + c * v
      }
    }
    let order = [0, 1, 2].sorted { a[$0] > a[$1] }
    let vector = vectors[order[0]]
    let length = (vector * vector).sum().squareRoot()
    return (
      max(0, a[order[0]]), max(0, a[order[1]]),
      [vector.x / length, vector.y / length, vector.z / length]
    )
  }
}
