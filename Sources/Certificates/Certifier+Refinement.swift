import Arrangements
public import ConvexPrograms
import Convolutions
import Tensors

/// A network moved towards the stationary point nearby.
public struct RefinedNetwork: Sendable {
  /// The network.
  public let network: Network
  /// Newton steps made.
  public let stepCount: Int
  /// Distance of its weights to those of the network given.
  public let distance: Double
}

extension Certifier {
  /// Moves a ReLU network to the stationary point nearby, by Newton's method within the faces of its filters.
  ///
  /// Filters within the tolerance of a hyperplane are put on it and stay there. Steps are halved until the gradient falls; the
  /// method ends where it falls no more, or where the Hessian within the faces is not positive definite. What the point is,
  /// `criticalPoint` says without trust in this search.
  ///
  /// - Parameters:
  ///   - network: A ReLU network with a linear pooling.
  ///   - kinkTolerance: Sines of angles up to this between a filter and a hyperplane count as zero at first; less for a filter
  ///     whose hyperplanes within it meet elsewhere.
  ///   - stepLimit: Most steps.
  /// - Returns: The network moved; unmoved where a neuron is zero or there are more than `CriticalPoint.denseWeightLimit`
  ///   free weights.
  /// - Throws: As `criticalPoint(of:kinkTolerance:denseLimit:)`.
  /// - Complexity: O(`n c p^2 + p^3`) for each step with `p` free weights.
  /// - Source: Newton's method on an activation piece; notes of this package, section 5.5.
  public func refined(
    _ network: Network, kinkTolerance: Double = CriticalPoint.kinkTolerance, stepLimit: Int = 30
  ) throws -> RefinedNetwork {
    let view = try landscapeView(of: network).view
    guard case .linear(let weights) = view.windows else {
      throw CertificateError(
        place: "landscape", expected: "a linear pooling", found: "\(network.pooling)",
        advice: "Under max pooling the pieces are other ones.")
    }
    let isUsable = zip(network.filterNorms, network.outputNorms).allSatisfy { $0 > 0 && $1 > 0 }
    let lines = EssentialRows(view.allPatches.rows)
    func system(at point: Network, tolerance: Double) throws -> SensitivitySystem {
      let faces = try (0..<point.neuronCount).map {
        try Self.nearFace(
          of: Array(point.filters.row($0)), view.allPatches, lines, tolerance: tolerance)
      }
      let moved = try Self.projectedNear(point, on: faces)
      return try SensitivitySystem(
        view.allPatches, weights: weights, network: moved, faces: faces, loss: loss,
        lambda: lambda, predictions: view.predictions(of: moved, masks: nil))
    }
    var current = try system(at: network, tolerance: kinkTolerance)
    var steps = 0
    guard isUsable, lambda > 0, current.count <= CriticalPoint.denseWeightLimit else {
      return RefinedNetwork(network: network, stepCount: 0, distance: 0)
    }
    // Once on its hyperplanes, a filter stays there up to rounding.
    let onFace = min(kinkTolerance, 1e-10)
    var slope = current.slope()
    search: while steps < stepLimit, BLAS.norm(slope) > 0 {
      guard let step = try? LAPACK.solvePositiveDefinite(current.hessian(), slope) else { break }
      var share = 1.0
      while share > 0.01 {
        let trial = try system(
          at: current.network.moved(by: current.weights(of: step), -share), tolerance: onFace)
        let next = trial.slope()
        if BLAS.norm(next) < (1 - 0.1 * share) * BLAS.norm(slope) {
          (current, slope) = (trial, next)
          steps += 1
          continue search
        }
        share *= 0.5
      }
      break
    }
    return RefinedNetwork(
      network: current.network, stepCount: steps, distance: current.network.distance(to: network))
  }

  /// The face of a filter by the largest tenth part of a tolerance at which its hyperplanes meet near the filter.
  private static func nearFace(
    of filter: [Double], _ patches: PooledPatches, _ lines: EssentialRows, tolerance: Double
  ) throws -> FaceCoordinates {
    var tolerance = tolerance
    while true {
      let face = try FaceCoordinates(of: filter, patches, lines, tolerance: tolerance)
      let inside = BLAS.product(Matrix([filter]), .plain, face.basis, .transposed).elements
      if tolerance < 1e-14 || BLAS.norm(inside) >= 0.9 * BLAS.norm(filter) { return face }
      tolerance *= 0.1
    }
  }

  /// The network with every filter moved to its face.
  ///
  /// - Throws: `CertificateError` when a filter loses a tenth of its length: then its hyperplanes do not meet near it.
  static func projectedNear(_ network: Network, on faces: [FaceCoordinates]) throws -> Network {
    let moved = projected(network, on: faces).network
    for (j, (now, before)) in zip(moved.filterNorms, network.filterNorms).enumerated()
    where now < 0.9 * before {
      throw misplaced(j, found: "hyperplanes that meet far from it")
    }
    return moved
  }
}

extension Network {
  /// The network with a multiple of some changes added to its weights.
  fileprivate func moved(
    by change: (filters: Matrix, outputWeights: Matrix, outputBias: [Double]?), _ share: Double
  ) -> Network {
    var result = self
    BLAS.add(share, change.filters.elements, to: &result.filters.elements)
    BLAS.add(share, change.outputWeights.elements, to: &result.outputWeights.elements)
    if let step = change.outputBias, var bias = outputBias {
      BLAS.add(share, step, to: &bias)
      result.outputBias = bias
    }
    return result
  }

  /// The distance of all weights to those of a network of the same shapes.
  fileprivate func distance(to other: Network) -> Double {
    func parameters(_ network: Network) -> [Double] {
      network.filters.elements + network.outputWeights.elements + (network.outputBias ?? [])
    }
    var difference = parameters(self)
    BLAS.add(-1, parameters(other), to: &difference)
    return BLAS.norm(difference)
  }
}
