public import Tensors

/// Which part of an enumeration to do: shard `index` of `count`.
///
/// The shards of one count are disjoint and together are the whole enumeration. All must use the
/// same rows and the same seed.
public struct EnumerationShard: Sendable, Equatable {
  /// The number of this shard, from 0.
  public let index: Int
  /// The number of shards.
  public let count: Int

  /// The whole enumeration.
  public static let all = EnumerationShard(index: 0, count: 1)

  /// One shard of several.
  ///
  /// - Precondition: `0 <= index < count`.
  public init(index: Int, count: Int) {
    precondition(index >= 0 && index < count, "EnumerationShard: \(index) of \(count)")
    self.index = index
    self.count = count
  }
}

extension CellEnumeration {
  /// Number of parts, each a subtree of the sweep, that the enumeration is made of.
  ///
  /// Progress, checkpoints and shards are in units of tasks.
  public var taskCount: Int { SweepTask.all(plan).count }

  /// Hands every half cell to a sink, in batches.
  ///
  /// Batches arrive one at a time and in an order that does not depend on the number of threads;
  /// where one batch ends and the next begins may. Threads that are ahead wait when about
  /// `32 MB` of patterns are waiting to be handed over.
  ///
  /// - Parameters:
  ///   - threads: Upper bound on the threads used.
  ///   - shard: Which part of the cells.
  ///   - startTask: Number of tasks of the shard to leave out at the beginning.
  ///   - taskFinished: Called after the last batch of each task with the number of tasks done.
  ///   - sink: Receives the batches; returning `false` ends the enumeration.
  /// - Returns: Whether all cells were handed over.
  /// - Throws: What the sink throws, or `ArrangementError` of kind `flagNotGeneric`.
  @discardableResult
  public func forEachBatch(
    threads: Int = Parallel.processorCount, shard: EnumerationShard = .all, startTask: Int = 0,
    taskFinished: (Int) throws -> Void = { _ in }, _ sink: (CellBatch) throws -> Bool
  ) throws -> Bool {
    let tasks = SweepTask.all(plan).enumerated().filter {
      $0.offset % shard.count == shard.index
    }.map(\.element)
    guard startTask < tasks.count else { return true }
    if threads > 1, tasks.count - startTask > 1 {
      return try inParallel(
        tasks, from: startTask, threads: threads, taskFinished: taskFinished, sink)
    }
    let cursor = SweepCursor(plan)
    func flush() throws -> Bool {
      guard !cursor.isDefective else {
        throw ArrangementError(kind: .flagNotGeneric(seed: plan.seed))
      }
      guard cursor.bufferedCount > 0 else { return true }
      defer { cursor.clearBuffer() }
      return try sink(batch(cursor.buffer, cells: cursor.bufferedCount))
    }
    for index in startTask..<tasks.count {
      if cursor.needsRoom, try !flush() { return false }
      cursor.begin(tasks[index])
      repeat {
        if cursor.needsRoom, try !flush() { return false }
      } while cursor.step()
      if try !flush() { return false }
      try taskFinished(index + 1)
    }
    return true
  }

  private func batch(_ start: UnsafePointer<UInt64>, cells: Int) -> CellBatch {
    CellBatch(
      words: UnsafeBufferPointer(start: start, count: cells * plan.words),
      wordsPerCell: plan.words, lineCount: plan.lineCount)
  }

  private func inParallel(
    _ tasks: [SweepTask], from start: Int, threads: Int, taskFinished: (Int) throws -> Void,
    _ sink: (CellBatch) throws -> Bool
  ) throws -> Bool {
    try withoutActuallyEscaping(sink) { sink in
      try withoutActuallyEscaping(taskFinished) { taskFinished in
        let handover = OrderedHandover(
          first: start, taskCount: tasks.count,
          waitingWords: max(1 << 22, 16 * threads * plan.words),
          deliver: { words, count in try sink(batch(words, cells: count / plan.words)) },
          finished: taskFinished)
        Parallel.forEachChunk(of: threads, chunk: 1, threads: threads) { _, _ in
          work(tasks, handover)
        }
        if let failure = handover.failure { throw failure }
        return handover.isComplete
      }
    }
  }

  /// One worker: claims tasks until there are none.
  private func work(_ tasks: [SweepTask], _ handover: OrderedHandover) {
    let cursor = SweepCursor(plan)
    while let index = handover.claim() {
      func flush() -> Bool {
        if cursor.isDefective {
          handover.stop(ArrangementError(kind: .flagNotGeneric(seed: plan.seed)))
          return false
        }
        defer { cursor.clearBuffer() }
        guard cursor.bufferedCount > 0 else { return true }
        return handover.hand(
          cursor.buffer, count: cursor.bufferedCount * plan.words, of: index)
      }
      cursor.begin(tasks[index])
      repeat {
        if cursor.needsRoom, !flush() { return }
      } while cursor.step()
      guard flush(), handover.finish(index) else { return }
    }
  }
}
