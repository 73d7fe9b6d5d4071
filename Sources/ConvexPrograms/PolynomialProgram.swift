import Convolutions
public import Tensors

/// The convex program of a network with activation `a z^2 + b z + c`, filters of norm 1 and linear pooling.
///
/// A neuron with output weight `w` in window `q` adds `w <(u, 1) (u, 1)', B_iq>` to a prediction, where
///
///     B_iq = sum_k P[q, k] [[a x x', b x / 2], [b x' / 2, c]],   x = x_ik.
///
/// Neurons of positive and of negative weight are two matrices per window and output, sums of `|w| (u, 1) (u, 1)'`. Every
/// positive semidefinite matrix with `tr Z1 = Z4` is such a sum of at most `h + 1` terms (`NeuralDecomposition`), and the sum of
/// its weights is `Z4`, so
///
///     minimize L(F) + lambda sum_qt (Z4 + Z4')   over pairs in the cone,   f_t(x_i) = sum_q <Z_qt - Z'_qt, B_iq>
///
/// has the optimum of the nonconvex problem with the penalty `lambda sum_j |W_j|_1`, which is *not* weight decay.
///
/// - Source: Bartan & Pilanci, *Neural spectrahedra and semidefinite lifts: global convex optimization of polynomial
///   activation neural networks in fully polynomial-time*, 2021. The form with windows and outputs is derived here.
public struct PolynomialProgram: NetworkProgram {
  /// The problem the program was made of.
  public let problem: TrainingProblem
  /// The convex program; blocks `2 q` and `2 q + 1` are the neurons of window `q` with positive and negative weights.
  public let composite: CompositeProgram
  private let cone: TraceLinkedCone

  /// The program of a problem.
  ///
  /// - Parameter problem: A problem with polynomial activation and linear pooling.
  /// - Throws: `ProgramError` for another activation, or when moments would take more than 4 GiB.
  public init(problem: TrainingProblem) throws {
    guard case .polynomial(let polynomial) = problem.activation else {
      throw ProgramError(
        place: "activation", expected: "polynomial:A,B,C", found: problem.activation.rawValue,
        advice: "Use the program of that activation.")
    }
    let order = problem.geometry.patchDimension + 1
    try problem.requireModerateMoments(order: 2 * order)
    self.problem = problem
    cone = TraceLinkedCone(
      blockCount: 2 * problem.windowCount, order: order, threads: problem.threads)
    composite = CompositeProgram(
      of: problem,
      features: Self.doubled(
        problem.secondMoments(polynomial), block: SymmetricCoordinates.count(order: order)),
      regularizer: cone)
  }

  /// Every block of columns, followed by its negative.
  private static func doubled(_ features: Matrix, block: Int) -> Matrix {
    var elements: [Double] = []
    elements.reserveCapacity(2 * features.elements.count)
    for start in stride(from: 0, to: features.elements.count, by: block) {
      let part = features.elements[start..<start + block]
      elements += part
      elements += part.map { -$0 }
    }
    return Matrix(rows: features.rows, columns: 2 * features.columns, elements: elements)
  }

  /// The network of a point: at most `2 (h + 1)` neurons per window and output, filters of norm 1.
  ///
  /// Neurons with weights below `1e-14` of the largest of their matrix are rounding errors and are dropped.
  ///
  /// - Parameter point: Weights of the shape of `composite.zero`, in the cone.
  /// - Returns: The network, with the best output bias if there is one.
  /// - Throws: `LAPACK.Failure` when the point has entries that are not finite.
  public func network(from point: Matrix) throws -> Network {
    let (a, c, h) = (problem.windowCount, problem.outputCount, problem.geometry.patchDimension)
    var (filters, weights): ([Double], [Double]) = ([], [])
    for block in 0..<2 * a {
      for t in 0..<c {
        let neurons = try NeuralDecomposition(
          of: cone.matrix(block: block, column: t, of: point)
        ).neurons
        for (filter, weight) in neurons {
          filters += filter
          var output = [Double](repeating: 0, count: a * c)
          output[block / 2 * c + t] = block % 2 == 0 ? weight : -weight
          weights += output
        }
      }
    }
    let count = filters.count / h
    return problem.withBestOutputBias(
      try Network(
        geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
        filters: Matrix(rows: count, columns: h, elements: filters),
        outputWeights: Matrix(rows: count * a, columns: c, elements: weights)))
  }

  /// The pairs of matrices of a network.
  ///
  /// - Parameter network: A network with the program's architecture and filters of norm 1.
  /// - Returns: Weights of the shape of `composite.zero`; their objective is the network's.
  /// - Throws: `ProgramError` when the network has another architecture.
  public func point(from network: Network) throws -> Matrix {
    try problem.requireArchitecture(of: network)
    let (a, c, h) = (problem.windowCount, problem.outputCount, problem.geometry.patchDimension)
    let size = SymmetricCoordinates.count(order: h + 1)
    var point = composite.zero
    for block in 0..<2 * a {
      for t in 0..<c {
        var matrix = Matrix(rows: h + 1, columns: h + 1)
        for j in 0..<network.neuronCount {
          let signed = network.outputWeights[j * a + block / 2, t]
          let weight = block % 2 == 0 ? signed : -signed
          guard weight > 0 else { continue }
          let lifted = Array(network.filters.row(j)) + [1]
          for e in 0...h { for f in 0...h { matrix[e, f] += weight * lifted[e] * lifted[f] } }
        }
        SymmetricCoordinates.put(
          matrix, into: &point.elements, start: block * size * c + t, stride: c)
      }
    }
    return point
  }
}
