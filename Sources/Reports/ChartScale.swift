#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The mapping of one axis: its range, its ticks, and where a number stands.
package struct ChartScale: Equatable {
  /// A mark on an axis.
  package struct Tick: Equatable {
    package let value: Double
    package let label: String
  }

  /// Largest size of a number that axes have room for, and the smallest that they tell from zero: steps between such
  /// numbers are neither infinite nor zero.
  static let (largest, smallest) = (1e300, 1e-300)

  let kind: Chart.Scale
  /// Ends of the axis, as logarithms where it is logarithmic; `low < high`.
  let low: Double
  let high: Double
  package let ticks: [Tick]

  /// The share of the axis, from 0 to 1, at which a number stands.
  package func position(of value: Double) -> Double {
    ((kind == .linear ? value : log10(value)) - low) / (high - low)
  }

  /// A scale for an axis that shows all of some numbers.
  ///
  /// - Precondition: The numbers are at most `largest` in size, and positive for a logarithmic axis.
  package init(_ axis: Chart.Axis, covering values: [Double]) {
    kind = axis.scale
    guard axis.categories.isEmpty else {
      (low, high) = (-0.5, Double(axis.categories.count) - 0.5)
      ticks = axis.categories.enumerated().map { Tick(value: Double($0), label: $1) }
      return
    }
    let (least, most) = (values.min() ?? 0, values.max() ?? 1)
    switch axis.scale {
    case .linear: (low, high, ticks) = Self.linear(least, most)
    case .logarithmic: (low, high, ticks) = Self.logarithmic(least, most)
    }
  }

  /// Four to eight round steps.
  private static func linear(_ least: Double, _ most: Double) -> (Double, Double, [Tick]) {
    // Numbers that hardly differ get an axis that floating point can divide.
    let size = max(abs(least), abs(most))
    let isSpread = most - least > max(1e-9 * size, Self.smallest)
    let margin = isSpread ? 0.04 * (most - least) : size > Self.smallest ? 0.5 * size : 0.5
    let (low, high) = (least - margin, most + margin)
    let rough = (high - low) / 6
    let magnitude = pow(10, floor(log10(rough)))
    let step = ([1, 2, 5, 10].first { $0 * magnitude >= rough } ?? 10) * magnitude
    let digits = max(0, Int(-floor(log10(step) + 1e-9)))
    let ticks = stride(from: (low / step).rounded(.up), through: high / step, by: 1).map { index in
      Tick(value: index * step, label: label(index * step, digits))
    }
    return (low, high, ticks)
  }

  /// Powers of ten; their multiples by 2 and 5 as well on axes of less than two decades, and equal steps on short ones.
  private static func logarithmic(_ least: Double, _ most: Double) -> (Double, Double, [Tick]) {
    let (first, last) = (log10(least), log10(most))
    let margin = last - first > 1e-9 ? 0.05 * (last - first) : 0.3
    let (low, high) = (first - margin, last + margin)
    let decades = high - low
    let spacing = max(1, Int((decades / 8).rounded(.up)))
    let factors: [Double] = decades < 2 ? [1, 2, 5] : [1]
    var ticks: [Tick] = []
    for exponent in Int(floor(low))...Int(ceil(high)) where exponent % spacing == 0 {
      for factor in factors {
        let value = factor * pow(10, Double(exponent))
        guard value.isNormal, log10(value) >= low, log10(value) <= high else { continue }
        ticks.append(Tick(value: value, label: power(value)))
      }
    }
    if ticks.count < 3, decades < 2 {
      // Round numbers in equal steps tell more than the powers of ten that happen to be inside.
      let others = linear(least, most).2.filter {
        $0.value > 0 && log10($0.value) >= low && log10($0.value) <= high
      }
      if others.count > ticks.count { ticks = others }
    }
    return (low, high, ticks)
  }

  private static func label(_ value: Double, _ digits: Int) -> String {
    if abs(value) >= 1e6 || digits > 6 { return String(value, format: "%g") }
    return String(value == 0 ? 0 : value, format: "%.\(digits)f")
  }

  /// A number in plain digits near 1, with an exponent elsewhere.
  private static func power(_ value: Double) -> String {
    value >= 0.001 && value < 100_000 ? String(value, format: "%g") : String(value, format: "%.0e")
  }
}
