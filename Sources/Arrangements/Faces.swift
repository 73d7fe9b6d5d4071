public import Tensors

extension CentralArrangement {
  /// Numbers of faces of the arrangement by dimension.
  ///
  /// A face is a maximal set of filters on which every row keeps its sign, zero included. The
  /// number of faces of dimension `k` is the sum, over the flats of rank `rank - k`, of the number of
  /// cells of the arrangement restricted to the flat. Dimensions are those of the space the normals
  /// span; with `rank < patchDimension` every face extends along the `patchDimension - rank` others.
  ///
  /// - Parameter threads: Upper bound on the threads used; the result does not depend on it.
  /// - Returns: The counts for dimensions `0...rank`; the first is 1 (the origin), the last the
  ///   number of cells. They satisfy `sum_k (-1)^k f_k = (-1)^rank`.
  /// - Throws: `ArrangementError.Kind.countTooLarge` when a number exceeds `UInt128`.
  /// - Complexity: One count of cells for every flat: at most O(`rank * lines^(rank - 1)`).
  /// - Accuracy: Exact (`FacesTests`).
  /// - Source: Zaslavsky, *Facing up to Arrangements: Face-Count Formulas for Partitions of Space by
  ///   Hyperplanes*, Memoirs of the AMS 1975.
  public func faceCounts(threads: Int = Parallel.processorCount) throws -> [UInt128] {
    try overPrimes { try faceCounts($0, threads: threads, nil) }
  }

  /// Numbers of faces, as `faceCounts(threads:)`, unless the caller stops it.
  ///
  /// - Parameters:
  ///   - threads: Upper bound on the threads used; the result does not depend on it.
  ///   - progress: Receives the share that is done, an estimate from 0 to 1, from one thread at a
  ///     time; returning `false` ends the count.
  /// - Returns: The counts for dimensions `0...rank`; `nil` when `progress` ended the count.
  /// - Throws: `ArrangementError.Kind.countTooLarge` when a number exceeds `UInt128`.
  public func faceCounts(
    threads: Int = Parallel.processorCount, progress: (Double) -> Bool
  ) throws -> [UInt128]? {
    try withoutActuallyEscaping(progress) { report in
      let progress = CountingProgress(report)
      return try overPrimes { setup -> [UInt128]?? in
        progress.restart()
        let found = try faceCounts(setup, threads: threads, progress)
        return progress.isStopped ? .some(nil) : found.map { $0 }
      }
    }
  }

  /// The numbers of faces, or `nil` when the prime turned out to be bad or the count was stopped.
  private func faceCounts(
    _ setup: CountingSetup, threads: Int, _ progress: CountingProgress?
  ) throws -> [UInt128]? {
    let lines = setup.lineCount
    let pool = FaceWorkerPool(setup, progress)
    let size = max(1, setup.rank - 2)
    // Counts for the flats whose first line is given, and for the whole space.
    Parallel.forEachChunk(of: lines + 1, chunk: 1, threads: threads) { chunk, _ in
      pool.withWorker { worker in
        if chunk == lines { worker.addWholeSpace() } else { worker.addFlats(from: chunk) }
      }
      let done = { CountingProgress.share(of: max(0, $0), among: lines, size: size) }
      progress?.advance(done(lines - chunk) - done(lines - chunk - 1))
    }
    let isUsable = pool.workers.allSatisfy { !$0.isPrimeBad }
    guard isUsable, progress?.isStopped != true else { return nil }
    var counts = [UInt128](repeating: 0, count: setup.rank + 1)
    counts[0] = 1
    for worker in pool.workers {
      for k in counts.indices {
        let (sum, overflows) = counts[k].addingReportingOverflow(worker.counts[k])
        guard !overflows, !worker.overflows else {
          throw ArrangementError(kind: .countTooLarge(lines: lines, rank: setup.rank))
        }
        counts[k] = sum
      }
    }
    return counts
  }

  /// Repeats a computation with other primes until one divides no minor that matters.
  func overPrimes<Result>(_ body: (CountingSetup) throws -> Result?) rethrows -> Result {
    var prime = 0
    while true {
      let setup = CountingSetup(essential.rows, prime: prime)
      if let result = try body(setup) { return result }
      prime = setup.nextPrime
    }
  }
}
