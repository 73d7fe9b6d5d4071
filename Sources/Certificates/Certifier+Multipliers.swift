public import ConvexPrograms
import Convolutions
public import Tensors

extension Certifier {
  /// A proof of the lower bound at a network that can be checked without search.
  ///
  /// The gradient of the loss at the network's predictions is scaled into the feasible set by its exact
  /// dual norm, and by a little more where the rounding margins of the check ask for it.
  ///
  /// - Parameter network: A ReLU network of filters of two entries with linear pooling.
  /// - Returns: Cells, multipliers and dual point; `certify(_:multipliers:targetGap:)` accepts them.
  /// - Throws: `CertificateError` for other architectures, for patches on one line, or when rounding
  ///   leaves no proof.
  /// - Complexity: O(`N log N + N a c`) for `N` patches.
  public func multipliers(for network: Network) throws -> MultiplierCertificate {
    try check(network, targetGap: 0)
    let (view, weights) = try planarView(of: network)
    let gradient = try measure(network, view).gradient
    guard lambda > 0,
      let norm = try view.dualNormUpperBound(gradient, effort: BoundEffort(method: .exact))?.norm
    else {
      throw CertificateError(
        place: "multipliers", expected: "a strength above 0 and a dual norm", found: "none",
        advice: "Give a positive lambda.")
    }
    let limit = norm > 0 ? lambda / norm * (1 - 1e-12) : .infinity
    let scale = DualScale.best(loss: loss, gradient: gradient, limit: limit).scale
    var failure: CertificateError?
    for slack in [1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8] {
      var dual = gradient
      for e in dual.elements.indices { dual.elements[e] *= scale * (1 - slack) }
      let cells = try MultiplierWriter(
        rows: view.patches.rows, weights: weights, dual: dual, lambda: lambda
      ).cells()
      do {
        try MultiplierVerifier(
          rows: view.patches.rows, weights: weights, dual: dual, lambda: lambda
        ).check(cells)
      } catch let error as CertificateError {
        failure = error
        continue
      }
      return MultiplierCertificate(
        patchDimension: 2, sampleCount: loss.sampleCount,
        patchesPerSample: weights.columns, windowCount: weights.rows,
        outputCount: loss.outputCount, loss: loss.name, lambda: lambda,
        lowerBound: max(0, DualScale.proven(loss, at: dual)),
        fingerprint: MultiplierCertificate.fingerprint([
          view.patches.rows.elements, weights.elements,
        ]),
        dual: dual.elements, cells: cells)
    }
    throw failure
      ?? MultiplierVerifier.refusal("rounding", "a proof", "margins larger than the slack")
  }

  /// A proof at a given dual point from multipliers that a solver of the copositive relaxation found.
  ///
  /// Neither is trusted: what is returned was checked as `certify(_:multipliers:targetGap:)` does it. The dual point is made a
  /// little smaller where the rounding margins of the check ask for it.
  ///
  /// - Parameters:
  ///   - network: A ReLU network of the architecture with linear pooling; its weights are not used.
  ///   - dual: Dual point, `[n, c]`, with a dual norm of at most `lambda`.
  ///   - cells: Cells with multipliers of pairs of facets.
  /// - Returns: The proof.
  /// - Throws: `CertificateError` for other architectures, or when the multipliers prove nothing.
  public func multipliers(
    for network: Network, dual: Matrix, cells: [MultiplierCertificate.Cell]
  ) throws -> MultiplierCertificate {
    try check(network, targetGap: 0)
    let (view, weights) = try multiplierView(of: network)
    let rows = view.patches.rows
    var failure: CertificateError?
    // Only bytes in single precision need the last ones.
    for slack in [
      1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 1e-2,
    ] {
      var scaled = dual
      for e in scaled.elements.indices { scaled.elements[e] *= 1 - slack }
      var listed = cells
      do {
        if rows.columns == 2 {
          // In the plane cells follow each other counter-clockwise, and one multiplier is known for each.
          listed = try MultiplierWriter(
            rows: rows, weights: weights, dual: scaled, lambda: lambda
          ).cells()
          try MultiplierVerifier(rows: rows, weights: weights, dual: scaled, lambda: lambda)
            .check(listed)
        } else {
          try CellMultiplierVerifier(rows: rows, weights: weights, dual: scaled, lambda: lambda)
            .check(listed)
        }
      } catch let error as CertificateError {
        failure = error
        continue
      }
      return MultiplierCertificate(
        patchDimension: rows.columns, sampleCount: loss.sampleCount,
        patchesPerSample: weights.columns, windowCount: weights.rows,
        outputCount: loss.outputCount, loss: loss.name, lambda: lambda,
        lowerBound: max(0, DualScale.proven(loss, at: scaled)),
        fingerprint: MultiplierCertificate.fingerprint([rows.elements, weights.elements]),
        dual: scaled.elements, cells: listed)
    }
    throw failure
      ?? MultiplierVerifier.refusal("rounding", "a proof", "margins larger than the slack")
  }

