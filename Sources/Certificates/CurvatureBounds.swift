import ConvexPrograms
import Tensors

/// The smallest eigenvalue of the Hessian of the objective on the faces of a network, and a bound that proves it positive.
///
/// Within its faces (filters move along the hyperplanes they lie on) the Hessian is `J H_L J' + B`, with the Jacobian `J` of
/// the predictions, the Hessian `H_L` of the loss, and one block of `B` for each neuron,
///
///     [[lambda I, T'], [T, lambda I]],      T[(q, t), :] = sum_i G[i, t] sum_k P[q, k] D[i, k] x_ik
///
/// whose eigenvalues are `lambda +- s` for the singular values `s` of `T`, and `lambda`. At a stationary neuron `lambda` is a
/// singular value, so `B` is singular along the neuron itself. With `e_j` the unit vectors of the smallest eigenvalues
/// `lambda - s_1`, of span `E`, and with `delta = min_j lambda - s_2` and `excess = max_j (s_1 - lambda)_+`,
///
///     B >= delta (I - E E') - excess I
///     smallest eigenvalue >= delta gamma / (delta + sigma^2 + gamma) - excess
///
/// where `gamma` is the smallest eigenvalue of `E' J H_L J' E` and `sigma^2` bounds that of largest size of `J H_L J'`. For one
/// output and one window `delta = lambda`; then the Hessian is positive definite exactly where the outputs of the neurons are
/// linearly independent, and `gamma` measures that. An output bias has no penalty; its coordinates belong to `E`.
///
/// - Accuracy: Bounds give way by standard bounds on the rounding of sums and symmetric eigenvalues; this is not interval
///   arithmetic.
/// - Source: One output: notes of this package, after Milne, *Piecewise strong convexity of neural networks*, NeurIPS 2019.
///   Windows, several outputs, other losses and the excess are this package's (`CriticalPointTests`).
public struct CurvatureBounds: Sendable, Equatable {
  /// How `smallestEigenvalue` was found.
  public enum Method: String, Sendable {
    /// From the whole Hessian.
    case dense
    /// By Lanczos' method: an upper estimate, which proves nothing.
    case lanczos
  }

  /// How `smallestEigenvalue` was found.
  public let method: Method
  /// Number of coordinates.
  public let coordinateCount: Int
  /// Smallest eigenvalue as computed; by Lanczos' method it is not below the true one, up to rounding.
  public let smallestEigenvalue: Double
  /// What rounding may change in it.
  public let roundingMargin: Double
  /// `gamma`: how independent the outputs of the neurons are.
  public let independence: Double
  /// `sigma^2`, a bound on the curvature of the loss along unit vectors.
  public let lossCurvature: Double
  /// `delta`: lambda less the largest second singular value.
  public let spectralGap: Double
  /// Largest singular value `s_1` of each neuron; lambda at stationary ones whose filter is the best of its face.
  public let residualNorms: [Double]
  /// The lower bound of the formula, less its rounding; it may be negative.
  public let lowerBound: Double

  /// The largest lower bound on the smallest eigenvalue that is proven.
  public var proven: Double {
    method == .dense ? max(lowerBound, smallestEigenvalue - roundingMargin) : lowerBound
  }
}

extension CurvatureBounds {
  /// Bounds for a network within its faces.
  ///
  /// - Parameters:
  ///   - system: The network and its coordinates, of which there are some.
  ///   - denseLimit: Most coordinates for which the whole Hessian is made.
  /// - Throws: `LAPACK.Failure` when an eigenvalue iteration does not converge.
  init(_ system: SensitivitySystem, denseLimit: Int) throws {
    let (p, lambda) = (system.count, system.lambda)
    let pairs = try system.residualPairs()
    let biasCount = system.biasBasis.rows
    var directions = Matrix(rows: pairs.count + biasCount, columns: p)
    for (j, pair) in pairs.enumerated() {
      for (e, x) in pair.direction.enumerated() { directions[j, system.offsets[j] + e] = x }
    }
    for b in 0..<biasCount { directions[pairs.count + b, (system.offsets.last ?? 0) + b] = 1 }
    let (curvature, trace) = system.lossCurvature(along: directions)
    let mass = system.patches.massBound(weights: system.weights, dual: system.gradient)
    let residualRounding = system.patches.roundingMargin(
      mass: mass, size: system.windows * system.outputs)
    let largest = pairs.reduce(0) { max($0, $1.largest) }
    let terms = Double(p + system.predictions.elements.count + 16) * 8 * 0x1p-53
    var sigma = trace
    if p <= denseLimit {
      var hessian = system.gaussNewton()
      sigma = min(trace, try LAPACK.symmetricEigen(hessian).values.last ?? 0)
      system.addPenaltyAndResidual(to: &hessian)
      smallestEigenvalue = try LAPACK.symmetricEigen(hessian).values.first ?? .infinity
      method = .dense
    } else {
      smallestEigenvalue = try Lanczos().smallestEigenvalue(
        dimension: p, product: system.hessianProduct
      ).value
      method = .lanczos
    }
    sigma *= 1 + terms
    let gamma =
      (try LAPACK.symmetricEigen(curvature).values.first ?? .infinity) - terms * sigma
    let gap = lambda - pairs.reduce(0) { max($0, $1.second) } - residualRounding
    let excess = max(0, largest - lambda) + residualRounding
    roundingMargin = terms * (lambda + sigma + largest) + residualRounding
    independence = gamma
    lossCurvature = sigma
    spectralGap = gap
    residualNorms = pairs.map(\.largest)
    coordinateCount = p
    // Otherwise it is only known that the Hessian of the loss is not negative, and B not below the excess.
    lowerBound = (gamma > 0 && gap > 0 ? gap * gamma / (gap + sigma + gamma) : 0) - excess
  }
}
