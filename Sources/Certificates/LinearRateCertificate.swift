public import ConvexPrograms
import Convolutions
public import Tensors

/// A promise about gradient descent on the filters of a smooth network, made before the first step.
///
/// For `(1/2) |r|^2` with `r = f - y`, the Jacobian `J` of the predictions by the filters has the Lipschitz constant
///
///     L = sup |phi''| (sum_{i,t} (sum_k max_j |sum_q V_j[q, t] P[q, k]| |x_ik|^2)^2)^(1/2)
///
/// everywhere. Let `s` and `S` be its smallest and largest singular values at the start, `a = s / 2`, `b = S + s / 2`. If
/// `|r_0| <= s^2 / (8 L)`, descent with steps of `eta = min(1, a^2 / (L |r_0|)) / (2 b^2)` satisfies for every `tau`
///
///     |r_tau| <= (1 - eta a^2 / 2)^tau |r_0|     and     (a / 2) |theta_tau - theta_0| + |r_tau| <= |r_0|
///
/// **Proof.** While `|theta - theta_0| <= s / (2 L)` the singular values of `J` are from `a` to `b`. A step gives
/// `r+ = (I - eta J J') r + e` with `|e| <= (L / 2) eta^2 |J' r|^2`. As `eta b^2 <= 1/2`, the first part is at most
/// `|r| - (3/4) eta |J' r|^2 / |r|`, and by the other bound on `eta` the error is at most `(1/4) eta |J' r|^2 / |r|`. So
/// `|r+| <= |r| - (1/2) eta |J' r|^2 / |r|`, which is the rate since `|J' r| >= a |r|`, and the step has a length of
/// `eta |J' r| <= (2 / a) (|r| - |r+|)`. Hence the distance stays at most `4 |r_0| / s <= s / (2 L)`.
///
/// - Accuracy: Singular values come from the Gram matrix of `J` and give way by bounds on its rounding; this is not interval
///   arithmetic.
/// - Source: After Oymak & Soltanolkotabi, *Toward Moderate Overparameterization*, IEEE JSAIT 2020; the constants are derived
///   here. The bound for gradient flow is `|r_0| <= s^2 / (4 L)`.
public struct LinearRateCertificate: Sendable, Equatable {
  /// Lower bound on the smallest singular value `s` of the Jacobian at the start; 0 where none is proven.
  public let smallestSingularValue: Double
  /// Upper bound on the largest singular value `S`.
  public let largestSingularValue: Double
  /// Lipschitz constant `L` of the Jacobian.
  public let lipschitzConstant: Double
  /// `|r_0|`.
  public let residualNorm: Double

  /// Largest `|r_0|` for which the promise is made, `s^2 / (8 L)`.
  public var threshold: Double {
    lipschitzConstant > 0
      ? smallestSingularValue * smallestSingularValue / (8 * lipschitzConstant) : 0
  }
  /// Largest `|r_0|` for which gradient flow converges at the rate `s^2 / 4`.
  public var flowThreshold: Double { 2 * threshold }
  /// Whether the promise is made.
  public var isIssued: Bool { smallestSingularValue > 0 && residualNorm <= threshold }

  /// Step size `eta` of the promise, against the gradient of `(1/2) |r|^2`; nil where none is made.
  public var stepSize: Double? {
    guard isIssued else { return nil }
    let (a, b) = (0.5 * smallestSingularValue, largestSingularValue + 0.5 * smallestSingularValue)
    let curvature = lipschitzConstant * residualNorm
    return (curvature > 0 ? min(1, a * a / curvature) : 1) / (2 * b * b)
  }

  /// Factor by which the residual falls at least in each step; nil where no promise is made.
  public var rate: Double? {
    stepSize.map { 1 - $0 * smallestSingularValue * smallestSingularValue / 8 }
  }

  /// Bound on the distance of the filters to the start, `4 |r_0| / s`; nil where no promise is made.
  public var distanceBound: Double? {
    isIssued ? 4 * residualNorm / smallestSingularValue : nil
  }

  /// Whether a state of the run keeps the promise, up to `1e-9` of the first residual for the rounding of the steps.
  ///
  /// - Parameters:
  ///   - steps: Number of steps made.
  ///   - residual: Norm of the residual now.
  ///   - distance: Distance of the filters to the start.
  /// - Returns: Whether both bounds hold; false where no promise is made.
  public func holds(steps: Int, residual: Double, distance: Double) -> Bool {
    guard let rate else { return false }
    let slack = 1e-9 * residualNorm
    var promised = residualNorm
    // Powers by squaring.
    var (power, count) = (rate, steps)
    while count > 0 {
      if count % 2 == 1 { promised *= power }
      power *= power
      count /= 2
    }
    return residual <= promised + slack
      && 0.25 * smallestSingularValue * distance + residual <= residualNorm + slack
  }
}

extension LinearRateCertificate {
  /// Largest number of predictions `n c` whose Gram matrix is made.
  public static let largestPredictionCount = 4000

