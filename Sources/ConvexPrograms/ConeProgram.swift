import Convolutions
public import Tensors

/// The convex program of a ReLU network with one output and one window over given cells.
///
/// `minimize L(A (V - W)) + lambda sum_b (|v_b| + |w_b|)` subject to `G_b v_b >= 0`, `G_b w_b >= 0`: blocks `v_b`
/// carry the neurons of cell `b` with positive output weights, `w_b` those with negative ones, and `A_b` sums the
/// patches that are active in the cell (under max pooling, those that win). A point has shape `[2 P h, 1]`: all `v_b`,
/// then all `w_b`. Over all cells the optimum is that of the training problem, over some of them an upper bound.
///
/// - Source: Pilanci & Ergen, *Neural Networks are Convex Regularizers*, ICML 2020; Ergen & Pilanci, *Implicit Convex
///   Regularizers of CNN Architectures*, ICLR 2021 (pooling). Only facets constrain, instead of all rows.
public struct ConeProgram: Sendable {
  /// The problem the program was made of.
  public let problem: TrainingProblem
  /// Cone of each block by its facets, `P` of them; none for a program over given cells, which share their rows.
  public let cones: [ActivationCone]
  /// The cells, where they were given; nil where cones have facets of their own.
  package let given: GivenCells?
  /// Feature map `A` of shape `[n, P h]`.
  public let map: DenseFeatureMap
  /// Number of cells of the arrangement that the cones cover.
  public let cellCount: Int

  /// A program over given cones.
  ///
  /// - Precondition: The map has `h` features per cone, or per cell given.
  package init(
    problem: TrainingProblem, cones: [ActivationCone], features: Matrix, cellCount: Int,
    given: GivenCells? = nil
  ) {
    let count = given?.patterns.count ?? cones.count
    precondition(
      features.columns == count * problem.geometry.patchDimension,
      "ConeProgram: \(features.columns) features for \(count) cones")
    self.problem = problem
    self.given = given
    self.cones = cones
    self.cellCount = cellCount
    map = DenseFeatureMap(features: features, threads: problem.threads)
  }

  /// The same program at another strength.
  public func with(lambda: Double) -> ConeProgram {
    var changed = problem
    changed.lambda = lambda
    return ConeProgram(
      problem: changed, cones: cones, features: map.features, cellCount: cellCount, given: given)
  }

  /// Number of cones `P`.
  public var coneCount: Int { given?.patterns.count ?? cones.count }

  /// Whether no cone constrains its block, so that blocks `w_b` are not needed.
  package var isFree: Bool { given == nil && cones.allSatisfy { $0.facets.rows == 0 } }

  /// Patch dimension `h`.
  public var patchDimension: Int { problem.geometry.patchDimension }

  /// The point that is all zero, shape `[2 P h, 1]`.
  public var zero: Matrix { Matrix(rows: 2 * map.featureCount, columns: 1) }

  /// Predictions `A (V - W)` of a point, shape `[n, 1]`.
  public func predictions(of point: Matrix) -> Matrix {
    let count = map.featureCount
    let weights = (0..<count).map { point.elements[$0] - point.elements[count + $0] }
    return map.predictions(of: Matrix(rows: count, columns: 1, elements: weights))
  }

  /// `sum_b |v_b| + |w_b|`.
  public func regularization(of point: Matrix) -> Double {
    GroupNorm(blockCount: 2 * coneCount).value(point)
  }

  /// The objective at a point of the cones.
  public func objective(at point: Matrix) -> Double {
    problem.loss.value(at: predictions(of: point)) + problem.lambda * regularization(of: point)
  }

  /// Dual norm of a dual point over the cells of the program: `max_b max_{u in K_b, |u| <= 1} |u . A_b' nu|`.
  ///
  /// - Parameter dual: Dual point `nu` of shape `[n, 1]`.
  /// - Returns: The norm of the longest projection of `+-A_b' nu` on its cone.
  /// - Complexity: O(`n P h`) and `2 P` projections.
  /// - Accuracy: Over given cells never too small but by rounding.
  public func dualNorm(of dual: Matrix) -> Double { dualNorm(slope: map.adjoint(dual).elements) }

