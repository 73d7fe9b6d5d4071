/// A part of a sweep that can be done by itself.
///
/// The tasks of a plan, one after another, go through every cell once.
struct SweepTask: Sendable, Equatable {
  /// The first line of the chain; `nil` at the root.
  var first: Int?
  /// Whether the cells of this flat itself belong to the task.
  var emits: Bool
  /// The next lines of the chain whose subtrees belong to the task.
  var range: Range<Int>

  /// All tasks of a plan, in order.
  static func all(_ plan: SweepPlan) -> [SweepTask] {
    let (n, d) = (plan.lineCount, plan.rank)
    guard d > 2 else { return [SweepTask(first: nil, emits: true, range: 0..<0)] }
    var tasks = [SweepTask(first: nil, emits: true, range: 0..<0)]
    let target = max(0x1p14, subtree(n, levels: d - 1) / 200_000)
    guard d > 3 else {
      return tasks
        + chunks(below: n, levels: 1, target: target).map {
          SweepTask(first: nil, emits: false, range: $0)
        }
    }
    for k in 1..<n {
      let ranges = chunks(below: k, levels: d - 3, target: target)
      tasks.append(SweepTask(first: k, emits: true, range: ranges.first ?? 0..<0))
      for range in ranges.dropFirst() {
        tasks.append(SweepTask(first: k, emits: false, range: range))
      }
    }
    return tasks
  }

  /// Ranges of lines whose subtrees have about `target` cells in general position.
  private static func chunks(below end: Int, levels: Int, target: Double) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var (start, sum) = (1, 0.0)
    for k in 1..<max(end, 1) {
      sum += subtree(k, levels: levels)
      if sum >= target || k == end - 1 {
        ranges.append(start..<k + 1)
        (start, sum) = (k + 1, 0)
      }
    }
    return ranges
  }

  /// `sum_{i <= levels} C(k - 1, i)`, a bound on the cells below a chain that ends with line `k`.
  private static func subtree(_ k: Int, levels: Int) -> Double {
    var (sum, binomial) = (0.0, 1.0)
    for i in 0...levels {
      sum += binomial
      binomial *= Double(k - 1 - i) / Double(i + 1)
      if binomial <= 0 { break }
    }
    return sum
  }
}
