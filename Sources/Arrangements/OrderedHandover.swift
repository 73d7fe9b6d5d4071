#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Hands over what several workers find, task after task in order.
///
/// Tasks are claimed in order. The worker whose task is the first that is not handed over delivers
/// directly; the others keep their words here, and wait when too many are kept. That first worker
/// never waits, so there is always progress.
final class OrderedHandover: @unchecked Sendable {
  /// What became of the words that were to be delivered.
  typealias Delivery = (UnsafePointer<UInt64>, Int) throws -> Bool

  /// Memory with the number of words in it; used again and again.
  private typealias Block = (memory: UnsafeMutableBufferPointer<UInt64>, count: Int)

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private let taskCount: Int
  private let limit: Int
  private let deliver: Delivery
  private let finished: (Int) throws -> Void
  // All below is guarded by the mutex.
  private var claimed: Int
  private var head: Int
  private var kept: [Int: [Block]] = [:]
  private var spare: [UnsafeMutableBufferPointer<UInt64>] = []
  private var done: Set<Int> = []
  private var keptWords = 0
  private var isStopped = false
  private(set) var failure: (any Error)?

  /// A handover of tasks `first..<taskCount`.
  ///
  /// - Parameters:
  ///   - first: The first task.
  ///   - taskCount: One past the last task.
  ///   - waitingWords: Words kept before workers wait.
  ///   - deliver: Receives words in order, from one thread at a time; `false` stops everything.
  ///   - finished: Called in between with the number of tasks delivered.
  init(
    first: Int, taskCount: Int, waitingWords: Int, deliver: @escaping Delivery,
    finished: @escaping (Int) throws -> Void
  ) {
    mutex = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
    (claimed, head) = (first, first)
    self.taskCount = taskCount
    limit = waitingWords
    self.deliver = deliver
    self.finished = finished
  }

  deinit {
    for memory in spare { memory.deallocate() }
    for list in kept.values { for block in list { block.memory.deallocate() } }
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Whether everything was delivered.
  var isComplete: Bool { head == taskCount && !isStopped }

  /// The next task to work on; nil when there is none or work has stopped.
  func claim() -> Int? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard !isStopped, claimed < taskCount else { return nil }
    claimed += 1
    return claimed - 1
  }

  /// Ends all work with an error.
  func stop(_ error: any Error) {
    pthread_mutex_lock(mutex)
    if failure == nil { failure = error }
    isStopped = true
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
  }

  /// Takes words of a task; `false` when work has stopped.
  func hand(_ words: UnsafePointer<UInt64>, count: Int, of task: Int) -> Bool {
    pthread_mutex_lock(mutex)
    while task != head, keptWords > limit, !isStopped { pthread_cond_wait(changed, mutex) }
    if task != head, !isStopped {
      keptWords += count
      let known = spare.popLast()
      pthread_mutex_unlock(mutex)
      let block = filled(known, words, count)
      pthread_mutex_lock(mutex)
      kept[task, default: []].append(block)
      pthread_mutex_unlock(mutex)
      return true
    }
    pthread_mutex_unlock(mutex)
    guard deliverKept(of: task) else { return false }
    return attempt { try deliver(words, count) }
  }

  /// Notes that a task has no more words; `false` when work has stopped.
  func finish(_ task: Int) -> Bool {
    pthread_mutex_lock(mutex)
    done.insert(task)
    var isFirst = task == head
    pthread_mutex_unlock(mutex)
    var current = task
    while isFirst {
      guard deliverKept(of: current),
        attempt({
          try finished(current + 1)
          return true
        })
      else { return false }
      pthread_mutex_lock(mutex)
      done.remove(current)
      head += 1
      current = head
      // A task that is still worked on is delivered by its own worker.
      isFirst = done.contains(current)
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    }
    return true
  }

  /// Delivers what was kept of the first task.
  private func deliverKept(of task: Int) -> Bool {
    pthread_mutex_lock(mutex)
    let lists = kept.removeValue(forKey: task) ?? []
    keptWords -= lists.reduce(0) { $0 + $1.count }
    let mayGoOn = !isStopped
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(mutex)
    guard mayGoOn else { return false }
    defer {
      pthread_mutex_lock(mutex)
      spare += lists.map(\.memory)
      pthread_mutex_unlock(mutex)
    }
    return lists.allSatisfy { list in
      guard let start = list.memory.baseAddress else { return true }
      return attempt { try deliver(start, list.count) }
    }
  }

  /// A copy of words, in memory that is used again when it is large enough.
  private func filled(
    _ known: UnsafeMutableBufferPointer<UInt64>?, _ words: UnsafePointer<UInt64>, _ count: Int
  ) -> Block {
    var memory = known ?? .allocate(capacity: count)
    if memory.count < count {
      memory.deallocate()
      memory = .allocate(capacity: count)
    }
    memory.baseAddress?.initialize(from: words, count: count)
    return (memory, count)
  }

  private func attempt(_ work: () throws -> Bool) -> Bool {
    do {
      if try work() { return true }
      pthread_mutex_lock(mutex)
      isStopped = true
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    } catch {
      stop(error)
    }
    return false
  }
}
