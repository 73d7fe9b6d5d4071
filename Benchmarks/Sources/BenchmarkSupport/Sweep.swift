/// One quantity whose growth in time is measured: what is varied, the work, and which growth is expected.
package struct Sweep: Sendable {
  /// The growth that is claimed.
  package enum Growth: Equatable, Sendable {
    /// A power of the quantity, with the largest exponent claimed.
    case polynomial(limit: Double)
    /// A factor for every unit.
    case exponential

    /// At most a little more than proportional, which is what the package claims of most sizes.
    package static let linear = Growth.polynomial(limit: 1.3)
  }

  /// What one run of the work did.
  package struct Reading: Equatable, Sendable {
    /// Deterministic counters, one per name of the sweep.
    package var counters: [Int]
    /// What was reached, for example a gap; empty for nothing to say.
    package var reached: String
    /// The quantity, where it is an outcome such as the number of neurons; nil for what was asked for.
    package var quantity: Double?

    /// A reading.
    package init(_ counters: [Int], reached: String = "", quantity: Double? = nil) {
      (self.counters, self.reached, self.quantity) = (counters, reached, quantity)
    }

    /// The sum over several problems of one size; what was reached is that of the first.
    package static func sum(_ readings: [Reading]) -> Reading? {
      guard var sum = readings.first else { return nil }
      for reading in readings.dropFirst() {
        for (index, count) in reading.counters.enumerated() { sum.counters[index] += count }
      }
      return sum
    }
  }

  /// Work of one size, prepared; it is measured, and may run several times.
  package typealias Work = () throws -> Reading

  /// What is measured, one word: `pricing`, `gated-training`.
  package let group: String
  /// What is varied, unique in its group: `samples n`.
  package let name: String
  /// The chart it is drawn in, together with others of the group.
  package let chart: String
  /// What is varied, for the axis.
  package let quantity: String
  /// What is held fixed.
  package let setting: String
  /// The growth that is claimed.
  package let growth: Growth
  /// Names of the counters.
  package let counters: [String]
  /// Values of the quick version.
  package let quick: [Int]
  /// Values of the full version.
  package let full: [Int]
  /// The quantity of a value, for values that are not the quantity themselves, such as the side of an image.
  package let scale: @Sendable (Int) -> Double
  /// Makes the work of a value; not measured.
  package let prepare: @Sendable (Int) throws -> Work

  /// A sweep.
  ///
  /// - Parameters:
  ///   - group: What is measured.
  ///   - name: What is varied, unique in its group.
  ///   - chart: The chart it is drawn in; nil for one of its own.
  ///   - quantity: What is varied, for the axis; nil for the name.
  ///   - setting: What is held fixed.
  ///   - growth: The growth that is claimed.
  ///   - counters: Names of the counters.
  ///   - quick: Values of the quick version.
  ///   - full: Values of the full version; nil for those of the quick one.
  ///   - scale: The quantity of a value.
  ///   - prepare: Makes the work of a value.
  package init(
    _ group: String, _ name: String, chart: String? = nil, quantity: String? = nil,
    setting: String, growth: Growth = .linear, counters: [String] = [], quick: [Int],
    full: [Int]? = nil, scale: @escaping @Sendable (Int) -> Double = { Double($0) },
    prepare: @escaping @Sendable (Int) throws -> Work
  ) {
    (self.group, self.name, self.chart) = (group, name, chart ?? name)
    (self.quantity, self.setting) = (quantity ?? name, setting)
    (self.growth, self.counters) = (growth, counters)
    (self.quick, self.full) = (quick, full ?? quick)
    (self.scale, self.prepare) = (scale, prepare)
  }
}
