import Arrangements
public import ConvexPrograms
import Convolutions
public import Tensors

extension Certifier {
  /// The set of all optimal networks, from one of them.
  ///
  /// - Parameters:
  ///   - network: A network of a small relative gap: the set is as accurate as its dual point.
  ///   - gates: All gates of the gated program, `[P, h]`; nil for other activations.
  ///   - tolerance: Relative distance from `lambda` within which correlations count as largest.
  ///   - rankTolerance: Share of the largest singular value below which others count as zero.
  ///   - effort: Limits of the search over all cells.
  /// - Returns: The set.
  /// - Throws: `CertificateError` when a neuron's correlation is not within the tolerance, or that of another filter found
  ///   is above it, so that the network is not accurate enough, or for linear and gated networks under max pooling; `LAPACK.Failure` when a factorization fails.
  /// - Complexity: That of `NearMaximalFilters` for ReLU, then O(`n c m^2`) and `2 m` linear programs for `m` directions.
  public func optimalSet(
    of network: Network, gates: Matrix? = nil, tolerance: Double = 1e-6,
    rankTolerance: Double = 1e-6, effort: BoundEffort = BoundEffort()
  ) throws -> OptimalSet {
    try check(network, targetGap: 0)
    try network.requirePiecewiseLinear(for: "optimal set")
    guard lambda > 0 else {
      throw CertificateError(
        place: "lambda", expected: "a positive number", found: "\(lambda)",
        advice: "Without regularization optimal networks have no fixed directions.")
    }
    let view = try view(of: network, gates: gates)
    guard view.subject != .maxPooled else {
      throw CertificateError(
        place: "optimal set", expected: "ReLU or a linear pooling", found: "\(network.pooling)",
        advice: "The directions of such networks are not known.")
    }
    let used = MassedNeurons(network)
    let predictions = try measure(
      network, view, masks: network.gates.map { view.allPatches.patterns(of: $0) })
    var dual = predictions.gradient
    for e in dual.elements.indices { dual.elements[e] = -dual.elements[e] }
    let level = (1 - tolerance) * lambda
    let found =
      view.subject == .relu || view.subject == .maxPooledReLU
      ? try view.searchedDirections(dual, level: level, tolerance: tolerance, used, effort)
      : try view.maskedDirections(dual, level: level, gates: gates, used)
    // Near the optimum a neuron of small mass may still be on its way out.
    let neurons = found.directions.filter { $0.norm >= level || $0.mass > used.slight }.map {
      direction in
      OptimalSet.Neuron(
        filter: direction.filter, gate: direction.gate, outputWeights: direction.outputWeights,
        mass: direction.mass, correlation: direction.norm / lambda)
    }
    if let j = neurons.firstIndex(where: { $0.mass > 0 && $0.correlation < 1 - tolerance }) {
      throw CertificateError(
        place: "optimal set, neuron \(j)",
        expected: "a correlation of at least \(1 - tolerance) lambda",
        found: "\(neurons[j].correlation) lambda",
        advice:
          "The network is not accurate enough. Train it to a smaller --gap, or raise the tolerance."
      )
    }
    if let j = neurons.indices.max(by: { neurons[$0].correlation < neurons[$1].correlation }),
      neurons[j].correlation > 1 + tolerance
    {
      throw CertificateError(
        place: "optimal set, neuron \(j)", expected: "no correlation above \(1 + tolerance) lambda",
        found: "\(neurons[j].correlation) lambda, at a filter "
          + (neurons[j].mass > 0 ? "of the network" : "that the network does not use"),
        advice: "The network is not optimal. Train it to a smaller --gap, or raise the tolerance.")
    }
    let outputs = view.outputs(of: neurons, like: network)
    return try OptimalSet(
      neurons: neurons, coverage: found.coverage, flatCount: found.flatCount, outputs: outputs,
      network: network, loss: loss, tolerance: tolerance, rankTolerance: rankTolerance,
      threads: threads)
  }
}

/// A unit filter with unit output weights.
struct NeuronDirection {
  let filter: [Double]
  let gate: [Double]?
  let outputWeights: Matrix
  var mass: Double
  var norm: Double
}

/// The neurons of a network by direction; those that point the same way are one.
struct MassedNeurons {
  /// Chord of filters, and of output weights, up to which neurons are the same.
  static let sameChord = 1e-6

