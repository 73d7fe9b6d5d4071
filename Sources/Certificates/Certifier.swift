public import ConvexPrograms
public import Convolutions
public import Tensors

/// The independent verifier: recomputes everything it claims from images, network, loss and `lambda`.
///
/// It shares no code with the solvers and takes nothing on trust. The primal side is a forward pass of its own. The dual
/// side scales the gradient of the loss at the predictions until an upper bound on its dual norm is at most `lambda`; weak
/// duality then bounds the objective of every network of the class from below (`DualScale`). The dual norm is bounded
///
/// - for ReLU networks over given cells exactly over these (`GivenCellsDualNorm`),
/// - for gated networks exactly over the gates given, and for linear networks exactly over all filters
///   (`MaskedDualNorm`; with circular filters as large as the images `CircularDualNorm`, without patches),
/// - for quadratic and polynomial networks over all filters by eigenvalues of second moments (`SecondMomentDualNorm`),
/// - for ReLU networks over all filters without enumerating cells (`SpectralDualNorm`), and by branch and bound over all
///   cells where that is too loose (`SearchedDualNorm`), which includes max pooling,
/// - for ReLU networks with many filter entries by moments (`MomentDualNorm`); then other dual points than the gradient may
///   prove more (`MomentDualAscent`),
/// - not at all for linear and gated networks under max pooling, where the lower bound is 0.
///
/// For networks with an output bias the dual point is balanced first (`BalancedDual`): its sums are exactly zero.
///
/// - Source: Weak duality and rescaling: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are
///   Copositive Programs*, ICLR 2021; the spectral bounds are derived in `SpectralDualNorm` and `SignedDualNorm`.
public struct Certifier: Sendable {
  let images: Tensor
  let loss: any Loss
  var lambda: Double
  let threads: Int
  /// The data as read before; nil to read them for each certificate.
  var prepared: ProblemView?

  /// A verifier for networks on one data set at one strength.
  ///
  /// - Parameters:
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - loss: Loss with the targets of the same `n` samples.
  ///   - lambda: Regularization strength in the mean-loss objective, finite and not negative.
  ///   - threads: Threads that passes over the data use; the results do not depend on it.
  public init(images: Tensor, loss: any Loss, lambda: Double, threads: Int = 1) {
    self.images = images
    self.loss = loss
    self.lambda = lambda
    self.threads = threads
  }

  /// Measures a network against the best network of its class.
  ///
  /// - Parameters:
  ///   - network: The network to certify, whoever trained it.
  ///   - gates: All gates of the gated program, `[P, h]`, used by the network or not. For ReLU networks a gate in each of the
  ///     cells that filters may lie in, whose patterns name the cells; nil for all filters. Nil for other activations.
  ///   - directions: Orthonormal directions `[r, h]` in whose span the filters of the class lie; nil for all filters.
  ///   - targetGap: Relative gap that the verdict asks for.
  ///   - effort: How hard to work on the bound for ReLU networks.
  /// - Returns: The certificate; a claim that fails is a verdict, not an error.
  /// - Throws: `CertificateError` when weights, images or `lambda` are not finite, or shapes do not agree;
  ///   `LAPACK.Failure` when a spectral iteration does not converge.
  /// - Complexity: O(`n K h (m + P)`) for gated networks; for ReLU see `ConeSearch`.
  /// - Accuracy: The lower bound is reduced by bounds on its rounding errors. `objective` is a plain sum, within
  ///   about `1e-13` of itself unless the parts of predictions cancel, as those of nearly opposite neurons do.
  public func certify(
    _ network: Network, gates: Matrix?, directions: Matrix? = nil, targetGap: Double,
    effort: BoundEffort = BoundEffort()
  ) throws -> Certificate {
    try certifyKeepingDual(
      network, gates: gates, directions: directions, targetGap: targetGap, effort: effort
    ).certificate
  }

