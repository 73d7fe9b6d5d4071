public import ConvexPrograms
import Convolutions
import Tensors

/// A network whose neurons of one direction were made one: same function up to a bound, weight decay never larger.
///
/// `sum_j W_j relu(u_j . x)` over filters on one ray is one neuron with output weights `sum_j |u_j| W_j` on the unit
/// filter, and `|sum_j |u_j| W_j| <= sum_j |u_j| |W_j|`. The result is balanced, so that its weight decay is its
/// `regularization`. Holds for every pooling, max pooling included, with and without biases; opposite filters stay apart.
public struct NeuronMerge: Sendable {
  /// The balanced network of what is left.
  public let network: Network
  /// What was done.
  public let steps: [CanonicalizationStep]
  /// Number `e` with `|f(x) - f'(x)| <= e * CanonicalForm.inputSize(x)` for every `x`, rounding aside.
  ///
  /// `sum_j |u_j| |W_j| |u_j/|u_j| - v|` over merged neurons, with `v` their common direction; 0 where all that was
  /// merged pointed exactly the same way.
  public let errorBound: Double
}

extension Network {
  /// The network with neurons of one direction merged, neurons that do nothing dropped, and the rest balanced.
  ///
  /// - Parameters:
  ///   - tolerance: Largest distance of two unit filters that count as one direction, at least 0 and below 0.5.
  ///   - shifts: Whether filters that cyclic shifts map to each other count as one, where the geometry makes them the
  ///     same neuron (circular padding, one window).
  /// - Returns: The merged network, what was done, and how far the function may have moved.
  /// - Throws: `CertificateError` when a weight is not finite, the tolerance is out of range or the network is gated.
  /// - Complexity: O(`m h`) expected, with shifts O(`m h s`) for orbits of `s` shifts.
  /// - Accuracy: The bound is checked against functions on random inputs (`NeuronMergeTests`).
  public func mergingDirections(
    tolerance: Double = CanonicalForm.defaultTolerance, shifts: Bool = true
  ) throws -> NeuronMerge {
    let units = try UnitNeurons(self, tolerance: tolerance)
    var (steps, error) = (units.steps, units.errorBound)
    var rows = units.directions
    let orbit = shifts ? FilterOrbit(geometry, pooling) : nil
    if let orbit {
      var moved = 0
      for j in 0..<rows.rows {
        let own = Array(rows.row(j))
        let (shifted, shift) = orbit.representative(own, evenInSign: false)
        guard shift != 0 else { continue }
        moved += 1
        rows.elements.replaceSubrange(j * rows.columns..<(j + 1) * rows.columns, with: shifted)
      }
      if moved > 0 {
        steps.append(.init(.shift, count: moved, text: "cyclic shifts to the orbit representative"))
      }
    }
    let groups = DirectionClusters(
      rows, masses: units.masses, tolerance: tolerance, evenInSign: false
    ).clusters
    var merged = MergedNeurons(groups, units)
    error += merged.errorBound
    steps += merged.steps(tolerance: tolerance)
    merged.sort()
    let network = try merged.network(like: self, outputBias: outputBias)
    return NeuronMerge(network: network, steps: steps, errorBound: error)
  }
}

/// The neurons of a network with unit filters: what every normal form starts from.
struct UnitNeurons {
  /// Unit filters, `[m, h]`.
  private(set) var directions: Matrix
  /// Output weights times the norm of the filter, `[m, a c]`; entry `q c + o`.
  private(set) var coefficients: Matrix
  /// `|u_j| |W_j|_F`.
  private(set) var masses: [Double]
  /// What was dropped and scaled.
  private(set) var steps: [CanonicalizationStep]
  /// Mass of what was dropped without being zero.
  private(set) var errorBound: Double

  /// Masses up to this share of the largest are rounding.
  static let negligible = 0x1p-49

  /// Drops what does nothing and scales the rest.
  init(_ network: Network, tolerance: Double) throws {
    try Self.check(network, tolerance: tolerance)
    let (inner, outer) = (network.filterNorms, network.outputNorms)
    let all = zip(inner, outer).map { $0 * $1 }
    guard all.allSatisfy(\.isFinite) else {
      throw CertificateError(
        place: "network weights", expected: "products of norms that are finite numbers",
        found: "an overflow", advice: "Scale the weights down.")
    }
    let least = Self.negligible * (all.max() ?? 0)
    let kept = all.indices.filter { all[$0] > least && inner[$0] > 0 && outer[$0] > 0 }
    let size = network.windowCount * network.outputCount
    var (directions, coefficients) = ([Double](), [Double]())
    for j in kept {
      // Nearly unit filters stay as they are, so that a normal form is its own normal form.
      let norm = abs(inner[j] - 1) <= 0x1p-51 ? 1 : inner[j]
      directions += network.filters.row(j).map { $0 / norm }
      coefficients += network.outputWeights.elements[j * size..<(j + 1) * size].map { $0 * norm }
    }
    self.directions = Matrix(
      rows: kept.count, columns: network.geometry.patchDimension, elements: directions)
    self.coefficients = Matrix(rows: kept.count, columns: size, elements: coefficients)
    masses = kept.map { all[$0] }
    errorBound = all.reduce(0) { $0 + ($1 <= least ? $1 : 0) }
    steps = []
    let dropped = network.neuronCount - kept.count
    if dropped > 0 {
      steps.append(
        .init(
          .drop, count: dropped, text: "neurons without filter or output weights", error: errorBound
        ))
    }
    if !kept.isEmpty {
      steps.append(.init(.normalize, count: kept.count, text: "filters to unit length"))
    }
  }

