public import ConvexPrograms
import Convolutions
import Tensors

extension OptimalSet {
  /// The optimal network with given masses, each neuron balanced; neurons without mass are left out.
  ///
  /// - Parameter masses: A point of the polytope, one number for each of `neurons`.
  /// - Returns: The network.
  /// - Throws: `ProgramError` when the shapes do not fit, which they do.
  public func network(masses: [Double]) throws -> Network {
    precondition(
      masses.count == neurons.count, "network: \(masses.count) masses, \(neurons.count) neurons")
    let kept = masses.indices.filter { masses[$0] > negligible }
    let (h, c) = (network.filters.columns, network.outputCount)
    let filters = kept.flatMap { j in neurons[j].filter.map { masses[j].squareRoot() * $0 } }
    let weights = kept.flatMap { j in
      neurons[j].outputWeights.elements.map { masses[j].squareRoot() * $0 }
    }
    let gates = kept.compactMap { neurons[$0].gate }
    return try Network(
      geometry: network.geometry, pooling: network.pooling, activation: network.activation,
      filters: Matrix(rows: kept.count, columns: h, elements: filters),
      gates: network.gates == nil
        ? nil : Matrix(rows: kept.count, columns: h, elements: gates.flatMap { $0 }),
      outputWeights: Matrix(rows: weights.count / c, columns: c, elements: weights),
      outputBias: outputBias(masses: masses))
  }

  /// The output bias that goes with masses; nil for networks without one.
  ///
  /// The sum of the bias is that of the network given, where the loss does not see it.
  func outputBias(masses: [Double]) -> [Double]? {
    guard let bias = network.outputBias else { return nil }
    let (n, c) = (loss.sampleCount, loss.outputCount)
    let given = neurons.map(\.mass)
    var change = [Double](repeating: 0, count: c)
    for r in 0..<n * c {
      var sum = 0.0
      for j in masses.indices { sum += (given[j] - masses[j]) * biasedOutputs[r, j] }
      change[r % c] += sum / Double(n)
    }
    return zip(bias, change).map { $0 + $1 }
  }

  /// Masses of the network given.
  public var givenMasses: [Double] { neurons.map(\.mass) }

  /// Masses of the optimum of least Euclidean norm, `sum_j mass_j^2`; it is unique.
  ///
  /// - Returns: One mass for each of `neurons`.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  public func leastNormMasses() throws -> [Double] { try polytope.leastNorm() }

  /// Optima that are no mixture of others, which are those with independent outputs.
  ///
  /// - Parameter limit: Most bases looked at.
  /// - Returns: Masses of each, and whether these are all.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  /// - Complexity: The number of bases can be exponential in the dimension.
  public func vertices(limit: Int = 10_000) throws -> (masses: [[Double]], isComplete: Bool) {
    let (points, isComplete) = try polytope.vertices(limit: limit)
    return (points, isComplete)
  }

  /// An optimum of few neurons.
  ///
  /// - Parameter nodeLimit: Most nodes of branch and bound.
  /// - Returns: Masses, and whether no optimum over `neurons` has fewer.
  /// - Throws: `LAPACK.Failure` when a basis is singular.
  public func sparsestMasses(
    nodeLimit: Int = 20_000
  ) throws -> (masses: [Double], isSmallest: Bool) {
    var search = SmallestSupport(polytope, nodeLimit: nodeLimit)
    return try search.solve()
  }

