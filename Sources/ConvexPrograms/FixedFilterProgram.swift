import Convolutions
public import Tensors

/// The convex program of a ReLU network over filters that are given: the master of cell generation.
///
/// `minimize L(sum_j Phi(u_j) W_j) + lambda sum_j |W_j|_F` over output weights, with unit filters `u_j` and pooled
/// activations `Phi(u_j)` of shape `[n, a]`. Over all unit filters it is the training problem itself; over some of
/// them its optimum is an upper bound.
///
/// - Source: Sahiner, Ergen, Pauly & Pilanci, *Vector-output ReLU Neural Network Problems are Copositive Programs*,
///   ICLR 2021 (the atoms `u g'` of the constrained nuclear norm).
public struct FixedFilterProgram: Sendable {
  /// The problem the program was made of.
  public let problem: TrainingProblem
  /// Unit filters of shape `[m, h]`.
  public let filters: Matrix
  /// The convex program.
  public let composite: CompositeProgram

  /// The program of a problem over filters, which are normalised here.
  ///
  /// - Parameters:
  ///   - problem: A problem with ReLU or linear activation and any pooling.
  ///   - filters: Nonzero filters of shape `[m, h]`.
  /// - Precondition: No filter is zero.
  public init(problem: TrainingProblem, filters: Matrix) {
    self.init(problem: problem, unitFilters: filters.withUnitRows, features: nil)
  }

  /// The program over unit filters whose features `[n, m * a]` may be known already.
  package init(problem: TrainingProblem, unitFilters: Matrix, features: Matrix?) {
    self.problem = problem
    filters = unitFilters
    composite = CompositeProgram(
      of: problem, features: features ?? problem.features(of: unitFilters),
      regularizer: GroupNorm(blockCount: unitFilters.rows))
  }

  /// The balanced network of output weights `[m * a, c]`, with its best output bias if there is one; neurons with zero
  /// weights are left out.
  public func network(from point: Matrix) throws -> Network {
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: filters, outputWeights: point)
    return problem.withBestOutputBias(network).balanced()
  }

  /// The filters and the point of a network: each neuron scaled to a unit filter.
  ///
  /// - Returns: The program over the network's own filters and its weights `[m * a, c]`, with equal objective.
  public static func program(
    of network: Network, in problem: TrainingProblem
  ) -> (program: FixedFilterProgram, point: Matrix) {
    let active = network.balanced()
    var weights = active.outputWeights
    let size = active.windowCount * active.outputCount
    for (j, norm) in active.filterNorms.enumerated() {
      for e in j * size..<(j + 1) * size { weights.elements[e] *= norm }
    }
    return (FixedFilterProgram(problem: problem, filters: active.filters), weights)
  }
}

extension Matrix {
  /// The matrix with each row divided by its Euclidean norm; zero rows stay.
  package var withUnitRows: Matrix {
    var result = self
    for i in 0..<rows {
      let norm = BLAS.norm(Array(row(i)))
      guard norm > 0 else { continue }
      for j in 0..<columns { result[i, j] /= norm }
    }
    return result
  }
}
