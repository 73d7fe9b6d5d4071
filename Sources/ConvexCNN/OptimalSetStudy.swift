public import Certificates
import ConvexPrograms
import Tensors

/// What `ccnn optimal-set` reports.
///
/// Every number is finite or null; every key is always present.
public struct OptimalSetStudy: Sendable, Equatable, Codable {
  /// One direction of neurons.
  public struct Direction: Sendable, Equatable, Codable {
    /// `|u| |W|_F` in the network given.
    public var mass: Finite
    /// Least mass over all optima.
    public var lowest: Finite
    /// Largest mass over all optima.
    public var highest: Finite
    /// Dual correlation over lambda.
    public var correlation: Finite
  }

  /// How far predictions of optimal networks differ on held-out samples.
  public struct Luck: Sendable, Equatable, Codable {
    /// Number of samples.
    public var sampleCount: Int
    /// Largest range of a prediction over all optima.
    public var widestRange: Finite
    /// Mean range of a prediction.
    public var meanRange: Finite
    /// Samples for which optima name different classes; for targets that are no classes, whose sign differs.
    public var ambiguousCount: Int
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Objective of the network given.
  public var objective: Finite
  /// Proven lower bound of the optimum.
  public var lowerBound: Finite
  /// Relative gap that is proven for the network given.
  public var relativeGap: Finite
  /// Regularization strength.
  public var lambda: Finite
  /// `sum_j |u_j| |W_j|_F` of every optimum.
  public var totalMass: Finite
  /// Neurons of the network given.
  public var neuronCount: Int
  /// Directions of largest correlation.
  public var directions: [Direction]
  /// Which filters were looked at: `all cells`, `all filters`, `the N cells given`, or `incomplete`.
  public var scope: String
  /// Faces or blocks with arcs of directions, of which only those of the network are listed.
  public var flatCount: Int
  /// Dimension of the set.
  public var dimension: Int
  /// Whether the optimum is unique up to the order of neurons and splitting; null where that is not decided.
  public var isUnique: Bool?
  /// Numerical rank of the outputs of the directions.
  public var rank: Int
  /// Smallest singular value counted, over the largest.
  public var smallestKept: Finite
  /// Largest singular value not counted, over the largest; null where all count.
  public var largestDropped: Finite
  /// Correlations from 1 minus this on count as largest.
  public var tolerance: Double
  /// Singular values below this share of the largest count as zero.
  public var rankTolerance: Double
  /// Neurons of the optimum of least norm.
  public var leastNormCount: Int
  /// Neurons of the smallest optimum found.
  public var smallestCount: Int
  /// Whether no optimum over these directions has fewer.
  public var isSmallest: Bool
  /// Optima that are no mixture of others; null where they were not asked for.
  public var vertexCount: Int?
  /// Whether the vertices are all; null where they were not asked for.
  public var hasAllVertices: Bool?
  /// Predictions on held-out samples; null without any.
  public var luck: Luck?
  /// The result in one sentence.
  public var claim: String
  /// Wall-clock seconds.
  public var seconds: Finite
  /// Parts of the work.
  public var phases: [TrainingResult.Phase]
  /// The model flags.
  public var model: TrainingConfiguration
}

extension Model {
  /// The set of all optimal networks of a problem, from a trained one.
  ///
  /// - Parameters:
  ///   - data: Training samples in the units of the data, and held-out ones to predict.
  ///   - tolerance: Relative distance from `lambda` within which correlations count as largest.
  ///   - rankTolerance: Share of the largest singular value below which others count as zero.
  ///   - vertexLimit: Most bases looked at for the vertices; nil to leave these out.
  ///   - effort: How hard the certifier and the search over all cells may work.
  ///   - threads: Threads to use.
  /// - Returns: The set, members of it as models, and what to report.
  /// - Throws: `InputError` when data and model do not go together, `CertificateError` when the model is not accurate
  ///   enough, `LAPACK.Failure` when a factorization fails.
  public func optimalSet(
    on data: Dataset, tolerance: Double = 1e-6, rankTolerance: Double = 1e-6,
    vertexLimit: Int? = nil, effort: BoundEffort = BoundEffort(), threads: Int = 1
  ) throws -> (set: OptimalSet, members: [(name: String, model: Model)], study: OptimalSetStudy) {
    try requireAllDirections()
    try data.test.map { try samples.check($0) }
    var phases = PhaseClock()
    let (task, _) = try phases.time("prepare") {
      try prepared(data, lambda: nil, backend: .im2col, threads: threads)
    }
    let certifier = Certifier(
      images: task.images, loss: task.loss, lambda: lambda, threads: threads)
    let certificate = try phases.time("certify") {
      try certifier.certify(
        network, gates: gates, targetGap: configuration.gap, effort: effort)
    }
    let set = try phases.time("directions") {
      try certifier.optimalSet(
        of: network, gates: gates, tolerance: tolerance, rankTolerance: rankTolerance,
        effort: effort)
    }
    let (leastNorm, smallest) = try phases.time("members") {
      (try set.leastNormMasses(), try set.sparsestMasses())
    }
    let vertices = try phases.time("vertices") {
      try vertexLimit.map { try set.vertices(limit: $0) }
    }
    let luck = try phases.time("predictions") {
      try data.test.map {
        OptimalSetStudy.Luck(
          try set.predictionRange(on: standardization.applied(to: $0.images)))
      }
    }
    var members = [
      ("least-norm", try optimal(set, masses: leastNorm)),
      ("smallest", try optimal(set, masses: smallest.masses)),
    ]
    for (index, masses) in (vertices?.masses ?? []).enumerated() {
      members.append(("vertex-\(index + 1)", try optimal(set, masses: masses)))
    }
    let study = OptimalSetStudy(
      set, of: self, certificate, leastNorm: leastNorm, smallest: smallest, vertices: vertices,
      luck: luck, phases: phases)
    return (set, members, study)
  }