  /// Random optima, nearly uniform over the set, by hit and run.
  ///
  /// - Parameters:
  ///   - count: Number of optima.
  ///   - seed: Seed; the same one gives the same optima.
  /// - Returns: Masses of each.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  /// - Complexity: O(`count m d^2`) for dimension `d`.
  /// - Source: Smith, *Efficient Monte Carlo procedures for generating points uniformly distributed over bounded regions*,
  ///   Operations Research 1984.
  public func sample(_ count: Int, seed: UInt64) throws -> [[Double]] {
    let used = used
    let center = try relativeCenter()
    let moves = try OutputRank(
      outputs.selectingColumns(used), tolerance: rankTolerance
    ).nullSpace()
    guard moves.rows > 0 else { return [[Double]](repeating: center, count: count) }
    var generator = SeededGenerator(seed: seed)
    var point = used.map { center[$0] }
    return (0..<count).map { _ in
      for _ in 0..<10 * moves.rows {
        var direction = [Double](repeating: 0, count: used.count)
        for k in 0..<moves.rows {
          BLAS.add(generator.normal(), Array(moves.row(k)), to: &direction)
        }
        var (low, high) = (-Double.infinity, Double.infinity)
        for (x, d) in zip(point, direction) where d != 0 {
          if d > 0 { low = max(low, -x / d) } else { high = min(high, -x / d) }
        }
        guard low < high, low.isFinite, high.isFinite else { continue }
        BLAS.add(low + generator.uniform() * (high - low), direction, to: &point)
        for e in point.indices where point[e] < 0 { point[e] = 0 }
      }
      var masses = [Double](repeating: 0, count: neurons.count)
      for (x, j) in zip(point, used) { masses[j] = x }
      return masses
    }
  }

  /// An optimum at which every used neuron has mass: the mean of optima where one mass is largest or smallest.
  func relativeCenter() throws -> [Double] {
    var polytope = polytope
    var sum = [Double](repeating: 0, count: neurons.count)
    var count = 0.0
    for j in used {
      for sign in [1.0, -1] {
        var weights = [Double](repeating: 0, count: neurons.count)
        weights[j] = sign
        BLAS.add(1, try polytope.maximize(weights).point, to: &sum)
        count += 1
      }
    }
    return count > 0 ? sum.map { $0 / count } : givenMasses
  }

  /// Whether a network is one of the optima.
  ///
  /// - Parameter other: A network of the same architecture.
  /// - Returns: Its masses, or the reason why it is none.
  public func membership(of other: Network) -> Membership {
    guard other.geometry == network.geometry, other.pooling == network.pooling,
      other.activation == network.activation, other.outputCount == network.outputCount,
      (other.outputBias == nil) == (network.outputBias == nil)
    else { return .no("it has another architecture") }
    var masses = [Double](repeating: 0, count: neurons.count)
    for direction in MassedNeurons(other).directions {
      let near = neurons.indices.min { distance(direction, $0) < distance(direction, $1) }
      guard let near, distance(direction, near) <= Self.memberChord else {
        if direction.mass <= negligible { continue }
        return .no(
          "a neuron of mass \(direction.mass) has none of the directions of largest correlation"
            + (coverage == .incomplete ? " that were found" : ""))
      }
      masses[near] += direction.mass
    }
    let difference = zip(masses, givenMasses).map { $0 - $1 }
    let change = BLAS.product(
      outputs, .plain, Matrix(rows: neurons.count, columns: 1, elements: difference)
    ).elements
    let given = BLAS.product(
      outputs, .plain, Matrix(rows: neurons.count, columns: 1, elements: givenMasses)
    ).elements
    guard BLAS.norm(change) <= 1e-5 * BLAS.norm(given) else {
      return .no("its predictions are others")
    }
    return .yes(masses: masses)
  }

  /// Directions of a member are within this of those listed.
  static let memberChord = 1e-3

  private func distance(_ direction: NeuronDirection, _ j: Int) -> Double {
    guard direction.gate == neurons[j].gate else { return .infinity }
    let (filter, weights) = (direction.filter, direction.outputWeights.elements)
    func distance(sign: Double) -> Double {
      max(
        MassedNeurons.chord(filter.map { sign * $0 }, neurons[j].filter),
        MassedNeurons.chord(weights.map { sign * $0 }, neurons[j].outputWeights.elements))
    }
    // Neurons that are linear on their patterns are the same with both signs turned.
    return network.activation == .relu
      ? distance(sign: 1) : min(distance(sign: 1), distance(sign: -1))
  }

  /// Whether a network is an optimum.
  public enum Membership: Sendable, Equatable {
    /// It is, with these masses of `neurons`.
    case yes(masses: [Double])
    /// It is not, for this reason.
    case no(String)
  }
}
