public import ConvexPrograms
import Convolutions
public import Tensors

extension CopositiveProgram {
  /// A proven bound on the relaxed dual norm of a dual point, with the multipliers that prove it.
  public struct DualNormBound: Sendable {
    /// At least `max_b max {tr T_b U T_b' : U in the relaxed cone, tr U = 1}^(1/2)`, rounding included.
    public let norm: Double
    /// Multipliers `nu >= 0` of the facet pairs of each cone, in the order of `facetPairs(of:)`.
    public let multipliers: [[Double]]
  }

  /// Bounds the relaxed dual norm by multipliers of facet pairs.
  ///
  /// On a cone the pooled correlation of a filter with the dual point `G` is `T u`. For any `nu >= 0`
  ///
  ///     |T u|^2 <= u' (T'T + sum_fg nu_fg (f g' + g f') / 2) u <= largest eigenvalue |u|^2
  ///
  /// because `(f . u) (g . u) >= 0` on the cone. Multipliers of cones of two facets are searched exactly; others are taken
  /// as given, and on demand made better by `ConeMaximum` where they exceed the target.
  ///
  /// - Parameters:
  ///   - dual: Dual point `G` of shape `[n, c]`.
  ///   - hints: Multipliers to start from for each cone; none are used where the arrays are empty.
  ///   - target: Bounds up to here need not be made better.
  ///   - refines: Whether to solve the relaxation of single cones whose bounds exceed the target.
  ///   - isStopped: Asked before each of these; true leaves the bounds of the other cones as they are, which hold too.
  /// - Returns: The bound, which holds for every filter because the cones cover them all.
  /// - Throws: `LAPACK.Failure` when the eigenvalue iteration does not converge.
  /// - Complexity: O(`n P a h c + P h^3`), and the improvements.
  /// - Accuracy: Proven up to the margin of rounding that it includes, `1e-12` of the norm and `2^-51` of
  ///   `sum_i |G_i| sum_k P_k |x_ik|` for each of `n + K + h + a c + 8` terms.
  public func dualNormBound(
    _ dual: Matrix, hints: [[Double]] = [], target: Double = 0, refines: Bool = true,
    isStopped: @Sendable () -> Bool = { false }
  ) throws -> DualNormBound {
    let correlations = map.adjoint(dual)
    let margin = roundingMargin(dual)
    var parts = [Result<(Double, [Double]), any Error>](
      repeating: .success((0, [])), count: cones.count)
    parts.withUnsafeMutableBufferPointer { parts in
      nonisolated(unsafe) let parts = parts
      Parallel.forEachChunk(of: cones.count, chunk: 8, threads: problem.threads) { _, range in
        for b in range {
          parts[b] = Result {
            try bound(
              on: b, form: form(of: b, correlations), hint: hints.isEmpty ? [] : hints[b],
              target: target, refines: refines && !isStopped())
          }
        }
      }
    }
    var (largest, multipliers) = (0.0, [[Double]]())
    for part in parts {
      let (square, values) = try part.get()
      largest = max(largest, square)
      multipliers.append(values)
    }
    return DualNormBound(
      norm: largest.squareRoot() * (1 + 1e-12) + margin, multipliers: multipliers)
  }

  /// `T'T` on a cone, shape `[h, h]`, from `A' G` of shape `[P a h, c]`.
  private func form(of cone: Int, _ correlations: Matrix) -> Matrix {
    let (h, a, c) = (patchDimension, problem.windowCount, problem.outputCount)
    var part = Matrix(rows: h, columns: a * c)
    for q in 0..<a {
      for e in 0..<h {
        for j in 0..<c { part[e, q * c + j] = correlations[(cone * a + q) * h + e, j] }
      }
    }
    return BLAS.product(part, .plain, part, .transposed)
  }

  /// A bound on the square of the norm on a cone, and its multipliers.
  private func bound(
    on cone: Int, form: Matrix, hint: [Double], target: Double, refines: Bool
  ) throws -> (Double, [Double]) {
    let pairs = facetPairs(of: cone)
    let none = [Double](repeating: 0, count: pairs.count)
    var best = (try ConeMaximum.proven(form, none), none)
    guard !pairs.isEmpty, best.0 > target * target else { return best }
    let problem = ConeMaximum(form: form, facets: cones[cone].facets, interior: interiors[cone])
    if hint.count == pairs.count, pairs.count > 1 {
      let clipped = hint.map { max(0, $0) }
      let value = try problem.upperBound(clipped)
      if value < best.0 { best = (value, clipped) }
    }
    if pairs.count == 1 {
      let found = try problem.bestSingleMultiplier()
      if found.bound < best.0 { best = (found.bound, [found.multiplier]) }
    } else if refines, best.0 > target * target {
      let multipliers = try problem.solve(tolerance: 1e-12, iterations: 4000).multipliers
      let value = try problem.upperBound(multipliers)
      if value < best.0 { best = (value, multipliers) }
    }
    return best
  }

  /// What rounding can change in `|T u|`: features are sums of up to `K` patches, correlations sums over samples.
  private func roundingMargin(_ dual: Matrix) -> Double {
    var mass = 0.0
    for (i, size) in patchMasses.enumerated() { mass += size * BLAS.norm(Array(dual.row(i))) }
    let terms = problem.sampleCount + problem.geometry.patchesPerSample + patchDimension
    return mass * Double(terms + weightCount + 8) * 0x1p-51
  }
}
