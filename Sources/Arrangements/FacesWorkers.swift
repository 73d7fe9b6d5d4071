import Tensors

/// One thread's walk over flats and the faces it has counted.
final class FaceWorker {
  private let setup: CountingSetup
  private let walk: FlatWalk
  private let recursion: CountingRecursion
  private(set) var counts: [UInt128]
  private(set) var overflows = false

  init(_ setup: CountingSetup, memory: CountingMemory, _ progress: CountingProgress?) {
    self.setup = setup
    walk = FlatWalk(setup)
    recursion = CountingRecursion(setup, memory: memory, progress: progress)
    counts = [UInt128](repeating: 0, count: setup.rank + 1)
  }

  var isPrimeBad: Bool { walk.isPrimeBad || recursion.isPrimeBad }

  /// Adds the cells of the arrangement itself.
  func addWholeSpace() { walk.visit(maximumRank: 0) { add($0, $1, $2) } }

  /// Adds the cells on all flats of dimension 2 and more, and the rays, whose first line is given.
  func addFlats(from line: Int) {
    guard setup.rank > 2 else { return }
    walk.visit(from: line, maximumRank: setup.rank - 2) { add($0, $1, $2) }
  }

  private func add(_ basis: [Int], _ rows: CountingRestriction.Rows, _ count: Int) -> Bool {
    let dimension = setup.rank - basis.count
    let reduced = recursion.reduced(rows, dimension: dimension, count: count, chain: basis)
    guard !isPrimeBad, recursion.mayGoOn else { return false }
    if dimension == 2 {
      // Every row beyond the greedy basis is one more flat, of two rays; none need be visited.
      let last = basis.last ?? -1
      for i in 0..<count where Int(rows.labels[i]) > last { counts[1] += 2 }
    }
    guard !recursion.overflows, let polynomial = CharacteristicPolynomial(reduced: reduced) else {
      overflows = true
      return false
    }
    let (sum, overflow) = counts[dimension].addingReportingOverflow(polynomial.cellCount)
    counts[dimension] = sum
    overflows = overflows || overflow
    return !overflows
  }
}

/// Workers for threads, each used by one thread at a time.
final class FaceWorkerPool: Sendable {
  private let setup: CountingSetup
  private let memory: CountingMemory
  private let progress: CountingProgress?
  private let idle = Guarded<[Box]>([])

  private final class Box: @unchecked Sendable {
    let worker: FaceWorker
    init(_ worker: FaceWorker) { self.worker = worker }
  }

  init(_ setup: CountingSetup, _ progress: CountingProgress?) {
    self.setup = setup
    self.progress = progress
    memory = setup.memory()
  }

  /// The workers, when no thread uses one.
  var workers: [FaceWorker] { idle.withLock { $0.map { $0.worker } } }

  func withWorker(_ body: (FaceWorker) -> Void) {
    let box = idle.withLock { $0.popLast() } ?? Box(FaceWorker(setup, memory: memory, progress))
    body(box.worker)
    idle.withLock { $0.append(box) }
  }
}
