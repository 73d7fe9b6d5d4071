import CKernels
import Tensors

/// Walks through the cells of an arrangement by depth-first search over no-broken-circuit sets.
///
/// Lines are ordered `0, 1, ..., n - 1`. A chain `b_1 > b_2 > ...` of lines is kept when each is the
/// least of its class of parallel lines on the flat of those before it, and never in the class of
/// line 0. Chains and antipodal pairs of cells correspond one to one. On a flat with adapted basis
/// `z_1, ..., z_e` the children are points `t_k = a_k(z_{e-1}) / a_k(z_e)` of a projective line, and
/// the cell of child `k` has, with `u = z_{e-1} - t_k z_e`,
///
///     sign a_j = sign(a_j(z_e)) sign(t_j - t_k)   for lines outside the class of k,
///     sign a_i = -sign(a_0(E_i) a_0(u))           for i in the chain, E_i its dual basis,
///
/// while members of a class follow its least line. Computed numbers carry bounds of their errors;
/// what a bound leaves open is decided in integers.
///
/// - Source: Weisner's theorem and Whitney's theorem on broken circuits, as in Orlik & Terao,
///   *Arrangements of Hyperplanes*, 1992. The sweep itself and its arithmetic are this package's.
final class SweepCursor {
  let plan: SweepPlan
  /// Dimension of the arrangement, and distance between slots of values.
  let dimension: Int
  let slot: Int
  /// Whether cells are counted without forming their patterns.
  let countsOnly: Bool
  let frames: [SweepFrame]
  var signs: ExactSigns
  /// The flag turned out not to be generic.
  var isDefective = false
  /// Cells found since the cursor was made.
  private(set) var cellCount: UInt64 = 0
  /// Patterns found and not yet taken, `plan.words` words each.
  let buffer: UnsafeMutablePointer<UInt64>
  private(set) var bufferedCount = 0
  private let bufferCapacity: Int
  /// A pencil whose last cells did not fit into the buffer.
  private var unfinished: ck_sweep_line?
  private var top = -1
  private var bottom = 0
  private var emits = true
  /// Whether the root's order is known, and the child of it that the second level stands at.
  private var isRootReady = false
  private var positioned: Int?

  // Shared by all levels.
  let t: UnsafeMutablePointer<Double>
  let tau: UnsafeMutablePointer<Double>
  let code: UnsafeMutablePointer<UInt64>
  private let negative: UnsafeMutablePointer<UInt64>
  private let state: UnsafeMutablePointer<UInt64>
  private let bucket: UnsafeMutablePointer<Int32>
  private let starts: UnsafeMutablePointer<Int32>
  private let bucketCount: Int
  private let keys: UnsafeMutablePointer<Double>
  private let quotients: UnsafeMutablePointer<Double>
  private let work: UnsafeMutablePointer<UInt64>
  /// Whether the last pencil had parallel lines, so that the next may be taken to have some too.
  private var expectsTies = false
  let zeros: UnsafeMutablePointer<Double>
  private let live: UnsafeMutablePointer<UInt64>
  private let rank: UnsafeMutablePointer<Int32>
  private let brackets: UnsafeMutablePointer<Float>
  private let chain: UnsafeMutablePointer<Int32>
  private let followers: UnsafeMutablePointer<UnsafePointer<UInt64>?>
  private let sides: UnsafeMutablePointer<UnsafePointer<UInt64>?>

  init(_ plan: SweepPlan, countsOnly: Bool = false, bufferWords: Int = 1 << 15) {
    self.plan = plan
    (dimension, slot) = (plan.rank, plan.stride)
    self.countsOnly = countsOnly
    let (n, d, words, stride) = (plan.lineCount, plan.rank, plan.words, plan.stride)
    signs = ExactSigns(rows: plan.rows, flag: plan.flag)
    bufferCapacity = max(min(n, Self.comparedLines) + 1, bufferWords / words)
    func memory<T>(_ count: Int, _ value: T) -> UnsafeMutablePointer<T> {
      let result = UnsafeMutablePointer<T>.allocate(capacity: count)
      result.initialize(repeating: value, count: count)
      return result
    }
    buffer = memory(countsOnly ? 1 : bufferCapacity * words, 0)
    t = memory(stride, 0)
    tau = memory(stride, 0)
    code = memory(stride, 0)
    negative = memory(words, 0)
    state = memory(words, 0)
    bucket = memory(stride, 0)
    bucketCount = max(8, 2 * n)
    starts = memory(bucketCount + 2, 0)
    keys = memory(stride, 0)
    quotients = memory(stride, 0)
    work = memory(2 * words, 0)
    zeros = memory(stride, 0)
    live = memory(words, 0)
    rank = memory(stride, 0)
    brackets = memory(128 * words, Float.nan)
    chain = memory(d, 0)
    followers = memory(d, nil)
    sides = memory(d, nil)
    frames = (0..<max(1, d - 1)).map { _ in
      SweepFrame(rank: d, stride: stride, words: words, lines: n)
    }
    let root = frames[0]
    for i in plan.values.indices { root.values[i] = plan.values[i] }
    for v in 0..<d { (root.errors[v], root.sizes[v]) = (plan.errors[v], plan.sizes[v]) }
  }

