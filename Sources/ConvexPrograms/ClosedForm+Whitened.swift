import Convolutions
import Tensors

// With `M M' = t^2 I` the responses `M u`, `|u| <= 1`, are all vectors of length at most `t`. A window that weights its
// positions by `p` reaches every `phi >= 0` of length at most `t |p|`, by responses `phi_i p_k / |p|^2`; under max pooling
// one position of the window suffices, so `|p| = 1`. Of several windows only the one of largest `|p|` matters, because the
// dual norm is `max_q t |p_q| max_{psi >= 0, |psi| = 1} |R' psi|`. With `s = t |p|` and `b = beta / s`, `beta = n lambda`, the
// problem is therefore
//
//     minimize (1/2) |Z - Y|^2 + b |Z|_+ ,   |Z|_+ = min { sum_l |psi_l| |g_l| : Z = sum_l psi_l g_l', psi_l >= 0 }.
//
// `|Z|_+ >= |Z|_*`, so soft-thresholded singular values give a lower bound; it is attained exactly when `(Z Z')^1/2` is
// completely positive: for `(Z Z')^1/2 = H H'` and `Z = (Z Z')^1/2 O` the columns of `H` are the `psi_l`, with
// `g_l = O' psi_l`. With one output `|z|_+ = |z_+| + |z_-|` is exact for all targets.

extension ClosedForm {
  /// The form of a ReLU network on whitened patches.
  static func whitened(_ problem: TrainingProblem, _ targets: Matrix) throws -> ClosedForm {
    let patches = try WhitenedPatches(problem)
    let b = Double(problem.sampleCount) * problem.lambda / patches.reach
    return targets.columns == 1
      ? try scalar(problem, targets, patches, b) : try vector(problem, targets, patches, b)
  }

  private static func scalar(
    _ problem: TrainingProblem, _ targets: Matrix, _ patches: WhitenedPatches, _ b: Double
  ) throws -> ClosedForm {
    var (value, neurons, spectrum) = (0.0, [(psi: [Double], output: [Double])](), [Double]())
    for sign in [1.0, -1.0] {
      let part = targets.elements.map { max(0, sign * $0) }
      let norm = BLAS.norm(part)
      value += shrunkValue(norm, threshold: b)
      spectrum.append(norm)
      guard norm > b else { continue }
      let root = ((norm - b) / norm).squareRoot()
      neurons.append((part.map { root * $0 }, [sign * root]))
    }
    return attained(
      .whitenedScalar, value: value / Double(problem.sampleCount),
      by: try patches.network(neurons, of: problem), of: problem, threshold: b,
      spectrum: spectrum.sorted(by: >), defect: patches.defect,
      reason: "One output: positive and negative targets are fitted by one neuron each.")
  }

  private static func vector(
    _ problem: TrainingProblem, _ targets: Matrix, _ patches: WhitenedPatches, _ b: Double
  ) throws -> ClosedForm {
    let (u, spectrum, vt) = try LAPACK.singularValues(targets)
    let value =
      spectrum.reduce(0) { $0 + shrunkValue($1, threshold: b) } / Double(problem.sampleCount)
    let kept = spectrum.indices.filter { spectrum[$0] > b }
    let (n, c) = (targets.rows, targets.columns)
    // (Z Z')^1/2 = U diag(sigma - b) U' and the partial isometry O = U V'.
    var left = Matrix(rows: n, columns: kept.count)
    var scaled = left
    for (k, r) in kept.enumerated() {
      for i in 0..<n {
        left[i, k] = u[i, r]
        scaled[i, k] = (spectrum[r] - b) * u[i, r]
      }
    }
    let root = BLAS.product(scaled, .plain, left, .transposed)
    let isometry = BLAS.product(left, .plain, vt.selectingRows(kept))
    func form(_ verdict: Verdict, _ reason: String) -> ClosedForm {
      ClosedForm(
        family: .whitened, value: value, verdict: verdict, reason: reason, network: nil,
        threshold: b, spectrum: spectrum, defect: patches.defect)
    }
    switch try CompletePositivity(of: root) {
    case .negativeEntry(let row, let column, let entry):
      return form(
        .lowerBound,
        "(Z Z')^1/2 is not completely positive: its entry (\(row), \(column)) is \(entry). "
          + "The optimum is above the value.")
    case .undecided:
      return form(
        .unknown,
        "(Z Z')^1/2 has no negative entry, but no non-negative factor was found: a lower bound only."
      )
    case .byOrder:
      return form(
        .exact,
        "(Z Z')^1/2 has no negative entry and parts of order at most 4, so it is completely positive; "
          + "no factor, hence no network, was found.")
    case .factored(let factor):
      let neurons = (0..<factor.columns).map { l in
        let psi = (0..<n).map { factor[$0, l] }
        let output = (0..<c).map { k in (0..<n).reduce(0) { $0 + psi[$1] * isometry[$1, k] } }
        return (psi: psi, output: output)
      }
      return attained(
        .whitened, value: value, by: try patches.network(neurons, of: problem), of: problem,
        threshold: b, spectrum: spectrum, defect: patches.defect,
        reason:
          "(Z Z')^1/2 is completely positive: it has a non-negative factor of \(factor.columns) "
          + "columns, the neurons.")
    }
  }
}

