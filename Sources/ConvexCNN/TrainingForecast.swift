import Arrangements
import ConvexPrograms
import Convolutions
import Tensors

/// What a training will work on, said before it starts: sizes, memory and a bound on the number of cells.
public struct TrainingForecast: Sendable, Equatable, Encodable {
  /// Training samples `n`.
  public let samples: Int
  /// Patches per sample `K`.
  public let positions: Int
  /// Patch dimension `h`, with the bias if there is one; the rank where filters are restricted.
  public let patchDimension: Int
  /// Stacked patches `n K`.
  public let rows: Int
  /// Windows per filter `a`.
  public let windows: Int
  /// Outputs `c`.
  public let outputs: Int
  /// Bytes of the standardized images.
  public let imageBytes: Int
  /// Bytes of all patches: products that multiply patches keep them where they fit into 256 MiB, else make them anew.
  public let patchBytes: Int
  /// Bytes of the features of the program in double precision; null where their number is not known before the cells
  /// are (`--cells all`), and 0 where there is no such program.
  public let featureBytes: Nullable<Int>
  /// Cells of so many hyperplanes in general position, of which the arrangement has at most as many; null above 1e308
  /// and where the program does not depend on cells.
  ///
  /// `2 sum_{k < h} C(N - 1, k)`; under max pooling `N` counts the differences of two patches of a window, too.
  public let cellCountBound: Finite
  /// What fits into the limit of memory and how features are kept, in words; null where nothing had to be chosen.
  public let memoryPlan: Nullable<String>

  /// The forecast of a problem with given flags.
  init(_ problem: TrainingProblem, cells: CellChoice, memoryPlan: String? = nil) {
    self.memoryPlan = Nullable(memoryPlan)
    let (n, h) = (problem.sampleCount, problem.geometry.patchDimension)
    (samples, positions, patchDimension) = (n, problem.geometry.patchesPerSample, h)
    (windows, outputs) = (problem.windowCount, problem.outputCount)
    rows = n * positions
    let size = MemoryLayout<Double>.stride
    let geometry = problem.geometry
    imageBytes = n * geometry.channels * geometry.imageHeight * geometry.imageWidth * size
    patchBytes = rows * h * size
    let perBlock = n * windows * h * size
    let features: Int? =
      switch (problem.activation, cells) {
      case (.relu, .generate): 0
      case (.relu, .all): nil
      case (_, .sample(let count)): perBlock * count
      case (.quadratic, _): n * windows * h * (h + 1) / 2 * size
      case (.polynomial, _): n * windows * (h + 1) * (h + 2) / 2 * size
      default: perBlock
      }
    featureBytes = Nullable(features)
    cellCountBound = Finite(
      problem.activation == .relu || problem.activation == .gated
        ? Self.cellBound(hyperplanes: Self.hyperplanes(problem), dimension: h) : nil)
  }

  /// Rows of the arrangement: patches and, under max pooling, differences of two patches of a window.
  private static func hyperplanes(_ problem: TrainingProblem) -> Double {
    var perSample = problem.geometry.patchesPerSample
    if !problem.poolingMap.isLinear {
      let counts = problem.poolingMap.windows.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
      perSample += counts.values.reduce(0) { $0 + $1 * ($1 - 1) / 2 }
    }
    return Double(problem.sampleCount) * Double(perSample)
  }

  /// `2 sum_{k < h} C(N - 1, k)`, rounded.
  private static func cellBound(hyperplanes: Double, dimension: Int) -> Double {
    var (sum, binomial) = (0.0, 1.0)
    for k in 0..<dimension where binomial > 0 {
      sum += binomial
      binomial *= max(0, hyperplanes - 1 - Double(k)) / Double(k + 1)
    }
    return 2 * sum
  }
}

extension Trainer {
  /// Says what training on data would work on, after all checks of flags and data, without solving anything.
  ///
  /// - Parameters:
  ///   - data: Samples to train on.
  ///   - start: Model to start from.
  /// - Returns: Sizes, memory and a bound on the number of cells.
  /// - Throws: As `train(on:from:observer:)` before it solves.
  /// - Complexity: A pass over the images, one over the patches with `--filter-rank` and sampled cells, and listing the cells
  ///   with `--cells all`.
  public func forecast(
    on data: LabeledDataset, from start: Model? = nil
  ) throws -> TrainingForecast {
    let task = try PreparedTask(configuration, data, threads)
    try requireStart(start, task)
    try task.requireCells(configuration)
    try checkpoint.map(TrainingCheckpoint.requireFolder)
    return TrainingForecast(task.problem(lambda: 0), cells: configuration.cells)
  }

  /// Says what training within a limit of memory would work on, without solving anything.
  ///
  /// - Parameters:
  ///   - data: Training samples, and held-out ones.
  ///   - memory: The limit, and how features are kept.
  ///   - start: Model to start from.
  /// - Returns: Sizes, a bound on the number of cells, and how the limit is kept; features are counted in double precision.
  /// - Throws: As `train(streaming:memory:from:choosing:observer:)` before it solves.
  /// - Complexity: A pass over the samples where they are standardized.
  public func forecast(
    streaming data: StreamedData, memory: MemorySettings, from start: Model? = nil
  ) throws -> TrainingForecast {
    let choice = try StreamedChoice(self, data, memory, start)
    try checkpoint.map(TrainingCheckpoint.requireFolder)
    return TrainingForecast(
      choice.task.base, cells: configuration.cells, memoryPlan: choice.words)
  }
}