  /// Measures a network as `certify` does, and keeps the dual point with the bound on its norm.
  ///
  /// - Parameters:
  ///   - network: The network to certify, whoever trained it.
  ///   - gates: All gates of the gated program, `[P, h]`; nil for other activations.
  ///   - directions: Orthonormal directions `[r, h]` in whose span the filters of the class lie; nil for all filters.
  ///   - targetGap: Relative gap that the verdict asks for.
  ///   - effort: How hard to work on the bound for ReLU networks.
  /// - Returns: The certificate, and a dual point that proves bounds at other strengths too; nil where its norm has no
  ///   bound.
  /// - Throws: As `certify`.
  public func certifyKeepingDual(
    _ network: Network, gates: Matrix?, directions: Matrix? = nil, targetGap: Double,
    effort: BoundEffort = BoundEffort()
  ) throws -> (certificate: Certificate, dual: CertifiedDual?) {
    try check(network, targetGap: targetGap)
    try directions.map {
      try ProblemView.check(
        $0, filters: network.filters, dimension: network.geometry.patchDimension)
    }
    let view = try view(of: network, gates: gates, directions: directions)
    let masks = network.gates.map { view.patterns(of: $0) }
    let clock = ContinuousClock()
    let start = clock.now
    let (value, gradient, penalty, decay) = try measure(network, view, masks: masks)
    let dual =
      network.outputBias == nil
      ? DualDirection(gradient: gradient, of: loss)
      : DualDirection(balancing: gradient, of: loss)
    let norm = try view.dualNormUpperBound(
      dual.point, target: sufficientNorm(dual, objective: value + penalty, gap: targetGap),
      hints: network.neuronCount > 0 ? network.filters : nil, effort: effort)
    var lower = lowerBound(dual, norm: norm?.norm)
    let needed = (1 - 0.999 * targetGap) * (value + penalty)
    if norm?.kind == .sdp, lower < needed, network.outputBias == nil {
      var rest = effort
      rest.seconds -= (clock.now - start) / .seconds(1)
      lower = max(lower, try ascended(from: gradient, view, needed: needed, effort: rest))
    }
    let unrestricted = try norm.flatMap {
      try view.unrestrictedUpperBound(dual.point, restricted: $0.norm)
    }
    let outside =
      masks.flatMap { view.firstUnknown(among: $0) } ?? view.firstOutside(of: network.filters)
    let verdict = verdict(
      objective: value + penalty, lower: lower, outside: outside, targetGap: targetGap)
    var result = Certificate(
      objective: value + penalty, loss: value, regularization: penalty,
      weightDecayObjective: max(decay, value + penalty), lowerBound: lower,
      unrestrictedLowerBound: unrestricted.map { lowerBound(dual, norm: $0) },
      dualNormUpperBound: norm.map { $0.norm / dual.factor }, lambda: lambda, scope: view.scope,
      bound: norm?.kind ?? .none,
      neuronCount: network.neuronCount, targetGap: targetGap, verdict: verdict,
      subject: view.subject)
    result.hasOutputBias = network.outputBias != nil
    result.searchedNodeCount = norm?.nodeCount ?? 0
    return (result, CertifiedDual(dual, norm, view, network, lambda: lambda))
  }

  /// Loss, its gradient by the predictions, `lambda R` and the loss with weight decay, from a forward pass.
  func measure(
    _ network: Network, _ view: ProblemView, masks: [[UInt64]]? = nil
  ) throws -> (loss: Double, gradient: Matrix, penalty: Double, decay: Double) {
    let predictions = view.predictions(of: network, masks: masks)
    let (value, gradient) = loss.valueAndGradient(at: predictions)
    let decay = value + lambda * network.weightDecay
    guard decay.isFinite, gradient.firstNonFiniteIndex == nil else {
      throw CertificateError(
        place: "objective", expected: "a finite number", found: "\(decay)",
        advice: "The weights are too large for this data. Train the network again.")
    }
    return (value, gradient, lambda * network.regularization, decay)
  }

  /// An upper bound on `lambdaMax`, the smallest strength at which the network without neurons is optimal.
  ///
  /// It is the bound on the dual norm of the gradient at zero predictions; exact, up to the rounding margin, for gated and
  /// linear networks.
  ///
  /// - Parameters:
  ///   - geometry: How images are cut into patches.
  ///   - pooling: Pooling of the responses.
  ///   - activation: Activation of every neuron.
  ///   - gates: All gates of the gated program, `[P, h]`, or a gate in each cell that ReLU filters may lie in; nil for all.
  ///   - hasOutputBias: Whether networks have an output bias; the gradient is then that at the best constants.
  /// - Returns: The bound, or nil where none is known (max pooling).
  /// - Throws: `CertificateError` when the data are not finite, shapes do not agree, or no constant is best since a class
  ///   has no sample; `LAPACK.Failure` when a
  ///   spectral iteration does not converge.
  public func lambdaMaxUpperBound(
    geometry: PatchGeometry, pooling: Pooling, activation: Activation, gates: Matrix? = nil,
    hasOutputBias: Bool = false
  ) throws -> Double? {
    try checkData()
    let view = try ProblemView(
      images: images, geometry: geometry, pooling: pooling, activation: activation, gates: gates,
      threads: threads)
    let zero = Matrix(rows: loss.sampleCount, columns: loss.outputCount)
    guard let constants = hasOutputBias ? BalancedDual.bestConstants(of: loss) : zero else {
      throw CertificateError(
        place: "targets with an output bias", expected: "a sample of every class",
        found: "a class without one", advice: "Add samples of that class.")
    }
    let gradient = loss.gradient(at: constants)
    guard gradient.firstNonFiniteIndex == nil else {
      throw CertificateError(
        place: "targets", expected: "finite numbers", found: "a gradient that is not finite",
        advice: "Repair the targets.")
    }
    guard hasOutputBias else { return try view.dualNormUpperBound(gradient)?.norm }
    let dual = DualDirection(balancing: gradient, of: loss)
    return try view.dualNormUpperBound(dual.point).map { $0.norm / dual.factor * (1 + 1e-12) }
  }

