import BenchmarkSupport
import Foundation
import Reports
import Testing

struct BenchmarkReportTests {
  private final class Clock {
    var seconds = 0.0
  }

  private static func result(
    _ group: String, _ name: String, growth: Sweep.Growth, power: Double
  ) throws -> SweepResult {
    let clock = Clock()
    nonisolated(unsafe) let shared = clock
    let sweep = Sweep(
      group, name, setting: "a < b", growth: growth, counters: ["nodes, all"], quick: [1, 2, 3]
    ) { value in
      {
        shared.seconds +=
          growth == .exponential
          ? exp(power * Double(value)) : pow(Double(value), power)
        return Sweep.Reading([value * 10], reached: "gap 1e-3")
      }
    }
    return try SweepRunner(isQuick: true, clock: { clock.seconds }).run(sweep)
  }

  private static func report(
    _ thresholds: Thresholds = Thresholds([:])
  ) throws -> BenchmarkReport {
    let sweeps = [
      try result("pricing", "samples n", growth: .linear, power: 1),
      try result("pricing", "outputs c", growth: .linear, power: 2),
      try result("pricing", "patch dimension h", growth: .exponential, power: 3),
    ]
    return BenchmarkReport(
      date: "2026-11-28T00:00:00Z", isQuick: true,
      machine: .init(
        processor: "P", processorCount: 2, memoryGigabytes: 8, system: "S", compiler: "Swift",
        openBLAS: "O", fftw: "F", package: "ConvexCNN 0"), load: [0.5, 1], seconds: 12,
      sweeps: sweeps,
      threads: [
        try ThreadComparison("work", setting: "x") { _ in { Sweep.Reading([]) } }
          .run(threads: [1, 2], rounds: 1)
      ], ceilings: [Ceiling("triad", threads: 1, rate: 10, unit: "GB/s")],
      floors: [
        FloorResult(
          kernel: "copy", setting: "1 GB", threads: 1, bytes: 1e9, operations: 1e9, seconds: 0.2,
          triad: 10, product: 20)
      ], counters: thresholds.compare(sweeps))
  }

  @Test func jsonRoundTripsAndHasItsKeys() throws {
    let report = try Self.report()
    let json = try report.json()
    let back = try JSONDecoder().decode(BenchmarkReport.self, from: Data(json.utf8))
    #expect(back == report)
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "schema", "date", "isQuick", "machine", "load", "seconds", "sweeps", "threads", "ceilings",
        "floors", "counters",
      ])
    let sweeps = try #require(object["sweeps"] as? [[String: Any]])
    let fit = try #require(sweeps[0]["fit"] as? [String: Any])
    #expect(Set(fit.keys) == ["law", "slope", "halfWidth", "intercept", "residual"])
    #expect(
      sweeps.map { $0["verdict"] as? String } == ["polynomial", "over the limit", "exponential"])
    let floors = try #require(object["floors"] as? [[String: Any]])
    #expect(floors[0]["fraction"] as? Double == 0.5)
  }

  @Test func claimsNameWhatIsOverAndWhatIsExponential() throws {
    let claims = try Self.report().claims
    #expect(claims.count == 3)
    #expect(claims[0].hasPrefix("1 of 2 sweeps"))
    #expect(claims[1].hasPrefix("Over the exponent claimed: pricing, outputs c"))
    #expect(claims[2].hasPrefix("Exponential, as claimed: pricing, patch dimension h"))
  }

  @Test func csvHasOneLinePerMeasure() throws {
    let lines = try Self.report().csv().split(separator: "\n")
    #expect(lines.count == 1 + 3 * 3 * 3)
    #expect(lines[0] == "group,name,value,quantity,measure,number")
    #expect(lines[3] == "pricing,samples n,1,1.0,\"nodes, all\",10")
    #expect(CSV.fields(of: String(lines[3]))[4] == "nodes, all")
  }

  /// The page loads nothing, runs nothing, and has every number of the points.
  @Test func pageHasEveryNumber() throws {
    let report = try Self.report()
    let html = try report.html()
    for word in ["<script", "src=\"http", "url(", "@import"] { #expect(!html.contains(word)) }
    #expect(html.contains("Absolute times hold only on this machine"))
    #expect(html.contains("a &lt; b"))
    for sweep in report.sweeps {
      #expect(html.contains(sweep.law))
      for point in sweep.points {
        for cell in SweepTable.cells(point) { #expect(html.contains(">\(cell)<")) }
      }
    }
    // A dashed line for every law, in a drawing for wide and one for narrow windows.
    #expect(html.components(separatedBy: "class=\"line trend").count - 1 == 6)
  }

  @Test func markdownHasMachineLawsAndFloors() throws {
    let text = try Self.report().markdown(command: "Scaling all --quick")
    for words in [
      "`Scaling all --quick`", "Absolute times hold only on this machine", "* Processor: P",
      "## Threads", "## Floors", "| copy | 1 GB | 1 |", "memory | 0.50 |", "exponent 2.00 ± ",
    ] {
      #expect(text.contains(words), "\(words)")
    }
  }

  @Test func figuresStandInTheirGroups() throws {
    let report = try Self.report()
    #expect(
      report.figures.map(\.file) == ["scaling-pricing.svg", "scaling-pricing-exponential.svg"])
    #expect(report.figures.map { $0.chart.series.map(\.name) }.first == ["samples n", "outputs c"])
    // Relative to the first: a power is straight through (1, 1).
    #expect(report.figures[0].chart.series[1].points[0] == .init(1, 1))
    let text = report.markdown(command: "c", figureFolder: "figures")
    #expect(text.contains("](figures/scaling-pricing.svg)"))
    #expect(!report.markdown(command: "c").contains(".svg"))
  }

  @Test func countersAreComparedWithThresholds() throws {
    let measured = Thresholds(measured: try Self.report().sweeps)
    // Half as much again is allowed.
    let kept = try Thresholds(parsing: measured.text)
    #expect(kept == measured)
    #expect(try Self.report(kept).counters.exceeded.isEmpty)
    #expect(try Self.report(kept).counters.compared == 9)
    let tight = Thresholds([.init("pricing", "outputs c", 2, "nodes, all"): 19])
    let counters = try Self.report(tight).counters
    #expect(
      counters.exceeded == ["pricing, outputs c, 2: expected at most 19 nodes, all, found 20"])
    #expect((counters.compared, counters.without) == (1, 8))
    // The larger of both holds for the kernels of both runs.
    let line = "pricing,outputs c,2,\"nodes, all\",30\n"
    #expect(tight.merging(measured).text.contains(line))
    #expect(measured.merging(tight).text.contains(line))
    #expect(throws: BenchmarkError.self) { try Thresholds(parsing: "a,b,c,d,e") }
  }
}
