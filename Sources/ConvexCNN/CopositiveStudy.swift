public import Certificates
import ConvexPrograms
import Solvers
import Tensors

/// What `ccnn copositive` reports: three programs over all cells, each between two bounds, and whether they are ordered.
///
/// Every number is finite or null; every key is always present.
public struct CopositiveStudy: Sendable, Equatable, Codable {
  /// Proven bounds on the optimum of a program.
  public struct Interval: Sendable, Equatable, Codable {
    /// Proven lower bound.
    public var lowerBound: Finite
    /// Objective of a feasible point.
    public var upperBound: Finite
    /// How the solver ended.
    public var status: String

    init(_ lower: Double?, _ upper: Double?, _ status: String) {
      (lowerBound, upperBound, self.status) = (Finite(lower), Finite(upper), status)
    }
  }

  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Nuclear relaxation: no cones.
  public var nuclear: Interval
  /// Doubly nonnegative relaxation, after cones were cut where `splitCellCount` is not zero.
  public var relaxed: Interval
  /// All networks: the certifier's lower bound, and the objective of the trained network.
  public var optimum: Interval
  /// `objective - relaxed lower bound`, over the objective of the trained network.
  public var relativeGap: Finite
  /// Whether every cone has a reason why its relaxation is exact.
  public var isExact: Bool
  /// Number of cones for each reason.
  public var exactness: [String: Int]
  /// Number of cells that were cut into simpler cones.
  public var splitCellCount: Int
  /// Number of cones after cutting.
  public var coneCount: Int
  /// Number of cells, both of each pair.
  public var cellCount: Int
  /// What is wrong with the order `nuclear <= relaxed <= optimum`; null when it holds.
  public var orderingViolation: String?
  /// The result in one sentence.
  public var claim: String
  /// Over which cells the bounds hold: always all.
  public var scope: String
  /// Regularization strength.
  public var lambda: Finite
  /// Number of neurons of the trained network.
  public var neuronCount: Int
  /// Wall-clock seconds.
  public var seconds: Finite
  /// Parts of the work.
  public var phases: [TrainingResult.Phase]
  /// The model flags.
  public var model: TrainingConfiguration
}

extension Trainer {
  /// Trains a network and compares it with the copositive program's relaxations over all cells.
  ///
  /// The relaxation starts at the trained network. Where it leaves more than the gap asked for and some cones have more
  /// than four facets, these are cut, and the relaxation is solved again while there is time.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones that are only evaluated.
  ///   - observer: Receives the solvers' traces.
  ///   - proof: Receives the multipliers of facet pairs that prove the bound of the uncut relaxation; nil to make none.
  /// - Returns: Bounds, exactness, order.
  /// - Throws: `InputError`, `GeometryError`, `ProgramError` or `ArrangementError` when flags and data do not go together
  ///   or there are too many cells, `Interrupted` when the caller asked to stop.
  /// - Complexity: A measurement goes through all cones, and may overrun the time limit. Once, with 19,462 cells of filters
  ///   of three entries, a limit of 300 s and two busy cores: 300 s for the nuclear relaxation (1.3 % between its bounds),
  ///   200 s for the relaxed one, 9 s for cutting and 478 s for what was cut, 17 % from network to bound.
  public func copositive(
    on data: Dataset, observer: TraceObserver = { _ in },
    proof: ((MultiplierCertificate) throws -> Void)? = nil
  ) throws -> CopositiveStudy {
    var phases = PhaseClock()
    let task = try phases.time("prepare") { try PreparedTask(configuration, data.train, threads) }
    // All cells first: whether there are too many is known before anything is solved.
    var program = try phases.time("cells") {
      try CopositiveProgram(
        problem: task.problem(lambda: 0), maximumCells: configuration.maximumCells ?? 20_000)
    }
    let (model, trained) = try phases.time("train") { try train(on: data, observer: observer) }
    program = program.with(lambda: model.lambda)
    let objective = trained.objective.value ?? .infinity
    var limits = solverLimits(after: phases.total)
    let nuclear = try phases.time("nuclear") {
      try CopositiveSolver().solve(
        program.nuclear, limits: limits, observer: observer)
    }
    limits = solverLimits(after: phases.total)
    var relaxed = try phases.time("relaxed") {
      try CopositiveSolver().solve(
        program, network: model.network, limits: limits,
        observer: observer)
    }
    if isInterrupted() { throw Interrupted(phase: "copositive") }
    let whole = program
    if let proof {
      try phases.time("multipliers") {
        try proof(.of(relaxed, whole, model.network, images: task.images))
      }
    }
    let isOpen = objective - relaxed.lowerBound > configuration.gap * objective
    if !program.isExact, isOpen, phases.total < maximumSeconds {
      let parts = phases.time("split") { program.splittingCones() }
      if parts.cones.count > program.cones.count {
        limits = solverLimits(after: phases.total)
        let second = try phases.time("relaxed, split") {
          try CopositiveSolver().solve(
            parts, network: model.network, limits: limits,
            observer: observer)
        }
        if second.lowerBound >= relaxed.lowerBound { (program, relaxed) = (parts, second) }
      }
    }
    if isInterrupted() { throw Interrupted(phase: "copositive") }
    var study = CopositiveStudy(
      nuclear: .init(nuclear.lowerBound, nuclear.objective, nuclear.status.rawValue),
      relaxed: .init(relaxed.lowerBound, relaxed.objective, relaxed.status.rawValue),
      optimum: .init(trained.lowerBound.value, objective, trained.status),
      relativeGap: Finite((objective - relaxed.lowerBound) / objective),
      isExact: program.isExact,
      exactness: Dictionary(
        uniqueKeysWithValues: program.exactnessCounts.map { ($0.key.rawValue, $0.value) }),
      splitCellCount: program.cones.count > whole.cones.count
        ? whole.cones.indices.count { whole.exactness(of: $0) == .unknown } : 0,
      coneCount: program.cones.count, cellCount: program.cellCount, orderingViolation: nil,
      claim: "", scope: "all cells", lambda: Finite(model.lambda),
      neuronCount: model.network.neuronCount, seconds: Finite(phases.total),
      phases: phases.phases, model: configuration)
    study.judge()
    return study
  }

