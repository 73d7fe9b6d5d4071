public import Convolutions
public import Tensors

/// Filters restricted to the leading right singular directions of the stacked patches.
///
/// With orthonormal directions `V`, shape `[r, h]`, a filter is `u = V' z`, `|u| = |z|`, and `x . u = (V x) . z`: the
/// restricted problem is the problem on images of `r` channels that hold `V x_k` at position `k`, with filters of one
/// position. Its optimum is at least that of the problem, and exponential costs fall from `h` to `r`.
public struct FilterSubspace: Sendable, Equatable {
  /// Orthonormal directions, `[r, h]`, the one of largest singular value first.
  public let directions: Matrix

  /// The leading directions of a problem's patches.
  ///
  /// - Parameters:
  ///   - rank: Number of directions `r`.
  ///   - problem: The problem whose patches are looked at.
  /// - Throws: `ProgramError` when the rank is not in `1...h`; `LAPACK.Failure` when the eigenvalues of the moments of the
  ///   patches are not found.
  /// - Complexity: O(`n K h^2 + h^3`).
  public init(rank: Int, of problem: TrainingProblem) throws {
    let h = problem.geometry.patchDimension
    guard 1...h ~= rank else {
      throw ProgramError(
        place: "filter rank", expected: "an integer from 1 to the patch dimension \(h)",
        found: "\(rank)", advice: "Give a rank in that range.")
    }
    var moments = Matrix(rows: h, columns: h)
    for i in 0..<problem.sampleCount {
      let patches = problem.patches(ofSample: i)
      let part = BLAS.product(patches, .transposed, patches, .plain)
      BLAS.add(1, part.elements, to: &moments.elements)
    }
    // Eigenvectors are rows, in ascending order of their values.
    let vectors = try LAPACK.symmetricEigen(moments).vectors
    directions = vectors.selectingRows((0..<rank).map { h - 1 - $0 })
  }

  /// The problem for filters in the span of the directions.
  ///
  /// - Parameter problem: The problem for all filters.
  /// - Returns: The problem on images of shape `[n, r, outputHeight, outputWidth]`.
  /// - Throws: `GeometryError` or `ProgramError`, which no valid problem gives cause for.
  public func restricted(_ problem: TrainingProblem) throws -> TrainingProblem {
    let images = images(of: problem)
    return try TrainingProblem(
      images: images,
      geometry: PatchGeometry(
        channels: directions.rows, imageHeight: images.shape[2], imageWidth: images.shape[3],
        filterHeight: 1, filterWidth: 1),
      pooling: problem.pooling, activation: problem.activation, loss: problem.loss,
      lambda: problem.lambda, hasOutputBias: problem.hasOutputBias, threads: problem.threads)
  }

  /// The images of the restricted problem, `[n, r, outputHeight, outputWidth]`: coordinates of the patches.
  package func images(of problem: TrainingProblem) -> Tensor {
    var elements: [Double] = []
    elements.reserveCapacity(
      problem.sampleCount * directions.rows * problem.geometry.patchesPerSample)
    for i in 0..<problem.sampleCount {
      elements +=
        BLAS.product(directions, .plain, problem.patches(ofSample: i), .transposed).elements
    }
    return Tensor(
      shape: [
        problem.sampleCount, directions.rows, problem.geometry.outputHeight,
        problem.geometry.outputWidth,
      ], elements: elements)
  }

  /// The network on images that a network of the restricted problem stands for.
  ///
  /// - Parameters:
  ///   - network: Network of the restricted problem.
  ///   - geometry: Geometry of the problem for all filters.
  /// - Returns: The network with filters `V' z`.
  /// - Throws: `ProgramError` when shapes do not agree.
  public func lifted(_ network: Network, to geometry: PatchGeometry) throws -> Network {
    try Network(
      geometry: geometry, pooling: network.pooling, activation: network.activation,
      filters: network.neuronCount == 0
        ? Matrix(rows: 0, columns: geometry.patchDimension)
        : BLAS.product(network.filters, .plain, directions),
      outputWeights: network.outputWeights, outputBias: network.outputBias)
  }
}
