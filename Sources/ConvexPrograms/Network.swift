public import Convolutions
public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A two-layer convolutional network: filters, activation, pooling, output weights.
///
/// `f(x)_c = sum_j sum_q W_j[q, c] sum_k P[q, k] act(x_k . u_j) + b_c` with patches `x_k`, filters `u_j`, pooling `P`, and
/// an output bias `b` if there is one.
public struct Network: Sendable, Equatable {
  /// How images are cut into patches.
  public let geometry: PatchGeometry
  /// How responses are pooled.
  public let pooling: Pooling
  /// What neurons do with responses.
  public let activation: Activation
  /// Filters `u_j`, shape `[m, h]`; with a bias column its weight is last.
  public var filters: Matrix
  /// Gates `g_j`, shape `[m, h]`, for gated networks; nil otherwise.
  public var gates: Matrix?
  /// Output weights, shape `[m * a, c]`: row `j * a + q` belongs to neuron `j` and window `q`.
  public var outputWeights: Matrix
  /// Output bias `b` of length `c`, which no penalty counts; nil for networks without one.
  public var outputBias: [Double]?

  /// A network with given weights.
  ///
  /// - Parameters:
  ///   - geometry: Patch geometry with patch dimension `h`.
  ///   - pooling: Pooling with `a` outputs per filter.
  ///   - activation: Activation of every neuron.
  ///   - filters: `[m, h]`.
  ///   - gates: `[m, h]` for gated networks, nil otherwise.
  ///   - outputWeights: `[m * a, c]`.
  ///   - outputBias: `c` numbers; nil for a network without output bias.
  /// - Throws: `GeometryError` when the windows do not fit, `ProgramError` when the shapes do not agree.
  public init(
    geometry: PatchGeometry, pooling: Pooling, activation: Activation, filters: Matrix,
    gates: Matrix? = nil, outputWeights: Matrix, outputBias: [Double]? = nil
  ) throws {
    let windows = try pooling.map(for: geometry).outputCount
    guard filters.columns == geometry.patchDimension || filters.rows == 0 else {
      throw ProgramError(
        place: "network filters", expected: "patch dimension \(geometry.patchDimension)",
        found: "\(filters.columns) columns", advice: "Use the geometry the filters were made for.")
    }
    guard outputWeights.rows == filters.rows * windows else {
      throw ProgramError(
        place: "network output weights",
        expected: "\(filters.rows * windows) rows (\(filters.rows) neurons x \(windows) windows)",
        found: "\(outputWeights.rows) rows", advice: "Use the pooling the weights were made for.")
    }
    guard (activation == .gated) == (gates != nil), gates.map({ $0.rows == filters.rows }) ?? true
    else {
      throw ProgramError(
        place: "network gates",
        expected: activation == .gated ? "\(filters.rows) gates" : "no gates",
        found: gates.map { "\($0.rows) gates" } ?? "none",
        advice: "A gated network has one gate per filter, any other network has none.")
    }
    if let gates, gates.columns != geometry.patchDimension, gates.rows > 0 {
      throw ProgramError(
        place: "network gates", expected: "patch dimension \(geometry.patchDimension)",
        found: "\(gates.columns) columns", advice: "Use the geometry the gates were made for.")
    }
    guard outputBias.map({ $0.count == outputWeights.columns }) ?? true else {
      throw ProgramError(
        place: "network output bias", expected: "\(outputWeights.columns) numbers, one per output",
        found: "\(outputBias?.count ?? 0)", advice: "Use the bias the weights were made with.")
    }
    self.geometry = geometry
    self.pooling = pooling
    self.activation = activation
    self.filters = filters
    self.gates = gates
    self.outputWeights = outputWeights
    self.outputBias = outputBias
  }

  /// Number of neurons `m`.
  public var neuronCount: Int { filters.rows }
  /// Number of network outputs `c`.
  public var outputCount: Int { outputWeights.columns }
  /// Number of pooled outputs per filter `a`; 1 when there is no neuron to tell.
  public var windowCount: Int { neuronCount == 0 ? 1 : outputWeights.rows / neuronCount }

