/// Deletion and restriction over the lines of an arrangement, remembered by flat.
///
/// With `pi(A, t) = (1 + t) R(A, t)` the Poincare polynomial and `A_k` the first `k` lines,
///
///     R(A) = 1 + t sum_{k > 1} R(A_{k-1} restricted to H_k).
///
/// The rows a chain of restrictions leaves depend on the flat alone, because the last line chosen is
/// the first line that contains the flat; `R` is therefore kept in a table by the rows themselves.
/// Equal rows over the field have equal polynomials, so flats that look alike share an entry.
final class CountingRecursion {
  /// Coefficients of `R`, from the constant one up.
  typealias Coefficients = [UInt128]

  private let setup: CountingSetup
  private let restriction: CountingRestriction
  private var levels: [CountingRestriction.Rows] = []
  private let scratch: UnsafeMutablePointer<UInt64>
  private var chain: [Int] = []
  private let memory: CountingMemory
  private let progress: CountingProgress?
  /// Share of the whole count that the child being worked on stands for.
  private var share = 0.0
  /// Set when a coefficient exceeded `UInt128`; results are then meaningless.
  private(set) var overflows = false

  /// Whether the prime divides a minor that is not zero; results are then meaningless.
  var isPrimeBad: Bool { restriction.isPrimeBad }

  /// Whether results can still become meaningful.
  var mayGoOn: Bool { !isPrimeBad && progress?.isStopped != true }

  /// A recursion with its own work space.
  ///
  /// - Parameters:
  ///   - setup: The lines.
  ///   - memory: The polynomials found so far, shared by all threads.
  ///   - progress: Told what `child` has done; asked whether to go on.
  init(_ setup: CountingSetup, memory: CountingMemory, progress: CountingProgress? = nil) {
    self.setup = setup
    self.memory = memory
    self.progress = progress
    restriction = setup.restriction()
    let n = setup.lineCount
    for dimension in 0...setup.rank {
      let elements = UnsafeMutablePointer<UInt64>.allocate(capacity: max(n * dimension, 1))
      levels.append((elements, .allocate(capacity: n + 1)))
    }
    scratch = .allocate(capacity: 2 * n + 2)
    setup.write(into: levels[setup.rank])
  }

  deinit {
    for level in levels {
      level.elements.deallocate()
      level.labels.deallocate()
    }
    scratch.deallocate()
  }

  /// `R` of the lines before one line, restricted to that line's hyperplane.
  ///
  /// - Parameter line: Number of a line, at least 1.
  /// - Returns: The coefficients, meaningless unless `mayGoOn`, or when `overflows`.
  func child(_ line: Int) -> Coefficients {
    let rank = setup.rank
    if rank == 2 { return [1] }
    chain = [line]
    let done = { CountingProgress.share(of: $0, among: self.setup.lineCount, size: rank - 1) }
    if progress != nil { share = done(line + 1) - done(line) }
    // What is left when some rows' restrictions were remembered or merged.
    defer { if share > 0 { advance(1) } }
    if rank == 3 { return [1, images(of: line, in: levels[3]) - 1] }
    let count = restriction.restrict(
      levels[rank], dimension: rank, pivot: line, range: 0..<line, into: levels[rank - 1],
      chain: chain)
    return isPrimeBad ? [] : reduced(dimension: rank - 1, count: count)
  }

  /// Tells that a part of the child is done.
  private func advance(_ part: Double) {
    progress?.advance(min(share, part))
    share -= min(share, part)
  }

  /// The child's share on its first level, zero below it, where parts are too small to tell of.
  private var wholeShare: Double { chain.count == 1 ? share : 0 }

  /// Tells that row `k` of a child is done.
  private func advance(_ whole: Double, after k: Int, of count: Int, size: Int) {
    guard whole > 0 else { return }
    let (before, after) = (
      CountingProgress.share(of: k, among: count, size: size),
      CountingProgress.share(of: k + 1, among: count, size: size)
    )
    advance(whole * (after - before))
  }

  /// `R` of given rows on a flat.
  ///
  /// - Parameters:
  ///   - rows: Distinct scaled rows of length `dimension`.
  ///   - dimension: Dimension of the flat, at least 1 and less than the rank, or the rank.
  ///   - count: Number of rows, at least 1.
  ///   - chain: Lines whose restriction left the rows.
  /// - Returns: The coefficients, meaningless unless `mayGoOn`, or when `overflows`.
  func reduced(
    _ rows: CountingRestriction.Rows, dimension: Int, count: Int, chain: [Int]
  ) -> Coefficients {
    self.chain = chain
    let level = levels[dimension]
    level.elements.update(from: rows.elements, count: count * dimension)
    level.labels.update(from: rows.labels, count: count)
    return reduced(dimension: dimension, count: count)
  }

  private func images(of pivot: Int, in rows: CountingRestriction.Rows) -> UInt128 {
    UInt128(
      max(1, restriction.countImages(rows, pivot: pivot, scratch: scratch, chain: chain)))
  }

  /// `R` of the rows stored for a dimension.
  private func reduced(dimension: Int, count: Int) -> Coefficients {
    if dimension == 1 || count == 1 { return [1] }
    if dimension == 2 { return [1, UInt128(count - 1)] }
    let rows = levels[dimension]
    let isRemembered = count > dimension && memory.isUsed(dimension: dimension)
    let key =
      isRemembered
      ? CountingMemory.key(rows.elements, dimension: dimension, count: count) : nil
    if let key, let known = memory.value(key, dimension: dimension) { return known }
    let result = dimension == 3 ? planes(rows, count) : sumOfChildren(rows, dimension, count)
    if let key, mayGoOn, !overflows {
      memory.insert(result, for: key, dimension: dimension)
    }
    return result
  }

  /// The recursion in dimension 3, where the restrictions need only be counted.
  private func planes(_ rows: CountingRestriction.Rows, _ count: Int) -> Coefficients {
    var sum: UInt128 = 0
    let whole = wholeShare
    chain.append(0)
    defer { chain.removeLast() }
    for k in 1..<count where mayGoOn {
      chain[chain.count - 1] = Int(rows.labels[k])
      sum += images(of: k, in: rows) - 1
      advance(whole, after: k, of: count, size: 2)
    }
    return [1, UInt128(count - 1), sum]
  }

  private func sumOfChildren(
    _ rows: CountingRestriction.Rows, _ dimension: Int, _ count: Int
  ) -> Coefficients {
    var result = Coefficients(repeating: 0, count: dimension)
    result[0] = 1
    let whole = wholeShare
    for k in 1..<count where mayGoOn {
      chain.append(Int(rows.labels[k]))
      let kept = restriction.restrict(
        rows, dimension: dimension, pivot: k, range: 0..<k, into: levels[dimension - 1],
        chain: chain)
      if !isPrimeBad { add(reduced(dimension: dimension - 1, count: kept), to: &result) }
      chain.removeLast()
      advance(whole, after: k, of: count, size: dimension - 1)
    }
    return result
  }

  /// Adds `t` times a polynomial.
  func add(_ child: Coefficients, to sum: inout Coefficients) {
    for i in child.indices {
      let (value, overflow) = sum[i + 1].addingReportingOverflow(child[i])
      sum[i + 1] = value
      if overflow { overflows = true }
    }
  }
}
