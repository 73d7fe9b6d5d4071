import Arrangements
import BenchmarkSupport
import ConvexCNN
import Foundation
import Tensors

/// The tables of `RESULTS-enumeration.md`, in Markdown.
struct Report {
  /// Whether to leave out what takes longer than about a second.
  let isQuick: Bool

  /// Writes one table.
  func write(_ part: String) throws {
    print("\n## \(part)\n")
    switch part {
    case "table": try table()
    case "cases": try listings(Self.cases)
    case "families": try listings(Self.families)
    case "counting": try counting()
    case "twin": try twin()
    default: try threads()
    }
  }

  /// Instances of the issue, and how many half cells each has.
  private static let cases: [(name: String, half: UInt64)] = [
    ("gaussian-1000-4", 166_168_000), ("gaussian-160-6", 821_054_112),
    ("digits-2x2-1", 9_490), ("digits-2x2-5", 649_414), ("digits-2x2-10", 4_747_676),
    ("digits-2x2-20", 31_645_809), ("digits-1x3-5", 8_420), ("digits-1x3-20", 78_000),
    ("digits-1x3-100", 545_986), ("digits-1x3-all", 4_123_448),
  ]

  /// Classical families, and how many half cells each has.
  private static let families: [(name: String, half: UInt64)] = [
    ("braid-8", 181_440), ("braid-9", 1_814_400), ("braid-10", 19_958_400),
    ("resonance-5", 5_646), ("resonance-6", 533_022), ("resonance-7", 173_663_176),
    ("threshold-5", 47_286), ("threshold-6", 7_514_067), ("demicube-6", 145_779),
    ("demicube-7", 37_328_232), ("crossPolytope-9", 19_427), ("crossPolytope-10", 58_537),
    ("permutations-4", 1_447), ("permutations-5", 4_297_751),
  ]

  /// Nanoseconds per half cell against lines and dimension.
  private func table() throws {
    let grid: [(dimension: Int, lines: [Int])] = [
      (2, [1_000, 10_000, 100_000]), (3, [100, 300, 1_000, 3_000, 10_000]),
      (4, [50, 100, 200, 400, 700]), (5, [30, 50, 100, 150]), (6, [20, 40, 80]), (7, [20, 30, 40]),
      (9, [20, 25, 30]),
    ]
    row(["h", "N", "half cells", "ns per half cell", "peak MB"])
    row(["--:", "--:", "--:", "--:", "--:"])
    for (dimension, counts) in grid {
      for lines in isQuick ? Array(counts.prefix(2)) : counts {
        let run = try ListingRun.inNewProcess(
          "gaussian-\(lines)-\(dimension)", repetitions: isQuick ? 1 : 3)
        let bound = CentralArrangement.generalPositionCellCount(lines: lines, rank: dimension)
        row([
          "\(dimension)", "\(lines)", checked(run.halfCells, (bound ?? 0) / 2),
          format(run.nanoseconds, 1), format(run.peakMegabytes, 1),
        ])
      }
    }
  }

  /// Listings with the pattern written, one thread, beside the known number of half cells.
  private func listings(_ instances: [(name: String, half: UInt64)]) throws {
    row(["instance", "lines", "rank", "half cells", "seconds", "ns per half cell", "peak MB"])
    row(["---", "--:", "--:", "--:", "--:", "--:", "--:"])
    for (name, half) in instances where !isQuick || half < 10_000_000 {
      let run = try ListingRun.inNewProcess(name, repetitions: half < 1_000_000 ? 5 : 1)
      row([
        name, "\(run.lines)", "\(run.rank)", checked(run.halfCells, half),
        format(run.processor, 4), format(run.nanoseconds, 1), format(run.peakMegabytes, 1),
      ])
    }
  }

