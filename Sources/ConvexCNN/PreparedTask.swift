import Certificates
import ConvexPrograms
import Convolutions
import Solvers
import Tensors

/// A training set in the units of the network, with loss and geometry: all of a problem but its strength.
struct PreparedTask {
  let images: Tensor
  let standardization: Standardization
  let loss: any Loss
  let geometry: PatchGeometry
  let pooling: Pooling
  let labels: Labels
  /// Directions that filters are restricted to; nil for all filters.
  let subspace: FilterSubspace?
  private let base: TrainingProblem

  /// Threads to use.
  var threads: Int { base.threads }

  /// Standardizes training data (with a fit, or as a model says) and checks that flags and data go together.
  init(
    _ configuration: TrainingConfiguration, _ data: LabeledDataset, _ threads: Int,
    standardization fixed: Standardization? = nil, backend: ConvolutionBackend = .im2col,
    team: RankTeam? = nil
  ) throws {
    if configuration.standardize == .patchWhiten {
      try Self.requireModerate(data.images, place: data.name)
    }
    let source = try configuration.geometry(on: Array(data.images.shape.dropFirst()))
    standardization =
      try fixed
      ?? Standardization(fitting: configuration.standardize, to: data.images, geometry: source)
    images = try standardization.applied(to: data.images)
    labels = data.labels
    try Self.requireModerate(images, place: data.name)
    if case .regression(let targets) = data.labels {
      try Self.requireModerate(
        Tensor(shape: [targets.rows, targets.columns], elements: targets.elements),
        place: "\(data.name): targets")
    }
    loss = try data.labels.loss(named: configuration.loss ?? data.labels.defaultLossName)
    geometry = try standardization.geometry(of: source)
    pooling = try Pooling(parsing: configuration.pooling)
    let problem = try TrainingProblem(
      images: images, geometry: geometry, pooling: pooling, activation: configuration.activation,
      loss: loss, lambda: 0, hasOutputBias: configuration.outputBias, backend: backend,
      threads: threads)
    subspace = try configuration.filterRank.map { try Self.subspace(rank: $0, of: problem) }
    let restricted = try subspace.map { try $0.restricted(problem) } ?? problem
    base = restricted.shared(images: subspace?.images(of: problem) ?? images, by: team)
  }

  private static func subspace(rank: Int, of problem: TrainingProblem) throws -> FilterSubspace {
    do {
      return try FilterSubspace(rank: rank, of: problem)
    } catch let error as ProgramError {
      throw InputError(
        .usage, "--filter-rank", expected: error.expected, found: error.found, advice: error.advice)
    }
  }

  /// Refuses numbers whose powers overflow or vanish, so that no result could be told from zero.
  private static func requireModerate(_ tensor: Tensor, place: String) throws {
    var largest = 0
    for i in tensor.elements.indices where abs(tensor.elements[i]) > abs(tensor.elements[largest]) {
      largest = i
    }
    guard let value = tensor.elements.indices.contains(largest) ? tensor.elements[largest] : nil,
      value != 0, !(1e-100...1e100 ~= abs(value))
    else { return }
    throw InputError(
      .data, "\(place)\(DatasetLoader.index(largest, in: tensor.shape))",
      expected: "a largest magnitude in 1e-100...1e100", found: "\(value)",
      advice: "Scale the data to moderate units.")
  }

  /// The problem at a strength.
  func problem(lambda: Double) -> TrainingProblem {
    var problem = base
    problem.lambda = lambda
    return problem
  }