  deinit {
    buffer.deallocate()
    t.deallocate()
    tau.deallocate()
    code.deallocate()
    negative.deallocate()
    state.deallocate()
    bucket.deallocate()
    starts.deallocate()
    keys.deallocate()
    quotients.deallocate()
    work.deallocate()
    zeros.deallocate()
    live.deallocate()
    rank.deallocate()
    brackets.deallocate()
    chain.deallocate()
    followers.deallocate()
    sides.deallocate()
  }

  /// Whether the buffer may be too full for the next step.
  var needsRoom: Bool { bufferedCount + min(plan.lineCount, Self.comparedLines) > bufferCapacity }

  /// Forgets the patterns in the buffer.
  func clearBuffer() { bufferedCount = 0 }

  /// Goes to the start of a task and appends the cells of its flat, if they belong to it.
  ///
  /// - Precondition: `!needsRoom`.
  func begin(_ task: SweepTask) {
    top = task.first == nil ? 0 : 1
    bottom = top
    emits = false
    if task.first == nil ? !isRootReady || task.emits : !isRootReady {
      emits = task.first == nil && task.emits
      analyse(0)
      isRootReady = true
    }
    if let k = task.first, positioned != k || task.emits {
      descend(0, to: k)
      emits = task.emits
      analyse(1)
    }
    positioned = task.first
    emits = true
    frames[top].next = task.range.lowerBound
    frames[top].end = task.range.upperBound
  }

  /// Goes on with a flat, or to the next one, and appends its cells to the buffer.
  ///
  /// - Returns: Whether there was one; `false` when the task is done.
  /// - Precondition: `!needsRoom`.
  func step() -> Bool {
    if let line = unfinished {
      walk(line)
      return true
    }
    while top >= bottom {
      let frame = frames[top]
      var k = frame.next
      while k < frame.end, frame.place[k] < 0 { k += 1 }
      guard k < frame.end else {
        top -= 1
        continue
      }
      frame.next = k + 1
      descend(top, to: k)
      analyse(top + 1)
      if dimension - (top + 1) > 2 {
        top += 1
        frames[top].next = 1
        frames[top].end = frames[top].last
      }
      return true
    }
    return false
  }

  /// Orders the lines on a flat, finds the classes, and emits the cells of all children.
  private func analyse(_ c: Int) {
    let frame = frames[c]
    let (n, d, stride) = (plan.lineCount, dimension, slot)
    guard d > 1 else {
      emitRoot()
      frame.end = 0
      return
    }
    let e = d - c
    let alpha = frame.values + (e - 2) * stride
    let beta = frame.values + (e - 1) * stride
    let (alphaError, betaError) = (frame.errors[e - 2], frame.errors[e - 1])
    let weak = ck_sweep_quotients(alpha, beta, alphaError, betaError, n, t, tau)
    if weak > frame.memberCount { decideWeakSigns(c) }
    if e == 2, n <= Self.comparedLines, c > 0, !countsOnly {
      compareOrSort(c)
      return
    }
    sort(c)
    let needsPlaces = e > 2
    let children = needsPlaces ? findChildren(frame) : 0
    guard emits else { return }
    if countsOnly {
      cellCount += c == 0 ? 1 : 0
      cellCount += UInt64(
        needsPlaces ? children : frame.hasTies ? childCount(frame) : simpleChildCount(frame))
      return
    }
    ck_sweep_signs(beta, frame.members, n, negative, state)
    if c == 0 { emitRoot() }
    basisCodes(c, placesKnown: needsPlaces)
    walk(pencil(c))
  }

  /// Emits the next cells of a pencil, as many as there is room for.
  private func walk(_ line: ck_sweep_line) {
    var line = line
    let room = bufferCapacity - bufferedCount
    take(ck_sweep_walk(&line, state, room, buffer + bufferedCount * plan.words))
    unfinished = line.begin < line.count ? line : nil
  }

  /// Most lines for which the cells of a line's pencil are found by comparing and listed by number;
  /// with more they are found by sorting and listed in the order of the pencil.
  private static let comparedLines = 512

  /// Emits the cells of a pencil in the order of the lines' numbers.
  private func compareOrSort(_ c: Int) {
    let frame = frames[c]
    let (n, words) = (plan.lineCount, plan.words)
    let beta = frame.values + slot
    ck_sweep_signs(beta, frame.members, n, negative, state)
    for w in 0..<words { live[w] = ~frame.members[w] }
    if n & 63 != 0 { live[words - 1] &= (1 << UInt64(n & 63)) - 1 }
    let doubts = basisCodes(c)
    var line = pencil(c)
    let target = buffer + bufferedCount * words
    if !expectsTies {
      let found = ck_sweep_compare(&line, live, t, tau, nil, n, brackets, work, target)
      if found >= 0 { return take(found) }
    }
    if let integers = restricted(c), frame.restrictedIsSmall {
      ck_sweep_ratios(integers, integers + slot, n, quotients)
      let found = ck_sweep_compare(&line, live, t, tau, quotients, n, brackets, work, target)
      if found >= 0 {
        // The second half of the workspace has line 0 and every line that is parallel to a smaller.
        expectsTies = work[words] != 1 || (1..<words).contains { work[words + $0] != 0 }
        return take(found)
      }
    }
    sort(c)
    expectsTies = frame.hasTies
    _ = findChildren(frame)
    if doubts != 0 { decideCodes(c) }
    ck_sweep_ranks(frame.place, frame.last, rank)
    line = pencil(c)
    line.rank = UnsafePointer(rank)
    // Each of the at most `comparedLines` children has its place in the room there is.
    take(ck_sweep_walk(&line, state, n, target))
  }