  /// The promise for descent from a network.
  ///
  /// - Parameters:
  ///   - network: Where descent starts.
  ///   - images: Batch of shape `[n, channels, height, width]`.
  ///   - targets: `[n, c]`.
  /// - Throws: `CertificateError` when shapes do not agree, numbers are not finite or there are too many predictions;
  ///   `LAPACK.Failure` when the eigenvalue iteration does not converge.
  /// - Complexity: O(`(n c)^2 m h + (n c)^3`).
  public init(for network: SmoothNetwork, images: Tensor, targets: Matrix) throws {
    let count = targets.rows * targets.columns
    guard images.shape.first == targets.rows, targets.columns == network.outputCount,
      (1...Self.largestPredictionCount).contains(count)
    else {
      throw CertificateError(
        place: "linear rate",
        expected:
          "a target for every image, and at most \(Self.largestPredictionCount) predictions",
        found: "\(images.shape.first ?? 0) images, targets [\(targets.rows), \(targets.columns)]",
        advice: "Use fewer samples, or the targets of these images.")
    }
    guard images.firstNonFiniteIndex == nil, targets.firstNonFiniteIndex == nil,
      network.filters.firstNonFiniteIndex == nil
    else {
      throw CertificateError(
        place: "linear rate", expected: "finite images, targets and filters",
        found: "a number that is not finite", advice: "Repair the data.")
    }
    let jacobian = try StartingJacobian(network, images)
    let values = try LAPACK.symmetricEigen(jacobian.gram).values
    let trace = (0..<count).reduce(0) { $0 + jacobian.gram[$1, $1] }
    let terms = Double(network.filters.elements.count + count + network.geometry.patchesPerSample)
    let rounding = 4 * terms * 0x1p-52 * trace
    smallestSingularValue = max(0, (values.first ?? 0) - rounding).squareRoot()
    largestSingularValue = ((values.last ?? 0) + rounding).squareRoot() * (1 + 1e-15)
    lipschitzConstant = jacobian.lipschitzConstant * (1 + terms * 0x1p-52)
    var residual = jacobian.predictions.elements
    BLAS.add(-1, targets.elements, to: &residual)
    residualNorm = BLAS.norm(residual)
  }
}

/// The Gram matrix of the Jacobian by the filters, by a pass written for the certificate alone.
private struct StartingJacobian {
  private(set) var gram: Matrix
  private(set) var predictions: Matrix
  let lipschitzConstant: Double

  init(_ network: SmoothNetwork, _ images: Tensor) throws {
    let rows = try PatchReader.rows(of: images, geometry: network.geometry)
    guard
      case .linear(let pooling) = try PatchReader.windows(
        of: network.pooling, geometry: network.geometry)
    else {
      throw CertificateError(
        place: "linear rate", expected: "a linear pooling", found: "\(network.pooling)",
        advice: "Choose average, sum or none.")
    }
    let (n, c, a) = (images.shape[0], network.outputCount, pooling.rows)
    let (count, h) = (pooling.columns, rows.columns)
    gram = Matrix(rows: n * c, columns: n * c)
    predictions = Matrix(rows: n, columns: c)
    // |sum_q V_j[q, t] P[q, k]|, largest over the neurons.
    var largest = Matrix(rows: c, columns: count)
    let chunk = 256
    for first in stride(from: 0, to: network.neuronCount, by: chunk) {
      let neurons = first..<min(first + chunk, network.neuronCount)
      var block = Matrix(rows: n * c, columns: neurons.count * h)
      for (place, j) in neurons.enumerated() {
        let filter = Array(network.filters.row(j))
        let weights = BLAS.product(
          network.outputWeights.selectingRows((0..<a).map { j * a + $0 }), .transposed, pooling,
          .plain)
        for e in weights.elements.indices {
          largest.elements[e] = max(largest.elements[e], abs(weights.elements[e]))
        }
        for row in 0..<rows.rows {
          let (i, k) = (row / count, row % count)
          let patch = Array(rows.row(row))
          let response = BLAS.dot(patch, filter)
          let (value, slope) = (
            network.activation.value(response), network.activation.derivative(response)
          )
          for t in 0..<c {
            predictions[i, t] += weights[t, k] * value
            let factor = weights[t, k] * slope
            guard factor != 0 else { continue }
            let start = (i * c + t) * neurons.count * h + place * h
            for e in 0..<h { block.elements[start + e] += factor * patch[e] }
          }
        }
      }
      BLAS.add(1, BLAS.product(block, .plain, block, .transposed).elements, to: &gram.elements)
    }
    var square = 0.0
    for i in 0..<n {
      let sizes = (0..<count).map { k in
        let size = BLAS.norm(Array(rows.row(i * count + k)))
        return size * size
      }
      for t in 0..<c {
        let sum = (0..<count).reduce(0) { $0 + largest[t, $1] * sizes[$1] }
        square += sum * sum
      }
    }
    lipschitzConstant = network.activation.secondDerivativeBound * square.squareRoot()
  }
}
