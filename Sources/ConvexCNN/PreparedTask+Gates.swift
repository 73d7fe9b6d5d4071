import Arrangements
import Convolutions
import Solvers
import Tensors

extension PreparedTask {
  /// Gates in distinct cells, chosen as the flags say, shape `[count, h]`.
  ///
  /// - Throws: `ArrangementError` when all patches are zero, `InputError` when fewer cells are found, in the time there is,
  ///   or class means are asked for without classes; `Trainer.Interrupted` when the caller asked to stop.
  func sampledGates(
    _ count: Int, _ configuration: TrainingConfiguration, limits: SolveLimits = SolveLimits()
  ) throws -> Matrix {
    try labels.sampledGates(
      count, configuration, from: PatchSet(images: images, geometry: geometry).patches,
      threads: threads, limits: limits)
  }

  /// Refuses cells that cannot be had, as far as that is known before gates are chosen or features are made.
  ///
  /// - Throws: As `cells(_:gates:limits:)`.
  /// - Complexity: A pass over the patches, and with `--cells all` listing the cells up to their limit.
  func requireCells(_ configuration: TrainingConfiguration) throws {
    switch (configuration.activation, configuration.cells) {
    case (.relu, .all):
      try requireAllCells(most: configuration.maximumCells)
    case (.relu, .sample(let count)), (.gated, .sample(let count)):
      try CentralArrangement(normals: PatchSet(images: images, geometry: geometry).patches)
        .requireCells(count)
    default: break
    }
  }
}

extension Labels {
  /// Gates in distinct cells of an arrangement of patches, shape `[count, h]`.
  ///
  /// - Parameters:
  ///   - count: Number of gates.
  ///   - configuration: The flags that say how gates are chosen.
  ///   - patches: Patches of the samples with these labels, `[n K, h]`.
  ///   - threads: Threads to use.
  ///   - limits: Time and interruption.
  /// - Returns: The gates, `[count, h]`.
  /// - Throws: As `PreparedTask.sampledGates`.
  func sampledGates(
    _ count: Int, _ configuration: TrainingConfiguration, from patches: Matrix, threads: Int,
    limits: SolveLimits = SolveLimits()
  ) throws -> Matrix {
    let method = configuration.gates
    let classes = try method == .classMeans ? classOfPatches(patches.rows) : nil
    let arrangement = try CentralArrangement(normals: patches)
    try arrangement.requireCells(count)
    let watch = Stopwatch()
    let sample = try arrangement.sampleCells(
      by: method, count: count, seed: configuration.seed, patches: patches, labels: classes,
      threads: threads, isStopped: { limits.interruption(since: watch) != nil })
    if sample.cells.count < count, let ending = limits.interruption(since: watch) {
      if ending == .interrupted { throw Trainer.Interrupted(phase: "lambda") }
      throw InputError(
        .usage, "--cells sample:\(count)",
        expected: "gates in \(count) cells within \(limits.seconds) s",
        found: "\(sample.cells.count) by then",
        advice: "Ask for fewer cells, or raise --max-seconds.")
    }
    guard sample.cells.count == count else {
      let draws =
        switch method {
        case .uniform: "uniform draws"
        case .gaussian, .centered, .differences: "random directions"
        case .patches, .classMeans, .clusterMeans: "gates made from patches"
        }
      throw InputError(
        .usage, "--cells sample:\(count)",
        expected:
          "at most \(sample.cells.count) cells, as many as \(sample.attempts) \(draws) found",
        found: "\(count)", advice: "Ask for fewer cells.")
    }
    return Matrix(sample.cells.map(\.witness))
  }

  /// The class of every patch, of equally many patches per sample.
  ///
  /// - Parameter count: Number of patches, sample after sample.
  /// - Returns: One number per patch; for signs 0 and 1.
  /// - Throws: `InputError` when there are no classes, or only one.
  package func classOfPatches(_ count: Int) throws -> [Int] {
    let ofSamples: [Int]
    switch self {
    case .classes(let classes, _): ofSamples = classes
    case .signs(let signs): ofSamples = signs.map { $0 > 0 ? 1 : 0 }
    case .regression:
      throw InputError(
        .usage, "class-means", expected: "labels that are classes", found: "real targets",
        advice: "Choose other gates, for example k-means, or label samples with classes.")
    }
    guard Set(ofSamples).count > 1 else {
      throw InputError(
        .usage, "class-means", expected: "samples of at least two classes",
        found: "\(Set(ofSamples).count)",
        advice: "Choose other gates, for example k-means, or add samples of another class.")
    }
    let patchesPerSample = count / max(1, ofSamples.count)
    return ofSamples.flatMap { [Int](repeating: $0, count: patchesPerSample) }
  }
}

extension CentralArrangement {
  /// Refuses more cells than so many lines can have, before any are looked for.
  ///
  /// - Throws: `InputError`.
  fileprivate func requireCells(_ count: Int) throws {
    let bound = Self.generalPositionCellCount(lines: essential.lineCount, rank: patchDimension)
    guard let most = bound, UInt64(count) > most else { return }
    throw InputError(
      .usage, "--cells sample:\(count)",
      expected: "at most \(most) cells, as many as \(essential.lineCount) lines can have",
      found: "\(count)", advice: "Ask for fewer cells.")
  }
}