/// Stacked patches with `M M' = t^2 I`, and the window through which networks reach furthest.
private struct WhitenedPatches {
  let rows: Matrix
  /// `t`.
  let scale: Double
  /// Relative deviation from the condition.
  let defect: Double
  /// Window of largest reach.
  let window: Int
  /// Responses, one per position, that reach furthest; unit length.
  let direction: [Double]
  /// Length of the features that a unit filter reaches, `s = t |p|`.
  let reach: Double

  init(_ problem: TrainingProblem) throws {
    let (n, count) = (problem.sampleCount, problem.geometry.patchesPerSample)
    let h = problem.geometry.patchDimension
    guard n * count <= h else {
      throw ClosedForm.refusal(
        "patches", "at most h = \(h) stacked patches, so that M M' can be a multiple of I",
        "\(n * count)",
        ClosedForm.advice("Use fewer samples or larger filters, or ccnn train.", for: problem))
    }
    rows = problem.stackedPatches
    (scale, defect) = ClosedForm.scale(
      ofGram: BLAS.product(rows, .plain, rows, .transposed))
    guard defect <= ClosedForm.whiteningTolerance else {
      throw ClosedForm.refusal(
        "patches",
        "M M' = t^2 I within \(ClosedForm.whiteningTolerance)", "a relative deviation of \(defect)",
        ClosedForm.advice(
          "Whiten the patches (--standardize patch-whiten), or use ccnn train.", for: problem))
    }
    let map = problem.poolingMap
    var best: (window: Int, weights: [Double], norm: Double) = (0, [], -1)
    for q in 0..<map.outputCount {
      var weights = (0..<count).map { map.windows[$0] == q ? map.weights[$0] : 0 }
      if !map.isLinear {
        let first = map.windows.firstIndex(of: q)
        weights = (0..<count).map { $0 == first ? 1 : 0 }
      }
      let norm = BLAS.norm(weights)
      if norm > best.norm { best = (q, weights, norm) }
    }
    window = best.window
    direction = best.weights.map { $0 / best.norm }
    reach = scale * best.norm
  }

  /// The network of features `psi_l >= 0` with outputs `g_l`, whose predictions are `sum_l psi_l g_l'`.
  func network(
    _ neurons: [(psi: [Double], output: [Double])], of problem: TrainingProblem
  ) throws -> Network {
    let (count, a, c) = (direction.count, problem.windowCount, problem.outputCount)
    var responses: [Double] = []
    var weights = Matrix(rows: neurons.count * a, columns: c)
    for (l, neuron) in neurons.enumerated() {
      for value in neuron.psi { for k in 0..<count { responses.append(value * direction[k]) } }
      // Responses psi in the direction of p have the feature |p| psi, with |p| = reach / scale.
      for k in 0..<c { weights[l * a + window, k] = neuron.output[k] * scale / reach }
    }
    // The filter M' r / t^2 has the responses r.
    var filters =
      neurons.isEmpty
      ? Matrix(rows: 0, columns: rows.columns)
      : BLAS.product(
        Matrix(rows: neurons.count, columns: rows.rows, elements: responses), .plain, rows)
    for e in filters.elements.indices { filters.elements[e] /= scale * scale }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: filters, outputWeights: weights
    ).balanced()
  }
}
