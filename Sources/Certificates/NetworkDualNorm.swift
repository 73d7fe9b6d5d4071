import Arrangements
public import ConvexPrograms
public import Tensors

/// The dual norm of the gradient of the loss at the predictions of a network: filters of large norm, and a bound on all.
///
/// With `G` the gradient of `L` by the predictions, `[n, c]`, and `Phi(u)` the pooled responses of a filter, `[n, a]`, it is
///
///     D = max_{|u| = 1} |Phi(u)' G|_F
///
/// A network that is stationary is optimal among networks of any width exactly when `D <= lambda`; a filter of larger norm
/// makes an `EscapeNeuron`.
///
/// - Source: Haeffele & Vidal, *Global Optimality in Neural Network Training*, CVPR 2017 (the criterion for networks with an
///   idle neuron); the bounds are those of `Certifier`.
public struct NetworkDualNorm: Sendable {
  /// Unit filters found, largest norm first, `[p, h]`.
  public let filters: Matrix
  /// Norm `|Phi(u)' G|_F` of each, evaluated anew from the data.
  public let norms: [Double]
  /// Bound on the norm of every unit filter, rounding included; nil where none is known.
  public let upperBound: Double?
  /// How the bound was found.
  public let bound: Certificate.BoundKind
  /// Cones, arcs, faces or ascents looked at.
  public let nodeCount: Int

  /// The largest norm found; 0 without any filter.
  public var largest: Double { norms.first ?? 0 }
}

extension Certifier {
  /// Looks for the filters of largest dual norm at a ReLU network, and bounds the norm of all.
  ///
  /// - Parameters:
  ///   - network: A ReLU network; it need not be stationary.
  ///   - sufficient: The search may end, without a sharp bound, once a filter of a norm above this is found; infinite to go
  ///     on to the best.
  ///   - relativeTolerance: The search ends when the bound is within this of the largest norm found, relatively.
  ///   - effort: Method and limits. Without search, and for filters of more than 16 entries, filters come from ascents.
  /// - Returns: Filters found and the bound.
  /// - Throws: `CertificateError` for other activations, for numbers that are not finite and for shapes that do not agree;
  ///   `LAPACK.Failure` when a spectral iteration does not converge.
  /// - Complexity: That of `ConeSearch`; in the plane O(`n K log(n K)`).
  public func dualNorm(
    of network: Network, sufficient: Double = .infinity, relativeTolerance: Double = 1e-9,
    effort: BoundEffort = BoundEffort()
  ) throws -> NetworkDualNorm {
    let (view, gradient) = try landscapeView(of: network)
    return try dualNorm(
      at: gradient, view, starts: network.filters, sufficient: sufficient,
      relativeTolerance: relativeTolerance, effort: effort)
  }

  /// Data, pooling and gradient of a ReLU network.
  func landscapeView(of network: Network) throws -> (view: ProblemView, gradient: Matrix) {
    try check(network, targetGap: 0)
    guard network.activation == .relu else {
      throw CertificateError(
        place: "landscape", expected: "the ReLU activation", found: "\(network.activation)",
        advice: "Gated and linear networks have convex programs: use ccnn certify.")
    }
    let view = try ProblemView(
      images: images, geometry: network.geometry, pooling: network.pooling,
      activation: .relu, gates: nil, threads: threads)
    return (view, try measure(network, view).gradient)
  }

  func dualNorm(
    at gradient: Matrix, _ view: ProblemView, starts: Matrix, sufficient: Double,
    relativeTolerance: Double, effort: BoundEffort
  ) throws -> NetworkDualNorm {
    let correlation = SearchedDualNorm.correlation(
      view.allPatches, windows: view.windows, dual: gradient)
    let request = PricingRequest(
      relativeTolerance: relativeTolerance, sufficient: sufficient,
      starts: starts.rows > 0 ? starts : nil, nodeLimit: effort.nodeLimit,
      seconds: effort.seconds, threads: threads, isInterrupted: effort.isInterrupted)
    let searches =
      effort.method != .spectral && effort.method != .sdp
      && correlation.patchDimension <= ConeSearch.largestDimension
    let pricing =
      searches
      ? SweepOrSearch().price(correlation, request) : AscentPricing().price(correlation, request)
    var bound = pricing.upperBound.isFinite ? pricing.upperBound : nil
    var kind: Certificate.BoundKind =
      bound == nil ? .none : pricing.isExact ? .exact : .branch
    // A search that was cut short may know less than a bound without search.
    if !pricing.isExact, pricing.ending != .tolerance, pricing.ending != .sufficient {
      var rest = effort
      if rest.method != .sdp { rest.method = .spectral }
      if let other = try view.dualNormUpperBound(gradient, effort: rest),
        other.norm < bound ?? .infinity
      {
        (bound, kind) = (other.norm, other.kind)
      }
    }
    let norms = (0..<pricing.filters.rows).map {
      BLAS.norm(landscapeResponse(Array(pricing.filters.row($0)), view, gradient).correlation)
    }
    let order = norms.indices.sorted { norms[$0] > norms[$1] }
    return NetworkDualNorm(
      filters: pricing.filters.selectingRows(order), norms: order.map { norms[$0] },
      upperBound: bound, bound: kind, nodeCount: pricing.nodeCount)
  }

  /// The pooled responses `Phi(u)` of a filter, `[n, a]`, and `Phi(u)' G` in the order `(q, t)`, by a forward pass.
  func landscapeResponse(
    _ filter: [Double], _ view: ProblemView, _ gradient: Matrix
  ) -> (responses: Matrix, correlation: [Double]) {
    let responses = CertifiedPredictions(
      patches: view.allPatches, windows: view.windows, activation: .relu,
      filters: Matrix([filter]), masks: nil, outputWeights: .identity(view.windows.count)
    ).values()
    return (responses, BLAS.product(responses, .transposed, gradient, .plain).elements)
  }
}
