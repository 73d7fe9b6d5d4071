public import ConvexPrograms
import Convolutions
import Tensors

/// A network with fewer neurons than another one, and what the difference costs on the data.
///
/// - Source: Mishkin & Pilanci, *Optimal Sets and Solution Paths of ReLU Networks*, ICML 2023 (optimal pruning for one
///   output). With several outputs and windows the same steps run on the predictions of whole neurons, which is
///   Caratheodory's theorem on them.
public struct Pruning: Sendable {
  /// Which neuron goes when predictions have to change.
  public enum Method: String, Sendable, CaseIterable {
    /// The one whose predictions the others can replace best; their masses are refitted to the predictions.
    case leastSquares = "least-squares"
    /// The one of the least mass `|u| |W|_F`; nothing is refitted.
    case magnitude
    /// The one of the least mass; the masses left are refitted to the predictions at the end.
    case magnitudeRefitted = "magnitude-refitted"
    /// A random one; nothing is refitted.
    case random
  }

  /// The network left, balanced.
  public let network: Network
  /// Number of neurons before, those without mass included.
  public let neuronsBefore: Int
  /// Numerical rank of the neurons' predictions: dependent neurons can go without any change.
  public let rank: Int
  /// Smallest singular value of the remaining neurons' predictions, each scaled to unit length, over the largest.
  ///
  /// Above 0 no neuron can go without a change of the predictions; 1 for one neuron, 0 for none.
  public let independence: Double
  /// Whether no neuron can go without changing the predictions by more than the tolerance: the predictions of the remaining
  /// neurons are independent at it.
  public let isIrreducible: Bool
  /// Largest absolute change of a prediction on the data.
  public let largestChange: Double
}

extension Certifier {
  /// Removes neurons as long as neither the predictions on the data change nor the penalty grows.
  ///
  /// While some combination of the neurons' predictions vanishes, the masses move along it until one of them is zero. At an
  /// optimum that leaves the penalty as it is, elsewhere the side is chosen on which it falls. At most as many neurons
  /// remain as their predictions have independent directions.
  ///
  /// - Parameters:
  ///   - network: Any network, optimal or not.
  ///   - tolerance: Largest change allowed of the predictions, relative to their Euclidean norm over all samples.
  /// - Returns: The network left.
  /// - Throws: `CertificateError` when network and data do not go together, `LAPACK.Failure` when a factorization fails.
  /// - Complexity: O(`n c m^2 + m^4`) for `m` neurons.
  public func prune(_ network: Network, tolerance: Double = 1e-10) throws -> Pruning {
    var pruner = try Pruner(self, network, tolerance: tolerance)
    try pruner.removeDependent()
    return try pruner.result()
  }

  /// Removes neurons until so many are left, dependent ones first.
  ///
  /// - Parameters:
  ///   - network: Any network.
  ///   - count: Most neurons to keep, not negative.
  ///   - method: Which neurons go when predictions have to change.
  ///   - tolerance: As above, for dependent neurons; the other methods do not look for these.
  ///   - seed: Seed of `random`.
  /// - Returns: The network left; its objective is to be measured, it may be larger.
  /// - Throws: `CertificateError` when network and data do not go together, `LAPACK.Failure` when a factorization fails.
  public func prune(
    _ network: Network, to count: Int, by method: Pruning.Method = .leastSquares,
    tolerance: Double = 1e-10, seed: UInt64 = 0
  ) throws -> Pruning {
    precondition(count >= 0, "prune: \(count) neurons, expected none or more")
    var pruner = try Pruner(self, network, tolerance: tolerance)
    switch method {
    case .leastSquares:
      try pruner.removeDependent()
      while pruner.active.count > count { try pruner.removeMostReplaceable() }
    case .magnitude:
      pruner.keepLargest(count)
    case .magnitudeRefitted:
      pruner.keepLargest(count)
      pruner.refit()
    case .random:
      pruner.keepRandom(count, seed: seed)
    }
    return try pruner.result()
  }

  /// Unit neurons of a network with their predictions, as pruning and sensitivity see them.
  func unitNeurons(
    of network: Network
  ) throws -> (neurons: MassedNeurons, outputs: Matrix, view: ProblemView) {
    try check(network, targetGap: 0)
    try network.requirePiecewiseLinear(for: "neurons")
    let view = try ownView(of: network)
    let neurons = MassedNeurons(network)
    let outputs = view.outputs(
      of: neurons.directions.map {
        OptimalSet.Neuron(
          filter: $0.filter, gate: $0.gate, outputWeights: $0.outputWeights, mass: $0.mass,
          correlation: .nan)
      }, like: network)
    return (neurons, outputs, view)
  }
}

