import ConvexPrograms
import Convolutions
import Solvers
import Tensors

/// How much memory training may use, and how it keeps features.
public struct MemorySettings: Sendable, Equatable {
  /// Most bytes that the process may have resident; nil for no limit but that of dense features.
  public var limit: Int?
  /// How features are kept; nil to choose by work and memory.
  public var features: FeatureStorage?

  /// No limit, features as it suits.
  public init(limit: Int? = nil, features: FeatureStorage? = nil) {
    self.limit = limit
    self.features = features
  }
}

/// What a run takes beside the features of its program, and what is left for those.
struct MemoryPlan {
  /// Bytes of the process with its libraries and their buffers, measured on runs with next to no data.
  static let processBytes = 64 << 20
  /// Bytes of masks and patches of a block that a thread works on, and of the certifier's predictions.
  private static let threadBytes = 48 << 20
  /// Most bytes of patches that gates are chosen from.
  private static let largestGateBytes = 64 << 20

  let settings: MemorySettings
  /// Bytes of samples, labels, predictions and scratch memory.
  let fixed: Int
  /// Bytes of a block of features, or of patches in the certifier.
  let blockBytes: Int

  /// The plan for a problem.
  init(
    _ settings: MemorySettings, _ data: StreamedData, _ problem: TrainingProblem, threads: Int
  ) {
    self.settings = settings
    let kept = data.train.source.residentBytes + (data.test?.source.residentBytes ?? 0)
    let samples = problem.sampleCount + (data.test?.sampleCount ?? 0)
    // Labels, one-hot targets, and some arrays of predictions in the certifier.
    let outputs = 8 * samples * (2 + 8 * problem.outputCount)
    fixed = Self.processBytes + kept + outputs + threads * Self.threadBytes
    blockBytes = FeatureDemand.blockBytes(budget: settings.limit)
  }

  /// Bytes left for the solve; nil for no limit.
  private var rest: Int? { settings.limit.map { $0 - fixed - 2 * blockBytes } }

  /// How features are kept.
  ///
  /// - Throws: `InputError` when the storage asked for does not fit, or none does.
  func storage(_ demand: FeatureDemand) throws -> FeatureStorage {
    if let asked = settings.features {
      guard asked != .gram || demand.isSquared else {
        throw InputError(
          .usage, "--features gram", expected: "the squared loss", found: "another loss",
          advice: "Use --features float or streamed, or --loss squared.")
      }
      try require(demand.bytes(asked, blockBytes: blockBytes), "\(asked.rawValue) features")
      return asked
    }
    if let chosen = demand.storage(budget: rest, blockBytes: blockBytes) { return chosen }
    try require(demand.bytes(.streamed, blockBytes: blockBytes), "streamed features")
    return .streamed
  }

  /// The choice in words.
  func description(of storage: FeatureStorage, _ demand: FeatureDemand) -> String {
    let others = FeatureStorage.allCases.filter { $0 != storage && demand.work($0).isFinite }
      .map { "\($0.rawValue) \(ByteCount(bytes($0, demand)))" }
    let reason = settings.features == nil ? "the least work that fits" : "as asked for"
    return "features: \(storage.rawValue), \(reason), in about "
      + "\(ByteCount(bytes(storage, demand))) in all (\(others.joined(separator: ", ")))"
  }

  /// Bytes of the whole process.
  private func bytes(_ storage: FeatureStorage, _ demand: FeatureDemand) -> Int {
    fixed + 2 * blockBytes + demand.bytes(storage, blockBytes: blockBytes)
  }

  /// Most neurons that a search for filters may keep within the limit, and the threads that then fit.
  ///
  /// The number of neurons does not depend on that of threads: half of what is left is for features and their copies, half for
  /// the scratch memory of passes, in which one thread at least must fit.
  ///
  /// - Returns: Both numbers; nil for no limit.
  /// - Throws: `InputError` when there is no room for `leastNeurons`.
  func search(_ problem: TrainingProblem, threads: Int) throws -> (neurons: Int, threads: Int)? {
    guard let limit = settings.limit else { return nil }
    let others = fixed - threads * Self.threadBytes + 2 * blockBytes
    let half = (limit - others) / 2
    let weights = problem.geometry.patchDimension + problem.windowCount * problem.outputCount
    let values =
      Self.featureCopies * problem.sampleCount * problem.windowCount
      + LBFGS().vectorCount * weights
    let perNeuron = 8 * values
    func scratch(_ m: Int) -> Int { Self.threadBytes + problem.passBytes(filters: m) }
    func fits(_ m: Int) -> Bool { m * perNeuron <= half && scratch(m) <= half }
    guard fits(Self.leastNeurons) else {
      let needed = others + 2 * max(Self.leastNeurons * perNeuron, scratch(Self.leastNeurons))
      throw InputError(
        .usage, "--memory \(ByteCount(limit))",
        expected: "at least \(ByteCount(needed)) for \(Self.leastNeurons) neurons of this problem",
        found: "\(ByteCount(limit))", advice: "Give more memory, or use fewer samples.")
    }
    var (neurons, next) = (Self.leastNeurons, 1 << 12)
    while next > 0 {
      if fits(neurons + next) { neurons += next } else { next /= 2 }
    }
    return (neurons, max(1, min(threads, half / scratch(neurons))))
  }

  /// Copies of the features of all neurons: those of the program, of its nonzero blocks, and of these scaled for a Newton system.
  private static let featureCopies = 4
  /// Fewer neurons than rounds add at once leave nothing to choose from.
  private static let leastNeurons = 24

  private func require(_ bytes: Int, _ what: String) throws {
    guard let limit = settings.limit, let rest, bytes > rest else { return }
    let needed = bytes + limit - rest
    throw InputError(
      .usage, "--memory \(ByteCount(limit))",
      expected: "at least \(ByteCount(needed)) for \(what) of this problem",
      found: "\(ByteCount(limit))",
      advice: settings.features == nil
        ? "Give more memory, or use fewer samples, gates or threads."
        : "Give more memory, or leave --features to the program.")
  }

  /// Refuses a limit below what predictions of a network on samples take.
  ///
  /// - Parameters:
  ///   - limit: Bytes that may be used, nil for no limit.
  ///   - source: The samples.
  ///   - outputCount: Outputs of the network.
  ///   - threads: Threads to use.
  /// - Throws: `InputError` that says what is needed.
  static func requireRoom(
    _ limit: Int?, forPredictionsOf source: any SampleSource, outputCount: Int, threads: Int
  ) throws {
    let outputs = 8 * source.sampleCount * (2 + 4 * outputCount)
    let needed =
      processBytes + source.residentBytes + outputs + 2 * (32 << 20) + threads * threadBytes
    guard let limit, limit < needed else { return }
    throw InputError(
      .usage, "--memory \(ByteCount(limit))",
      expected: "at least \(ByteCount(needed)) for \(source.sampleCount) samples",
      found: "\(ByteCount(limit))", advice: "Give more memory, or use fewer threads.")
  }

  /// Number of samples whose patches gates are chosen from; nil for all.
  ///
  /// Sorting out the rows of an arrangement takes some copies of them.
  func gateSampleCount(_ geometry: PatchGeometry, samples: Int) -> Int? {
    guard let limit = settings.limit else { return nil }
    let perSample = 8 * geometry.patchesPerSample * geometry.patchDimension
    let count = max(1, min(Self.largestGateBytes, limit / 24) / max(1, perSample))
    return count < samples ? count : nil
  }
}
