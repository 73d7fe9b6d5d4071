/// Work that may use several threads.
package struct ThreadComparison: Sendable {
  /// What is measured.
  package let name: String
  /// The sizes.
  package let setting: String
  /// Makes the work for a number of threads; not measured.
  package let prepare: @Sendable (Int) throws -> Sweep.Work

  /// A comparison.
  package init(
    _ name: String, setting: String, prepare: @escaping @Sendable (Int) throws -> Sweep.Work
  ) {
    (self.name, self.setting, self.prepare) = (name, setting, prepare)
  }

  /// Wall times of the same work with different numbers of threads.
  package struct Result: Codable, Equatable, Sendable {
    package let name: String
    package let setting: String
    /// Numbers of threads, the first of them 1.
    package let threads: [Int]
    /// Median of the wall seconds of each.
    package let seconds: [Double]
    /// Seconds with one thread over those of each, in the same round; medians.
    package let ratios: [Double]
    /// Rounds, in which the numbers of threads took turns.
    package let rounds: Int
  }

  /// Powers of two, and all processors.
  package static func threadCounts(processors: Int) -> [Int] {
    var counts = [1]
    while let last = counts.last, 2 * last < processors { counts.append(2 * last) }
    return processors > 1 ? counts + [processors] : counts
  }

  /// Measures in turn.
  ///
  /// - Throws: `BenchmarkError` when the counters depend on the number of threads, or what the work throws.
  package func run(
    threads: [Int], rounds: Int, clock: () -> Double = { Clocks.wall }
  ) throws -> Result {
    let works = try threads.map { try prepare($0) }
    let first = try works.map { try $0() }
    for (count, reading) in zip(threads, first) where reading.counters != first[0].counters {
      throw BenchmarkError(
        "\(name), \(count) threads", expected: "the counters of one thread, \(first[0].counters)",
        found: "\(reading.counters)",
        advice: "Results depend on the number of threads: that is a defect of the package.")
    }
    var times = [[Double]](repeating: [], count: threads.count)
    for _ in 0..<rounds {
      for (index, work) in works.enumerated() {
        let start = clock()
        _ = try work()
        times[index].append(clock() - start)
      }
    }
    return Result(
      name: name, setting: setting, threads: threads,
      seconds: times.map { SweepRunner.median($0.sorted()) },
      ratios: times.map { own in
        SweepRunner.median(zip(times[0], own).map { $0 / $1 }.sorted())
      }, rounds: rounds)
  }
}
