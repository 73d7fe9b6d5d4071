import Synchronization

/// An intersection of hyperplanes, given by the lines of normals that vanish on it.
public struct Flat: Sendable, Equatable {
  /// Lines that span the normals of the flat, independent and increasing.
  ///
  /// The first line on the flat, the first line on it independent of that, and so on.
  public let basis: [Int]

  /// Codimension of the flat.
  public var rank: Int { basis.count }
}

extension CentralArrangement {
  /// Calls a closure with every flat of a rank, each once.
  ///
  /// The faces of dimension `k` are the cells of the restrictions to the flats of rank `rank - k`.
  ///
  /// - Parameters:
  ///   - rank: Codimension of the flats; 0 is the whole space.
  ///   - body: Receives the flats in lexicographic order of their bases; returns whether to go on.
  /// - Precondition: `rank >= 0`.
  /// - Complexity: O(`lines * patchDimension`) for every flat of smaller rank, in memory
  ///   O(`lines * patchDimension^2`).
  /// - Accuracy: Exact (`FacesTests`).
  public func forEachFlat(rank: Int, _ body: (Flat) -> Bool) {
    precondition(rank >= 0, "forEachFlat: expected a rank of at least 0, found \(rank)")
    // Flats already reported before a prime turned out to be bad are not reported again.
    var reported = 0
    overPrimes { setup in
      guard rank <= setup.rank else { return () }
      var seen = 0
      let walk = FlatWalk(setup)
      walk.visit(maximumRank: rank) { flat, _, _ in
        guard flat.count == rank else { return true }
        seen += 1
        if seen <= reported { return true }
        reported += 1
        return body(Flat(basis: flat))
      }
      return walk.isPrimeBad ? nil : ()
    }
  }

  /// Every flat of a rank.
  ///
  /// - Parameter rank: Codimension of the flats; 0 is the whole space.
  /// - Returns: The flats in lexicographic order of their bases.
  /// - Precondition: `rank >= 0`.
  public func flats(rank: Int) -> [Flat] {
    var result: [Flat] = []
    forEachFlat(rank: rank) {
      result.append($0)
      return true
    }
    return result
  }

  /// All lines of normals that vanish on a flat.
  ///
  /// - Parameter flat: A flat of this arrangement.
  /// - Returns: Numbers of lines, increasing.
  /// - Complexity: O(`lines * rank^2 * patchDimension`).
  /// - Accuracy: Exact.
  public func lines(containing flat: Flat) -> [Int] {
    let rows = CountingRows(essential.rows)
    return (0..<essential.lineCount).filter {
      flat.basis.contains($0) || rows.areDependent(flat.basis + [$0])
    }
  }
}

/// Depth-first walk over the flats, each once, by its greedy basis.
///
/// A flat grows by a class of lines that agree on it; the larger flat's greedy basis is the smaller's
/// and the first line of the class exactly when that line comes after the smaller's last.
final class FlatWalk {
  private let setup: CountingSetup
  private let restriction: CountingRestriction
  private var levels: [CountingRestriction.Rows] = []
  private var isStopped = false

  /// Whether the prime divides a minor that is not zero.
  var isPrimeBad: Bool { restriction.isPrimeBad }

  /// Receives a greedy basis, the rows on the flat and their number; returns whether to go on.
  typealias Visitor = ([Int], CountingRestriction.Rows, Int) -> Bool

  init(_ setup: CountingSetup) {
    self.setup = setup
    restriction = setup.restriction()
    let n = setup.lineCount
    for dimension in 0...setup.rank {
      let elements = UnsafeMutablePointer<UInt64>.allocate(capacity: max(n * dimension, 1))
      levels.append((elements, .allocate(capacity: n + 1)))
    }
    setup.write(into: levels[setup.rank])
  }

  deinit {
    for level in levels {
      level.elements.deallocate()
      level.labels.deallocate()
    }
  }

  /// Visits the whole space and all flats up to a rank.
  func visit(maximumRank: Int, _ visitor: Visitor) {
    guard visitor([], levels[setup.rank], setup.lineCount), maximumRank > 0 else { return }
    for line in 0..<setup.lineCount where !isStopped && !isPrimeBad {
      visit(from: line, maximumRank: maximumRank, visitor)
    }
  }

  /// Visits the flats whose greedy basis begins with a line.
  func visit(from line: Int, maximumRank: Int, _ visitor: Visitor) {
    extend(
      [line], dimension: setup.rank, pivot: line, count: setup.lineCount,
      maximumRank: maximumRank, visitor)
  }

  /// Visits the flat that a class of rows adds to a smaller one, and those beyond it.
  private func extend(
    _ basis: [Int], dimension: Int, pivot: Int, count: Int, maximumRank: Int, _ visitor: Visitor
  ) {
    var kept = 0
    if dimension > 1 {
      kept = restriction.restrict(
        levels[dimension], dimension: dimension, pivot: pivot, range: 0..<count,
        into: levels[dimension - 1], chain: basis)
    }
    guard !isPrimeBad else { return }
    let rows = levels[dimension - 1]
    guard visitor(basis, rows, kept) else {
      isStopped = true
      return
    }
    guard basis.count < maximumRank, let last = basis.last else { return }
    for i in 0..<kept where Int(rows.labels[i]) > last && !isStopped && !isPrimeBad {
      extend(
        basis + [Int(rows.labels[i])], dimension: dimension - 1, pivot: i, count: kept,
        maximumRank: maximumRank, visitor)
    }
  }
}

/// One thread's walk over flats and the faces it has counted.
final class FaceWorker {
  private let setup: CountingSetup
  private let walk: FlatWalk
  private let recursion: CountingRecursion
  private(set) var counts: [UInt128]
  private(set) var overflows = false

  init(_ setup: CountingSetup) {
    self.setup = setup
    walk = FlatWalk(setup)
    recursion = CountingRecursion(setup)
    counts = [UInt128](repeating: 0, count: setup.rank + 1)
  }

  var isPrimeBad: Bool { walk.isPrimeBad || recursion.isPrimeBad }

  /// Adds the cells of the arrangement itself.
  func addWholeSpace() { walk.visit(maximumRank: 0) { add($0, $1, $2) } }

  /// Adds the cells on all flats, other than the origin, whose first line is given.
  func addFlats(from line: Int) {
    guard setup.rank > 1 else { return }
    walk.visit(from: line, maximumRank: setup.rank - 1) { add($0, $1, $2) }
  }

  private func add(_ basis: [Int], _ rows: CountingRestriction.Rows, _ count: Int) -> Bool {
    let dimension = setup.rank - basis.count
    let reduced = recursion.reduced(rows, dimension: dimension, count: count, chain: basis)
    guard !isPrimeBad else { return false }
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
  private let idle = Mutex<[Box]>([])

  private final class Box: @unchecked Sendable {
    let worker: FaceWorker
    init(_ worker: FaceWorker) { self.worker = worker }
  }

  init(_ setup: CountingSetup) { self.setup = setup }

  /// The workers, when no thread uses one.
  var workers: [FaceWorker] { idle.withLock { $0.map { $0.worker } } }

  func withWorker(_ body: (FaceWorker) -> Void) {
    let box = idle.withLock { $0.popLast() } ?? Box(FaceWorker(setup))
    body(box.worker)
    idle.withLock { $0.append(box) }
  }
}
