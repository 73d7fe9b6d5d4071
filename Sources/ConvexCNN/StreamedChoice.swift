import ConvexPrograms
import Convolutions
import Tensors

/// What training within a limit of memory works on, and how it keeps what it needs.
struct StreamedChoice {
  /// The samples, with as many threads as fit.
  let task: StreamedTask
  /// What the run takes.
  let plan: MemoryPlan
  /// How features of gates are kept; `dense` for networks without.
  let storage: FeatureStorage
  /// Most neurons of a search for filters; nil for gated and linear networks and without a limit.
  let neuronLimit: Int?
  /// The choice in words; nil where there was none.
  let words: String?

  /// The choice for flags and data.
  ///
  /// - Parameters:
  ///   - trainer: Flags and threads.
  ///   - data: Training samples, and held-out ones.
  ///   - memory: The limit, and how features are kept.
  ///   - start: Model to start from.
  /// - Throws: `InputError` when the limit cannot be kept or flags, data and start do not go together.
  init(
    _ trainer: Trainer, _ data: StreamedData, _ memory: MemorySettings, _ start: Model? = nil
  ) throws {
    let (configuration, threads) = (trainer.configuration, trainer.threads)
    try Self.requireStreamable(configuration)
    let first = try StreamedTask(configuration, data.train, threads)
    try start.map {
      try trainer.requireSameArchitecture(
        $0, first.geometry, first.base.pooling, first.loss, first.standardization)
    }
    plan = MemoryPlan(memory, data, first.base, threads: threads)
    guard configuration.activation == .relu else {
      let demand = FeatureDemand(
        first.base, gateCount: trainer.gateCount(of: configuration) ?? 1,
        relativeGap: configuration.gap)
      (task, neuronLimit) = (first, nil)
      storage = try plan.storage(demand)
      words = plan.description(of: storage, demand)
      try Self.requireFitting(storage, configuration)
      return
    }
    storage = .dense
    guard let room = try plan.search(first.base, threads: threads) else {
      (task, neuronLimit, words) = (first, nil, nil)
      return
    }
    neuronLimit = room.neurons
    words = "at most \(room.neurons) neurons fit, with \(room.threads) threads"
    try Self.requireRoom(for: start, room.neurons)
    // The fit of the standardization took a pass over the data.
    task =
      room.threads == threads
      ? first
      : try StreamedTask(
        configuration, data.train, room.threads, standardization: first.standardization)
  }

  private static func requireStreamable(_ configuration: TrainingConfiguration) throws {
    switch configuration.activation {
    case .gated, .linear: return
    case .relu:
      guard configuration.cells == .generate, configuration.filterRank == nil,
        (configuration.solver ?? .cellGeneration) == .cellGeneration
      else {
        throw InputError(
          .usage, "--memory",
          expected: "--cells generate, --solver cell-generation and no --filter-rank",
          found: "another search for ReLU networks",
          advice: "Leave out --memory; other searches keep all patches in memory.")
      }
    case .quadratic, .polynomial:
      throw InputError(
        .usage, "--activation \(configuration.activation.rawValue)",
        expected: "gated, linear or relu with --memory",
        found: configuration.activation.rawValue,
        advice: "Leave out --memory; other programs keep all samples in memory.")
    }
  }

  /// Refuses a start of more neurons than fit.
  private static func requireRoom(for start: Model?, _ most: Int) throws {
    guard let count = start?.network.neuronCount, count > most else { return }
    throw InputError(
      .usage, "--start", expected: "at most \(most) neurons within --memory", found: "\(count)",
      advice: "Give more memory, or prune the network first.")
  }

  /// Refuses solvers that need the matrix of features.
  private static func requireFitting(
    _ storage: FeatureStorage, _ configuration: TrainingConfiguration
  ) throws {
    guard storage != .dense, let solver = configuration.solver, solver != .proximal else { return }
    throw InputError(
      .usage, "--solver \(solver.rawValue)",
      expected: "proximal with \(storage.rawValue) features", found: solver.rawValue,
      advice: "Leave out --solver, or ask for --features dense.")
  }
}