  /// Neurons of a larger mass than this count, though their correlation may be small.
  var slight: Double { 1e-5 * directions.reduce(0) { $0 + $1.mass } }
  /// Directions with their masses; norms are not known.
  private(set) var directions: [NeuronDirection] = []

  init(_ network: Network) {
    let (a, c, h) = (network.windowCount, network.outputCount, network.filters.columns)
    for j in 0..<network.neuronCount {
      var u = Array(network.filters.row(j))
      var w = Array(network.outputWeights.elements[j * a * c..<(j + 1) * a * c])
      // Neurons that are linear on their patterns are the same with both signs turned.
      if network.activation != .relu, let peak = u.max(by: { abs($0) < abs($1) }), peak < 0 {
        (u, w) = (u.map { -$0 }, w.map { -$0 })
      }
      let (inner, outer) = (BLAS.norm(u), BLAS.norm(w))
      let mass = inner * outer
      guard mass > 0 else { continue }
      var unit = u.map { $0 / inner }
      var weights = w.map { $0 / outer }
      let gate = network.gates.map { Array($0.row(j)) }
      func isSame(_ other: NeuronDirection) -> Bool {
        other.gate == gate && Self.chord(other.filter, unit) <= Self.sameChord
          && Self.chord(other.outputWeights.elements, weights) <= Self.sameChord
      }
      var same = directions.firstIndex(where: isSame)
      if same == nil, network.activation != .relu {
        // Where two entries are equally large, rounding decided which one made the sign.
        (unit, weights) = (unit.map { -$0 }, weights.map { -$0 })
        same = directions.firstIndex(where: isSame)
        if same == nil { (unit, weights) = (unit.map { -$0 }, weights.map { -$0 }) }
      }
      guard let same else {
        directions.append(
          NeuronDirection(
            filter: unit, gate: gate,
            outputWeights: Matrix(rows: a, columns: c, elements: weights), mass: mass, norm: .nan))
        continue
      }
      // The mean by mass keeps the predictions of neurons of one cell to second order of the chord.
      let old = directions[same]
      directions[same] = NeuronDirection(
        filter: Self.mean(old.filter, old.mass, unit, mass), gate: gate,
        outputWeights: Matrix(
          rows: a, columns: c,
          elements: Self.mean(old.outputWeights.elements, old.mass, weights, mass)),
        mass: old.mass + mass, norm: .nan)
    }
    precondition(directions.allSatisfy { $0.filter.count == h }, "MassedNeurons: filters differ")
  }

  static func chord(_ x: [Double], _ y: [Double]) -> Double {
    zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  }

  private static func mean(_ x: [Double], _ p: Double, _ y: [Double], _ q: Double) -> [Double] {
    let sum = zip(x, y).map { p * $0 + q * $1 }
    let length = BLAS.norm(sum)
    return sum.map { $0 / length }
  }
}

/// The directions that optimal networks may use, and what is known about the list.
struct FoundDirections {
  var directions: [NeuronDirection]
  var coverage: OptimalSet.Coverage
  var flatCount: Int
}

extension ProblemView {
  /// Directions found closer than this to one of the network are that one.
  private static let matchChord = 1e-4

  /// Directions over all cells, for ReLU.
  func searchedDirections(
    _ dual: Matrix, level: Double, tolerance: Double, _ used: MassedNeurons, _ effort: BoundEffort
  ) throws -> FoundDirections {
    let correlation = SearchedDualNorm.correlation(patches, windows: windows, dual: dual)
    let h = patches.patchDimension
    let size = dual.columns
    var directions = used.directions.map { direction in
      var result = direction
      result.norm = correlation.norm(at: direction.filter)
      return result
    }
    let isOptimal = directions.allSatisfy { $0.norm >= level || $0.mass <= used.slight }
    guard isOptimal, h <= ConeSearch.largestDimension else {
      return FoundDirections(directions: directions, coverage: .incomplete, flatCount: 0)
    }
    // Around a maximum without kinks correlations of the level reach as far as sqrt(2 tolerance).
    let radius = max(1e-6, 4 * (2 * tolerance).squareRoot())
    let found = NearMaximalFilters(
      correlation,
      NearMaximalRequest(
        level: level, radius: radius,
        starts: Matrix(
          rows: directions.count, columns: h, elements: directions.flatMap(\.filter)),
        ceiling: (1 + tolerance) / (1 - tolerance) * level,
        nodeLimit: effort.nodeLimit, seconds: effort.seconds, threads: patches.threads,
        isInterrupted: effort.isInterrupted))
    for j in 0..<found.filters.rows {
      let filter = Array(found.filters.row(j))
      let isKnown = directions.contains {
        MassedNeurons.chord($0.filter, filter) <= Self.matchChord
      }
      guard !isKnown else { continue }
      let value = correlation.value(at: filter)
      let norm = BLAS.norm(value)
      directions.append(
        NeuronDirection(
          filter: filter, gate: nil,
          outputWeights: Matrix(
            rows: value.count / size, columns: size, elements: value.map { $0 / norm }),
          mass: 0, norm: norm))
    }
    return FoundDirections(
      directions: directions,
      coverage: found.isComplete ? .allCells(radius: radius + Self.matchChord) : .incomplete,
      flatCount: found.isIsolated.filter { !$0 }.count)
  }