  private func solverLimits(after seconds: Double) -> SolveLimits {
    SolveLimits(
      relativeGap: 0.5 * configuration.gap, iterations: 20_000,
      seconds: maximumSeconds.isFinite
        ? max(0.1 * maximumSeconds, maximumSeconds - seconds)
        : .infinity, isInterrupted: isInterrupted)
  }
}

extension CopositiveStudy {
  /// The first pair of bounds that contradicts `nuclear <= relaxed <= optimum <= network`.
  ///
  /// A lower bound of a smaller value must not exceed an upper bound of a larger one. Bounds include their rounding, and
  /// objectives of points are allowed `1e-9`.
  package var violation: String? {
    let steps = [("nuclear", nuclear), ("relaxed", relaxed), ("optimum", optimum)]
    for (place, (name, smaller)) in steps.enumerated() {
      for (other, larger) in steps[place...] {
        guard let lower = smaller.lowerBound.value, let upper = larger.upperBound.value,
          lower > upper * (1 + 1e-9)
        else { continue }
        return "\(name) lower bound \(lower) above \(other) upper bound \(upper)"
      }
    }
    return nil
  }

  /// Why the tool ends with another exit code than 0: 1 where bounds contradict the order, 2 where a gap is required and
  /// was not proven; nil where it ends with 0.
  ///
  /// - Parameter gap: Relative gap that is required; nil for none.
  /// - Returns: The code and the message.
  package func refusal(requiringGap gap: Double?) -> (code: Int32, message: String)? {
    if let orderingViolation {
      return (
        1,
        "copositive: expected nuclear <= relaxed <= optimum <= network, found "
          + "\(orderingViolation). Please report this with the data."
      )
    }
    guard let gap, !((relativeGap.value ?? .infinity) <= gap) else { return nil }
    return (
      2,
      "copositive: expected a relative gap of at most \(gap), found "
        + "\(relativeGap.value.map(Self.short) ?? "none"). \(claim)"
    )
  }

  /// Looks at the bounds: sets `orderingViolation` and `claim`.
  package mutating func judge() {
    orderingViolation = violation
    claim = sentence
  }

  private var sentence: String {
    guard orderingViolation == nil else {
      return "The bounds contradict each other: an error of this program."
    }
    let gap = relativeGap.value ?? .infinity
    if gap <= model.gap {
      return "The network is within \(Self.short(gap)) of the relaxed optimum, and so of the "
        + "optimum, over all cells."
    }
    return isExact
      ? "The relaxation is exact, but its bounds leave \(Self.short(gap))."
      : "The relaxation leaves \(Self.short(gap)); cones with more than four facets may be why."
  }

  private static func short(_ x: Double) -> String {
    guard x > 0, x.isFinite else { return "0" }
    var (mantissa, exponent) = (x, 0)
    while mantissa >= 10 { (mantissa, exponent) = (mantissa / 10, exponent + 1) }
    while mantissa < 1 { (mantissa, exponent) = (mantissa * 10, exponent - 1) }
    let digits = (mantissa * 100).rounded(.up) / 100
    return exponent == 0 ? "\(digits)" : "\(digits)e\(exponent)"
  }
}
