public import Tensors

extension CentralArrangement {
  /// The characteristic polynomial of the lines, found without listing cells.
  ///
  /// Every decision is exact, also in degenerate arrangements: dependence is decided modulo primes
  /// whose product exceeds the Hadamard bound of the minors concerned. Lines enter with the integers
  /// they stand for (`EssentialRows`).
  ///
  /// - Parameter threads: Upper bound on the threads used; the result does not depend on it.
  /// - Returns: The polynomial; `halfCellCount` and `cellCount` are its values at -1.
  /// - Throws: `ArrangementError.Kind.countTooLarge` when the number of cells exceeds `UInt128`.
  /// - Complexity: At most O(`rank * C(lines, rank - 1)`), and far less where lines meet in few
  ///   flats. Memory O(`lines * rank^2`) and at most 16 megabytes of remembered flats for each
  ///   rank.
  /// - Accuracy: Exact (`CountingTests`).
  /// - Source: Deletion and restriction: Orlik & Terao, *Arrangements of Hyperplanes*, Springer
  ///   1992.
  public func characteristicPolynomial(
    threads: Int = Parallel.processorCount
  ) throws -> CharacteristicPolynomial {
    try overPrimes { try polynomial($0, threads: threads, nil) }
  }

  /// The characteristic polynomial, as `characteristicPolynomial(threads:)`, unless the caller stops
  /// it.
  ///
  /// - Parameters:
  ///   - threads: Upper bound on the threads used; the result does not depend on it.
  ///   - progress: Receives the share that is done, an estimate from 0 to 1, from one thread at a
  ///     time; returning `false` ends the count.
  /// - Returns: The polynomial; `nil` when `progress` ended the count.
  /// - Throws: `ArrangementError.Kind.countTooLarge` when the number of cells exceeds `UInt128`.
  public func characteristicPolynomial(
    threads: Int = Parallel.processorCount, progress: (Double) -> Bool
  ) throws -> CharacteristicPolynomial? {
    try withoutActuallyEscaping(progress) { report in
      let progress = CountingProgress(report)
      return try overPrimes { setup -> CharacteristicPolynomial?? in
        progress.restart()
        let found = try polynomial(setup, threads: threads, progress)
        return progress.isStopped ? .some(nil) : found.map { $0 }
      }
    }
  }

  /// Number of cells, opposite cells counted separately, found without listing them.
  ///
  /// - Parameter threads: Upper bound on the threads used; the result does not depend on it.
  /// - Returns: `characteristicPolynomial(threads:).cellCount`, the exact number.
  /// - Throws: `ArrangementError.Kind.countTooLarge` when the number exceeds `UInt128`.
  public func cellCount(threads: Int = Parallel.processorCount) throws -> UInt128 {
    try characteristicPolynomial(threads: threads).cellCount
  }

  /// The polynomial, or `nil` when the prime turned out to be bad or the count was stopped.
  private func polynomial(
    _ setup: CountingSetup, threads: Int, _ progress: CountingProgress?
  ) throws -> CharacteristicPolynomial? {
    let reduced = try reducedPolynomial(setup, threads: threads, progress)
    guard let reduced, progress?.isStopped != true else { return nil }
    guard let polynomial = CharacteristicPolynomial(reduced: reduced) else {
      throw tooLarge(rank: setup.rank)
    }
    return polynomial
  }

  /// The numbers `R_k`, or `nil` when the prime turned out to be bad.
  private func reducedPolynomial(
    _ setup: CountingSetup, threads: Int, _ progress: CountingProgress?
  ) throws -> CountingRecursion.Coefficients? {
    let n = setup.lineCount
    let memory = setup.memory()
    let idle = Guarded<[Worker]>([])
    let chunk = max(1, min(8, n / 64))
    Parallel.forEachChunk(of: n - 1, chunk: chunk, threads: threads) { _, range in
      let worker = idle.withLock { $0.popLast() } ?? Worker(setup, memory: memory, progress)
      // Late lines have the most lines before them; they come first, so that threads end together.
      for i in range where worker.recursion.mayGoOn {
        worker.recursion.add(worker.recursion.child(n - 1 - i), to: &worker.sum)
      }
      idle.withLock { $0.append(worker) }
    }
    let workers = idle.withLock { $0 }
    guard workers.allSatisfy({ !$0.recursion.isPrimeBad }) else { return nil }
    var result = CountingRecursion.Coefficients(repeating: 0, count: setup.rank)
    result[0] = 1
    for worker in workers {
      if worker.recursion.overflows { throw tooLarge(rank: setup.rank) }
      for i in result.indices {
        let (value, overflows) = result[i].addingReportingOverflow(worker.sum[i])
        if overflows { throw tooLarge(rank: setup.rank) }
        result[i] = value
      }
    }
    return result
  }

  private func tooLarge(rank: Int) -> ArrangementError {
    ArrangementError(kind: .countTooLarge(lines: essential.lineCount, rank: rank))
  }
}

/// One thread's recursion and its share of the sum.
///
/// A worker is used by one thread at a time; the lock around the idle workers orders the uses.
private final class Worker: @unchecked Sendable {
  let recursion: CountingRecursion
  var sum: CountingRecursion.Coefficients

  init(_ setup: CountingSetup, memory: CountingMemory, _ progress: CountingProgress?) {
    recursion = CountingRecursion(setup, memory: memory, progress: progress)
    sum = CountingRecursion.Coefficients(repeating: 0, count: setup.rank)
  }
}