  /// Directions of gated networks, by their gates' patterns, and of linear ones.
  func maskedDirections(
    _ dual: Matrix, level: Double, gates: Matrix?, _ used: MassedNeurons
  ) throws -> FoundDirections {
    guard case .linear(let weights) = windows else {
      return FoundDirections(directions: [], coverage: .incomplete, flatCount: 0)
    }
    let patterns = gates.map { allPatches.patterns(of: $0) }
    var seen: Set<[UInt64]> = []
    let blocks = (patterns?.indices).map { indices in
      indices.filter { seen.insert(patterns?[$0] ?? []).inserted }
    }
    let usedPatterns = used.directions.map { direction in
      direction.gate.map { allPatches.patterns(of: Matrix([$0]))[0] }
    }
    var result = FoundDirections(
      directions: [], coverage: blocks.map { .givenCells($0.count) } ?? .allFilters, flatCount: 0)
    for block in blocks.map({ $0.map { Optional($0) } }) ?? [nil] {
      let mask = block.flatMap { patterns?[$0] }
      let map = MaskedDualNorm.correlation(patches, weights: weights, mask: mask, dual: dual)
      let svd = try LAPACK.singularValues(map)
      let multiplicity = svd.values.filter { $0 >= level }.count
      let own = used.directions.indices.filter { usedPatterns[$0] == mask }
      for j in own {
        var direction = used.directions[j]
        direction.norm = Self.norm(map, direction.filter)
        result.directions.append(direction)
      }
      if multiplicity > 1 { result.flatCount += 1 }
      guard multiplicity == 1 else { continue }
      let filter = Array(svd.vt.row(0))
      let isKnown = own.contains {
        // A block's neuron may be written with both signs turned.
        let chord = MassedNeurons.chord(used.directions[$0].filter, filter)
        let opposite = MassedNeurons.chord(used.directions[$0].filter, filter.map { -$0 })
        return min(chord, opposite) <= Self.matchChord
      }
      guard !isKnown else { continue }
      result.directions.append(
        NeuronDirection(
          filter: filter, gate: block.flatMap { k in gates.map { Array($0.row(k)) } },
          outputWeights: Self.weights(svd.u, windows: weights.rows, outputs: dual.columns),
          mass: 0, norm: svd.values[0]))
    }
    return result
  }

  /// The first left vector of a map with rows `(j, q)` as output weights `[a, c]`.
  private static func weights(_ u: Matrix, windows a: Int, outputs c: Int) -> Matrix {
    var result = Matrix(rows: a, columns: c)
    for q in 0..<a { for j in 0..<c { result[q, j] = u[j * a + q, 0] } }
    return result
  }

  private static func norm(_ map: Matrix, _ u: [Double]) -> Double {
    BLAS.norm(
      BLAS.product(map, .plain, Matrix(rows: u.count, columns: 1, elements: u)).elements)
  }

  /// Outputs of neurons of unit mass, `[n c, m]`.
  func outputs(of neurons: [OptimalSet.Neuron], like network: Network) -> Matrix {
    let h = network.geometry.patchDimension
    let gates = neurons.compactMap(\.gate)
    return CertifiedPredictions(
      patches: allPatches, windows: windows, activation: network.activation,
      filters: Matrix(rows: neurons.count, columns: h, elements: neurons.flatMap(\.filter)),
      masks: gates.isEmpty
        ? nil
        : allPatches.patterns(
          of: Matrix(rows: gates.count, columns: h, elements: gates.flatMap { $0 })),
      outputWeights: Matrix(
        rows: neurons.count * windows.count, columns: network.outputCount,
        elements: neurons.flatMap(\.outputWeights.elements))
    ).neuronOutputs()
  }
}