  /// The dual norm from the slope `A' nu`.
  package func dualNorm(slope: [Double]) -> Double {
    if let projections = cellProjections() { return projections.dualNorm(slope: slope) }
    let h = patchDimension
    let chunk = 256
    var largest = [Double](repeating: 0, count: (cones.count + chunk - 1) / chunk)
    largest.withUnsafeMutableBufferPointer { largest in
      nonisolated(unsafe) let largest = largest
      Parallel.forEachChunk(of: cones.count, chunk: chunk, threads: problem.threads) {
        index, blocks in
        var projector = ConeProjector(dimension: h)
        var opposite = [Double](repeating: 0, count: h)
        slope.withUnsafeBufferPointer { slope in
          guard let slope = slope.baseAddress else { return }
          for b in blocks {
            // No projection is longer than the vector.
            guard BLAS.dot(h, slope + b * h, slope + b * h).squareRoot() > largest[index] else {
              continue
            }
            projector.project(slope + b * h, onto: cones[b])
            largest[index] = max(largest[index], projector.norm)
            for e in 0..<h { opposite[e] = -slope[b * h + e] }
            projector.project(opposite, onto: cones[b])
            largest[index] = max(largest[index], projector.norm)
          }
        }
      }
    }
    // A slope that is not a number has no norm.
    guard slope.allSatisfy(\.isFinite) else { return .nan }
    return largest.reduce(0, max)
  }

  /// Smallest strength whose solution is zero, over the cells of the program.
  public var lambdaMax: Double {
    dualNorm(
      of: problem.loss.gradient(at: Matrix(rows: problem.sampleCount, columns: 1)))
  }

  /// The balanced network of a point: a neuron for each nonzero block.
  ///
  /// Its objective equals the program's at a point of the cones. Over given cells the filters are moved strictly inside,
  /// which the objective counts (`init(problem:gates:)`).
  public func network(from point: Matrix) throws -> Network {
    let h = patchDimension
    var (filters, weights): ([Double], [Double]) = ([], [])
    for b in 0..<2 * coneCount {
      var block = Array(point.elements[b * h..<(b + 1) * h])
      if let given { block = given.inside(block, cell: b % coneCount) }
      let norm = BLAS.norm(block)
      guard norm > 0 else { continue }
      let root = norm.squareRoot()
      filters += block.map { $0 / root }
      weights.append(b < coneCount ? root : -root)
    }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: Matrix(rows: weights.count, columns: h, elements: filters),
      outputWeights: Matrix(rows: weights.count, columns: 1, elements: weights))
  }

  /// The point of a network whose filters lie in cones of the program.
  ///
  /// - Parameter network: A network with the problem's architecture.
  /// - Returns: A point of the cones with the network's predictions; its objective is at most the network's.
  /// - Throws: `ProgramError` when a filter lies in none of the cones.
  /// - Complexity: O(`facets h`) per neuron and cone.
  public func point(from network: Network) throws -> Matrix {
    let h = patchDimension
    var point = zero
    for j in 0..<network.neuronCount {
      let filter = Array(network.filters.row(j))
      let b = try place(ofFilter: j, filter)
      let weight = network.outputWeights[j, 0]
      let block = weight >= 0 ? b : coneCount + b
      for e in 0..<h { point.elements[block * h + e] += abs(weight) * filter[e] }
    }
    return point
  }

  private func place(ofFilter neuron: Int, _ filter: [Double]) throws -> Int {
    guard let given else { return try cones.place(ofFilter: neuron, filter) }
    guard let place = given.cell(of: filter) else {
      throw ProgramError(
        place: "network filter \(neuron)",
        expected: "a filter in one of the \(coneCount) cells given", found: "one in none of them",
        advice: "Give its cell too, or start from a network over these cells.")
    }
    return place
  }
}
