public import Arrangements
public import ConvexPrograms

/// The model flags of one training run, as recorded in the model file and in the result.
///
/// Nothing that does not change the network is in it: no threads, no time limits, no paths of outputs.
public struct TrainingConfiguration: Sendable, Equatable {
  /// Name of a bundled data set, or nil for files.
  public var dataset: String?
  /// Filter height and width.
  public var filter: FilterSize
  /// Step between patches, in both directions.
  public var stride = 1
  /// `valid`, `zero` or `circular`.
  public var padding = "valid"
  /// `average`, `sum`, `max`, `none`, or one of the first three with `:RxC`.
  public var pooling = "average"
  /// Whether a penalised constant 1 is appended to every patch.
  public var bias = false
  /// Whether every output has a bias, which no penalty counts.
  public var outputBias = false
  /// What neurons do with responses.
  public var activation = Activation.relu
  /// `squared`, `logistic` or `softmax`; nil lets the labels decide.
  public var loss: String?
  /// Regularization strength.
  public var strength = Strength.ratio(0.01)
  /// Where activation patterns come from; linear networks have a single pattern.
  public var cells = CellChoice.generate
  /// How gates are chosen, those of gated networks and those that name the cells of ReLU networks over given cells.
  public var gates = SamplingMethod.centered
  /// Whether gates are drawn.
  public var samplesGates: Bool {
    if activation == .relu, case .sample = cells { return true }
    return activation == .gated
  }
  /// Number of training samples, drawn by `seed`, whose patches gates were chosen from; nil for all samples.
  ///
  /// Not a flag: it is set where the patches of all samples do not fit in memory.
  public var gateSamples: Int?
  /// Number of leading directions of the patches that filters are restricted to; nil for all.
  public var filterRank: Int?
  /// Pixel standardization.
  public var standardize = Standardization.Mode.none
  /// Solver; nil for the default of the activation and the cells.
  public var solver: SolverChoice?
  /// How Frank-Wolfe is run, if it is.
  public var frankWolfe = FrankWolfeChoice()
  /// Target relative gap.
  public var gap = 1e-3
  /// Largest number of neurons that cell generation keeps, or of cells that are enumerated.
  public var maximumCells: Int?
  /// Seed of everything random.
  public var seed: UInt64 = 0
  /// Share of the samples split off as a test set.
  public var testFraction: Double?

  /// A configuration with default flags.
  ///
  /// - Parameter filter: Filter height and width.
  public init(filter: FilterSize) { self.filter = filter }
}

extension TrainingConfiguration: Codable {
  private enum Key: String, CodingKey {
    case dataset, filter, stride, padding, pooling, bias, activation, loss, lambda, lambdaRatio
    case outputBias, cells, gates, gateSamples, filterRank, standardize, gap, maximumCells, seed,
      testFraction,
      solver, step, budget
  }

  /// Writes every flag, absent ones as null.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(dataset, forKey: .dataset)
    try container.encode(filter, forKey: .filter)
    try container.encode(stride, forKey: .stride)
    try container.encode(padding, forKey: .padding)
    try container.encode(pooling, forKey: .pooling)
    try container.encode(bias, forKey: .bias)
    try container.encode(outputBias, forKey: .outputBias)
    try container.encode(activation.rawValue, forKey: .activation)
    try container.encode(loss, forKey: .loss)
    switch strength {
    case .lambda(let lambda):
      try container.encode(lambda, forKey: .lambda)
      try container.encodeNil(forKey: .lambdaRatio)
    case .ratio(let ratio):
      try container.encodeNil(forKey: .lambda)
      try container.encode(ratio, forKey: .lambdaRatio)
    }
    try container.encode(cells, forKey: .cells)
    try container.encode(samplesGates ? gates.rawValue : nil, forKey: .gates)
    try container.encode(gateSamples, forKey: .gateSamples)
    try container.encode(filterRank, forKey: .filterRank)
    try container.encode(standardize, forKey: .standardize)
    try container.encode(gap, forKey: .gap)
    try container.encode(maximumCells, forKey: .maximumCells)
    try container.encode(seed, forKey: .seed)
    try container.encode(testFraction, forKey: .testFraction)
    try container.encode(solver?.rawValue, forKey: .solver)
    let isFrankWolfe = solver == .frankWolfe
    try container.encode(isFrankWolfe ? frankWolfe.step.rawValue : nil, forKey: .step)
    try container.encode(frankWolfe.budget, forKey: .budget)
  }

  /// Reads flags that `encode(to:)` wrote.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    filter = try container.decode(FilterSize.self, forKey: .filter)
    dataset = try container.decodeIfPresent(String.self, forKey: .dataset)
    stride = try container.decode(Int.self, forKey: .stride)
    padding = try container.decode(String.self, forKey: .padding)
    pooling = try container.decode(String.self, forKey: .pooling)
    bias = try container.decode(Bool.self, forKey: .bias)
    // Models of versions without this flag have no output bias.
    outputBias = try container.decodeIfPresent(Bool.self, forKey: .outputBias) ?? false
    let name = try container.decode(String.self, forKey: .activation)
    guard let activation = Activation(rawValue: name) else {
      throw DecodingError.dataCorruptedError(
        forKey: .activation, in: container, debugDescription: "unknown activation \(name)")
    }
    self.activation = activation
    loss = try container.decodeIfPresent(String.self, forKey: .loss)
    if let lambda = try container.decodeIfPresent(Double.self, forKey: .lambda) {
      strength = .lambda(lambda)
    } else {
      strength = .ratio(try container.decode(Double.self, forKey: .lambdaRatio))
    }
    cells = try container.decode(CellChoice.self, forKey: .cells)
    // Models of versions without this flag have centered gates.
    if let name = try container.decodeIfPresent(String.self, forKey: .gates) {
      guard let method = SamplingMethod(rawValue: name) else {
        throw DecodingError.dataCorruptedError(
          forKey: .gates, in: container, debugDescription: "unknown gates \(name)")
      }
      gates = method
    }
    gateSamples = try container.decodeIfPresent(Int.self, forKey: .gateSamples)
    filterRank = try container.decodeIfPresent(Int.self, forKey: .filterRank)
    standardize = try container.decode(Standardization.Mode.self, forKey: .standardize)
    gap = try container.decode(Double.self, forKey: .gap)
    maximumCells = try container.decodeIfPresent(Int.self, forKey: .maximumCells)
    seed = try container.decode(UInt64.self, forKey: .seed)
    testFraction = try container.decodeIfPresent(Double.self, forKey: .testFraction)
    solver = try Self.choice(container, .solver)
    frankWolfe.step = try Self.choice(container, .step) ?? .fullyCorrective
    frankWolfe.budget = try container.decodeIfPresent(Double.self, forKey: .budget)
  }

  /// One of the names of a choice; nil where models of earlier versions have none.
  private static func choice<Choice: RawRepresentable>(
    _ container: KeyedDecodingContainer<Key>, _ key: Key
  ) throws -> Choice? where Choice.RawValue == String {
    guard let name = try container.decodeIfPresent(String.self, forKey: key) else { return nil }
    guard let choice = Choice(rawValue: name) else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: container, debugDescription: "unknown \(key.rawValue) \(name)")
    }
    return choice
  }
}