/// The state of one pruning: masses of unit neurons, in coordinates in which predictions are few numbers.
private struct Pruner {
  private let given: Network
  private let directions: [NeuronDirection]
  private let outputs: Matrix
  /// Predictions of unit neurons in orthonormal coordinates of their span, `[k, m]`.
  private let reduced: Matrix
  /// The sum that is to be kept.
  private let target: [Double]
  private let bound: Double
  private let givenMass: Double
  private let tolerance: Double
  private let rank: Int
  private var masses: [Double]
  private(set) var active: [Int]
  private var isIrreducible = false

  init(_ certifier: Certifier, _ network: Network, tolerance: Double) throws {
    guard tolerance >= 0, tolerance < 1 else {
      throw CertificateError(
        place: "pruning tolerance", expected: "a number from 0 to 1", found: "\(tolerance)",
        advice: "Use 1e-10 when in doubt.")
    }
    let (neurons, outputs, _) = try certifier.unitNeurons(of: network)
    (given, directions, self.outputs) = (network, neurons.directions, outputs)
    (masses, active) = (directions.map(\.mass), Array(directions.indices))
    givenMass = directions.reduce(0) { $0 + $1.mass }
    let svd = try LAPACK.singularValues(outputs)
    var reduced = svd.vt
    for (i, value) in svd.values.enumerated() {
      for j in 0..<reduced.columns { reduced[i, j] *= value }
    }
    self.reduced = reduced
    target =
      BLAS.product(
        reduced, .plain, Matrix(rows: masses.count, columns: 1, elements: masses)
      ).elements
    self.tolerance = tolerance
    bound = tolerance * BLAS.norm(target)
    rank = OutputRank(reduced, tolerance: max(tolerance, 1e-14)).rank
  }

  /// Follows vanishing combinations until none is left.
  mutating func removeDependent() throws {
    while active.count > 0 {
      guard let combination = try smallestCombination() else { break }
      guard let next = try removed(along: combination) else { break }
      (masses, active) = next
    }
    isIrreducible = true
    guard let trial = refitted(active), change(trial) < change(masses),
      trial.reduce(0, +) <= givenMass * (1 + 10 * tolerance)
    else { return }
    masses = trial
    active = active.filter { masses[$0] > 0 }
  }

  /// Combination of the active neurons whose predictions are smallest, in units of the lengths of their predictions.
  private func smallestCombination() throws -> [Double]? {
    let columns = reduced.selectingColumns(active)
    let lengths = active.indices.map { j in
      BLAS.norm((0..<columns.rows).map { columns[$0, j] })
    }
    // A neuron without any effect on the data goes by itself.
    if let silent = lengths.firstIndex(where: { $0 == 0 }) {
      return active.indices.map { $0 == silent ? 1 : 0 }
    }
    var scaled = columns
    for i in 0..<scaled.rows { for j in active.indices { scaled[i, j] /= lengths[j] } }
    let values: [Double]
    let vector: [Double]
    if scaled.rows >= active.count {
      let svd = try LAPACK.singularValues(scaled)
      values = svd.values
      vector = Array(svd.vt.row(active.count - 1))
    } else {
      values = [1, 0]
      let gram = BLAS.product(scaled, .transposed, scaled, .plain)
      vector = Array(try LAPACK.symmetricEigen(gram).vectors.row(0))
    }
    // Far above rounding no step can keep the predictions.
    guard let largest = values.first, let least = values.last,
      least <= max(1e3 * tolerance, 1e-11) * largest
    else { return nil }
    return zip(vector, lengths).map { $0 / $1 }
  }

  /// Masses and neurons after a step along a combination and a refit; nil where predictions or penalty would change.
  private func removed(
    along combination: [Double]
  ) throws -> (masses: [Double], active: [Int])? {
    var direction = combination
    if direction.reduce(0, +) < 0 || !direction.contains(where: { $0 > 0 }) {
      direction = direction.map { -$0 }
    }
    var candidates = [direction]
    // At an optimum both sides keep the penalty.
    if abs(direction.reduce(0, +)) <= 1e-6 * direction.reduce(0, { $0 + abs($1) }) {
      candidates.append(direction.map { -$0 })
    }
    for direction in candidates {
      var (step, gone) = (Double.infinity, -1)
      for (position, j) in active.enumerated() where direction[position] > 0 {
        let limit = masses[j] / direction[position]
        if limit < step { (step, gone) = (limit, position) }
      }
      guard gone >= 0 else { continue }
      let left = active.indices.filter { $0 != gone }.map { active[$0] }
      var stepped = masses
      for (position, j) in active.enumerated() {
        stepped[j] = position == gone ? 0 : max(0, masses[j] - step * direction[position])
      }
      // Steps add up their rounding; a fit of the masses left takes it back.
      for trial in [stepped, change(stepped) > 0.1 * bound ? refitted(left) : nil].compactMap({ $0 }
      )
      where change(trial) <= bound && trial.reduce(0, +) <= givenMass * (1 + 10 * tolerance) {
        return (trial, left.filter { trial[$0] > 0 })
      }
    }
    return nil
  }

