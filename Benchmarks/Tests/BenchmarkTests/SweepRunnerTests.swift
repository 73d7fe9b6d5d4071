import BenchmarkSupport
import Foundation
import Testing

struct SweepRunnerTests {
  /// A clock that the work moves.
  private final class Clock {
    var seconds = 0.0
  }

  private func sweep(
    _ growth: Sweep.Growth = .linear, _ work: @escaping (Int) -> Sweep.Reading
  ) -> Sweep {
    nonisolated(unsafe) let work = work
    return Sweep(
      "group", "size", setting: "nothing", growth: growth, counters: ["steps"],
      quick: [1, 2, 4], full: [1, 2, 4, 8]
    ) { value in { work(value) } }
  }

  /// The first run is left out, the median of the others is taken, and the law is that of the work.
  @Test func mediansAndLaw() throws {
    let clock = Clock()
    var runs = 0
    let law = sweep { value in
      runs += 1
      // The first run and every third one are slow.
      clock.seconds += 0.0001 * Double(value) * (runs % 3 == 1 ? 5 : 1)
      return Sweep.Reading([10 * value])
    }
    let result = try SweepRunner(isQuick: true, clock: { clock.seconds }).run(law)
    #expect(result.points.map(\.value) == [1, 2, 4])
    #expect(result.points.map(\.counters) == [[10], [20], [40]])
    for point in result.points {
      #expect(point.runs == SweepRunner.maximumRuns)
      #expect(abs(point.seconds - 0.0001 * Double(point.value)) < 1e-9)
      #expect(point.leastSeconds <= point.seconds)
    }
    #expect(abs(try #require(result.fit).slope - 1) < 1e-9)
    #expect(result.verdict == .polynomial)
    #expect(result.law == "polynomial, exponent 1.00 ± 0.00")
  }

  @Test func longWorkRunsOnce() throws {
    let clock = Clock()
    let long = sweep { value in
      clock.seconds += Double(value * value)
      return Sweep.Reading([value])
    }
    let result = try SweepRunner(isQuick: false, clock: { clock.seconds }).run(long)
    #expect(result.points.map(\.runs) == [1, 1, 1, 1])
    #expect(result.verdict == .overLimit)
    #expect(result.law == "polynomial, exponent 2.00 ± 0.00, over 1.3")
  }

  @Test func exponentialGrowthIsSeenInCounters() throws {
    let clock = Clock()
    let noisy = sweep(.exponential) { value in
      clock.seconds += value == 2 ? 9 : 1
      return Sweep.Reading([1 << (10 * value)])
    }
    let result = try SweepRunner(isQuick: true, clock: { clock.seconds }).run(noisy)
    #expect(result.verdict == .exponential)
    #expect(result.law.contains("steps times 1.02e+03"))
    let flat = sweep(.exponential) { _ in
      clock.seconds += 1
      return Sweep.Reading([7])
    }
    #expect(
      try SweepRunner(isQuick: true, clock: { clock.seconds }).run(flat).verdict == .unclear)
  }

  /// A constant part hides growth from the fit, not from the last two values.
  @Test func lastExponentIsThatOfTheTwoLargest() throws {
    let clock = Clock()
    let late = sweep { value in
      clock.seconds += [1: 1.0, 2: 1.5, 4: 4][value] ?? 0
      return Sweep.Reading([1])
    }
    let result = try SweepRunner(isQuick: true, clock: { clock.seconds }).run(late)
    #expect(abs(try #require(result.fit).slope - 1) < 1e-9)
    #expect(abs(try #require(result.lastExponent) - log2(4 / 1.5)) < 1e-9)
    #expect(result.verdict == .polynomial && result.steepens)
  }

  @Test func countersMustRepeat() {
    let clock = Clock()
    var runs = 0
    let drifting = sweep { _ in
      runs += 1
      clock.seconds += 0.001
      return Sweep.Reading([runs])
    }
    #expect {
      try SweepRunner(isQuick: true, clock: { clock.seconds }).run(drifting)
    } throws: {
      "\($0)".contains("group, size, 1: expected the same counters in every run, found [1] and [2]")
    }
  }

  @Test func measuredQuantityReplacesTheValue() throws {
    let clock = Clock()
    let found = sweep { value in
      clock.seconds += 1
      return Sweep.Reading([value], quantity: 100 / Double(value))
    }
    let result = try SweepRunner(isQuick: true, clock: { clock.seconds }).run(found)
    #expect(result.points.map(\.quantity) == [100, 50, 25])
  }

  @Test func threadsTakeTurns() throws {
    #expect(ThreadComparison.threadCounts(processors: 1) == [1])
    #expect(ThreadComparison.threadCounts(processors: 2) == [1, 2])
    #expect(ThreadComparison.threadCounts(processors: 6) == [1, 2, 4, 6])
    nonisolated(unsafe) let clock = Clock()
    let halves = ThreadComparison("work", setting: "nothing") { threads in
      {
        clock.seconds += 6 / Double(threads)
        return Sweep.Reading([5])
      }
    }
    let result = try halves.run(threads: [1, 2], rounds: 3) { clock.seconds }
    #expect(result.seconds == [6, 3])
    #expect(result.ratios == [1, 2])
    let dependent = ThreadComparison("work", setting: "nothing") { threads in
      { Sweep.Reading([threads]) }
    }
    #expect(throws: BenchmarkError.self) { try dependent.run(threads: [1, 2], rounds: 1) }
  }
}
