import ConvexPrograms
import Tensors

/// Projections on the graph `{(V, F) : F = A V}` of a dense feature map that is divided by a scale.
///
/// With `B = A / scale` the projection of `(C, D)` is `V = (I + B'B)^-1 (C + B'D)`, or `V = C + B' (I + B B')^-1 (D - B C)`,
/// and `F = B V`. The inverse of the smaller matrix is kept.
struct GraphProjection {
  /// What the map is divided by: a typical singular value.
  let scale: Double
  private let map: DenseFeatureMap
  private let inverse: Matrix
  private let isByFeatures: Bool

  /// The projections of a program's map.
  ///
  /// - Throws: `ProgramError` when the map is not dense or both sides exceed `ADMM.maximumOrder`.
  init(_ program: CompositeProgram) throws {
    guard let dense = program.map as? any DenselyStored else {
      throw ProgramError(
        place: "feature map", expected: "a dense map for ADMM", found: "one that is not",
        advice: "Use another solver.")
    }
    var features = dense.denseFeatures
    let order = min(features.rows, features.columns)
    guard order <= ADMM.maximumOrder else {
      throw ProgramError(
        place: "ADMM", expected: "at most \(ADMM.maximumOrder) samples or features",
        found: "\(features.rows) samples and \(features.columns) features",
        advice: "Use fewer gates, or another --solver.")
    }
    let size = BLAS.norm(features.elements) / Double(max(1, order)).squareRoot()
    let scale = size > 0 ? size : 1
    for e in features.elements.indices { features.elements[e] /= scale }
    self.scale = scale
    isByFeatures = features.columns <= features.rows
    var square =
      isByFeatures
      ? BLAS.product(features, .transposed, features, .plain)
      : BLAS.product(features, .plain, features, .transposed)
    for i in 0..<square.rows { square[i, i] += 1 }
    inverse = try LAPACK.solvePositiveDefinite(square, .identity(square.rows))
    map = DenseFeatureMap(features: features, threads: dense.threads)
  }

  /// `B'G`.
  func adjoint(_ dual: Matrix) -> Matrix { map.adjoint(dual) }

  /// The nearest point of the graph.
  func projection(weights: Matrix, outputs: Matrix) -> (weights: Matrix, outputs: Matrix) {
    var result = weights
    if isByFeatures {
      BLAS.add(1, map.adjoint(outputs).elements, to: &result.elements)
      result = BLAS.product(inverse, .plain, result, .plain)
    } else {
      var residual = outputs
      BLAS.add(-1, map.predictions(of: weights).elements, to: &residual.elements)
      let solved = BLAS.product(inverse, .plain, residual, .plain)
      BLAS.add(1, map.adjoint(solved).elements, to: &result.elements)
    }
    return (result, map.predictions(of: result))
  }
}
