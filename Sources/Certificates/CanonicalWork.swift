import ConvexPrograms
import Convolutions
import Tensors

/// A network on its way to the normal form.
struct CanonicalWork {
  let network: Network
  let units: UnitNeurons
  let orbit: FilterOrbit?
  private let tolerance: Double
  private(set) var directions: [[Double]] = []
  private(set) var coefficients: [[Double]] = []
  private(set) var linear: LinearPart
  private(set) var outputBias: [Double]?
  private(set) var steps: [CanonicalizationStep]
  private(set) var errorBound: Double
  /// Filters of the neurons that are still neurons, on their way to representatives.
  private var filters: [[Double]] = []
  /// For each of them its number in `units`.
  private var neurons: [Int] = []

  init(_ network: Network, units: UnitNeurons, tolerance: Double) {
    self.network = network
    self.units = units
    self.tolerance = tolerance
    orbit = network.activation == .relu ? FilterOrbit(network.geometry, network.pooling) : nil
    let outputs = network.outputCount
    linear = LinearPart(
      windows: (try? network.pooling.map(for: network.geometry).outputCount) ?? 1,
      outputs: outputs, patchDimension: network.geometry.patchDimension)
    outputBias = network.outputBias
    steps = units.steps
    errorBound = units.errorBound
  }

  private var isMaximum: Bool { network.pooling.kind == .max }

  /// Makes constants and linear neurons part of the linear part, and brings filters to their representatives.
  mutating func orient() {
    var (constants, flips, shifts) = (0, 0, 0)
    if isMaximum {
      steps.append(
        .init(
          .refused, count: 0,
          text: "filters do not turn around: the largest response of a window is not linear in "
            + "the responses"))
    }
    for j in 0..<units.directions.rows {
      let unit = Array(units.directions.row(j))
      let own = Array(units.coefficients.row(j))
      if network.activation == .linear {
        linear.add(own, unit)
        continue
      }
      if !isMaximum, let taps = constantTaps(unit) {
        constants += 1
        errorBound += units.masses[j] * taps
        if let response = unit.last, response > 0 { linear.add(own, constantFilter(response)) }
        continue
      }
      var filter = unit
      if let orbit {
        let (moved, shift) = orbit.representative(unit, evenInSign: !isMaximum)
        if shift != 0 { shifts += 1 }
        filter = moved
      }
      if !isMaximum, isTurned(unit, to: filter) {
        flips += 1
        linear.add(own, unit)
        if orbit == nil { filter = unit.map { 0 - $0 } }
      }
      filters.append(filter)
      neurons.append(j)
    }
    if network.activation == .linear, units.directions.rows > 0 {
      steps.append(
        .init(.flip, count: units.directions.rows, text: "linear neurons to the linear part"))
    }
    append(.constant, constants, "filters of a constant response")
    append(.flip, flips, "filters turned into the half-space, the difference is linear")
    append(.shift, shifts, "cyclic shifts to the orbit representative")
  }

  private mutating func append(_ kind: CanonicalizationStep.Kind, _ count: Int, _ text: String) {
    if count > 0 { steps.append(.init(kind, count: count, text: text)) }
  }

  /// Norm of the taps of a filter that sees hardly more than the constant 1; nil for other filters.
  private func constantTaps(_ unit: [Double]) -> Double? {
    guard network.geometry.hasBias else { return nil }
    let taps = BLAS.norm(Array(unit.dropLast()))
    return taps <= tolerance ? taps : nil
  }

  private func constantFilter(_ response: Double) -> [Double] {
    [Double](repeating: 0, count: network.geometry.patchDimension - 1) + [response]
  }

  /// Whether the representative of a filter is one of its opposite and not of the filter itself.
  private func isTurned(_ unit: [Double], to filter: [Double]) -> Bool {
    guard let orbit else { return Self.isNegative(unit) }
    return !orbit.members(of: unit).contains { $0.filter == filter }
  }

  /// Whether the first entry that is not nearly zero is negative.
  static func isNegative(_ unit: [Double]) -> Bool {
    for x in unit where abs(x) > FilterOrbit.comparisonTolerance { return x < 0 }
    return false
  }

  /// Merges neurons of one line, and brings the line's direction into the half-space.
  mutating func merge() {
    let h = network.geometry.patchDimension
    let rows = Matrix(rows: filters.count, columns: h, elements: filters.flatMap { $0 })
    let masses = neurons.map { units.masses[$0] }
    var groups = DirectionClusters(
      rows, masses: masses, tolerance: tolerance, evenInSign: !isMaximum
    ).clusters
    var turned = 0
    for g in groups.indices {
      if !isMaximum, Self.isNegative(groups[g].direction) {
        groups[g].direction = groups[g].direction.map { 0 - $0 }
        for position in groups[g].members.indices { groups[g].members[position].side *= -1 }
      }
      for position in groups[g].members.indices {
        let member = groups[g].members[position]
        if member.side < 0 {
          // Filters on two sides of the border of the half-space, or of one line whose middle lies beyond it.
          turned += 1
          linear.add(Array(units.coefficients.row(neurons[member.neuron])), filters[member.neuron])
        }
        groups[g].members[position].neuron = neurons[member.neuron]
      }
    }
    append(.flip, turned, "filters turned to the direction of their line")
    var merged = MergedNeurons(groups, units)
    errorBound += merged.errorBound
    steps += merged.steps(tolerance: tolerance)
    merged.sort()
    (directions, coefficients) = (merged.directions, merged.coefficients)
  }

  /// Moves the constant to the output bias and takes the smallest weights of the same linear function.
  mutating func settleLinearPart() throws -> LinearPart.Identifiability? {
    guard !isMaximum else { return nil }
    if network.geometry.hasBias, var bias = outputBias {
      let map = try network.pooling.map(for: network.geometry)
      var totals = [Double](repeating: 0, count: map.outputCount)
      for (k, q) in map.windows.enumerated() { totals[q] += map.weights[k] }
      let (last, c) = (linear.weights.columns - 1, bias.count)
      for row in 0..<linear.weights.rows {
        bias[row % c] += totals[row / c] * linear.weights[row, last]
        linear.weights[row, last] = 0
      }
      outputBias = bias
    }
    let before = linear
    let result = try linear.project(network.geometry, network.pooling)
    if let result, !result.isUnique, before != linear {
      steps.append(
        .init(
          .project, count: 0,
          text: "smallest linear part of the same function: \(result.rank) of "
            + "\(result.coordinateCount) coordinates are independent"))
    }
    return result
  }
}