  /// Cells, program and strength of the flags.
  ///
  /// - Parameters:
  ///   - configuration: The model flags.
  ///   - given: Gates of a trained model; sampled ones otherwise.
  ///   - limits: Time and interruption of choosing gates.
  /// - Returns: The plan, with a positive strength.
  /// - Throws: `InputError` when there are fewer cells than asked for or labels say nothing, `Trainer.Interrupted` when the
  ///   caller asked to stop.
  func cells(
    _ configuration: TrainingConfiguration, gates given: Matrix? = nil,
    limits: SolveLimits = SolveLimits()
  ) throws -> CellPlan {
    var gates = given
    if case .sample(let count) = configuration.cells, configuration.activation == .gated {
      gates = try given ?? sampledGates(count, configuration, limits: limits)
    }
    let program: GatedProgram? =
      switch configuration.activation {
      case .gated, .linear: try GatedProgram(problem: base, gates: gates)
      case .relu, .quadratic, .polynomial: nil
      }
    if let lifted = try liftedProgram(configuration) {
      let lambdaMax = lifted.composite.lambdaMax
      return CellPlan(
        program: nil, coneProgram: nil, gates: nil, lambdaMax: lambdaMax,
        lambda: try configuration.strength.value(lambdaMax: lambdaMax), lifted: lifted)
    }
    var cellGates: Matrix?
    if case .sample(let count) = configuration.cells, configuration.activation == .relu {
      cellGates = try sampledGates(count, configuration, limits: limits)
    }
    let all =
      if let cellGates {
        try givenCells(cellGates, configuration.cells)
      } else if configuration.cells == .all, configuration.activation == .relu {
        try allCells(most: configuration.maximumCells)
      } else {
        ConeProgram?.none
      }
    let lambdaMax =
      all?.lambdaMax ?? program?.composite.lambdaMax
      ?? estimatedLambdaMax(base, seed: configuration.seed)
    let lambda = try configuration.strength.value(lambdaMax: lambdaMax)
    return CellPlan(
      program: program, coneProgram: all?.with(lambda: lambda), gates: gates,
      lambdaMax: lambdaMax, lambda: lambda, cellGates: cellGates)
  }

  /// What a certificate needs of `cells(_:gates:)`, without the program where that is large and not needed.
  ///
  /// - Parameters:
  ///   - configuration: The model flags, with a strength.
  ///   - gates: Gates of a trained model; sampled ones otherwise.
  ///   - cellGates: Gates that name the cells of a trained ReLU network; nil for all cells.
  /// - Returns: The plan; for linear networks with circular full-size filters it has no program.
  /// - Throws: As `cells(_:gates:)`, and `CertificateError` when the data are not finite.
  func cellsToCertify(
    _ configuration: TrainingConfiguration, gates: Matrix?, cellGates: Matrix? = nil
  ) throws -> CellPlan {
    if let cellGates {
      let bound = try Certifier(images: images, loss: loss, lambda: 0, threads: threads)
        .lambdaMaxUpperBound(
          geometry: geometry, pooling: pooling, activation: .relu, gates: cellGates,
          hasOutputBias: configuration.outputBias)
      let lambdaMax = bound ?? .infinity
      return CellPlan(
        program: nil, coneProgram: nil, gates: nil, lambdaMax: lambdaMax,
        lambda: try configuration.strength.value(lambdaMax: lambdaMax), cellGates: cellGates)
    }
    guard configuration.activation == .linear, subspace == nil,
      CircularProgram.isCircular(geometry, pooling),
      let lambdaMax = try Certifier(images: images, loss: loss, lambda: 0, threads: threads)
        .lambdaMaxUpperBound(
          geometry: geometry, pooling: pooling, activation: .linear,
          hasOutputBias: configuration.outputBias)
    else { return try cells(configuration, gates: gates) }
    return CellPlan(
      program: nil, coneProgram: nil, gates: nil, lambdaMax: lambdaMax,
      lambda: try configuration.strength.value(lambdaMax: lambdaMax), isSingleCell: true)
  }

  /// The program in matrices of networks with an activation of degree two; nil for others.
  private func liftedProgram(
    _ configuration: TrainingConfiguration
  ) throws -> (any NetworkProgram)? {
    switch configuration.activation {
    case .quadratic: try QuadraticProgram(problem: base)
    case .polynomial: try PolynomialProgram(problem: base)
    case .relu, .gated, .linear: nil
    }
  }

