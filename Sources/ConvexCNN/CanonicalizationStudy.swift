public import Certificates
import ConvexPrograms
import Tensors

/// What `ccnn canonicalize` reports.
///
/// Every number is finite or null; every key is always present.
public struct CanonicalizationResult: Sendable, Equatable, Codable {
  /// How far the form is determined by the function.
  public struct Uniqueness: Sendable, Equatable, Codable {
    /// Whether filters were turned into one half-space; false with max pooling and for the merged form.
    public var isOriented: Bool
    /// Number of cyclic shifts that do not change a neuron; 1 where there is only the identity.
    public var shiftCount: Int
    /// Rank of the map from images to pooled patches; null where it was not computed.
    public var linearRank: Int?
    /// Number of coordinates of the pooled patches.
    public var linearCoordinates: Int?
    /// Whether the weights of the linear part are determined by the function, not only their smallest choice.
    public var isLinearPartUnique: Bool?
    /// Number `beta` of inverse stability; null where coefficients are not determined, or with max pooling.
    public var beta: Finite
    /// Rank of the incidence matrix of directions and hyperplanes; null with max pooling.
    public var incidenceRank: Int?
    /// Number of its columns.
    public var incidenceColumns: Int?
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// `normal` or `merged`.
  public var form: String
  /// `euclidean` or `maximum`.
  public var balance: String
  /// Neurons of the network given.
  public var neuronsBefore: Int
  /// Neurons of the network written, those of the linear part included.
  public var neuronsAfter: Int
  /// Different directions among them, the linear part aside.
  public var directionCount: Int
  /// Neurons that make up the linear part.
  public var linearNeuronCount: Int
  /// What was done, in order.
  public var steps: [CanonicalizationStep]
  /// Number `e` with `|f(x) - f'(x)| <= e * (sum_q (sum_k P[q, k] |x_k|)^2)^(1/2)`, rounding aside.
  public var errorBound: Finite
  /// Largest change of an output on the probes by the form with its explicit linear part.
  public var formError: Finite
  /// Largest change of an output on the probes by the network written.
  public var networkError: Finite
  /// Largest absolute output on the probes.
  public var largestOutput: Finite
  /// Number of probes, images of standard normal pixels.
  public var probeCount: Int
  /// Largest distance of unit filters that counted as one direction.
  public var tolerance: Double
  /// `(1/2) sum_j |u_j|^2 + |W_j|^2` of the network given.
  public var weightDecayBefore: Finite
  /// The same after balancing alone, `sum_j |u_j| |W_j|`.
  public var weightDecayBalanced: Finite
  /// The same of the network written.
  public var weightDecayAfter: Finite
  /// Sum of the singular values of the linear part.
  public var linearNuclearNorm: Finite
  /// How far the form is determined by the function.
  public var uniqueness: Uniqueness
  /// The result in one sentence.
  public var claim: String
  /// Wall-clock seconds.
  public var seconds: Finite
  /// The model flags.
  public var model: TrainingConfiguration
}

/// How a model is brought to a normal form.
public struct CanonicalizationRequest: Sendable {
  /// What the form is.
  public enum Form: String, Sendable, CaseIterable {
    /// Directions in one half-space and a linear part, which becomes opposite pairs of neurons.
    case normal
    /// Only neurons of one direction are merged; weight decay never increases.
    case merged
  }

  /// What the form is.
  public var form: Form
  /// How the norms of a neuron's filter and output weights are made equal.
  public var balance: CanonicalForm.Balance
  /// Largest distance of unit filters that count as one direction.
  public var tolerance: Double
  /// Number of random images on which functions are compared.
  public var probeCount: Int
  /// Seed of these images.
  public var seed: UInt64

