package import ConvexPrograms
import Convolutions
package import Solvers
import Tensors

/// Whether the solution at one strength is the only one, so that parameters are continuous there.
///
/// Fit, loss and regularizer are continuous always. Solutions are unique where the outputs of all neurons that can be
/// nonzero at an optimum are linearly independent; independence of those that are nonzero here is necessary, and
/// sufficient once no other block can be nonzero.
package struct PathUniqueness {
  /// Numerical rank of the neurons' outputs.
  package let rank: Int
  /// Whether the solution is proven to be the only one.
  package let isGuaranteed: Bool
  /// Why, or why not.
  let reason: String

  /// Outputs count as dependent below this share of the largest singular value of the normalized outputs.
  static let tolerance = 1e-6

  /// What is known at a point of a problem.
  package init(_ point: RegularizationPath.Point, problem: TrainingProblem) throws {
    let count = point.network.neuronCount
    rank = try Self.rank(of: point.network, in: problem)
    guard rank == count else {
      isGuaranteed = false
      reason = "\(count) neurons, outputs of rank \(rank): neurons can trade mass at this fit"
      return
    }
    guard let isZero = point.isZero else {
      isGuaranteed = false
      reason =
        "outputs of the \(count) neurons are independent; not guaranteed, since other directions of dual norm lambda are not excluded"
      return
    }
    let isSimple = problem.windowCount * problem.outputCount == 1
    let open = isZero.count { !$0 } - count
    if isSimple, open <= 0 {
      isGuaranteed = true
      reason = "outputs independent and all other \(isZero.count { $0 }) blocks proven zero"
    } else if isSimple {
      isGuaranteed = false
      reason = "outputs independent; \(open) other blocks are not proven zero at this gap"
    } else {
      isGuaranteed = false
      reason =
        "outputs of the \(count) neurons are independent; not guaranteed, since blocks are matrices and other directions in them are not excluded"
    }
  }

  /// Numerical rank of the outputs of single neurons; with an output bias up to constants.
  package static func rank(of network: Network, in problem: TrainingProblem) throws -> Int {
    guard network.neuronCount > 0 else { return 0 }
    var columns: [[Double]] = []
    for j in 0..<network.neuronCount {
      var one = network.selecting(neurons: [j])
      one.outputBias = nil
      var column = problem.predictions(of: one)
      if problem.hasOutputBias { column = column.withoutColumnMeans }
      let norm = BLAS.norm(column.elements)
      columns.append(column.elements.map { norm > 0 ? $0 / norm : 0 })
    }
    let matrix = Matrix(columns)
    let gram = BLAS.product(matrix, .plain, matrix, .transposed)
    let values = try LAPACK.symmetricEigen(gram).values
    let largest = values.last ?? 0
    return values.count { $0 > tolerance * tolerance * largest }
  }
}
