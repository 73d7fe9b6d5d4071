public import ConvexPrograms
import Convolutions
import Tensors

extension CanonicalForm {
  /// How the norms of a neuron's filter and output weights are made equal.
  public enum Balance: String, Sendable, CaseIterable {
    /// Euclidean norms, as at the optimum of weight decay.
    case euclidean
    /// Largest absolute entries, as in the space where inverse stability holds.
    case maximum
  }

  /// A network made of a normal form.
  public struct Export: Sendable {
    /// The network: the neurons of the form, then those that make up the linear part.
    public let network: Network
    /// Number of neurons that make up the linear part.
    public let linearNeuronCount: Int
    /// What was done.
    public let steps: [CanonicalizationStep]
    /// Number `e` as in `CanonicalForm.errorBound`, of the export alone.
    public let errorBound: Double
  }

  /// The form as a network of neurons only.
  ///
  /// The linear part `L = sum_r s_r l_r v_r'` becomes the opposite pairs `s_r l_r (relu(v_r . x) - relu(-v_r . x))`, in a
  /// linear network the neurons `s_r l_r (v_r . x)`: as few as its rank, and of the least weight decay among such pairs,
  /// `2 sum_r s_r`. The pairs leave the space without opposite directions; and while merging and balancing never increase
  /// weight decay, they may.
  ///
  /// - Parameter balance: Which norms of a neuron are made equal.
  /// - Returns: The network and what was done.
  /// - Throws: `LAPACK.Failure` when a factorization fails.
  public func exported(balance: Balance = .euclidean) throws -> Export {
    let scale = (0..<neuronCount).reduce(linear.largestWeight) {
      max($0, BLAS.norm(Array(coefficients.row($1))))
    }
    let terms = try linear.terms(least: UnitNeurons.negligible * scale)
    var filters = directions.elements
    var outputs = coefficients.elements
    for (filter, own) in zip(terms.filters, terms.coefficients) {
      filters += filter
      outputs += own
      guard activation == .relu else { continue }
      filters += filter.map { 0 - $0 }
      outputs += own.map { 0 - $0 }
    }
    let linearCount = terms.filters.count * (activation == .relu ? 2 : 1)
    let network = try Network(
      geometry: geometry, pooling: pooling, activation: activation,
      filters: Matrix(
        rows: neuronCount + linearCount, columns: geometry.patchDimension, elements: filters),
      outputWeights: Matrix(
        rows: outputs.count / outputCount, columns: outputCount, elements: outputs),
      outputBias: outputBias)
    var steps: [CanonicalizationStep] = []
    if linearCount > 0 || terms.rest > 0 {
      steps.append(
        .init(
          .export, count: linearCount,
          text: activation == .relu
            ? "neurons in opposite pairs make up the linear part"
            : "neurons make up the linear part", error: terms.rest))
    }
    let balanced: Network
    switch balance {
    case .euclidean: balanced = network.balanced()
    case .maximum: balanced = network.balancedByLargestEntry()
    }
    steps.append(
      .init(
        .balance, count: balanced.neuronCount,
        text: balance == .euclidean
          ? "Euclidean norms of filter and output weights are equal"
          : "largest entries of filter and output weights are equal"))
    return Export(
      network: balanced, linearNeuronCount: linearCount, steps: steps, errorBound: terms.rest)
  }
}

extension LinearPart {
  /// Largest absolute weight.
  var largestWeight: Double { weights.elements.reduce(0) { max($0, abs($1)) } }

  /// Sum of the singular values of the weights, half the weight decay of the pairs that make up the part.
  ///
  /// - Returns: The nuclear norm.
  /// - Throws: `LAPACK.Failure` when the factorization fails.
  public func nuclearNorm() throws -> Double {
    isZero ? 0 : try LAPACK.singularValues(weights).values.reduce(0, +)
  }
}

extension Network {
  /// The same function with `max_e |u_j[e]| = max_e |W_j[e]|` for every neuron, and neurons that do nothing removed.
  ///
  /// - Returns: The network, which is in general not balanced in Euclidean norms.
  public func balancedByLargestEntry() -> Network {
    var result = balanced()
    let (h, size) = (filters.columns, windowCount * outputCount)
    for j in 0..<result.neuronCount {
      let inner = result.filters.row(j).reduce(0) { max($0, abs($1)) }
      let outer = result.outputWeights.elements[j * size..<(j + 1) * size]
        .reduce(0) { max($0, abs($1)) }
      let factor = (outer / inner).squareRoot()
      for e in 0..<h { result.filters[j, e] *= factor }
      for e in 0..<size { result.outputWeights.elements[j * size + e] /= factor }
    }
    return result
  }
}
