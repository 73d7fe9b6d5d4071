import Convolutions
import Tensors

// A linear network is `(1/2n) |A Z - Y|^2 + lambda |Z|_*` with the pooled patches `A` of shape `[n, a h]` and one matrix `Z`
// of shape `[h, a c]`. If `A' A = t^2 I`, the loss is `(t^2/2n) |Z - A' Y / t^2|^2` and a constant, and the solution has the
// singular values of `A' Y` minus `beta = n lambda`, over `t^2`. If `A A' = t^2 I` and `a = 1`, every `F = A Z` is reached by
// `Z = A' F / t^2` with `|Z|_* = |F|_* / t`, and the singular values of `Y` lose `beta / t`.

extension ClosedForm {
  /// The form of a linear network whose pooled patches are orthonormal columns or rows.
  static func linear(_ problem: TrainingProblem, _ targets: Matrix) throws -> ClosedForm {
    let program = try GatedProgram(problem: problem, gates: nil)
    let features = problem.gatedFeatures(of: nil)
    let isTall = features.rows >= features.columns
    guard isTall || problem.windowCount == 1 else {
      throw refusal(
        "pooled patches",
        "at least a h = \(features.columns) samples for \(problem.windowCount) windows",
        "\(features.rows)",
        advice("Use one window or more samples, or ccnn train.", for: problem))
    }
    let gram =
      isTall
      ? BLAS.product(features, .transposed, features, .plain)
      : BLAS.product(features, .plain, features, .transposed)
    let (t, defect) = scale(ofGram: gram)
    guard defect <= whiteningTolerance else {
      throw refusal(
        "pooled patches",
        "orthonormal \(isTall ? "columns" : "rows") up to a scale, within \(whiteningTolerance)",
        "a relative deviation of \(defect)",
        advice(
          problem.geometry.patchesPerSample == 1
            ? "Whiten the patches (--standardize patch-whiten), or use ccnn train."
            : "Use ccnn train, which solves the program.", for: problem))
    }
    let beta = Double(problem.sampleCount) * problem.lambda
    return isTall
      ? try columns(problem, program, targets, t, beta, defect)
      : try rows(problem, program, features, targets, t, beta, defect)
  }

  private static func columns(
    _ problem: TrainingProblem, _ program: GatedProgram, _ targets: Matrix, _ t: Double,
    _ beta: Double, _ defect: Double
  ) throws -> ClosedForm {
    var point = program.composite.map.adjoint(targets)
    let norms = BlockNuclearNorm(
      blockCount: 1, patchDimension: problem.geometry.patchDimension,
      windowCount: problem.windowCount)
    let spectrum = try LAPACK.singularValues(norms.block(0, of: point)).values
    for e in point.elements.indices { point.elements[e] /= t * t }
    _ = norms.prox(&point, step: beta / (t * t))
    let gain = spectrum.reduce(0) { $0 + max(0, $1 - beta) * max(0, $1 - beta) }
    let energy = BLAS.dot(targets.elements, targets.elements)
    return attained(
      .linearColumns, value: 0.5 * (energy - gain / (t * t)) / Double(problem.sampleCount),
      by: try program.network(from: point), of: problem, threshold: beta, spectrum: spectrum,
      defect: defect, reason: "The columns of the pooled patches are orthonormal up to a scale.")
  }

  private static func rows(
    _ problem: TrainingProblem, _ program: GatedProgram, _ features: Matrix, _ targets: Matrix,
    _ t: Double, _ beta: Double, _ defect: Double
  ) throws -> ClosedForm {
    let (u, spectrum, vt) = try LAPACK.singularValues(targets)
    let b = beta / t
    var scaled = u
    for i in 0..<u.rows { for (r, s) in spectrum.enumerated() { scaled[i, r] *= max(0, s - b) } }
    var point = BLAS.product(
      features, .transposed, BLAS.product(scaled, .plain, vt), .plain)
    for e in point.elements.indices { point.elements[e] /= t * t }
    let value = spectrum.reduce(0) { $0 + shrunkValue($1, threshold: b) }
    return attained(
      .linearRows, value: value / Double(problem.sampleCount),
      by: try program.network(from: point), of: problem, threshold: b, spectrum: spectrum,
      defect: defect, reason: "The rows of the pooled patches are orthonormal up to a scale.")
  }
}
