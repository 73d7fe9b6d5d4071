package import Tensors

/// The shortest vector `g + sum_l t_l x_l` over multipliers `lower_l <= t_l <= upper_l`.
///
/// With the kinks of a sum of positive parts as the `x_l` it is the subgradient of least norm; its negative is the
/// direction of steepest descent.
///
/// - Source: Stark & Parker, *Bounded-variable least-squares: an algorithm and applications*, Computational
///   Statistics 1995 (the active-set method).
package struct BoundedLeastSquares {
  /// The multipliers `t`.
  package private(set) var multipliers: [Double]
  /// Whether each multiplier is off its bounds; the vectors of those are linearly independent.
  package private(set) var isFree: [Bool]
  /// The vector `g + sum_l t_l x_l`, orthogonal to the vectors of all free multipliers.
  package private(set) var residual: [Double]

  private let target: [Double]
  private let vectors: Matrix

  /// Solves one problem.
  ///
  /// - Parameters:
  ///   - target: The vector `g`, of length `h`.
  ///   - vectors: Unit vectors `x_l`, `[k, h]`.
  ///   - bounds: Bounds of each multiplier.
  /// - Complexity: O(`k h + h^3`) per pivot, of which there are about as many as free multipliers.
  package init(_ target: [Double], vectors: Matrix, bounds: [ClosedRange<Double>]) {
    (self.target, self.vectors) = (target, vectors)
    // All start at the smaller bound, so that only pivots free any.
    multipliers = bounds.map {
      abs($0.lowerBound) <= abs($0.upperBound) ? $0.lowerBound : $0.upperBound
    }
    isFree = bounds.map { _ in false }
    residual = target
    residual = vector()
    let scale = max(BLAS.norm(target), bounds.reduce(0) { max($0, $1.upperBound, -$1.lowerBound) })
    for _ in 0..<(20 + 10 * vectors.rows) {
      guard let entering = entering(bounds, above: 1e-13 * scale) else { break }
      isFree[entering] = true
      while true {
        guard let solution = freeSolution() else {
          isFree[entering] = false
          residual = vector()
          return
        }
        guard let (step, leaving) = firstBound(towards: solution, bounds) else {
          for (position, l) in freeIndices.enumerated() { multipliers[l] = solution[position] }
          break
        }
        for (position, l) in freeIndices.enumerated() {
          multipliers[l] += step * (solution[position] - multipliers[l])
        }
        let range = bounds[leaving]
        multipliers[leaving] =
          abs(multipliers[leaving] - range.lowerBound)
            <= abs(multipliers[leaving] - range.upperBound)
          ? range.lowerBound : range.upperBound
        isFree[leaving] = false
        if !isFree.contains(true) { break }
      }
      residual = vector()
    }
  }

  private var freeIndices: [Int] { isFree.indices.filter { isFree[$0] } }

  private func vector() -> [Double] {
    var result = target
    for (l, t) in multipliers.enumerated() where t != 0 {
      BLAS.add(t, Array(vectors.row(l)), to: &result)
    }
    return result
  }

  /// The multiplier on a bound whose release shortens the vector most.
  private func entering(_ bounds: [ClosedRange<Double>], above tolerance: Double) -> Int? {
    var best: (slope: Double, index: Int)?
    for l in multipliers.indices where !isFree[l] && bounds[l].lowerBound < bounds[l].upperBound {
      let slope = BLAS.dot(Array(vectors.row(l)), residual)
      let isInward =
        slope > 0 ? multipliers[l] > bounds[l].lowerBound : multipliers[l] < bounds[l].upperBound
      guard isInward, abs(slope) > max(tolerance, best?.slope ?? 0) else { continue }
      best = (abs(slope), l)
    }
    return best?.index
  }

  /// Free multipliers that make the vector shortest, the others fixed; nil when their vectors are dependent.
  private func freeSolution() -> [Double]? {
    let free = freeIndices
    let own = vectors.selectingRows(free)
    var rest = target
    for l in multipliers.indices where !isFree[l] && multipliers[l] != 0 {
      BLAS.add(multipliers[l], Array(vectors.row(l)), to: &rest)
    }
    let gram = BLAS.product(own, .plain, own, .transposed)
    let image = BLAS.product(own, .plain, Matrix(rows: rest.count, columns: 1, elements: rest))
    return try? LAPACK.solvePositiveDefinite(gram, image.elements.map { -$0 })
  }

  /// The first bound on the way to a solution, as a share of the way.
  private func firstBound(
    towards solution: [Double], _ bounds: [ClosedRange<Double>]
  ) -> (step: Double, index: Int)? {
    var first: (step: Double, index: Int)?
    for (position, l) in freeIndices.enumerated() {
      let (now, end) = (multipliers[l], solution[position])
      guard !bounds[l].contains(end) else { continue }
      let bound = end > now ? bounds[l].upperBound : bounds[l].lowerBound
      let step = end == now ? 0 : min(1, max(0, (bound - now) / (end - now)))
      if step < first?.step ?? .infinity { first = (step, l) }
    }
    return first
  }
}
