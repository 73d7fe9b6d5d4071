import ConvexPrograms
import Tensors

/// `minimize L(V b) + slope . b` over the simplex `b >= 0, sum b = 1`: the master of simplicial decomposition.
///
/// A vertex outside the support enters when its slope is below that of the support; then Newton steps on the support follow,
/// each cut at the first share that vanishes, whose vertex leaves. On a support of affinely independent vertices the
/// loss has one minimizer, so supports do not repeat.
///
/// - Source: von Hohenbalken, *Simplicial decomposition in nonlinear programming algorithms*, Math. Programming 1977;
///   Lawson & Hanson, *Solving Least Squares Problems*, 1974 (the same for least squares).
struct SimplicialMaster {
  let loss: any Loss
  /// Predictions of the vertices, one vertex per row, `[m, n c]`.
  let vertices: Matrix
  /// Slope of each vertex beside the loss.
  let slopes: [Double]
  /// Shares of the vertices, a point of the simplex.
  private(set) var shares: [Double]
  private var predictions: Matrix

  /// A master at a point of the simplex.
  init(loss: any Loss, vertices: Matrix, slopes: [Double], shares: [Double]) {
    (self.loss, self.vertices, self.slopes, self.shares) = (loss, vertices, slopes, shares)
    predictions = Matrix(rows: loss.sampleCount, columns: loss.outputCount)
    refresh()
  }

  private mutating func refresh() {
    let row = Matrix(rows: 1, columns: shares.count, elements: shares)
    predictions.elements = BLAS.product(row, .plain, vertices, .plain).elements
  }

  /// Minimizes until no vertex has a slope below the support's, up to a share of the largest slope.
  ///
  /// - Parameters:
  ///   - tolerance: Relative difference of slopes that counts as none.
  ///   - isStopped: Asked between Newton steps.
  /// - Complexity: O(`m n c + s^2 n c + s^3`) per Newton step on a support of `s` vertices.
  mutating func minimize(tolerance: Double, isStopped: () -> Bool) {
    var lastEntered = -1
    for _ in 0..<10 * (shares.count + 10) where !isStopped() {
      minimizeOnSupport(isStopped)
      let slopes = allSlopes
      let support = shares.indices.filter { shares[$0] > 0 }
      let level = support.reduce(0) { $0 + shares[$1] * slopes[$1] }
      let scale = slopes.map(abs).reduce(0, max)
      let outside = shares.indices.filter { shares[$0] == 0 && $0 != lastEntered }
      guard let entering = outside.min(by: { (slopes[$0], $0) < (slopes[$1], $1) }),
        slopes[entering] < level - tolerance * scale
      else { return }
      lastEntered = entering
      enter(entering)
    }
  }

  /// Derivative by each share, `[m]`.
  private var allSlopes: [Double] {
    let gradient = loss.gradient(at: predictions)
    let column = Matrix(rows: gradient.elements.count, columns: 1, elements: gradient.elements)
    var result = BLAS.product(vertices, .plain, column, .plain).elements
    for j in result.indices { result[j] += slopes[j] }
    return result
  }

  /// Moves towards a vertex as far as that helps.
  private mutating func enter(_ j: Int) {
    var change = Matrix(
      rows: predictions.rows, columns: predictions.columns, elements: Array(vertices.row(j)))
    BLAS.add(-1, predictions.elements, to: &change.elements)
    let here = zip(shares, slopes).reduce(0) { $0 + $1.0 * $1.1 }
    let step = ConvexLineSearch.minimizer(
      of: loss, from: predictions, along: change, slope: slopes[j] - here, limit: 1)
    for i in shares.indices { shares[i] *= 1 - step }
    shares[j] += step
    refresh()
  }

  /// Newton steps on the vertices in use, until they are small or the support is a single vertex.
  private mutating func minimizeOnSupport(_ isStopped: () -> Bool) {
    for _ in 0..<200 where !isStopped() {
      let support = shares.indices.filter { shares[$0] > 0 }
      guard support.count > 1, let step = newtonStep(support) else { return }
      let limit = zip(support, step).map { j, d in d < 0 ? shares[j] / -d : .infinity }
        .reduce(.infinity, min)
      var change = Matrix(
        rows: 1, columns: support.count, elements: step)
      change = BLAS.product(change, .plain, vertices.selectingRows(support), .plain)
      let direction = Matrix(
        rows: predictions.rows, columns: predictions.columns, elements: change.elements)
      let slope = zip(support, step).reduce(0) { $0 + slopes[$1.0] * $1.1 }
      let reach = min(limit, 2)
      let length = ConvexLineSearch.minimizer(
        of: loss, from: predictions, along: direction, slope: slope, limit: reach)
      guard length > 0 else { return }
      for (j, d) in zip(support, step) {
        // At the limit the first share that vanishes leaves the support.
        let left = shares[j] + length * d
        shares[j] = length == limit && d < 0 && shares[j] / -d == limit ? 0 : max(0, left)
      }
      let total = shares.reduce(0, +)
      for j in shares.indices { shares[j] /= total }
      refresh()
      let largest = zip(step, support).map { abs($0.0) * length }.reduce(0, max)
      if length < limit, largest <= 1e-15 { return }
    }
  }

  /// The Newton direction of shares on the support that keeps their sum; nil where the slopes agree.
  private func newtonStep(_ support: [Int]) -> [Double]? {
    let part = vertices.selectingRows(support)
    let all = allSlopes
    // Differences to the vertex of largest share span the support's affine hull.
    let base = support.indices.max { (shares[support[$0]], $1) < (shares[support[$1]], $0) } ?? 0
    let others = support.indices.filter { $0 != base }
    var differences = part.selectingRows(others)
    for i in 0..<differences.rows {
      for e in 0..<differences.columns { differences[i, e] -= part[base, e] }
    }
    var curved = differences
    for i in 0..<differences.rows {
      let product = loss.hessianProduct(
        at: predictions,
        direction: Matrix(
          rows: predictions.rows, columns: predictions.columns,
          elements: Array(differences.row(i))))
      for e in 0..<curved.columns { curved[i, e] = product.elements[e] }
    }
    var hessian = BLAS.product(differences, .plain, curved, .transposed)
    let slopes = others.map { all[support[base]] - all[support[$0]] }
    guard slopes.contains(where: { $0 != 0 }) else { return nil }
    let size = others.indices.map { hessian[$0, $0] }.reduce(0, max)
    var ridge = 1e-15
    while ridge < 1 {
      for i in others.indices { hessian[i, i] += ridge * size + Double.leastNormalMagnitude }
      if let solution = try? LAPACK.solvePositiveDefinite(hessian, slopes),
        solution.allSatisfy(\.isFinite)
      {
        var step = [Double](repeating: 0, count: support.count)
        for (i, j) in others.enumerated() { step[j] = solution[i] }
        step[base] = -solution.reduce(0, +)
        return step
      }
      ridge *= 100
    }
    return nil
  }
}