  /// Norm of the filter of each neuron.
  public var filterNorms: [Double] {
    Self.norms(of: filters.elements, each: filters.columns, count: neuronCount)
  }

  /// Frobenius norm of the output weights of each neuron.
  public var outputNorms: [Double] {
    Self.norms(of: outputWeights.elements, each: windowCount * outputCount, count: neuronCount)
  }

  /// Norms of vectors of `size` entries, one after the other.
  private static func norms(of elements: [Double], each size: Int, count: Int) -> [Double] {
    elements.withUnsafeBufferPointer { elements in
      (0..<count).map { j in
        elements.baseAddress.map { BLAS.norm($0 + j * size, count: size) } ?? 0
      }
    }
  }

  /// Sum of the absolute output weights of each neuron.
  public var outputSums: [Double] {
    let size = windowCount * outputCount
    return (0..<neuronCount).map { j in
      outputWeights.elements[j * size..<(j + 1) * size].reduce(0) { $0 + abs($1) }
    }
  }

  /// The regularizer of the convex programs: `sum_j |u_j| |W_j|_F`; with quadratic activation `sum_j |u_j|^2 |W_j|_1`, and
  /// with a polynomial `sum_j |W_j|_1`, where filters have norm 1.
  public var regularization: Double {
    switch activation {
    case .relu, .gated, .linear: zip(filterNorms, outputNorms).reduce(0) { $0 + $1.0 * $1.1 }
    case .quadratic: zip(filterNorms, outputSums).reduce(0) { $0 + $1.0 * $1.0 * $1.1 }
    case .polynomial: outputSums.reduce(0, +)
    }
  }

  /// `(1/2) sum_j |u_j|^2 + |W_j|_F^2`, what weight decay penalises; at least `regularization`.
  ///
  /// With quadratic activation `(1/3) sum_j 2 |u_j|^3 + |W_j|_1^3`, the separable penalty whose least value over scalings is
  /// the regularizer, and with a polynomial, where nothing can be scaled, the regularizer.
  public var weightDecay: Double {
    switch activation {
    case .relu, .gated, .linear:
      zip(filterNorms, outputNorms).reduce(0) { $0 + 0.5 * ($1.0 * $1.0 + $1.1 * $1.1) }
    case .quadratic:
      zip(filterNorms, outputSums).reduce(0) {
        $0 + (2 * $1.0 * $1.0 * $1.0 + $1.1 * $1.1 * $1.1) / 3
      }
    case .polynomial: regularization
    }
  }

  /// The same function with `|u_j| = |W_j|_F` for every neuron, and neurons that do nothing removed.
  ///
  /// With quadratic activation `|u_j| = |W_j|_1`; with a polynomial filters stay as they are. Then
  /// `weightDecay == regularization`.
  public func balanced() -> Network {
    let (inner, outer) = (filterNorms, activation.polynomial == nil ? outputNorms : outputSums)
    let kept = (0..<neuronCount).filter {
      outer[$0] > 0 && (inner[$0] > 0 || activation.polynomial?.c ?? 0 != 0)
    }
    var result = selecting(neurons: kept)
    if case .polynomial = activation { return result }
    let size = windowCount * outputCount
    for (j, old) in kept.enumerated() {
      let ratio = outer[old] / inner[old]
      let factor = activation == .quadratic ? cbrt(ratio) : ratio.squareRoot()
      let outputFactor = activation == .quadratic ? factor * factor : factor
      for e in 0..<filters.columns { result.filters[j, e] *= factor }
      for e in 0..<size { result.outputWeights.elements[j * size + e] /= outputFactor }
    }
    return result
  }

  /// The network of some of the neurons, in the order given.
  public func selecting(neurons: [Int]) -> Network {
    let a = windowCount
    var result = self
    result.filters = filters.selectingRows(neurons)
    result.gates = gates?.selectingRows(neurons)
    result.outputWeights = outputWeights.selectingRows(
      neurons.flatMap { j in (0..<a).map { j * a + $0 } })
    return result
  }
}
