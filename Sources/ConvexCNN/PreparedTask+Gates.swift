import Arrangements
import Convolutions
import Tensors

extension PreparedTask {
  /// Gates in distinct cells, chosen as the flags say, shape `[count, h]`.
  ///
  /// - Throws: `ArrangementError` when all patches are zero, `InputError` when fewer cells are found or
  ///   class means are asked for without classes.
  func sampledGates(_ count: Int, _ configuration: TrainingConfiguration) throws -> Matrix {
    try labels.sampledGates(
      count, configuration, from: PatchSet(images: images, geometry: geometry).patches,
      threads: threads)
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
  /// - Returns: The gates, `[count, h]`.
  /// - Throws: As `PreparedTask.sampledGates`.
  func sampledGates(
    _ count: Int, _ configuration: TrainingConfiguration, from patches: Matrix, threads: Int
  ) throws -> Matrix {
    let method = configuration.gates
    let classes = try method == .classMeans ? classOfPatches(patches.rows) : nil
    let sample = try CentralArrangement(normals: patches).sampleCells(
      by: method, count: count, seed: configuration.seed, patches: patches, labels: classes,
      threads: threads)
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
