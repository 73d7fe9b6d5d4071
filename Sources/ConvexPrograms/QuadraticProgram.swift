import Convolutions
public import Tensors

/// The convex program of a network with quadratic activation and linear pooling.
///
/// The network `f_t(x_i) = sum_j sum_q W_j[q, t] sum_k P[q, k] (x_ik . u_j)^2` depends on its neurons only through one
/// symmetric matrix per window and output, `M_qt = sum_j W_j[q, t] u_j u_j'`:
///
///     f_t(x_i) = sum_q <M_qt, G_iq>,   G_iq = sum_k P[q, k] x_ik x_ik'.
///
/// The least `sum_j |u_j|^2 |W_j|_1` over networks with given matrices is `sum_qt |M_qt|_*`, attained by eigenvectors, so
///
///     minimize L(F) + lambda sum_qt |M_qt|_*
///
/// has the optimum of the nonconvex problem with the penalty `lambda sum_j |u_j|^2 |W_j|_1`, which is *not* weight decay on
/// both layers: that one is not convex in `M` for an activation of degree two.
///
/// - Source: Soltanolkotabi, Javanmard & Lee, *Theoretical insights into the optimization landscape of over-parameterized
///   shallow neural networks*, IEEE Trans. Inf. Theory 2019; Bartan & Pilanci, *Neural spectrahedra and semidefinite lifts*,
///   2021 (fully connected). The form with windows and outputs is derived here.
public struct QuadraticProgram: NetworkProgram {
  /// The problem the program was made of.
  public let problem: TrainingProblem
  /// The convex program.
  public let composite: CompositeProgram
  private let norm: SymmetricNuclearNorm

  /// The program of a problem.
  ///
  /// - Parameter problem: A problem with quadratic activation and linear pooling.
  /// - Throws: `ProgramError` for another activation, or when moments would take more than 4 GiB.
  public init(problem: TrainingProblem) throws {
    guard problem.activation == .quadratic else {
      throw ProgramError(
        place: "activation", expected: "quadratic", found: problem.activation.rawValue,
        advice: "Use the program of that activation.")
    }
    let h = problem.geometry.patchDimension
    try problem.requireModerateMoments(order: h)
    self.problem = problem
    norm = SymmetricNuclearNorm(
      blockCount: problem.windowCount, order: h, threads: problem.threads)
    composite = CompositeProgram(
      of: problem, features: problem.secondMoments(), regularizer: norm)
  }

  /// Dimension of the span of the pooled second moments `G_iq`, all windows of a sample side by side.
  ///
  /// With `n` samples and no regularization every target can be met exactly only if the rank is `n`. It is
  /// `a h (h + 1) / 2` at most, and less for circular convolutions, whose moments are Toeplitz matrices.
  ///
  /// - Parameter tolerance: Singular values above `tolerance` times the largest count.
  /// - Returns: The numerical rank.
  /// - Throws: `LAPACK.Failure` when the iteration does not converge.
  /// - Complexity: O(`n d^2 + d^3`) for `d` moments.
  public func momentRank(tolerance: Double = 1e-9) throws -> Int {
    let moments = problem.secondMoments()
    let values = try LAPACK.singularValues(
      moments.rows < moments.columns ? moments.transposed : moments
    ).values
    let largest = values.max() ?? 0
    return values.count { $0 > tolerance * largest && $0 > 0 }
  }

  /// The network of a point: one neuron per eigenvalue of each matrix, with `|u_j| = |W_j|_1`.
  ///
  /// Eigenvalues below `1e-14` of the largest of their matrix are rounding errors and are dropped.
  ///
  /// - Parameter point: Weights of shape `[a h (h + 1) / 2, c]`.
  /// - Returns: The network, with the best output bias if there is one.
  /// - Throws: `LAPACK.Failure` when the point has entries that are not finite.
  public func network(from point: Matrix) throws -> Network {
    let (a, c, h) = (problem.windowCount, problem.outputCount, problem.geometry.patchDimension)
    var (filters, weights): ([Double], [Double]) = ([], [])
    for q in 0..<a {
      for t in 0..<c {
        let (values, vectors) = try LAPACK.symmetricEigen(
          norm.matrix(block: q, column: t, of: point))
        let largest = values.reduce(0) { max($0, abs($1)) }
        for (r, value) in values.enumerated() where abs(value) > 1e-14 * largest {
          filters.append(contentsOf: vectors.row(r))
          var output = [Double](repeating: 0, count: a * c)
          output[q * c + t] = value
          weights.append(contentsOf: output)
        }
      }
    }
    let count = filters.count / h
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .quadratic,
      filters: Matrix(rows: count, columns: h, elements: filters),
      outputWeights: Matrix(rows: count * a, columns: c, elements: weights)
    ).balanced()
    return problem.withBestOutputBias(network)
  }

  /// The matrices `M_qt` of a network.
  ///
  /// - Parameter network: A network with the program's architecture.
  /// - Returns: Weights of shape `[a h (h + 1) / 2, c]`; their objective is at most the network's.
  /// - Throws: `ProgramError` when the network has another architecture.
  public func point(from network: Network) throws -> Matrix {
    try problem.requireArchitecture(of: network)
    let (a, c, h) = (problem.windowCount, problem.outputCount, problem.geometry.patchDimension)
    let size = SymmetricCoordinates.count(order: h)
    var point = composite.zero
    for q in 0..<a {
      for t in 0..<c {
        var matrix = Matrix(rows: h, columns: h)
        for j in 0..<network.neuronCount {
          let weight = network.outputWeights[j * a + q, t]
          guard weight != 0 else { continue }
          for e in 0..<h {
            for f in 0..<h {
              matrix[e, f] += weight * network.filters[j, e] * network.filters[j, f]
            }
          }
        }
        SymmetricCoordinates.put(
          matrix, into: &point.elements, start: q * size * c + t, stride: c)
      }
    }
    return point
  }
}

extension TrainingProblem {
  /// Refuses second moments that take more than `ConeProgram.largestFeatureBytes`.
  func requireModerateMoments(order: Int) throws {
    let perSample = windowCount * SymmetricCoordinates.count(order: order)
    guard sampleCount * perSample * MemoryLayout<Double>.stride > ConeProgram.largestFeatureBytes
    else { return }
    throw ProgramError(
      place: "program of \(activation.rawValue) networks",
      expected: "second moments of at most 4 GiB",
      found: "\(sampleCount) samples x \(windowCount) windows x \(perSample / windowCount)",
      advice: "Use fewer windows, smaller filters, or fewer samples.")
  }

  /// Refuses networks of another architecture.
  func requireArchitecture(of network: Network) throws {
    guard network.geometry == geometry, network.pooling == pooling,
      network.activation == activation, network.outputCount == outputCount
    else {
      throw ProgramError(
        place: "network",
        expected: "\(activation.rawValue), pooling \(pooling), \(outputCount) outputs",
        found: "\(network.activation.rawValue), pooling \(network.pooling), "
          + "\(network.outputCount) outputs",
        advice: "Use a network of the problem's architecture.")
    }
  }
}
