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

      Where there are too many, --sample draws different cells, and says how much of the arrangement \
      the draws have seen. Uniform draws also estimate the number of cells.

      Example: ccnn enumerate --dataset digits --filter 1x3 --count
      """)

  @OptionGroup(title: "Normals") var normals: NormalOptions

  @OptionGroup(title: "Count") var counting: CountOptions
  @OptionGroup(title: "Cells") var cells: CellOutputOptions
  @OptionGroup(title: "Facets and filters") var filters: CellFilterOptions
  @OptionGroup(title: "Sampling") var sampling: SamplingOptions
  @OptionGroup(title: "Run") var common: CommonOptions

  func run() throws {
    let shard = try checkedShard()
    try Outputs.check(cells.files + [("--facets", filters.facets), ("--json", common.json)])
    let rows = try normals.load()
    if let count = sampling.sample {
      let classes = try sampling.classes(normals, rowCount: rows.rows)
      return try SampledCells.run(
        rows, count: count, by: sampling.method, classes: classes, cells, common)
    }
    let watch = Stopwatch()
    let arrangement = try CentralArrangement(normals: rows)
    let forecast = arrangement.countForecast
    let progress = EnumerationProgress(isSilent: common.quiet)
    progress.announce(
      rows: rows.rows, forecast, threads: common.threadCount, faces: counting.faces)
    Interruption.watch()
    let counter = CellCounter(
      arrangement: arrangement, forecast: forecast, options: counting, common: common,
      progress: progress)
    var (exact, faces): (UInt128?, [UInt128]?) = (nil, nil)
    let (found, examined): (UInt128, UInt128)
    let isCounting = counting.isRequested && !filters.isFiltering
    if isCounting {
      found = try counter.count()
      examined = found
      if counting.faces { faces = try counter.faceCounts() }
    } else {
      exact = try counter.admit()
      (found, examined) = try listed(arrangement, shard, exact: exact, forecast, progress)
    }
    progress.finishLine()
    let result = EnumerationResult(
      rows: rows.rows, distinctRows: forecast.lineCount, rank: forecast.rank, cells: found,
      upperBound: WholeNumber(value: forecast.cellUpperBound),
      method: isCounting ? counter.method.rawValue : "list",
      isConfirmed: exact == examined, examined: filters.isFiltering ? examined : nil,
      faces: faces, seconds: Finite(watch.seconds))
    if let json = common.json { try Outputs.write(try JSON.text(of: result), to: json) }
    if !common.quiet, !cells.stream, common.json != "-" { print(result.table, terminator: "") }
  }

  /// The numbers of cells that were written, and of those that were looked at.
  private func listed(
    _ arrangement: CentralArrangement, _ shard: EnumerationShard, exact: UInt128?,
    _ forecast: CountForecast, _ progress: EnumerationProgress
  ) throws -> (kept: UInt128, examined: UInt128) {
    let enumeration = try CellEnumeration(arrangement, seed: common.seed)
    let writer = try CellWriter(enumeration, shard: shard, options: cells, filters: filters)
    progress.expect(
      cells: (exact ?? forecast.cellUpperBound).map { $0 / UInt128(shard.count) },
      isExact: exact != nil && shard.count == 1, done: writer.examinedCount)
    guard try writer.run(threads: common.threadCount, progress) else {
      throw Failure.interrupted(
        cells.checkpoint == nil
          ? "nothing was written." : "run again with the same --checkpoint to go on.")
    }
    if writer.thinCount > 0 {
      progress.note(
        "ccnn: warning: \(writer.thinCount) cells are so thin that no vector of doubles inside was "
          + "found; NaN there")
    }
    let found = UInt128(writer.examinedCount)
    if shard.count == 1, let exact, exact != found {
      throw Failure(
        code: 1,
        message: "cells: expected \(exact) by the polynomial, found \(found) by the sweep. "
          + "Please report the rows.")
    }
    return (UInt128(writer.cellCount), found)
  }

  /// The part to do, after all options have been checked together.
  private func checkedShard() throws -> EnumerationShard {
    var problems = OptionProblems()
    common.check(&problems)
    normals.check(&problems)
    counting.check(&problems)
    sampling.check(&problems, normals: normals, cells: cells, counting: counting)
    filters.check(&problems)
    for (name, value) in filters.given {
      if counting.faces { problems.exclude("--faces", name, given: value) }
      problems.exclude("--sample", name, given: sampling.sample == nil ? nil : value)
      problems.exclude(name, "--method", given: value == nil ? nil : counting.method?.rawValue)
    }
    if sampling.sample != nil { problems.exclude("--sample", "--facets", given: filters.facets) }
    if counting.isRequested {
      let mode = counting.count ? "--count" : "--faces"
      problems.exclude(mode, "--facets", given: filters.facets)
      for (name, value) in cells.given { problems.exclude(mode, name, given: value) }
    } else if !cells.isRequested, sampling.sample == nil, filters.facets == nil {
      problems.require("--count, --faces, --output, --witnesses, --facets, --stream or --sample")
    }
    let shard = cells.checkedShard(json: common.json, &problems)
    try problems.throwIfAny()
    return shard
  }
}
