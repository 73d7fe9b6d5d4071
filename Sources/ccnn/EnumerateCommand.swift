import ArgumentParser
import ConvexCNN
import Foundation

/// `ccnn enumerate`.
struct EnumerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "enumerate",
    abstract: "Lists or counts the cells of an arrangement, exactly.",
    discussion: """
      The normals are the rows of --matrix, or all patches of --images or of a bundled data set \
      (training and test part). Cells come in antipodal pairs; both are written, one after the other.

      On many machines run --shard 0/k ... --shard k-1/k with the same data and seed; the files \
      together have every cell once.

      Example: ccnn enumerate --dataset digits --filter 1x3 --count
      """)

  @Option(help: ArgumentHelp("Normals, NPY or CSV, one per row.", valueName: "file"))
  var matrix: String?

  @Option(
    help: ArgumentHelp(
      "Bundled data set: \(BundledDataset.names.joined(separator: ", ")).", valueName: "name"))
  var dataset: String?

  @Option(
    help: ArgumentHelp(
      "IDX (.gz or not), NPY, NPZ (file.npz:key), CSV, CIFAR-10 batch, or folder of PNGs.",
      valueName: "path"))
  var images: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Use only the first images, an integer >= 1. (default: all)", valueName: "count"))
  var first: Int?

  @Option(help: ArgumentHelp("Filter size: 3x3, or 5 for signals.", valueName: "HxW"))
  var filter: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Step between patches, an integer >= 1.", valueName: "step"))
  var stride = 1

  @Option(help: ArgumentHelp("valid, zero or circular.", valueName: "kind"))
  var padding = "valid"

  @Flag(help: "Append a constant 1 to every patch.")
  var bias = false

  @Flag(help: "Only count.")
  var count = false

  @Option(
    help: ArgumentHelp(
      "Write patterns, unsigned bytes of shape [cells, ceil(rows / 8)], little bit order.",
      valueName: "file.npy"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Write a unit vector inside each cell, shape [cells, patch dimension].",
      valueName: "file.npy"))
  var witnesses: String?

  @Flag(help: "Print patterns as lines of 0 and 1 on standard output.")
  var stream = false

  @Flag(help: "Write one pattern per distinct line of normals instead of one per row.")
  var lines = false

  @Flag(help: "Write one cell of each antipodal pair.")
  var half = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Refuse when there may be more cells, an integer >= 1. (default: 1e8, 1e11 with --count)",
      valueName: "count"))
  var maxCells: UInt64?

  @Option(
    help: ArgumentHelp(
      "Record progress in a file and go on from it if it exists.", valueName: "file"))
  var checkpoint: String?

  @Option(help: ArgumentHelp("Do part i of k, 0 <= i < k.", valueName: "i/k"))
  var shard: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads, an integer >= 1; results do not depend on it. (default: all processors)",
      valueName: "count"))
  var threads: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seed of the order of the cells, an integer >= 0.", valueName: "seed"))
  var seed: UInt64 = 0

  @Flag(help: "Print neither progress nor table.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "Write the result as JSON; - writes it to standard output instead of the table.",
      valueName: "file"))
  var json: String?

  func run() throws {
    let part = try checkedShard()
    try Outputs.check([
      ("--output", output), ("--witnesses", witnesses), ("--checkpoint", checkpoint),
      ("--json", json),
    ])
    let normals = try loadNormals()
    let start = ContinuousClock.now
    let enumeration = try checkedEnumeration(normals)
    let progress = EnumerationProgress(
      isSilent: quiet, upperBound: enumeration.upperBound, shards: part.count)
    progress.announce(rows: normals.rows, enumeration)
    Interruption.watch()
    let cells: UInt64
    if count {
      let counted = try enumeration.count(threads: threads ?? Parallel.processorCount) {
        progress.show($0)
        return !Interruption.isRequested
      }
      guard let counted else { throw interrupted("nothing was written.") }
      cells = counted
    } else {
      let writer = try CellWriter(
        enumeration, shard: part, linesOnly: lines, halfOnly: half, output: output,
        witnesses: witnesses, streams: stream, checkpoint: checkpoint)
      let isComplete = try writer.run(threads: threads ?? Parallel.processorCount, progress)
      guard isComplete else {
        throw interrupted(
          checkpoint == nil
            ? "nothing was written." : "run again with the same --checkpoint to go on.")
      }
      cells = writer.cellCount
      if writer.thinCount > 0 {
        progress.note(
          "ccnn: warning: \(writer.thinCount) cells are too thin for a proven witness; NaN there")
      }
    }
    progress.finishLine()
    let result = EnumerationResult(
      rows: normals.rows, distinctRows: enumeration.lineCount, rank: enumeration.rank,
      cells: cells, upperBound: enumeration.upperBound,
      seconds: Finite(seconds(since: start)))
    if let json { try Outputs.write(try JSON.text(of: result), to: json) }
    if !quiet, !stream, json != "-" { print(result.table, terminator: "") }
  }

  private func interrupted(_ advice: String) -> Failure {
    Failure(code: 130, message: "interrupted; \(advice)")
  }

  /// The part to do, after all options have been checked together.
  private func checkedShard() throws -> EnumerationShard {
    var problems = OptionProblems()
    problems.check("--threads", threads, atLeast: 1)
    problems.check("--stride", stride, atLeast: 1)
    problems.check("--first", first, atLeast: 1)
    if maxCells == 0 { problems.check("--max-cells", 0, atLeast: 1) }
    _ = problems.choice("--padding", padding, among: ["valid", "zero", "circular"])
    if let dataset { _ = problems.choice("--dataset", dataset, among: BundledDataset.names) }
    let sources = [("--matrix", matrix), ("--dataset", dataset), ("--images", images)]
      .filter { $0.1 != nil }
    if sources.isEmpty { problems.require("--matrix, --images or --dataset") }
    if sources.count > 1 { problems.exclude(sources[0].0, sources[1].0, given: sources[1].1) }
    if matrix == nil, filter == nil, !sources.isEmpty { problems.require("--filter") }
    if matrix != nil {
      problems.exclude("--matrix", "--filter", given: filter)
      problems.exclude("--matrix", "--first", given: first)
      problems.exclude("--matrix", "--bias", given: bias ? "set" : nil)
    }
    if let filter, FilterSize(rawValue: filter) == nil {
      problems.add(
        "--filter", value: filter, expected: "HxW or a length, numbers from 1 to 65536",
        advice: "For example 3x3, or 5 for signals.")
    }
    let others: [(String, String?)] = [
      ("--output", output), ("--witnesses", witnesses), ("--checkpoint", checkpoint),
      ("--shard", shard), ("--stream", stream ? "set" : nil),
    ]
    if count { for (name, value) in others { problems.exclude("--count", name, given: value) } }
    if !count, output == nil, witnesses == nil, !stream {
      problems.require("--count, --output, --witnesses or --stream")
    }
    if stream {
      problems.exclude("--stream", "--checkpoint", given: checkpoint)
      if json == "-" { problems.exclude("--stream", "--json", given: json) }
    }
    if checkpoint != nil, output == nil, witnesses == nil, !count, !stream {
      problems.require("--output with --checkpoint")
    }
    let parts = (shard ?? "0/1").split(separator: "/", omittingEmptySubsequences: false)
      .map { Int($0) }
    var result = EnumerationShard.all
    if parts.count == 2, let i = parts[0], let k = parts[1], i >= 0, i < k {
      result = EnumerationShard(index: i, count: k)
    } else {
      problems.add(
        "--shard", value: shard ?? "", expected: "i/k with 0 <= i < k", advice: "For example 0/4.")
    }
    try problems.throwIfAny()
    return result
  }

  private func checkedEnumeration(_ normals: Matrix) throws -> CellEnumeration {
    let limit = maxCells ?? (count ? 100_000_000_000 : 100_000_000)
    let enumeration = try CellEnumeration(CentralArrangement(normals: normals), seed: seed)
    guard let bound = enumeration.upperBound, bound <= limit else {
      let found = enumeration.upperBound.map { "up to \($0)" } ?? "more than 2^64"
      throw InputError(
        .usage, "--max-cells", expected: "at most \(limit) cells", found: found,
        advice: "Raise --max-cells, or use a smaller filter or fewer images.")
    }
    return enumeration
  }

  private func loadNormals() throws -> Matrix {
    if let matrix {
      let file = matrix.hasSuffix(".csv") ? try CSV.read(matrix).array : try NPY.read(matrix)
      guard file.shape.count == 2 else {
        throw InputError(
          .data, matrix, expected: "a matrix of shape [rows, columns]",
          found: "shape \(file.shape)", advice: "Reshape the array.")
      }
      return Matrix(rows: file.shape[0], columns: file.shape[1], elements: file.elements)
    }
    let size = FilterSize(rawValue: filter ?? "") ?? FilterSize(height: 1, width: 1)
    var batch: Tensor
    if let dataset {
      let data = try DatasetLoader.bundled(named: dataset)
      let test = data.test?.images.elements ?? []
      let shape = Array(data.train.images.shape.dropFirst())
      let elements = data.train.images.elements + test
      batch = Tensor(shape: [elements.count / shape.reduce(1, *)] + shape, elements: elements)
    } else {
      batch = try DatasetLoader(isSignal: size.isSignal).images(images ?? "")
    }
    let shape = batch.shape
    if let first, first < shape[0] {
      let length = first * shape.dropFirst().reduce(1, *)
      batch = Tensor(
        shape: [first] + shape.dropFirst(), elements: Array(batch.elements[..<length]))
    }
    let kind = PatchGeometry.Padding(rawValue: padding) ?? .valid
    let geometry =
      size.isSignal
      ? try PatchGeometry(
        channels: shape[1], length: shape[3], filterLength: size.width, stride: stride,
        padding: kind, hasBias: bias)
      : try PatchGeometry(
        channels: shape[1], imageHeight: shape[2], imageWidth: shape[3],
        filterHeight: size.height, filterWidth: size.width, stride: stride, padding: kind,
        hasBias: bias)
    return try PatchSet(images: batch, geometry: geometry).patches
  }
}

/// Seconds since an instant.
func seconds(since start: ContinuousClock.Instant) -> Double {
  let elapsed = ContinuousClock.now - start
  return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
}

/// What `enumerate` found.
struct EnumerationResult: Encodable {
  var schema = Package.schema
  var version = Package.version
  /// Rows of the matrix, zero rows and repeats included.
  let rows: Int
  /// Distinct lines of normals.
  let distinctRows: Int
  /// Dimension the normals span.
  let rank: Int
  /// Cells, both of each pair; with `--shard` those of the shard.
  let cells: UInt64
  /// Cells of as many lines in general position; null above 2^64.
  let upperBound: UInt64?
  /// Wall time without reading the data.
  let seconds: Finite

  /// The result as a table whose last line is the number of cells.
  var table: String {
    var table = Table("ccnn enumerate   version \(version)")
    table.add("rows", "\(rows)")
    table.add("distinct lines", "\(distinctRows)")
    table.add("rank", "\(rank)")
    table.add("general position", upperBound.map { "at most \($0) cells" } ?? "more than 2^64")
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: "\(cells / 2) half cells (\(cells) cells), exact")
  }
}