  /// An optimal network as a model, without a claim: what was proven of this one is not of it to the last digit.
  ///
  /// - Parameters:
  ///   - set: The optima of this model's problem.
  ///   - masses: A point of it.
  /// - Returns: The model.
  /// - Throws: `ProgramError` when set and model do not go together.
  public func optimal(_ set: OptimalSet, masses: [Double]) throws -> Model {
    replacing(network: try set.network(masses: masses))
  }

  /// The model with another network, without the claim.
  func replacing(network: Network) -> Model {
    Model(
      configuration: configuration, samples: samples, standardization: standardization,
      lossName: lossName, lambda: lambda, network: network, gates: gates, certificate: [:])
  }

  func requireAllDirections() throws {
    guard let rank = configuration.filterRank else { return }
    throw InputError(
      .usage, "--model", expected: "a model without --filter-rank", found: "rank \(rank)",
      advice: "Train the network without the restriction.")
  }
}

extension OptimalSetStudy.Luck {
  init(_ range: OptimalSet.PredictionRange) {
    let widths = zip(range.lowest.elements, range.highest.elements).map { $1 - $0 }
    self.init(
      sampleCount: range.isAmbiguous.count, widestRange: Finite(range.widest),
      meanRange: Finite(widths.isEmpty ? nil : widths.reduce(0, +) / Double(widths.count)),
      ambiguousCount: range.isAmbiguous.filter { $0 }.count)
  }
}

extension OptimalSetStudy {
  init(
    _ set: OptimalSet, of model: Model, _ certificate: Certificate, leastNorm: [Double],
    smallest: (masses: [Double], isSmallest: Bool),
    vertices: (masses: [[Double]], isComplete: Bool)?, luck: Luck?, phases: PhaseClock
  ) {
    func count(_ masses: [Double]) -> Int { masses.filter { $0 > set.negligible }.count }
    let largest = set.spectrum.first ?? 0
    self.init(
      objective: Finite(certificate.objective), lowerBound: Finite(certificate.lowerBound),
      relativeGap: Finite(certificate.relativeGap), lambda: Finite(model.lambda),
      totalMass: Finite(set.totalMass), neuronCount: model.network.neuronCount,
      directions: zip(set.neurons, set.ranges).map { neuron, range in
        Direction(
          mass: Finite(neuron.mass), lowest: Finite(range.lowerBound),
          highest: Finite(range.upperBound), correlation: Finite(neuron.correlation))
      },
      scope: set.coverage.scope, flatCount: set.flatCount, dimension: set.dimension,
      isUnique: set.isUnique, rank: set.rank,
      smallestKept: Finite(set.rank > 0 ? set.spectrum[set.rank - 1] / largest : nil),
      largestDropped: Finite(
        set.rank < set.spectrum.count ? set.spectrum[set.rank] / largest : nil),
      tolerance: set.tolerance, rankTolerance: set.rankTolerance,
      leastNormCount: count(leastNorm), smallestCount: count(smallest.masses),
      isSmallest: smallest.isSmallest, vertexCount: vertices?.masses.count,
      hasAllVertices: vertices?.isComplete, luck: luck, claim: "",
      seconds: Finite(phases.total), phases: phases.phases, model: model.configuration)
    claim = sentence(set)
  }

  private func sentence(_ set: OptimalSet) -> String {
    let gap = relativeGap.value.map { "\(Float($0))" } ?? "no"
    let start =
      "From a network within a proven relative gap of \(gap), to a tolerance of \(tolerance): "
    let scope =
      switch set.coverage {
      case .allCells: "over all cells"
      case .allFilters: "over all filters"
      case .givenCells(let count): "over the \(count) cells given"
      case .incomplete: "over the directions found (the search over all cells did not end)"
      }
    switch isUnique {
    case true?: return start + "the optimal network is unique \(scope), up to the order of neurons."
    case false?:
      let atLeast = flatCount > 0 || set.coverage == .incomplete ? "at least " : ""
      return start + "the optimal networks form a polytope of dimension \(atLeast)\(dimension) "
        + "\(scope)."
    case nil: return start + "whether the optimal network is unique is not decided \(scope)."
    }
  }
}

extension OptimalSet.Coverage {
  /// `all cells`, `all filters`, `the N cells given` or `incomplete`.
  var scope: String {
    switch self {
    case .allCells: "all cells"
    case .allFilters: "all filters"
    case .givenCells(let count): "the \(count) cells given"
    case .incomplete: "incomplete"
    }
  }
}
