import ConvexCNN

/// Counts the cells of an arrangement the faster way, and refuses when there are too many.
struct CellCounter {
  /// Seconds that an exact count may take where only the number of cells to list is in question.
  static let patience = 20.0

  let arrangement: CentralArrangement
  let forecast: CountForecast
  let options: CountOptions
  let common: CommonOptions
  let progress: EnumerationProgress

  /// How cells are counted.
  var method: CountOptions.Method {
    guard options.method ?? .auto == .auto else { return options.method ?? .auto }
    if options.faces || forecast.rank > CellEnumeration.maximumRank { return .polynomial }
    // The sweep's forecast is nearer the truth where lines meet in few flats.
    let isFaster = forecast.countingSeconds <= 1.5 * forecast.sweepCountingSeconds
    return isFaster ? .polynomial : .sweep
  }

  /// The exact number of cells, for `--count`.
  func count() throws -> UInt128 {
    if method == .sweep {
      try refuseUnlessFew()
      return try sweepCount()
    }
    let isBounded = isWithin(forecast.cellUpperBound)
    let found = try polynomialCount(within: isBounded ? nil : Self.patience)
    guard let found else { throw refusal(nil) }
    if let limit = options.maxCells, found > limit { throw refusal(found) }
    return found
  }

  /// The exact number of cells to list if it is quickly found.
  ///
  /// - Throws: A refusal when there are too many, by the exact count if it is found in time.
  func admit() throws -> UInt128? {
    let isBounded = isWithin(forecast.cellUpperBound)
    let share = 0.02 * forecast.listingSeconds / Double(common.threadCount)
    let found = try polynomialCount(
      within: isBounded ? min(Self.patience, max(0.25, share)) : Self.patience)
    if isBounded { return found }
    guard let found, isWithin(found) else { throw refusal(found) }
    progress.note("ccnn: \(found) cells by an exact count, so --max-cells is kept")
    return found
  }

  /// Refuses when there are too many cells to go through one by one.
  private func refuseUnlessFew() throws {
    if isWithin(forecast.cellUpperBound) { return }
    let found = try polynomialCount(within: Self.patience)
    guard let found, isWithin(found) else { throw refusal(found) }
  }

  private func isWithin(_ cells: UInt128?) -> Bool { cells.map { $0 <= options.limit } ?? false }

  /// The count by deletion and restriction; `nil` when it takes longer than a number of seconds.
  private func polynomialCount(within seconds: Double?) throws -> UInt128? {
    let watch = Stopwatch()
    let polynomial = try arrangement.characteristicPolynomial(threads: common.threadCount) {
      progress.show("counted", share: $0, limit: seconds)
      return !Interruption.isRequested && watch.seconds < seconds ?? .infinity
    }
    if Interruption.isRequested { throw Failure.interrupted("nothing was written.") }
    return polynomial?.cellCount
  }

  private func sweepCount() throws -> UInt128 {
    let enumeration = try CellEnumeration(arrangement, seed: common.seed)
    progress.expect(cells: forecast.cellUpperBound, isExact: false)
    let found = try enumeration.count(threads: common.threadCount) {
      progress.show($0)
      return !Interruption.isRequested
    }
    guard let found else { throw Failure.interrupted("nothing was written.") }
    return UInt128(found)
  }

  /// Numbers of faces by dimension, for `--faces`.
  func faceCounts() throws -> [UInt128] {
    let counts = try arrangement.faceCounts(threads: common.threadCount) {
      progress.show("of the faces", share: $0)
      return !Interruption.isRequested
    }
    guard let counts else { throw Failure.interrupted("nothing was written.") }
    return counts
  }

  /// Says which number was compared with the limit.
  private func refusal(_ exact: UInt128?) -> InputError {
    let bound = forecast.cellUpperBound.map { "up to \($0)" } ?? "more than 2^128"
    let found =
      exact.map { "\($0), the exact count" }
      ?? "\(bound) (bound of general position; the exact count takes over \(Int(Self.patience)) s)"
    return InputError(
      .usage, "--max-cells", expected: "at most \(options.limit) cells", found: found,
      advice: "Raise --max-cells, or use a smaller filter or fewer images.")
  }
}

extension Failure {
  /// The end of a run that the user stopped.
  static func interrupted(_ advice: String) -> Failure {
    Failure(code: 130, message: "interrupted; \(advice)")
  }
}