  /// Counting by the polynomial and by the sweep without patterns, one thread.
  private func counting() throws {
    let names = [
      "gaussian-300-3", "gaussian-3000-3", "gaussian-100-4", "gaussian-300-4", "gaussian-50-5",
      "gaussian-100-5", "gaussian-40-6", "gaussian-30-7", "gaussian-25-9", "digits-1x3-all",
      "digits-2x2-10", "digits-2x2-20", "braid-9", "braid-10", "resonance-6", "resonance-7",
      "threshold-5", "threshold-6", "demicube-6", "demicube-7", "crossPolytope-10",
      "permutations-5",
    ]
    row(["instance", "half cells", "polynomial s", "forecast s", "sweep s", "forecast s"])
    row(["---", "--:", "--:", "--:", "--:", "--:"])
    for name in isQuick ? Array(names.prefix(3)) : names {
      guard let instance = try Instance(name) else { continue }
      let arrangement = try CentralArrangement(normals: instance.normals)
      let forecast = arrangement.countForecast
      var (half, swept): (UInt128, UInt64) = (0, 0)
      let polynomial = try processorSeconds {
        half = try arrangement.characteristicPolynomial(threads: 1).halfCellCount
      }
      let sweep = try processorSeconds {
        swept = try CellEnumeration(arrangement).count(threads: 1) / 2
      }
      row([
        name, checked(swept, UInt64(half)), format(polynomial, 4),
        format(forecast.countingSeconds, 4), format(sweep, 4),
        format(forecast.sweepCountingSeconds, 4),
      ])
    }
  }

  /// The sweep beside the compact tree of Rada and Cerny on the same rows; the tree works with a
  /// tolerance and loses thin cells.
  private func twin() throws {
    row([
      "N", "h", "half cells", "sweep s", "tree s", "problems solved", "lost by the tree",
      "tree / sweep",
    ])
    row(["--:", "--:", "--:", "--:", "--:", "--:", "--:", "--:"])
    let sizes = [(30, 3), (100, 3), (30, 4), (60, 4), (100, 4), (30, 5), (100, 5), (16, 7)]
    for (lines, dimension) in sizes where !isQuick || lines < 60 {
      let name = "gaussian-\(lines)-\(dimension)"
      guard let instance = try Instance(name) else { continue }
      let run = try ListingRun.inNewProcess(name, repetitions: 3)
      var tree = LinearTreeTwin((0..<lines).map { Array(instance.normals.row($0)) })
      var found: UInt64 = 0
      let seconds = processorSeconds { tree.forEachHalfCell { _, _ in found += 1 } }
      row([
        "\(lines)", "\(dimension)", "\(run.halfCells)", format(run.processor, 5),
        format(seconds, 3), "\(tree.problemCount)", "\(Int64(run.halfCells) - Int64(found))",
        format(seconds / run.processor, 0),
      ])
    }
  }

  /// Two threads beside one.
  private func threads() throws {
    row(["instance", "1 thread: s", "2 threads: s", "ratio", "busiest thread s", "peak MB"])
    row(["---", "--:", "--:", "--:", "--:", "--:"])
    let names = [
      ("gaussian-400-4", 4), ("gaussian-150-5", 4), ("digits-2x2-20", 4), ("threshold-6", 4),
      ("braid-9", 4), ("gaussian-1000-4", 2), ("gaussian-160-6", 1),
    ]
    for (name, repetitions) in isQuick ? Array(names.prefix(1)) : names {
      // Alternating, so that a neighbor's load meets both.
      var one = try ListingRun.inNewProcess(name)
      var two = try ListingRun.inNewProcess(name, threads: 2)
      for _ in 1..<repetitions {
        let next = try ListingRun.inNewProcess(name)
        if next.wall < one.wall { one = next }
        let nextTwo = try ListingRun.inNewProcess(name, threads: 2)
        if nextTwo.wall < two.wall { two = nextTwo }
      }
      row([
        name, format(one.wall, 3), format(two.wall, 3), format(one.wall / two.wall, 2),
        format(two.busiestThread, 3), format(two.peakMegabytes, 1),
      ])
    }
  }

  private func processorSeconds(_ body: () throws -> Void) rethrows -> Double {
    let start = Clocks.processor
    try body()
    return Clocks.processor - start
  }

  /// A count, marked when it is not what is known.
  private func checked(_ found: UInt64, _ known: UInt64) -> String {
    found == known ? "\(found)" : "\(found) (WRONG, \(known) known)"
  }

  private func format(_ value: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", value)
  }

  private func row(_ cells: [String]) {
    print("| " + cells.joined(separator: " | ") + " |")
    fflush(nil)
  }
}