  /// Masses of some neurons that reproduce the predictions best.
  private func refitted(_ kept: [Int]) -> [Double]? {
    let solution = NonnegativeLeastSquares.solve(
      reduced.selectingColumns(kept), target, start: Array(kept.indices))
    var result = [Double](repeating: 0, count: masses.count)
    for (position, j) in kept.enumerated() { result[j] = solution[position] }
    return result
  }

  private func change(_ trial: [Double]) -> Double {
    let image = BLAS.product(
      reduced, .plain, Matrix(rows: trial.count, columns: 1, elements: trial)
    ).elements
    return MassedNeurons.chord(image, target)
  }

  // MARK: - Beyond the optimum

  /// Removes the neuron whose predictions are nearest to the span of the others', and refits.
  mutating func removeMostReplaceable() throws {
    isIrreducible = false
    let weighted = active.map { j in (0..<reduced.rows).map { masses[j] * reduced[$0, j] } }
    var best: (distance: Double, position: Int)?
    let gram = (0..<active.count).flatMap { i in
      active.indices.map { BLAS.dot(weighted[i], weighted[$0]) }
    }
    let scale = active.indices.map { gram[$0 * active.count + $0] }.reduce(0, max)
    var matrix = Matrix(rows: active.count, columns: active.count, elements: gram)
    for i in active.indices { matrix[i, i] += 1e-14 * scale }
    let inverse = try LAPACK.solvePositiveDefinite(matrix, .identity(active.count))
    for position in active.indices {
      let distance = 1 / inverse[position, position]
      if distance < best?.distance ?? .infinity { best = (distance, position) }
    }
    active.remove(at: best?.position ?? 0)
    refit()
  }

  mutating func keepLargest(_ count: Int) {
    isIrreducible = false
    active = Array(active.sorted { (masses[$0], $1) > (masses[$1], $0) }.prefix(count)).sorted()
  }

  /// Fits the masses left to the predictions.
  mutating func refit() {
    if let trial = refitted(active) { masses = trial }
    active = active.filter { masses[$0] > 0 }
  }

  mutating func keepRandom(_ count: Int, seed: UInt64) {
    isIrreducible = false
    var generator = SeededGenerator(seed: seed)
    let order = generator.permutation(active.count)
    active = order.prefix(count).map { active[$0] }.sorted()
  }

  func result() throws -> Pruning {
    let kept = active.filter { masses[$0] > 0 }
    let (a, c, h) = (given.windowCount, given.outputCount, given.filters.columns)
    let network = try Network(
      geometry: given.geometry, pooling: given.pooling, activation: given.activation,
      filters: Matrix(
        rows: kept.count, columns: h,
        elements: kept.flatMap { j in directions[j].filter.map { masses[j].squareRoot() * $0 } }),
      gates: given.gates == nil
        ? nil
        : Matrix(
          rows: kept.count, columns: h, elements: kept.flatMap { directions[$0].gate ?? [] }),
      outputWeights: Matrix(
        rows: kept.count * a, columns: c,
        elements: kept.flatMap { j in
          directions[j].outputWeights.elements.map { masses[j].squareRoot() * $0 }
        }), outputBias: given.outputBias)
    let spectrum = OutputRank(reduced.selectingColumns(kept), tolerance: 0).spectrum
    let change = zip(masses.indices, masses).map { j, mass in
      (active.contains(j) ? mass : 0) - directions[j].mass
    }
    let difference = BLAS.product(
      outputs, .plain, Matrix(rows: change.count, columns: 1, elements: change))
    return Pruning(
      network: network, neuronsBefore: given.neuronCount, rank: rank,
      independence: spectrum.count < kept.count || kept.isEmpty
        ? 0 : (spectrum.last ?? 0) / (spectrum.first ?? 1),
      isIrreducible: isIrreducible,
      largestChange: difference.elements.reduce(0) { max($0, abs($1)) })
  }
}
