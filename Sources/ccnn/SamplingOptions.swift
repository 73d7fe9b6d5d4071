import ArgumentParser
import ConvexCNN

/// Some cells instead of all.
struct SamplingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sample this many different cells instead of listing all (with --half, pairs), an integer "
        + ">= 1. Repeated draws are counted for the coverage.",
      valueName: "count"))
  var sample: Int?

  @Option(
    help: ArgumentHelp(
      "How --sample chooses: uniform (all cells equally likely; also estimates their number), "
        + "gaussian, centered (directions orthogonal to the mean row), differences (of two rows), "
        + "patches (the rows less their mean), class-means or k-means. (default: uniform)",
      valueName: "kind"))
  var sampler: String?

  @Option(
    help: ArgumentHelp(
      "Classes of --images for --sampler class-means: IDX, NPY or CSV of integers.",
      valueName: "path"))
  var labels: String?

  /// The way cells are chosen.
  var method: SamplingMethod {
    sampler.flatMap { SamplingMethod(rawValue: $0) } ?? .uniform
  }

  /// Adds what is wrong with the options to a list.
  func check(
    _ problems: inout OptionProblems, normals: NormalOptions, cells: CellOutputOptions,
    counting: CountOptions
  ) {
    problems.check("--sample", sample, atLeast: 1)
    if let sampler {
      _ = problems.choice("--sampler", sampler, among: SamplingMethod.allCases.map(\.rawValue))
      if sample == nil { problems.require("--sample with --sampler") }
    }
    if method == .classMeans {
      problems.exclude("--sampler class-means", "--matrix", given: normals.matrix)
    } else if let labels {
      problems.exclude("--sampler \(method.rawValue)", "--labels", given: labels)
    }
    problems.exclude("--dataset", "--labels", given: normals.dataset.flatMap { _ in labels })
    guard sample != nil else { return }
    if counting.count { problems.exclude("--count", "--sample", given: sample) }
    if counting.faces { problems.exclude("--faces", "--sample", given: sample) }
    problems.exclude("--sample", "--max-cells", given: counting.maxCells)
    problems.exclude("--sample", "--checkpoint", given: cells.checkpoint)
    problems.exclude("--sample", "--shard", given: cells.shard)
  }

  /// The class of every row of the normals, nil when the method does not ask for classes.
  ///
  /// - Parameters:
  ///   - normals: Where the rows come from.
  ///   - rowCount: Number of rows.
  /// - Returns: One number per row.
  /// - Throws: `FormatError` or `InputError` when there are no classes for the images.
  func classes(_ normals: NormalOptions, rowCount: Int) throws -> [Int]? {
    guard method == .classMeans else { return nil }
    let signal = FilterSize(rawValue: normals.filter ?? "")?.isSignal ?? false
    let parts: [Labels]
    if let dataset = normals.dataset {
      let data = try DatasetLoader.bundled(named: dataset)
      parts = [data.train.labels] + (data.test.map { [$0.labels] } ?? [])
    } else {
      parts = [
        try DatasetLoader(isSignal: signal).load(
          images: normals.images ?? "", labels: labels
        ).labels
      ]
    }
    let classes = try parts.flatMap { try $0.classOfPatches($0.sampleCount) }
    let used = Array(classes.prefix(normals.first ?? classes.count))
    let count = Set(used).count
    return try Labels.classes(used, count: max(count, 1 + (used.max() ?? 0)))
      .classOfPatches(rowCount)
  }
}