  private static func check(_ network: Network, tolerance: Double) throws {
    guard tolerance >= 0, tolerance < 0.5 else {
      throw CertificateError(
        place: "merging tolerance", expected: "a number from 0 to less than 0.5",
        found: "\(tolerance)", advice: "Choose a value in that range.")
    }
    try network.requirePiecewiseLinear(for: "normal form")
    guard network.activation != .gated else {
      throw CertificateError(
        place: "normal form", expected: "a relu or linear network", found: "a gated network",
        advice: "Neurons of gated networks are told apart by their gates too; prune works on them.")
    }
    for (name, matrix) in [("filters", network.filters), ("output weights", network.outputWeights)]
    {
      guard let index = matrix.firstNonFiniteIndex else { continue }
      throw CertificateError(
        place: "network \(name), entry \(index)", expected: "a finite number",
        found: "\(matrix.elements[index])", advice: "Train the network again.")
    }
    if let bias = network.outputBias, let index = bias.firstIndex(where: { !$0.isFinite }) {
      throw CertificateError(
        place: "network output bias, entry \(index)", expected: "a finite number",
        found: "\(bias[index])", advice: "Train the network again.")
    }
  }
}

/// Neurons with unit directions, one for each group.
struct MergedNeurons {
  /// Unit directions.
  var directions: [[Double]] = []
  /// Output weights on unit filters, each of length `a c`.
  var coefficients: [[Double]] = []
  /// Bound on the change of the function, as in `NeuronMerge.errorBound`.
  private(set) var errorBound = 0.0
  private var mergedCount = 0
  private var canceledCount = 0
  private var canceledMass = 0.0
  private var largestDistance = 0.0

  /// Adds up the neurons of each group; opposite members enter as if they were turned around.
  init(_ groups: [DirectionClusters.Cluster], _ units: UnitNeurons) {
    for group in groups {
      var sum = [Double](repeating: 0, count: units.coefficients.columns)
      var mass = 0.0
      for member in group.members {
        BLAS.add(1, Array(units.coefficients.row(member.neuron)), to: &sum)
        mass += units.masses[member.neuron]
        errorBound += units.masses[member.neuron] * member.distance
        largestDistance = max(largestDistance, member.distance)
      }
      mergedCount += group.members.count - 1
      let norm = BLAS.norm(sum)
      guard norm > UnitNeurons.negligible * mass else {
        canceledCount += 1
        canceledMass += norm
        continue
      }
      directions.append(group.direction)
      coefficients.append(sum)
    }
    errorBound += canceledMass
  }

  /// What was merged, in words.
  func steps(tolerance: Double) -> [CanonicalizationStep] {
    var result: [CanonicalizationStep] = []
    if mergedCount > 0 {
      result.append(
        .init(
          .merge, count: mergedCount,
          text: "neurons joined others of their direction, tolerance \(tolerance), largest "
            + "distance \(Float(largestDistance))", error: errorBound - canceledMass))
    }
    if canceledCount > 0 {
      result.append(
        .init(
          .cancel, count: canceledCount, text: "directions whose output weights cancel",
          error: canceledMass))
    }
    return result
  }

  /// Brings the neurons into the order of their directions, entry by entry.
  mutating func sort() {
    let order = directions.indices.sorted {
      directions[$1].lexicographicallyPrecedes(directions[$0])
    }
    directions = order.map { directions[$0] }
    coefficients = order.map { coefficients[$0] }
  }

  /// The balanced network of these neurons.
  func network(like other: Network, outputBias: [Double]?) throws -> Network {
    let (c, a) = (other.outputCount, max(1, other.windowCount))
    return try Network(
      geometry: other.geometry, pooling: other.pooling, activation: other.activation,
      filters: Matrix(
        rows: directions.count, columns: other.geometry.patchDimension,
        elements: directions.flatMap { $0 }),
      outputWeights: Matrix(
        rows: directions.count * a, columns: c, elements: coefficients.flatMap { $0 }),
      outputBias: outputBias
    ).balanced()
  }
}