  /// Measures a network against the lower bound that multipliers prove, without search.
  ///
  /// Everything is recomputed from the data: that the cells cover the plane (for more than two entries: every cell of the
  /// arrangement, which is enumerated) with one activation pattern each, that every multiplier proves its cell, and the lower bound of the dual point.
  ///
  /// - Parameters:
  ///   - network: The network to certify; it need not be the one that the multipliers were made at.
  ///   - multipliers: The proof, from a source that need not be trusted.
  ///   - targetGap: Relative gap that the verdict asks for.
  /// - Returns: The certificate with the bound `multipliers`.
  /// - Throws: `CertificateError` when the proof is not one for these data, this loss and strength.
  /// - Complexity: O(`N log N + N a c`) for `N` patches of two entries, else
  ///   O(`cells^2 facets + cells N a c h`).
  public func certify(
    _ network: Network, multipliers: MultiplierCertificate, targetGap: Double
  ) throws -> Certificate {
    try check(network, targetGap: targetGap)
    let (view, weights) = try multiplierView(of: network)
    let (value, _, penalty, decay) = try measure(network, view)
    try checkHeader(multipliers, rows: view.patches.rows, weights: weights)
    let dual = Matrix(
      rows: loss.sampleCount, columns: loss.outputCount, elements: multipliers.dual)
    guard dual.firstNonFiniteIndex == nil else {
      throw MultiplierVerifier.refusal("dual point", "finite numbers", "others")
    }
    let lower = DualScale.proven(loss, at: dual)
    guard lower.isFinite else {
      throw MultiplierVerifier.refusal(
        "dual point", "a point in the domain of the conjugate of \(loss.name) loss", "none")
    }
    guard abs(max(0, lower) - multipliers.lowerBound) <= 1e-9 * multipliers.lowerBound else {
      throw MultiplierVerifier.refusal(
        "lower bound", "\(max(0, lower)), as the dual point proves for these targets",
        "\(multipliers.lowerBound)")
    }
    let rows = view.patches.rows
    if rows.columns == 2 {
      try MultiplierVerifier(rows: rows, weights: weights, dual: dual, lambda: lambda)
        .check(multipliers.cells)
    } else {
      try CellMultiplierVerifier(rows: rows, weights: weights, dual: dual, lambda: lambda)
        .check(multipliers.cells)
    }
    return Certificate(
      objective: value + penalty, loss: value, regularization: penalty,
      weightDecayObjective: max(decay, value + penalty), lowerBound: max(0, lower),
      unrestrictedLowerBound: nil, dualNormUpperBound: nil, lambda: lambda, scope: .allCells,
      bound: .multipliers, neuronCount: network.neuronCount, targetGap: targetGap,
      verdict: verdict(
        objective: value + penalty, lower: max(0, lower), outside: nil, targetGap: targetGap),
      subject: view.subject)
  }

  private func planarView(of network: Network) throws -> (ProblemView, Matrix) {
    guard network.geometry.patchDimension == 2 else {
      throw CertificateError(
        place: "multipliers", expected: "filters of patch dimension 2, whose cells need no solver",
        found: "patch dimension \(network.geometry.patchDimension)",
        advice: "Write them with ccnn copositive --multipliers.")
    }
    return try multiplierView(of: network)
  }

  private func multiplierView(of network: Network) throws -> (ProblemView, Matrix) {
    let view = try view(of: network, gates: network.gates)
    guard view.subject == .relu, network.outputBias == nil, case .linear(let weights) = view.windows
    else {
      throw CertificateError(
        place: "multipliers",
        expected:
          "a ReLU network with linear pooling and without an output bias",
        found: "\(network.activation.rawValue), patch dimension "
          + "\(network.geometry.patchDimension), \(network.pooling) pooling"
          + (network.outputBias == nil ? "" : ", an output bias"),
        advice: "Use the exact bound or branch and bound.")
    }
    return (view, weights)
  }

  private func checkHeader(
    _ multipliers: MultiplierCertificate, rows: Matrix, weights: Matrix
  ) throws {
    let numbers = [
      ("schema", multipliers.schema, 1),
      ("patch dimension", multipliers.patchDimension, rows.columns),
      ("samples", multipliers.sampleCount, loss.sampleCount),
      ("patches per sample", multipliers.patchesPerSample, weights.columns),
      ("windows", multipliers.windowCount, weights.rows),
      ("outputs", multipliers.outputCount, loss.outputCount),
      ("dual point", multipliers.dual.count, loss.sampleCount * loss.outputCount),
    ]
    for (name, found, expected) in numbers where found != expected {
      throw MultiplierVerifier.refusal(name, "\(expected)", "\(found)")
    }
    guard multipliers.loss == loss.name else {
      throw MultiplierVerifier.refusal("loss", loss.name, multipliers.loss)
    }
    guard multipliers.lambda == lambda else {
      throw MultiplierVerifier.refusal("lambda", "\(lambda)", "\(multipliers.lambda)")
    }
    let fingerprint = MultiplierCertificate.fingerprint([rows.elements, weights.elements])
    guard multipliers.fingerprint == fingerprint else {
      throw MultiplierVerifier.refusal(
        "patches", "the fingerprint \(fingerprint) of these data", multipliers.fingerprint)
    }
  }
}
