import ConvexPrograms
import Convolutions
import Tensors

/// Parts of the samples on which to search, where a pass over all takes long.
///
/// What is found on a part is only where to start: every value is computed over all samples before it counts.
enum SampleParts {
  /// Entries of patches from which on a search looks at parts first; a pass over so many takes a tenth of a second for 16
  /// filters.
  static let largeEntryCount = 1 << 24
  /// Entries of the patches that ascent looks at.
  static let ascentEntryCount = 1 << 22
  /// One sample in so many starts cell generation.
  static let startStride = 8

  /// Whether passes over all samples take long.
  static func isLarge(_ problem: TrainingProblem) -> Bool {
    entryCount(problem) >= largeEntryCount
  }

  /// Every `stride`th sample.
  static func every(_ stride: Int, of problem: TrainingProblem) -> [Int] {
    Array(Swift.stride(from: 0, to: problem.sampleCount, by: stride))
  }

  /// The samples that ascent looks at, evenly spread; nil to look at all.
  static func forAscent(_ problem: TrainingProblem) -> [Int]? {
    guard isLarge(problem) else { return nil }
    return every(max(2, entryCount(problem) / ascentEntryCount), of: problem)
  }

  /// Entries of all patches: those that a pass multiplies for each filter.
  private static func entryCount(_ problem: TrainingProblem) -> Int {
    problem.sampleCount * problem.geometry.patchesPerSample * problem.geometry.patchDimension
  }
}

extension CellGenerationRun {
  /// Solves the problem on an eighth of the samples first and starts from its network, where passes over all take long.
  ///
  /// The part may be large itself. Rows of the trace say the objective over all samples.
  ///
  /// - Complexity: About an eighth of a solve from nothing, and one pass over all samples per round.
  mutating func startFromPart(_ observer: TraceObserver) throws {
    let stride = SampleParts.startStride
    guard network.neuronCount == 0, SampleParts.isLarge(problem),
      let part = try? problem.part(SampleParts.every(stride, of: problem))
    else { return }
    let clock = Stopwatch()
    var inner = limits
    inner.relativeGap = max(Self.partGap, limits.relativeGap)
    inner.seconds = Self.partShare * limits.seconds
    var first = try CellGenerationRun(part, settings: settings, start: nil, limits: inner)
    let start = try withoutActuallyEscaping(observer) { observer in
      let (problem, watch) = (problem, watch)
      first.keep = { state in
        observer(
          TraceRow(
            phase: "part", iteration: state.round, seconds: watch.seconds,
            objective: problem.objective(of: state.network).total, dualNormRatio: nil,
            neuronCount: state.network.neuronCount))
      }
      defer { first.keep = nil }
      return try first.solve { _ in }.network
    }
    accept(start)
    seconds["part", default: 0] += clock.seconds
    report("part", observer)
  }

  /// Estimated relative gap to which the part is solved; its optimum is not that of all samples anyway.
  private static let partGap = 0.05
  /// Share of the time for the part, at most.
  private static let partShare = 0.3
}
