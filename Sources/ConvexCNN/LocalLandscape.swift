import Certificates
import ConvexPrograms
import Solvers

/// The curvature of a quadratic network in its filters, in the keys of the result JSON.
public struct LocalLandscape: Sendable, Equatable, Codable {
  /// Number of filters of the local search, with fixed output weights `+1` and `-1`.
  public let filterCount: Int
  /// Least number of filters of positive output weight, over windows and outputs.
  public let positiveCount: Int
  /// Least number of filters of negative output weight, over windows and outputs.
  public let negativeCount: Int
  /// Smallest eigenvalue of the Hessian by the filters.
  public let smallestEigenvalue: Finite
  /// Margin for its rounding.
  public let eigenvalueError: Finite
  /// Norm of the gradient by the filters.
  public let gradientNorm: Finite
  /// Largest spectral norm of the gradients of the loss by the matrices, over lambda.
  public let residualNormOverLambda: Finite
  /// Upper bound on objective less optimum that the curvature proves; null where its theorem does not apply.
  public let suboptimality: Finite

  /// The keys of a landscape.
  init(_ landscape: QuadraticLandscape, filterCount: Int) {
    self.filterCount = filterCount
    (positiveCount, negativeCount) = (landscape.positiveCount, landscape.negativeCount)
    smallestEigenvalue = Finite(landscape.smallestEigenvalue)
    eigenvalueError = Finite(landscape.eigenvalueError)
    gradientNorm = Finite(landscape.gradientNorm)
    residualNormOverLambda = Finite(landscape.residualNorm / landscape.lambda)
    suboptimality = Finite(landscape.suboptimality())
  }
}

extension Trainer {
  /// The curvature at the end of a local search; nil where the Hessian is not written down.
  func localLandscape(
    _ network: Network, _ task: PreparedTask, lambda: Double
  ) throws -> LocalLandscape? {
    guard network.filters.elements.count <= Certifier.denseQuadraticLimit else { return nil }
    return LocalLandscape(
      try Certifier(images: task.images, loss: task.loss, lambda: lambda, threads: threads)
        .quadraticLandscape(of: network), filterCount: network.neuronCount)
  }
}
