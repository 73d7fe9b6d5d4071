/// Measures sweeps: small times are repeated and their median is taken.
package struct SweepRunner {
  /// Whether the values of the quick version are measured.
  package let isQuick: Bool
  /// Seconds of a clock; processor seconds of all threads unless a test has its own.
  private let clock: () -> Double
  /// Called with what was measured, for example to print it.
  private let progress: (String) -> Void

  /// Seconds that the runs of one value take, unless a single one takes longer.
  private var budget: Double { isQuick ? 0.1 : 1 }
  /// Most runs of a value.
  package static let maximumRuns = 15
  /// Least runs of a value that takes less than the budget.
  package static let minimumRuns = 3

  /// A runner.
  package init(
    isQuick: Bool, clock: @escaping () -> Double = { Clocks.processor },
    progress: @escaping (String) -> Void = { _ in }
  ) {
    (self.isQuick, self.clock, self.progress) = (isQuick, clock, progress)
  }

  /// Measures every value of a sweep.
  ///
  /// - Throws: `BenchmarkError` when two runs of a value have different counters, or what the work throws.
  package func run(_ sweep: Sweep) throws -> SweepResult {
    progress("\n### \(sweep.group): \(sweep.name)\n\n\(sweep.setting)\n")
    progress(MarkdownTable.row(SweepTable.header(sweep.counters)))
    progress(MarkdownTable.rule(SweepTable.header(sweep.counters).count))
    var points: [SweepResult.Point] = []
    for value in isQuick ? sweep.quick : sweep.full {
      let point = try measure(sweep, value)
      points.append(point)
      progress(MarkdownTable.row(SweepTable.cells(point)))
    }
    let result = SweepResult(sweep, points)
    progress("\n\(result.law)")
    return result
  }

  private func measure(_ sweep: Sweep, _ value: Int) throws -> SweepResult.Point {
    let work = try sweep.prepare(value)
    var (reading, first) = try timed(work)
    var times = [first]
    if first < budget {
      // The first run met cold caches.
      times = []
      while times.count < Self.minimumRuns
        || (times.count < Self.maximumRuns && times.reduce(0, +) < budget)
      {
        let (again, seconds) = try timed(work)
        guard again.counters == reading.counters else {
          throw BenchmarkError(
            "\(sweep.group), \(sweep.name), \(value)", expected: "the same counters in every run",
            found: "\(reading.counters) and \(again.counters)",
            advice: "The counters depend on time or threads: that is a defect of the package.")
        }
        times.append(seconds)
        reading = again
      }
    }
    times.sort()
    first = times[0]
    return SweepResult.Point(
      value: value, quantity: reading.quantity ?? sweep.scale(value),
      seconds: Self.median(times), leastSeconds: first, runs: times.count,
      counters: reading.counters, reached: reading.reached)
  }

  private func timed(_ work: Sweep.Work) throws -> (Sweep.Reading, Double) {
    let start = clock()
    let reading = try work()
    return (reading, clock() - start)
  }

  /// The median of sorted numbers.
  package static func median(_ sorted: [Double]) -> Double {
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
