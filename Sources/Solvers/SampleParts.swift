import ConvexPrograms
import Convolutions
import Tensors

/// Parts of the samples on which to search, where a pass over all takes long.
///
/// What is found on a part is only where to start: every value is computed over all samples before it counts.
struct SampleParts: Sendable {
  /// Entries of all patches from which on passes take long: a filter needs two flops for each, forward and back.
  var largeEntryCount = 1 << 24
  /// One sample in so many starts cell generation.
  static let startStride = 8

  /// Whether passes over all samples take long.
  func isLarge(_ problem: TrainingProblem) -> Bool { entryCount(problem) >= largeEntryCount }

  /// Every `stride`th sample.
  func every(_ stride: Int, of problem: TrainingProblem) -> [Int] {
    Array(Swift.stride(from: 0, to: problem.sampleCount, by: stride))
  }

  /// The samples that ascent looks at, evenly spread: a quarter of what counts as large; nil to look at all.
  func forAscent(_ problem: TrainingProblem) -> [Int]? {
    guard isLarge(problem) else { return nil }
    return every(max(2, 4 * entryCount(problem) / max(1, largeEntryCount)), of: problem)
  }

  /// Entries of all patches.
  private func entryCount(_ problem: TrainingProblem) -> Int {
    problem.sampleCount * problem.geometry.patchesPerSample * problem.geometry.patchDimension
  }
}

extension CellGenerationRun {
  /// The parts of the samples that this run looks at.
  var parts: SampleParts { SampleParts(largeEntryCount: settings.largeEntryCount) }

  /// Solves the problem on an eighth of the samples first and starts from its network, where passes over all take long.
  ///
  /// The part may be large itself. Rows of the trace say the objective over all samples.
  ///
  /// - Complexity: About an eighth of a solve from nothing, and one pass over all samples per round.
  mutating func startFromPart(_ observer: TraceObserver) throws {
    let stride = SampleParts.startStride
    guard network.neuronCount == 0, parts.isLarge(problem),
      let part = try? problem.part(parts.every(stride, of: problem))
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