  /// The largest dual norm that still proves a relative gap; 0 when none does.
  private func sufficientNorm(_ dual: DualDirection, objective: Double, gap: Double) -> Double {
    guard lambda > 0 else { return 0 }
    let needed = objective - 0.999 * gap * objective
    let proves: (Double) -> Bool = {
      dual.lowerBound(limit: $0) >= needed
    }
    var (low, high) = (0.0, 2.0)
    guard proves(high) else { return 0 }
    for _ in 0..<40 where high - low > 1e-9 * high {
      let middle = 0.5 * (low + high)
      if proves(middle) { high = middle } else { low = middle }
    }
    return lambda / high * (1 - 1e-11)
  }

  func lowerBound(_ dual: DualDirection, norm: Double?) -> Double {
    guard let norm, lambda > 0, !norm.isNaN else { return 0 }
    // The dual point is the rounded product s G, so the quotient gives way by more than that rounding.
    let limit = norm > 0 ? lambda / norm * (1 - 1e-12) : .infinity
    return dual.lowerBound(limit: limit)
  }

  /// What other dual points prove, where the dual norm is bounded by moments.
  private func ascended(
    from gradient: Matrix, _ view: ProblemView, needed: Double, effort: BoundEffort
  ) throws -> Double {
    guard case .linear(let weights) = view.windows, weights.rows == 1, loss.outputCount == 1,
      view.directions == nil, view.patches.moderate.size == 1, lambda > 0, effort.seconds > 0
    else { return 0 }
    var ascent = MomentDualAscent(view.patches, weights: weights, loss: loss, lambda: lambda)
    return try ascent.lowerBound(near: gradient, needed: needed, effort: effort)
  }

  func verdict(
    objective: Double, lower: Double, outside: Int?, targetGap: Double
  ) -> Certificate.Verdict {
    if let outside { return .outsideGivenCells(neuron: outside) }
    if max(0, objective - lower) <= targetGap * objective { return .established }
    return lower > 0 ? .gapAboveTarget : .nothingProven
  }

  func check(_ network: Network, targetGap: Double) throws {
    try checkData()
    try checkNetwork(network, targetGap: targetGap)
  }

  func checkNetwork(_ network: Network, targetGap: Double) throws {
    guard targetGap >= 0, targetGap.isFinite else {
      throw CertificateError(
        place: "target gap", expected: "a number not below 0", found: "\(targetGap)",
        advice: "Use 1e-3 when in doubt.")
    }
    try checkFinite(network.filters, "filters")
    try checkFinite(network.outputWeights, "output weights")
    if let bias = network.outputBias { try checkFinite(Matrix([bias]), "output bias") }
    if let gates = network.gates { try checkFinite(gates, "gates of the network") }
    if case .polynomial = network.activation {
      let norms = network.filterNorms
      if let j = norms.firstIndex(where: {
        !(abs($0 - 1) <= 0.5 * SecondMomentDualNorm.normTolerance)
      }) {
        throw CertificateError(
          place: "filter of neuron \(j)",
          expected: "norm 1, as filters of polynomial networks have", found: "\(norms[j])",
          advice: "Put the norm into the activation, or train the network again.")
      }
    }
    guard network.outputCount == loss.outputCount else {
      throw CertificateError(
        place: "network", expected: "\(loss.outputCount) outputs, as the targets have",
        found: "\(network.outputCount)", advice: "Use the targets the network was made for.")
    }
  }

  func checkStrength() throws {
    guard lambda >= 0, lambda.isFinite else {
      throw CertificateError(
        place: "lambda", expected: "a finite number not below 0", found: "\(lambda)",
        advice: "Use the strength the network was trained with.")
    }
  }

  func checkData() throws {
    try checkStrength()
    guard images.shape.count == 4, images.shape[0] == loss.sampleCount, images.shape[0] > 0 else {
      throw CertificateError(
        place: "images",
        expected: "shape [\(loss.sampleCount), channels, height, width], one image per target",
        found: "\(images.shape)", advice: "Give as many images as targets, and at least one.")
    }
    if let index = images.firstNonFiniteIndex {
      throw CertificateError(
        place: "images, element \(index)", expected: "a finite number",
        found: "\(images.elements[index])", advice: "Repair the data.")
    }
  }

  private func checkFinite(_ matrix: Matrix, _ name: String) throws {
    guard let index = matrix.firstNonFiniteIndex else { return }
    throw CertificateError(
      place: "\(name), element \(index)", expected: "a finite number",
      found: "\(matrix.elements[index])", advice: "The network is damaged; train it again.")
  }
}
