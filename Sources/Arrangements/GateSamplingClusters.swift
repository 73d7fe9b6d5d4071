import Tensors

/// Clusters of patches by k-means.
///
/// - Source: Arthur & Vassilvitskii, *k-means++: The Advantages of Careful Seeding*, SODA 2007.
enum PatchClusters {
  /// Sweeps after which the clusters are taken as they are.
  private static let sweepLimit = 25
  /// Rows compared with all means at a time.
  private static let chunk = 4096

  /// The means of clusters of rows.
  ///
  /// - Parameters:
  ///   - rows: Matrix of shape `[rows, columns]`.
  ///   - count: Number of clusters, at most the number of rows.
  ///   - generator: Source of the starts.
  /// - Returns: Means of shape `[clusters, columns]`; fewer than asked when rows repeat.
  static func means(
    of rows: Matrix, count: Int, generator: inout SeededGenerator
  ) -> Matrix {
    var means = starts(rows, count: count, generator: &generator)
    guard means.rows > 0 else { return means }
    var owners: [Int] = []
    for _ in 0..<sweepLimit {
      let nearest = nearestMeans(rows, means)
      if nearest == owners { break }
      owners = nearest
      means = averages(rows, owners, previous: means)
    }
    return means
  }

  /// Rows drawn with probability proportional to the squared distance from those drawn before.
  private static func starts(
    _ rows: Matrix, count: Int, generator: inout SeededGenerator
  ) -> Matrix {
    guard count > 0 else { return Matrix(rows: 0, columns: rows.columns) }
    var chosen = [generator.integer(below: rows.rows)]
    var distances = [Double](repeating: .infinity, count: rows.rows)
    while chosen.count < count {
      let last = Array(rows.row(chosen[chosen.count - 1]))
      var total = 0.0
      for r in 0..<rows.rows {
        var distance = 0.0
        for j in 0..<rows.columns {
          let difference = rows.elements[r * rows.columns + j] - last[j]
          distance += difference * difference
        }
        distances[r] = min(distances[r], distance)
        total += distances[r]
      }
      guard total > 0, let next = draw(distances, total * generator.uniform()) else { break }
      chosen.append(next)
    }
    return rows.selectingRows(chosen)
  }

  /// The first index at which the running sum of weights exceeds a threshold.
  private static func draw(_ weights: [Double], _ threshold: Double) -> Int? {
    var sum = 0.0
    for r in weights.indices where weights[r] > 0 {
      sum += weights[r]
      if sum > threshold { return r }
    }
    return weights.lastIndex { $0 > 0 }
  }

  /// For every row the nearest mean, the first of several.
  private static func nearestMeans(_ rows: Matrix, _ means: Matrix) -> [Int] {
    let halfSquares = (0..<means.rows).map { 0.5 * means.row($0).reduce(0) { $0 + $1 * $1 } }
    var nearest: [Int] = []
    nearest.reserveCapacity(rows.rows)
    for start in stride(from: 0, to: rows.rows, by: chunk) {
      let length = min(chunk, rows.rows - start)
      let range = start * rows.columns..<(start + length) * rows.columns
      let block = Matrix(rows: length, columns: rows.columns, elements: Array(rows.elements[range]))
      let products = BLAS.product(block, .plain, means, .transposed)
      for r in 0..<length {
        var (best, least) = (0, Double.infinity)
        for m in 0..<means.rows {
          let distance = halfSquares[m] - products.elements[r * means.rows + m]
          if distance < least { (best, least) = (m, distance) }
        }
        nearest.append(best)
      }
    }
    return nearest
  }

  /// The mean of each cluster; an empty cluster keeps its previous mean.
  private static func averages(_ rows: Matrix, _ owners: [Int], previous: Matrix) -> Matrix {
    var sums = Matrix(rows: previous.rows, columns: rows.columns)
    var sizes = [Int](repeating: 0, count: previous.rows)
    for (r, owner) in owners.enumerated() {
      sizes[owner] += 1
      for j in 0..<rows.columns { sums[owner, j] += rows[r, j] }
    }
    for m in sizes.indices {
      for j in 0..<rows.columns {
        sums[m, j] = sizes[m] > 0 ? sums[m, j] / Double(sizes[m]) : previous[m, j]
      }
    }
    return sums
  }
}