  /// The program over all cells.
  ///
  /// - Throws: `InputError` when the network has several outputs or windows, or there are too many cells.
  private func allCells(most count: Int?) throws -> ConeProgram {
    try Self.refusingAllCells {
      try ConeProgram(problem: base, maximumCells: count ?? ConeProgram.defaultMaximumCells)
    }
  }

  /// Refuses what `allCells(most:)` refuses, without making the program.
  func requireAllCells(most count: Int?) throws {
    try Self.refusingAllCells {
      try ConeProgram.requireAllCells(
        of: base, maximumCells: count ?? ConeProgram.defaultMaximumCells)
    }
  }

  private static func refusingAllCells<Value>(_ work: () throws -> Value) throws -> Value {
    do {
      return try work()
    } catch let error as ProgramError {
      throw InputError(
        .usage, "--cells all", expected: error.expected, found: error.found, advice: error.advice)
    }
  }

  /// The program over the cells of gates.
  ///
  /// - Throws: `InputError` when the network has several outputs or windows, max pooling, an output bias or filters in a
  ///   subspace.
  private func givenCells(_ gates: Matrix, _ choice: CellChoice) throws -> ConeProgram {
    guard subspace == nil else {
      throw InputError(
        .usage, "--filter-rank", expected: "no value with --cells \(choice.rawValue)",
        found: "a rank", advice: "Leave one of the two flags out.")
    }
    do {
      return try ConeProgram(problem: base, gates: gates)
    } catch let error as ProgramError {
      throw InputError(
        .usage, "--cells \(choice.rawValue)", expected: error.expected, found: error.found,
        advice: error.advice)
    }
  }
}

/// Over which cells a problem is solved, and how strongly it is regularized.
struct CellPlan {
  /// The convex program of gated and linear networks; nil for ReLU.
  let program: GatedProgram?
  /// The convex program of a ReLU network over all cells or given ones; nil where its cells are generated.
  let coneProgram: ConeProgram?
  /// All gates of the program, nil unless gated.
  let gates: Matrix?
  /// Smallest strength whose solution is zero; a lower bound found by ascent where cells are generated.
  let lambdaMax: Double
  /// Regularization strength.
  let lambda: Double
  /// The program of networks with an activation of degree two, without its strength; nil for others.
  var lifted: (any NetworkProgram)?
  /// Whether the network is linear, and no program was made.
  var isSingleCell = false
  /// A gate in each cell that a ReLU network is confined to; nil where it is not.
  var cellGates: Matrix?

  /// Number of cells of the program; 0 where cells are generated, and 1 where neurons are the same everywhere.
  var cellCount: Int {
    (gates ?? cellGates)?.rows ?? (program == nil && lifted == nil && !isSingleCell ? 0 : 1)
  }

  /// How `lambdaMax` was found.
  var lambdaMaxKind: String {
    if cellGates != nil { return "exact over these cells" }
    if coneProgram != nil { return "exact over all cells" }
    if lifted != nil { return "exact" }
    return program == nil && !isSingleCell
      ? "a lower bound found by ascent" : "exact over these cells"
  }
}

/// Wall time of named phases.
struct PhaseClock {
  private(set) var phases: [TrainingResult.Phase] = []
  private let watch = Stopwatch()

  /// Seconds since the clock began.
  var total: Double { watch.seconds }

  /// Runs a phase and notes how long it took.
  mutating func time<Value>(_ name: String, _ work: () throws -> Value) rethrows -> Value {
    let watch = Stopwatch()
    let value = try work()
    phases.append(TrainingResult.Phase(name: name, seconds: watch.seconds))
    return value
  }

  /// Puts the parts of the last phase, if there are any, in its place.
  mutating func replaceLast(by parts: [(name: String, seconds: Double)]) {
    guard !parts.isEmpty else { return }
    phases.removeLast()
    phases += parts.map { TrainingResult.Phase(name: $0.name, seconds: $0.seconds) }
  }
}
