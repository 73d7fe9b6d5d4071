import ArgumentParser
import ConvexCNN

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

  @OptionGroup(title: "Normals") var normals: NormalOptions

  @Flag(help: "Only count.")
  var count = false

  @OptionGroup(title: "Cells") var cells: CellOutputOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Refuse when there may be more cells, an integer >= 1. (default: 1e8, 1e11 with --count)",
      valueName: "count"))
  var maxCells: UInt64?

  @OptionGroup(title: "Run") var common: CommonOptions

  func run() throws {
    let shard = try checkedShard()
    try Outputs.check(cells.files + [("--json", common.json)])
    let rows = try normals.load()
    let watch = Stopwatch()
    let enumeration = try checkedEnumeration(rows)
    let progress = EnumerationProgress(
      isSilent: common.quiet, upperBound: enumeration.upperBound, shards: shard.count)
    progress.announce(rows: rows.rows, enumeration)
    Interruption.watch()
    let found =
      count ? try counted(enumeration, progress) : try listed(enumeration, shard, progress)
    progress.finishLine()
    let result = EnumerationResult(
      rows: rows.rows, distinctRows: enumeration.lineCount, rank: enumeration.rank, cells: found,
      upperBound: enumeration.upperBound, seconds: Finite(watch.seconds))
    if let json = common.json { try Outputs.write(try JSON.text(of: result), to: json) }
    if !common.quiet, !cells.stream, common.json != "-" { print(result.table, terminator: "") }
  }

  /// The number of cells, without forming them.
  private func counted(
    _ enumeration: CellEnumeration, _ progress: EnumerationProgress
  ) throws -> UInt64 {
    let counted = try enumeration.count(threads: common.threadCount) {
      progress.show($0)
      return !Interruption.isRequested
    }
    guard let counted else { throw interrupted("nothing was written.") }
    return counted
  }

  /// The number of cells, after they have been written.
  private func listed(
    _ enumeration: CellEnumeration, _ shard: EnumerationShard, _ progress: EnumerationProgress
  ) throws -> UInt64 {
    let writer = try CellWriter(enumeration, shard: shard, options: cells)
    guard try writer.run(threads: common.threadCount, progress) else {
      throw interrupted(
        cells.checkpoint == nil
          ? "nothing was written." : "run again with the same --checkpoint to go on.")
    }
    if writer.thinCount > 0 {
      progress.note(
        "ccnn: warning: \(writer.thinCount) cells are too thin for a proven witness; NaN there")
    }
    return writer.cellCount
  }

  private func interrupted(_ advice: String) -> Failure {
    Failure(code: 130, message: "interrupted; \(advice)")
  }

  /// The part to do, after all options have been checked together.
  private func checkedShard() throws -> EnumerationShard {
    var problems = OptionProblems()
    common.check(&problems)
    normals.check(&problems)
    if maxCells == 0 { problems.check("--max-cells", 0, atLeast: 1) }
    if count {
      for (name, value) in cells.given { problems.exclude("--count", name, given: value) }
    } else if !cells.isRequested {
      problems.require("--count, --output, --witnesses or --stream")
    }
    let shard = cells.checkedShard(json: common.json, &problems)
    try problems.throwIfAny()
    return shard
  }

  private func checkedEnumeration(_ rows: Matrix) throws -> CellEnumeration {
    let limit = maxCells ?? (count ? 100_000_000_000 : 100_000_000)
    let enumeration = try CellEnumeration(CentralArrangement(normals: rows), seed: common.seed)
    guard let bound = enumeration.upperBound, bound <= limit else {
      let found = enumeration.upperBound.map { "up to \($0)" } ?? "more than 2^64"
      throw InputError(
        .usage, "--max-cells", expected: "at most \(limit) cells", found: found,
        advice: "Raise --max-cells, or use a smaller filter or fewer images.")
    }
    return enumeration
  }
}
