public import ConvexPrograms
import Convolutions
import Tensors

/// The curvature of a quadratic network in its filters, output weights fixed, and what it proves by itself.
///
/// For window `q` and output `t` let `R_qt` be the gradient of the loss by the matrix `M_qt` (`QuadraticProgram`). If more than `h`
/// neurons have a positive output weight there and no other one, their filters are dependent, `sum_j a_j w_j u_j = 0` for some
/// `|a| = 1`, and the direction `a_j b` has curvature `2 sum_j a_j^2 w_j b' (R + lambda I) b`; likewise with negative weights.
/// So at *every* point, stationary or not,
///
///     smallest eigenvalue of the Hessian <= -2 w (|R|_2 - lambda),   w the least of these weights,
///
/// when the right side is negative. A Hessian that is above `-gamma` proves `|R|_2 <= lambda + gamma / (2 w)`, and by convexity
///
///     F(U) - F* <= (1/2) <U, grad F> + gamma / (2 w) sum_qt |M*_qt|_*.
///
/// - Source: Derived here, after Soltanolkotabi, Javanmard & Lee, *Theoretical insights into the optimization landscape of
///   over-parameterized shallow neural networks*, IEEE Trans. Inf. Theory 2019. Checked by `QuadraticLandscapeTests`.
public struct QuadraticLandscape: Sendable, Equatable {
  /// Least number of neurons, over windows and outputs, with a positive output weight there and no other.
  public let positiveCount: Int
  /// Least number of neurons, over windows and outputs, with a negative output weight there and no other.
  public let negativeCount: Int
  /// Least absolute output weight `w` of those neurons; 0 without any.
  public let smallestWeight: Double
  /// Order `h` of the matrices, the patch dimension.
  public let order: Int
  /// Objective `F(U)`.
  public let objective: Double
  /// `sum_j |u_j|^2 |W_j|_1`.
  public let regularizer: Double
  /// Regularization strength.
  public let lambda: Double
  /// Upper bound on the largest `|R_qt|_2`.
  public let residualNorm: Double
  /// Norm of the gradient by the filters.
  public let gradientNorm: Double
  /// `(1/2) <U, grad F>`, 0 at stationary points.
  public let radialSlope: Double
  /// Smallest eigenvalue of the Hessian by the filters; an upper bound of it unless `isDense`.
  public let smallestEigenvalue: Double
  /// Whether all eigenvalues were found; then the smallest is within `eigenvalueError`.
  public let isDense: Bool
  /// Margin for the rounding of the Hessian and of its eigenvalues.
  public let eigenvalueError: Double

  /// Whether the network has an output bias, whose optimum the theorem says nothing of.
  let hasOutputBias: Bool

  /// Whether there are more than `h` neurons of each sign for every window and output.
  public var hasEnoughNeurons: Bool { min(positiveCount, negativeCount) > order }

  /// An upper bound on `F(U) - F*` from the curvature; nil where the theorem does not apply or the Hessian is too large.
  ///
  /// - Parameter nuclearNorm: A bound on `sum_qt |M*_qt|_*` of some optimum; nil for `F(U) / lambda`.
  /// - Returns: The bound; nil too where `lambda` is 0 and no bound on the optimum is given.
  public func suboptimality(nuclearNorm: Double? = nil) -> Double? {
    guard hasEnoughNeurons, isDense, smallestWeight > 0, !hasOutputBias else { return nil }
    guard let optimum = nuclearNorm ?? (lambda > 0 ? objective / lambda : nil) else { return nil }
    let excess = max(0, eigenvalueError - smallestEigenvalue) / (2 * smallestWeight)
    // <R, M_U> + lambda sum_j |u_j|^2 |W_j|_1, by the gradient or by |R|_2 alone.
    let radial =
      lambda > 0 ? abs(radialSlope) + eigenvalueError * regularizer : excess * regularizer
    return radial + excess * optimum
  }
}

extension Certifier {
  /// Largest number of unknowns whose Hessian is written down.
  public static let denseQuadraticLimit = 600

  /// The curvature of a quadratic network in its filters.
  ///
  /// - Parameter network: A network with quadratic activation and linear pooling.
  /// - Returns: The curvature; by Lanczos' method above `denseQuadraticLimit` unknowns, which proves nothing.
  /// - Throws: `CertificateError` for other activations, max pooling and numbers that are not finite; `LAPACK.Failure` when an
  ///   eigenvalue iteration does not converge.
  /// - Complexity: O(`n K h m`) for each of `m h` products, 200 at most for Lanczos' method.
  public func quadraticLandscape(of network: Network) throws -> QuadraticLandscape {
    try check(network, targetGap: 0)
    let view = try view(of: network, gates: nil)
    guard network.activation == .quadratic, case .linear(let weights) = view.windows else {
      throw CertificateError(
        place: "landscape of quadratic networks", expected: "quadratic activation, linear pooling",
        found: "\(network.activation.rawValue), \(network.pooling)",
        advice: "Use ccnn landscape for ReLU networks.")
    }
    let (value, slope, penalty, _) = try measure(network, view)
    let curvature = QuadraticCurvature(
      patches: view.patches, pooling: weights, network: network, loss: loss, lambda: lambda,
      predictions: view.predictions(of: network, masks: nil), slope: slope)
    let gradient = curvature.gradient()
    let residual = try SecondMomentDualNorm(
      patches: view.patches, weights: weights, activation: .quadratic
    ).upperBound(slope)
    let (eigenvalue, error, isDense) = try curvature.smallestEigenvalue(
      denseLimit: Self.denseQuadraticLimit)
    let counts = network.headCounts(windows: weights.rows)
    return QuadraticLandscape(
      positiveCount: counts.positive, negativeCount: counts.negative,
      smallestWeight: counts.smallest, order: network.geometry.patchDimension,
      objective: value + penalty, regularizer: network.regularization, lambda: lambda,
      residualNorm: residual, gradientNorm: BLAS.norm(gradient.elements),
      radialSlope: 0.5 * BLAS.dot(network.filters.elements, gradient.elements),
      smallestEigenvalue: eigenvalue, isDense: isDense, eigenvalueError: error,
      hasOutputBias: network.outputBias != nil)
  }
}

extension Network {
  /// Neurons with a single output weight: least numbers of each sign over windows and outputs, and the least weight.
  fileprivate func headCounts(
    windows a: Int
  ) -> (positive: Int, negative: Int, smallest: Double) {
    let size = a * outputCount
    var (positive, negative) = ([Int](repeating: 0, count: size), [Int](repeating: 0, count: size))
    var smallest = Double.infinity
    for j in 0..<neuronCount {
      let own = outputWeights.elements[j * size..<(j + 1) * size]
      let used = own.indices.filter { own[$0] != 0 }
      guard used.count == 1, let index = used.first else { continue }
      if own[index] > 0 { positive[index - j * size] += 1 } else { negative[index - j * size] += 1 }
      smallest = min(smallest, abs(own[index]))
    }
    return (positive.min() ?? 0, negative.min() ?? 0, smallest.isFinite ? smallest : 0)
  }
}
