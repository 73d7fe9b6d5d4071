public import ConvexPrograms
import Convolutions
public import Tensors

/// A neuron that lowers the objective of a network, and by how much.
///
/// Let `u` be a unit filter with `D = |Phi(u)' G|_F > lambda`, and `W = -Phi(u)' G / D`. The neuron
/// `(sqrt(t) u, sqrt(t) W)` adds `t Phi(u) W` to the predictions and `lambda t` to the penalty, so the objective changes by
///
///     L(F + t Phi(u) W) - L(F) + lambda t,        of slope lambda - D < 0 at t = 0
///
/// For the squared loss that is a parabola: the best `t = (D - lambda) / m` with `m = (1/n) |Phi(u) W|_F^2` lowers it by
/// exactly `(D - lambda)^2 / (2 m)`. For other losses `t` is found by bisection of the slope, which increases.
///
/// - Source: The step of Frank and Wolfe in the convex program. `EscapeNeuronTests` compares prediction and outcome.
public struct EscapeNeuron: Sendable {
  /// Unit filter `u`, of length `h`.
  public let filter: [Double]
  /// Unit output weights `W`, `[a, c]`.
  public let outputWeights: Matrix
  /// `|Phi(u)' G|_F`, above lambda.
  public let dualNorm: Double
  /// The mass `t` of the neuron, `|u_j| |W_j|` once inserted.
  public let mass: Double
  /// By how much the objective falls; positive.
  public let decrease: Double
  /// The network with the neuron as its last.
  public let network: Network
}

extension Certifier {
  /// The neuron along a filter that lowers the objective of a network most.
  ///
  /// - Parameters:
  ///   - network: A ReLU network, stationary or not; its other neurons stay as they are.
  ///   - filter: Filter of length `h`, not zero, of any length.
  /// - Returns: The neuron; nil where the dual norm of the filter exceeds lambda by no more than rounding, so that no neuron
  ///   along it helps.
  /// - Throws: As `dualNorm(of:)`, and `CertificateError` when the filter is zero, not finite or of another length.
  /// - Complexity: O(`n K m h`), and O(`n c`) for each of about 60 bisections where the loss is not squared.
  /// - Accuracy: For the squared loss the objective changes by `decrease` to about `1e-14` of itself.
  public func escapeNeuron(for network: Network, along filter: [Double]) throws -> EscapeNeuron? {
    let (view, gradient) = try landscapeView(of: network)
    let h = network.geometry.patchDimension
    let length = BLAS.norm(filter)
    guard filter.count == h, length > 0, length.isFinite else {
      throw CertificateError(
        place: "escape neuron", expected: "a filter of \(h) finite entries, not all zero",
        found: "\(filter.count) entries of norm \(length)",
        advice: "Take a filter of the dual norm of this network.")
    }
    return try escapeNeuron(for: network, along: filter.map { $0 / length }, view, gradient)
  }

  /// The neuron that lowers the objective of a network, along the filter of largest dual norm that is found.
  ///
  /// - Parameters:
  ///   - network: A ReLU network, stationary or not.
  ///   - effort: Method and limits of the search for the filter.
  /// - Returns: The neuron; nil where no filter of a norm above lambda was found.
  /// - Throws: As `dualNorm(of:)`.
  public func escapeNeuron(
    for network: Network, effort: BoundEffort = BoundEffort()
  ) throws -> EscapeNeuron? {
    let norm = try dualNorm(of: network, relativeTolerance: 1e-6, effort: effort)
    guard norm.filters.rows > 0 else { return nil }
    return try escapeNeuron(for: network, along: Array(norm.filters.row(0)))
  }

  func escapeNeuron(
    for network: Network, along unit: [Double], _ view: ProblemView, _ gradient: Matrix
  ) throws -> EscapeNeuron? {
    let (responses, correlation) = landscapeResponse(unit, view, gradient)
    let norm = BLAS.norm(correlation)
    let rounding =
      Double(network.geometry.patchDimension + loss.sampleCount + 64) * 0x1p-52
      * view.massBound(gradient)
    guard norm > lambda + rounding else { return nil }
    let weights = Matrix(
      rows: view.windows.count, columns: loss.outputCount, elements: correlation.map { -$0 / norm })
    let change = BLAS.product(responses, .plain, weights)
    let predictions = view.predictions(of: network, masks: nil)
    let (mass, decrease) = bestMass(along: change, from: predictions, slope: lambda - norm)
    guard mass > 0, mass.isFinite, decrease > 0 else { return nil }
    let size = mass.squareRoot()
    return EscapeNeuron(
      filter: unit, outputWeights: weights, dualNorm: norm, mass: mass, decrease: decrease,
      network: try network.appending(
        filter: unit.map { size * $0 }, outputWeights: weights.elements.map { size * $0 }))
  }

  /// The step along a change of the predictions that lowers `L + lambda t` most, and by how much.
  private func bestMass(
    along change: Matrix, from predictions: Matrix, slope: Double
  ) -> (mass: Double, decrease: Double) {
    if loss is SquaredLoss {
      let square = BLAS.dot(change.elements, change.elements) / Double(loss.sampleCount)
      guard square > 0 else { return (0, 0) }
      return (-slope / square, slope * slope / (2 * square))
    }
    func moved(_ t: Double) -> Matrix {
      var result = predictions
      BLAS.add(t, change.elements, to: &result.elements)
      return result
    }
    func isBelow(_ t: Double) -> Bool {
      BLAS.dot(loss.gradient(at: moved(t)).elements, change.elements) + lambda < 0
    }
    var (low, high) = (0.0, 1.0)
    while isBelow(high), high < 1e300 { (low, high) = (high, 2 * high) }
    while high - low > 1e-15 * high, high > 1e-300 {
      let middle = 0.5 * (low + high)
      guard middle > low, middle < high else { break }
      if isBelow(middle) { low = middle } else { high = middle }
    }
    return (low, loss.value(at: predictions) - loss.value(at: moved(low)) - lambda * low)
  }
}

extension Network {
  /// The network with one more neuron, its last; for ungated networks.
  fileprivate func appending(filter: [Double], outputWeights added: [Double]) throws -> Network {
    try Network(
      geometry: geometry, pooling: pooling, activation: activation,
      filters: Matrix(
        rows: neuronCount + 1, columns: filter.count, elements: filters.elements + filter),
      outputWeights: Matrix(
        rows: outputWeights.rows + added.count / outputCount, columns: outputCount,
        elements: outputWeights.elements + added),
      outputBias: outputBias)
  }
}
