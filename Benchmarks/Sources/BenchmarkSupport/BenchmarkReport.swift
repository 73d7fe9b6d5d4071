import Foundation

/// All that one run of the benchmarks found.
package struct BenchmarkReport: Codable, Equatable, Sendable {
  /// The machine and the libraries.
  package struct Machine: Codable, Equatable, Sendable {
    package var processor: String
    package var processorCount: Int
    package var memoryGigabytes: Double
    package var system: String
    package var compiler: String
    package var openBLAS: String
    package var fftw: String
    package var package: String

    /// A machine with all its facts.
    package init(
      processor: String, processorCount: Int, memoryGigabytes: Double, system: String,
      compiler: String, openBLAS: String, fftw: String, package: String
    ) {
      (self.processor, self.processorCount) = (processor, processorCount)
      (self.memoryGigabytes, self.system, self.compiler) = (memoryGigabytes, system, compiler)
      (self.openBLAS, self.fftw, self.package) = (openBLAS, fftw, package)
    }
  }

  /// Version of the form of the JSON.
  package let schema: Int
  /// When the run ended, in ISO 8601.
  package let date: String
  /// Whether it was the quick version.
  package let isQuick: Bool
  package let machine: Machine
  /// Programs that wanted a processor when the run began and ended: load averages of a minute.
  package let load: [Double]
  /// Wall seconds of the whole run.
  package let seconds: Double
  package let sweeps: [SweepResult]
  package let threads: [ThreadComparison.Result]
  package let ceilings: [Ceiling]
  package let floors: [FloorResult]
  package let counters: Thresholds.Comparison

  /// A report with all its parts.
  package init(
    date: String, isQuick: Bool, machine: Machine, load: [Double], seconds: Double,
    sweeps: [SweepResult], threads: [ThreadComparison.Result] = [], ceilings: [Ceiling] = [],
    floors: [FloorResult] = [], counters: Thresholds.Comparison = .init()
  ) {
    schema = 1
    (self.date, self.isQuick, self.machine, self.load) = (date, isQuick, machine, load)
    (self.seconds, self.sweeps, self.threads) = (seconds, sweeps, threads)
    (self.ceilings, self.floors, self.counters) = (ceilings, floors, counters)
  }

  /// What holds only on this machine.
  package static let caveat =
    "Absolute times hold only on this machine; exponents, ratios and counters are what to compare."

  /// Groups in the order they were measured.
  package var groups: [String] {
    var groups: [String] = []
    for sweep in sweeps where !groups.contains(sweep.group) { groups.append(sweep.group) }
    return groups
  }

  /// What the sweeps say about polynomial and exponential growth, one sentence each.
  package var claims: [String] {
    func names(_ verdict: SweepResult.Verdict) -> [String] {
      sweeps.filter { $0.verdict == verdict }.map { "\($0.group), \($0.name) (\($0.law))" }
    }
    let polynomial = sweeps.filter { $0.limit != nil }
    let kept = names(.polynomial).count
    let (over, exponential, unclear) = (
      names(.overLimit), names(.exponential), names(.unclear)
    )
    var claims: [String] = []
    if !polynomial.isEmpty {
      claims.append(
        "\(kept) of \(polynomial.count) sweeps whose growth is claimed to be polynomial keep within the exponent claimed."
      )
    }
    let loose = sweeps.filter(\.isLoose).map { "\($0.group), \($0.name)" }
    if !loose.isEmpty {
      claims.append(
        "Intervals of \(loose.count) of these reach above it, mostly since problems of different sizes are differently hard: "
          + loose.joined(separator: "; ") + ".")
    }
    let steep = sweeps.filter(\.steepens).map {
      "\($0.group), \($0.name) (\(String(format: "%.2f", $0.lastExponent ?? .nan)))"
    }
    if !steep.isEmpty {
      claims.append(
        "Between the two largest values the exponent is above the claim in: "
          + steep.joined(separator: "; ") + ".")
    }
    if !over.isEmpty {
      claims.append("Over the exponent claimed: \(over.joined(separator: "; ")).")
    }
    if !exponential.isEmpty {
      claims.append("Exponential, as claimed: \(exponential.joined(separator: "; ")).")
    }
    if !unclear.isEmpty { claims.append("Unclear: \(unclear.joined(separator: "; ")).") }
    return claims
  }

  /// What the comparison with the thresholds says.
  package var counterClaim: String {
    if counters.compared + counters.without == 0 { return "No deterministic counters." }
    let compared = "\(counters.compared) deterministic counters compared with committed thresholds"
    let without = counters.without == 0 ? "" : ", \(counters.without) have none"
    return counters.exceeded.isEmpty
      ? "\(compared)\(without): none above."
      : "\(compared)\(without): \(counters.exceeded.count) above. "
        + counters.exceeded.joined(separator: "; ") + "."
  }

  /// The report as JSON, with sorted keys.
  package func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// The points as comma-separated values: one line per measure of a point.
  package func csv() -> String {
    var lines = ["group,name,value,quantity,measure,number"]
    for sweep in sweeps {
      for point in sweep.points {
        let measures =
          [("seconds", "\(point.seconds)"), ("least seconds", "\(point.leastSeconds)")]
          + zip(sweep.counters, point.counters).map { ($0, "\($1)") }
        for (measure, number) in measures {
          lines.append(
            [
              sweep.group, sweep.name, "\(point.value)", "\(point.quantity)", measure, number,
            ].map(CSV.quoted).joined(separator: ","))
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