  /// A request with given values.
  public init(
    form: Form = .normal, balance: CanonicalForm.Balance = .euclidean,
    tolerance: Double = CanonicalForm.defaultTolerance, probeCount: Int = 100, seed: UInt64 = 0
  ) {
    self.form = form
    self.balance = balance
    self.tolerance = tolerance
    self.probeCount = probeCount
    self.seed = seed
  }
}

extension Model {
  /// The model in a normal form.
  ///
  /// - Parameter request: What form, and how it is checked.
  /// - Returns: The model without its certificate, and what to report about it.
  /// - Throws: `CertificateError` when the network is gated or not finite, or the tolerance is out of range;
  ///   `LAPACK.Failure` when a factorization fails.
  public func canonicalized(
    _ request: CanonicalizationRequest
  ) throws -> (model: Model, result: CanonicalizationResult) {
    var phases = PhaseClock()
    let (made, form) = try phases.time("canonicalize") {
      let form = try CanonicalForm(network, tolerance: request.tolerance)
      let made = try request.form == .normal ? normal(form, request) : merged(request)
      return (made, form)
    }
    let errors = try phases.time("check") {
      try changes(to: made.network, form, request)
    }
    let incidence =
      form.pooling.kind == .max || request.form == .merged
      ? nil : try phases.time("uniqueness") { try form.incidence() }
    var result = CanonicalizationResult(
      form: request.form.rawValue, balance: request.balance.rawValue,
      neuronsBefore: network.neuronCount, neuronsAfter: made.network.neuronCount,
      directionCount: made.network.neuronCount - made.linearNeuronCount,
      linearNeuronCount: made.linearNeuronCount, steps: made.steps,
      errorBound: Finite(made.errorBound), formError: Finite(errors.form),
      networkError: Finite(errors.network), largestOutput: Finite(errors.largest),
      probeCount: request.probeCount, tolerance: request.tolerance,
      weightDecayBefore: Finite(network.weightDecay),
      weightDecayBalanced: Finite(network.regularization),
      weightDecayAfter: Finite(made.network.weightDecay),
      linearNuclearNorm: Finite(request.form == .normal ? try form.linear.nuclearNorm() : 0),
      uniqueness: .init(
        isOriented: request.form == .normal && form.isOriented, shiftCount: form.shiftCount,
        linearRank: form.identifiability?.rank,
        linearCoordinates: form.identifiability?.coordinateCount,
        isLinearPartUnique: form.identifiability?.isUnique, beta: Finite(incidence?.beta),
        incidenceRank: incidence?.rank, incidenceColumns: incidence?.columnCount),
      claim: "", seconds: Finite(phases.total), model: configuration)
    result.claim = result.sentence
    return (replacing(network: made.network), result)
  }

  private func normal(
    _ form: CanonicalForm, _ request: CanonicalizationRequest
  ) throws -> MadeNetwork {
    let export = try form.exported(balance: request.balance)
    return MadeNetwork(
      network: export.network, linearNeuronCount: export.linearNeuronCount,
      steps: form.steps + export.steps, errorBound: form.errorBound + export.errorBound)
  }

  private func merged(_ request: CanonicalizationRequest) throws -> MadeNetwork {
    let merge = try network.mergingDirections(tolerance: request.tolerance)
    let isEuclidean = request.balance == .euclidean
    return MadeNetwork(
      network: isEuclidean ? merge.network : merge.network.balancedByLargestEntry(),
      linearNeuronCount: 0, steps: merge.steps, errorBound: merge.errorBound)
  }

  /// Largest changes of outputs on random images: of the form, and of the network made of it.
  private func changes(
    to made: Network, _ form: CanonicalForm, _ request: CanonicalizationRequest
  ) throws -> (form: Double, network: Double, largest: Double) {
    let g = network.geometry
    let shape = [request.probeCount, g.channels, g.imageHeight, g.imageWidth]
    var generator = SeededGenerator(seed: request.seed)
    let probes = Tensor(
      shape: shape, elements: (0..<shape.reduce(1, *)).map { _ in generator.normal() })
    let targets = Matrix(rows: request.probeCount, columns: network.outputCount)
    let problem = try TrainingProblem(
      images: probes, geometry: g, pooling: network.pooling, activation: network.activation,
      loss: SquaredLoss(targets: targets), lambda: lambda)
    let before = problem.predictions(of: network)
    func change(_ after: Matrix) -> Double {
      zip(before.elements, after.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }
    let after = problem.predictions(of: made)
    let explicit = request.form == .normal ? try form.predictions(of: probes) : after
    return (
      change(explicit), change(after), before.elements.reduce(0) { max($0, abs($1)) }
    )
  }
}

/// A network made of another one.
private struct MadeNetwork {
  let network: Network
  let linearNeuronCount: Int
  let steps: [CanonicalizationStep]
  let errorBound: Double
}

extension CanonicalizationResult {
  fileprivate var sentence: String {
    let neurons = neuronsAfter == 1 ? "1 neuron" : "\(neuronsAfter) neurons"
    let parts =
      linearNeuronCount > 0
      ? "\(neurons), \(linearNeuronCount) of them the linear part" : neurons
    let change = "\(Float(networkError.value ?? 0))"
    let isRounding = (errorBound.value ?? 0) <= 1e-13 * (weightDecayBalanced.value ?? 0)
    let bound =
      !isRounding
      ? "merging moved it by at most \(Float(errorBound.value ?? 0)) for inputs of size 1"
      : "only rounding moved it"
    return "\(parts): the same function on all images, \(bound); on \(probeCount) random images "
      + "by at most \(change)."
  }
}