  private func take(_ found: Int) {
    bufferedCount += found
    cellCount += UInt64(found)
  }

  /// Brings the lines into the exact order of their quotients.
  private func sort(_ c: Int) {
    let frame = frames[c]
    let e = dimension - c
    frame.restrictedState = .unknown
    var scale = frame.sizes[e - 2] / frame.sizes[e - 1]
    if !scale.isNormal { scale = 1 }
    frame.liveCount = ck_sweep_sort(
      t, frame.members, plan.lineCount, scale, bucket, starts, bucketCount, keys, frame.order)
    frame.hasTies = false
    let doubt = ck_sweep_first_doubt(frame.order, t, tau, 0, frame.liveCount)
    if doubt < frame.liveCount { settleOrder(c, from: doubt) }
  }

  /// What the walk over a pencil needs to know.
  private func pencil(_ c: Int) -> ck_sweep_line {
    let frame = frames[c]
    var line = ck_sweep_line()
    line.order = UnsafePointer(frame.order)
    line.tie = frame.hasTies ? UnsafePointer(frame.tie) : nil
    line.negative = UnsafePointer(negative)
    line.code = UnsafePointer(code)
    for b in 0..<c {
      let level = frames[b + 1]
      chain[b] = Int32(truncatingIfNeeded: level.row)
      followers[b] = level.hasFollowers ? UnsafePointer(level.followers) : nil
      sides[b] = level.hasFollowers ? UnsafePointer(level.sides) : nil
    }
    line.chain = UnsafePointer(chain)
    line.followers = UnsafePointer(followers)
    line.sides = UnsafePointer(sides)
    line.count = frame.liveCount
    line.last = frame.last
    line.depth = c
    line.words = plan.words
    return line
  }

  private func findChildren(_ frame: SweepFrame) -> Int {
    ck_sweep_children(
      frame.order, frame.hasTies ? frame.tie : nil, frame.liveCount, frame.last, frame.place)
  }

  private func childCount(_ frame: SweepFrame) -> Int {
    ck_sweep_children(frame.order, frame.tie, frame.liveCount, frame.last, nil)
  }

  /// Number of children when no lines are parallel: lines below the last chosen that are no members.
  private func simpleChildCount(_ frame: SweepFrame) -> Int {
    var count = frame.last - 1
    for w in 0...(frame.last - 1) >> 6 {
      var bits = frame.members[w]
      let rest = frame.last - w * 64
      if rest < 64 { bits &= (1 << UInt64(rest)) - 1 }
      if w == 0 { bits &= ~1 }
      count -= bits.nonzeroBitCount
    }
    return count
  }

  /// The cell of the empty chain: the signs of all lines on the last vector of the flag.
  private func emitRoot() {
    if dimension == 1 {
      cellCount += 1
      if !countsOnly {
        buffer[bufferedCount] = 1
        bufferedCount += 1
      }
      return
    }
    for w in 0..<plan.words { buffer[bufferedCount * plan.words + w] = state[w] }
    bufferedCount += 1
    cellCount += 1
  }

  /// The bits of the chain for every child, up to the sign of `a_0(u)`.
  private func basisCodes(_ c: Int, placesKnown: Bool) {
    guard basisCodes(c) != 0 else { return }
    if !placesKnown { _ = findChildren(frames[c]) }
    decideCodes(c)
  }

  /// The same as far as the bounds allow; not zero when something is left open.
  private func basisCodes(_ c: Int) -> UInt64 {
    let frame = frames[c]
    let (e, stride) = (dimension - c, slot)
    let beta = frame.values + (e - 1) * stride
    guard c > 0 else {
      for k in 0..<frame.last { code[k] = 0 }
      return 0
    }
    let (error, first) = (frame.errors[e - 1], beta[0])
    let room = abs(first) - error
    var doubts: UInt64 = 0
    for i in 0..<c {
      let gamma = frame.values + (e + i) * stride
      let q = gamma[0] / first
      let size = abs(q)
      let slip =
        room > 0 ? (frame.errors[e + i] + size * error) / room + 0x1p-52 * size : .infinity
      let slope = 1.001 * (slip + 0x1p-50 * size)
      let base = 1.001 * (size * error + frame.errors[e + i] + slip * error)
      doubts |= ck_sweep_codes(
        beta + 1, gamma + 1, q, slope, base, UInt32(truncatingIfNeeded: i), frame.last - 1,
        code + 1)
    }
    return doubts
  }
}
