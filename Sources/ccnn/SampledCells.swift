import ConvexCNN

/// `ccnn enumerate --sample`: draws cells, writes them, and says what they show.
struct SampledCells {
  /// The patterns over the lines, all different.
  let patterns: [ActivationPattern]
  /// A unit vector inside each cell where one was found on the way.
  let directions: [[Double]]?
  /// Draws, gates or directions tried.
  let attempts: Int
  /// What the draws have seen; nil when they are not independent.
  let coverage: SamplingCoverage?
  /// All uniform draws, for the estimate of the number of cells.
  let uniform: UniformCellSample?

  /// Seconds after which counting all cells for comparison is given up; it is not begun where the
  /// forecast is ten times as long.
  private static let patience = 2.0

  /// Draws, writes and reports.
  ///
  /// - Parameters:
  ///   - normals: Matrix of shape `[rows, patchDimension]`.
  ///   - count: Number of cells, or of pairs of opposite ones.
  ///   - method: How cells are chosen.
  ///   - classes: The class of every row, for class means.
  ///   - output: What is written.
  ///   - common: Threads, seed, and where results go.
  /// - Throws: `InputError` when the method finds fewer cells, `ArrangementError` when the normals are
  ///   wrong, `FormatError` when files cannot be written.
  static func run(
    _ normals: Matrix, count: Int, by method: SamplingMethod, classes: [Int]?,
    _ output: CellOutputOptions, _ common: CommonOptions
  ) throws {
    let watch = Stopwatch()
    let arrangement = try CentralArrangement(normals: normals)
    let cells = try draw(
      arrangement, normals, count: count, by: method, classes: classes, isHalf: output.half,
      common)
    let found = cells.patterns.count
    guard found == count else {
      throw InputError(
        .usage, "--sample",
        expected: "at most \(found) cells, as many as \(cells.attempts) attempts of --sampler "
          + "\(method.rawValue) found",
        found: "\(count)", advice: "Sample fewer, or choose another sampler.")
    }
    let thin = try cells.write(arrangement, output)
    if thin > 0, !common.quiet {
      writeError("ccnn: warning: \(thin) cells are too thin for a proven witness; NaN there\n")
    }
    let forecast = arrangement.countForecast
    let known = try exactCounts(arrangement, forecast, common)
    let result = SampleResult(
      rows: normals.rows, distinctRows: arrangement.essential.lineCount, rank: forecast.rank,
      method: method, isHalf: output.half, cells, known: known, seconds: watch.seconds)
    if let json = common.json { try Outputs.write(try JSON.text(of: result), to: json) }
    if !common.quiet, !output.stream, common.json != "-" { print(result.table, terminator: "") }
  }

  /// The exact counts where they are quickly found.
  private static func exactCounts(
    _ arrangement: CentralArrangement, _ forecast: CountForecast, _ common: CommonOptions
  ) throws -> CharacteristicPolynomial? {
    guard forecast.countingSeconds <= 10 * patience else { return nil }
    let watch = Stopwatch()
    return try arrangement.characteristicPolynomial(threads: common.threadCount) { _ in
      watch.seconds < patience
    }
  }

  private static func draw(
    _ arrangement: CentralArrangement, _ normals: Matrix, count: Int, by method: SamplingMethod,
    classes: [Int]?, isHalf: Bool, _ common: CommonOptions
  ) throws -> SampledCells {
    guard method == .uniform else {
      let sample = try arrangement.sampleCells(
        by: method, count: count, seed: common.seed, patches: normals, labels: classes,
        droppingInactive: false, pairingOpposites: isHalf, threads: common.threadCount)
      return SampledCells(
        patterns: sample.cells.map(\.pattern), directions: sample.cells.map(\.witness),
        attempts: sample.attempts, coverage: sample.coverage, uniform: nil)
    }
    Interruption.watch()
    let progress = EnumerationProgress(isSilent: common.quiet)
    let found = try UniformCellSampler(arrangement).sampleDistinct(
      count: count, seed: common.seed, pairingOpposites: isHalf, threads: common.threadCount
    ) { draws, _ in
      progress.show(UInt64(draws))
      return !Interruption.isRequested
    }
    progress.finishLine()
    if Interruption.isRequested {
      throw Failure.interrupted("nothing was written.")
    }
    return SampledCells(
      patterns: found.patterns, directions: nil, attempts: found.draws.attempts,
      coverage: found.coverage, uniform: found.draws)
  }

  /// Writes patterns and witnesses; the number of cells without a proven witness.
  private func write(
    _ arrangement: CentralArrangement, _ options: CellOutputOptions
  ) throws -> Int {
    let expansion = RowExpansion(arrangement.essential, linesOnly: options.lines)
    let rowCount =
      options.lines ? arrangement.essential.lineCount : arrangement.essential.lineOfRow.count
    let columns = arrangement.patchDimension
    let rows = try options.output.map {
      try CellFile($0, type: "|u1", columns: expansion.byteCount, keeping: 0)
    }
    let witnesses = try options.witnesses.map {
      try CellFile($0, type: "<f8", columns: columns, keeping: 0)
    }
    var thin = 0
    do {
      for (index, pattern) in patterns.enumerated() {
        if rows != nil || options.stream {
          let bytes = expansion.bytes(of: pattern)
          if let rows { try bytes.withUnsafeBytes { try rows.append($0) } }
          if options.stream { try RowExpansion.stream(bytes, rowCount: rowCount) }
        }
        guard let witnesses else { continue }
        let witness = directions?[index] ?? arrangement.cell(of: pattern)?.witness
        if witness == nil { thin += 1 }
        let numbers = witness ?? [Double](repeating: .nan, count: columns)
        try numbers.withUnsafeBytes { try witnesses.append($0) }
      }
      try rows?.finish(rows: UInt64(patterns.count))
      try witnesses?.finish(rows: UInt64(patterns.count))
    } catch {
      rows?.discard()
      witnesses?.discard()
      throw error
    }
    return thin
  }
}
