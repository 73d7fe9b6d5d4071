/// A chart of series of numbers, drawn as SVG.
///
/// It knows numbers and words only. What it draws is the same on every machine.
public struct Chart: Sendable, Equatable {
  /// How an axis maps numbers to lengths.
  public enum Scale: Sendable, Equatable {
    /// Proportional.
    case linear
    /// By logarithms; numbers must be positive.
    case logarithmic
  }

  /// One axis.
  public struct Axis: Sendable, Equatable {
    /// What is measured, with its unit.
    public var label: String
    /// How numbers are mapped.
    public var scale: Scale
    /// Names of the whole numbers 0, 1, ...; empty for an axis of numbers.
    public var categories: [String]

    /// An axis of numbers.
    public init(_ label: String, scale: Scale = .linear) {
      (self.label, self.scale, categories) = (label, scale, [])
    }

    /// An axis of names: category `i` stands at the number `i`.
    public init(_ label: String, categories: [String]) {
      (self.label, scale, self.categories) = (label, .linear, categories)
    }
  }

  /// One number pair.
  public struct Point: Sendable, Equatable {
    /// Position along the horizontal axis.
    public var x: Double
    /// Position along the vertical axis.
    public var y: Double

    /// A pair.
    public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }
  }

  /// How a series is drawn.
  public enum Style: Sendable, Equatable {
    /// Straight lines between neighbors, in the order given.
    case line
    /// A mark at each point.
    case points
    /// Both.
    case linesAndPoints
  }

  /// Points that belong together.
  public struct Series: Sendable, Equatable {
    /// Name in the legend.
    public var name: String
    /// The points.
    public var points: [Point]
    /// How they are drawn.
    public var style: Style
    /// Corners of a dashed line in the color of the series, such as a law fitted to its points; empty for none.
    public var trend: [Point]

    /// A series.
    public init(
      _ name: String, _ points: [Point], style: Style = .linesAndPoints, trend: [Point] = []
    ) {
      (self.name, self.points, self.style, self.trend) = (name, points, style, trend)
    }
  }

  /// What the chart shows, above it.
  public var title: String
  /// One or two sentences that say what is to be seen, for those who do not see it.
  public var summary: String
  /// Horizontal axis.
  public var horizontal: Axis
  /// Vertical axis.
  public var vertical: Axis
  /// The series, in the order of the legend; at most eight have colors of their own.
  public var series: [Series]

  /// A chart with all its parts.
  ///
  /// - Parameters:
  ///   - title: What the chart shows.
  ///   - summary: Text alternative.
  ///   - horizontal: Horizontal axis.
  ///   - vertical: Vertical axis.
  ///   - series: The series.
  public init(
    title: String, summary: String, horizontal: Axis, vertical: Axis, series: [Series]
  ) {
    self.title = title
    self.summary = summary
    self.horizontal = horizontal
    self.vertical = vertical
    self.series = series
  }
}

/// Numbers that cannot be drawn.
public struct ChartError: Error, Equatable, CustomStringConvertible {
  /// Which number.
  public let place: String
  /// What it should have been.
  public let expected: String
  /// What it was.
  public let found: String

  /// The error as a sentence.
  public var description: String { "\(place): expected \(expected), found \(found)." }

  /// The error with the file that the number comes from.
  func inside(_ file: String?) -> ChartError {
    ChartError(
      place: file.map { "\($0): \(place)" } ?? place, expected: expected, found: found)
  }
}
