import Foundation

/// One quantity against processor time: a table, deterministic counters, and a fitted law.
struct ScalingSweep {
  /// One measurement.
  struct Point {
    /// The quantity that is varied.
    let x: Double
    /// Deterministic counters, one per name of the sweep.
    let counters: [Int]
    /// Processor seconds.
    let seconds: Double
    /// What was reached, for example a gap; the first of several draws.
    let reached: String

    /// The sum over several draws of a problem of one size.
    static func sum(_ draws: [Point]) -> Point? {
      guard let first = draws.first else { return nil }
      return Point(
        x: first.x,
        counters: first.counters.indices.map { k in draws.reduce(0) { $0 + $1.counters[k] } },
        seconds: draws.reduce(0) { $0 + $1.seconds }, reached: first.reached)
    }
  }

  /// What is varied.
  let name: String
  /// Names of the counters.
  let counters: [String]
  /// Whether time is to grow exponentially, as with the patch dimension.
  var isExponential = false

  /// What a sweep found: its points, and its law as a row of a table.
  struct Outcome {
    let sweep: ScalingSweep
    let points: [Point]
    let law: String
  }

  /// Measures, prints one row per value, and the law.
  func run(_ values: [Int], _ measure: (Int) throws -> Point?) throws -> Outcome {
    print("\n### \(name)\n")
    row(["value"] + counters + ["CPU s", "reached"])
    row([String](repeating: "--:", count: counters.count + 3))
    var points: [Point] = []
    for value in values {
      guard let point = try measure(value) else { continue }
      points.append(point)
      row(
        ["\(Int(point.x))"] + point.counters.map(String.init)
          + [String(format: "%.3f", point.seconds), point.reached])
    }
    let pairs = points.map { (x: $0.x, y: $0.seconds) }
    guard let fit = isExponential ? ScalingFit.exponential(pairs) : ScalingFit.power(pairs) else {
      return Outcome(sweep: self, points: points, law: "| \(name) | too few values |")
    }
    let law =
      isExponential
      ? "time grows by e^(\(fit.text)) per unit: exponential"
      : "exponent \(fit.text): polynomial"
    print("\n\(law)")
    fflush(nil)
    return Outcome(sweep: self, points: points, law: "| \(name) | \(law) |")
  }

  private func row(_ cells: [String]) {
    print("| " + cells.joined(separator: " | ") + " |")
    fflush(nil)
  }

  /// Processor seconds of all threads that work takes.
  static func processorSeconds<Value>(_ work: () throws -> Value) rethrows -> (Value, Double) {
    let start = Clocks.processor
    let value = try work()
    return (value, Clocks.processor - start)
  }
}
