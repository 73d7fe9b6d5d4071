/// Largest values that deterministic counters may have, as they are committed.
package struct Thresholds: Equatable, Sendable {
  /// A counter of a point of a sweep.
  package struct Key: Hashable, Sendable {
    let group: String
    let name: String
    let value: Int
    let counter: String

    /// The counter of a point.
    package init(_ group: String, _ name: String, _ value: Int, _ counter: String) {
      (self.group, self.name, self.value, self.counter) = (group, name, value, counter)
    }
  }

  /// The comparison of a run.
  package struct Comparison: Codable, Equatable, Sendable {
    /// Counters that have a threshold.
    package var compared = 0
    /// Counters that have none.
    package var without = 0
    /// Counters above their thresholds, in words.
    package var exceeded: [String] = []

    /// The comparison of nothing.
    package init() {}
  }

  /// What a measured counter is multiplied by for its threshold: a counter is the same in every run with the same
  /// kernels of OpenBLAS, but kernels for other processors round otherwise, and searches branch otherwise.
  package static let slack = 1.5
  private static let header = "group,name,value,counter,threshold"

  private var limits: [Key: Int]

  /// Thresholds by counter.
  package init(_ limits: [Key: Int]) { self.limits = limits }

  /// Thresholds from a file of the form that `text` has.
  ///
  /// - Throws: `BenchmarkError` with the line that is not one.
  package init(parsing text: String) throws {
    limits = [:]
    for (index, line) in text.split(separator: "\n").enumerated() {
      if index == 0, line == Self.header { continue }
      let fields = CSV.fields(of: String(line))
      guard fields.count == 5, let value = Int(fields[2]), let limit = Int(fields[4]) else {
        throw BenchmarkError(
          "thresholds, line \(index + 1)", expected: Self.header, found: "\(line)",
          advice: "Write the file anew: Scaling all --write-thresholds FILE.")
      }
      limits[Key(fields[0], fields[1], value, fields[3])] = limit
    }
  }

  /// Thresholds of what was measured.
  package init(measured results: [SweepResult]) {
    limits = [:]
    for result in results {
      for point in result.points {
        for (counter, count) in zip(result.counters, point.counters) {
          limits[Key(result.group, result.name, point.value, counter)] =
            Int((Self.slack * Double(count)).rounded(.up))
        }
      }
    }
  }

  /// The larger thresholds of both, so that they hold for the kernels of both runs.
  package func merging(_ others: Thresholds) -> Thresholds {
    Thresholds(limits.merging(others.limits, uniquingKeysWith: max))
  }

  /// The thresholds as a file, sorted.
  package var text: String {
    let lines = limits.map { key, limit in
      (
        [key.group, key.name, "\(key.value)", key.counter, "\(limit)"].map(CSV.quoted)
          .joined(separator: ","), key
      )
    }
    let sorted = lines.sorted {
      ($0.1.group, $0.1.name, $0.1.value, $0.1.counter)
        < ($1.1.group, $1.1.name, $1.1.value, $1.1.counter)
    }
    return ([Self.header] + sorted.map(\.0)).joined(separator: "\n") + "\n"
  }

  /// Compares every counter.
  package func compare(_ results: [SweepResult]) -> Comparison {
    var comparison = Comparison()
    for result in results {
      for point in result.points {
        for (counter, count) in zip(result.counters, point.counters) {
          guard let limit = limits[Key(result.group, result.name, point.value, counter)] else {
            comparison.without += 1
            continue
          }
          comparison.compared += 1
          if count > limit {
            comparison.exceeded.append(
              "\(result.group), \(result.name), \(point.value): expected at most \(limit) \(counter), "
                + "found \(count)")
          }
        }
      }
    }
    return comparison
  }
}
