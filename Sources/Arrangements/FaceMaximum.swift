import Tensors

/// The maxima of a correlation on the faces nearest to a filter.
///
/// On a face of the arrangement `F(u) = M u` is linear, so its largest norm over unit filters of the face's span is at the
/// top singular vector of `M` there. Plain ascent ends near a maximum but rarely on the face it lies in; here steps go
/// towards the maxima on the faces of the `0, 1, ..., h - 1` nearest independent hyperplanes.
///
/// - Complexity: O(`rows h + h^2 a c + h^4`) for each step, of which there are at most 100.
struct FaceMaximum {
  private let correlation: PooledCorrelation
  private let h: Int
  /// Most hyperplanes looked at for the nearest independent ones.
  private static let candidateCount = 64

  init(_ correlation: PooledCorrelation) {
    self.correlation = correlation
    h = correlation.patchDimension
  }

  /// A local maximum near a filter, found by steps that never lower the norm.
  ///
  /// Steps go towards the maxima on the nearest faces and along the gradient, each at most `reach` long and halved until
  /// the norm rises, so that a maximum nearby is not passed over for a larger one.
  ///
  /// - Parameters:
  ///   - start: Unit filter.
  ///   - reach: Longest step, as a chord.
  /// - Returns: The filter, its norm, which is attained, and the largest norm on its face orthogonal to it: where that
  ///   equals the norm, the filters between have it too.
  func climbed(
    from start: [Double], reach: Double
  ) -> (filter: [Double], norm: Double, next: Double) {
    var (u, norm, next) = (start, correlation.norm(at: start), 0.0)
    for _ in 0..<100 {
      var best: (filter: [Double], norm: Double)?
      for trial in trials(near: u) {
        let distance = BLAS.norm(zip(u, trial.filter).map { $1 - $0 })
        if distance <= 1e-12 { next = max(next, trial.next) }
        var step = min(1, reach / max(distance, .leastNormalMagnitude))
        while step * distance > 1e-15 {
          let moved = zip(u, trial.filter).map { $0 + step * ($1 - $0) }
          let size = BLAS.norm(moved)
          let point = moved.map { $0 / size }
          let value = correlation.norm(at: point)
          if value > max(norm * (1 + 1e-15), best?.norm ?? 0) {
            best = (point, value)
            next = trial.next
            break
          }
          if value > norm { break }
          step *= 0.25
        }
      }
      guard let found = best else { break }
      (u, norm) = found
    }
    return (u, norm, next)
  }

  /// The maximum on the span of each of the nearest faces, on the side of the filter; the cell itself is the first.
  private func trials(near u: [Double]) -> [(filter: [Double], next: Double)] {
    let (map, kinks) = neighborhood(of: u)
    var basis: [[Double]] = []
    var result = [maximum(of: map, orthogonalTo: basis, near: u)]
    for kink in kinks where basis.count < h - 1 {
      var rest = kink
      for _ in 0..<2 {
        for direction in basis { BLAS.add(-BLAS.dot(direction, rest), direction, to: &rest) }
      }
      let length = BLAS.norm(rest)
      // A normal in the span of nearer ones vanishes with them.
      guard length > 1e-7 else { continue }
      basis.append(rest.map { $0 / length })
      result.append(maximum(of: map, orthogonalTo: basis, near: u))
    }
    return result.compactMap { $0 }
  }

  private func maximum(
    of map: Matrix, orthogonalTo basis: [[Double]], near u: [Double]
  ) -> (filter: [Double], next: Double)? {
    var rows = map
    for entry in 0..<rows.rows {
      var row = Array(rows.row(entry))
      for direction in basis { BLAS.add(-BLAS.dot(direction, row), direction, to: &row) }
      rows.elements.replaceSubrange(entry * h..<(entry + 1) * h, with: row)
    }
    var (v, next) = (rows.elements, 0.0)
    if rows.rows > 1 {
      guard let svd = try? LAPACK.singularValues(rows), svd.values.first ?? 0 > 0 else {
        return nil
      }
      v = Array(svd.vt.row(0))
      next = svd.values.count > 1 ? svd.values[1] : 0
    }
    let length = BLAS.norm(v)
    guard length > 0, length.isFinite else { return nil }
    let sign: Double = rows.rows > 1 && BLAS.dot(v, u) < 0 ? -1 : 1
    return (v.map { sign * $0 / length }, next)
  }

  /// The linear map of the cell of a filter, `[a c, h]`, and the unit normals of the nearest hyperplanes, nearest first.
  private func neighborhood(of u: [Double]) -> (map: Matrix, kinks: [[Double]]) {
    let (rows, c) = (correlation.terms.rows, correlation.outputCount)
    let products = BLAS.product(
      rows, .plain, Matrix(rows: h, columns: 1, elements: u)
    ).elements
    var map = correlation.linear
    var near: [(distance: Double, normal: (Int, Int))] = []
    for t in 0..<correlation.termCount {
      let range = Int(correlation.terms.starts[t])..<Int(correlation.terms.starts[t + 1])
      var (winner, value) = (-1, 0.0)
      for r in range where products[r] > value { (winner, value) = (r, products[r]) }
      for r in range where r != winner {
        near.append((value - products[r], (winner, r)))
      }
      guard winner >= 0 else { continue }
      near.append((value, (winner, -1)))
      let offset = Int(correlation.terms.windows[t]) * c
      for j in 0..<c {
        let b = correlation.coefficients[t, j]
        for e in 0..<h { map[offset + j, e] += b * rows[winner, e] }
      }
    }
    near.sort { $0.distance < $1.distance }
    let kinks = near.prefix(Self.candidateCount).compactMap { candidate -> [Double]? in
      let (first, second) = candidate.normal
      var normal = [Double](repeating: 0, count: h)
      if first >= 0 { BLAS.add(1, Array(rows.row(first)), to: &normal) }
      if second >= 0 { BLAS.add(-1, Array(rows.row(second)), to: &normal) }
      let length = BLAS.norm(normal)
      return length > 0 ? normal.map { $0 / length } : nil
    }
    return (map, kinks)
  }
}
