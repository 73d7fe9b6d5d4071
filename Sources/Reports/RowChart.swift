/// Named numbers, one per row, as bars from zero or marks on a logarithmic axis; readable at any width.
public struct RowChart: Sendable, Equatable {
  /// One number.
  public struct Row: Sendable, Equatable {
    /// What the number belongs to.
    public var name: String
    /// The number.
    public var value: Double
    /// The number in words, at the end of the row.
    public var text: String
    /// Which color and mark the row has; rows that belong together share it.
    public var group: Int

    /// A row.
    public init(_ name: String, _ value: Double, text: String, group: Int = 0) {
      (self.name, self.value, self.text, self.group) = (name, value, text, group)
    }
  }

  /// What the chart shows.
  public var title: String
  /// One or two sentences that say what is to be seen, for those who do not see it.
  public var summary: String
  /// The axis below the rows: bars from zero where it is linear, marks where it is logarithmic.
  public var axis: Chart.Axis
  /// The rows, from the top.
  public var rows: [Row]

  /// A chart with all its parts.
  ///
  /// - Parameters:
  ///   - title: What the chart shows.
  ///   - summary: Text alternative.
  ///   - axis: The axis below the rows, without categories.
  ///   - rows: The rows, from the top.
  public init(title: String, summary: String, axis: Chart.Axis, rows: [Row]) {
    (self.title, self.summary, self.axis, self.rows) = (title, summary, axis, rows)
  }

  /// The chart as an element of a page that has `Markup.chartStyle`.
  func embedded(id: String, className: String, width: Int) throws -> String {
    try check()
    let scale = ChartScale(
      axis, covering: rows.map(\.value) + (axis.scale == .linear ? [0] : []))
    let (left, right, rowHeight) = (8.0, Double(width) - 8, 36.0)
    // Bars begin at zero, which a margin of the axis would move.
    func pixel(_ value: Double) -> Double {
      left + (right - left) * min(1, max(0, scale.position(of: value)))
    }
    let bottom = rowHeight * Double(rows.count) + 4
    let height = Int(bottom) + 44
    var parts = [
      "<svg viewBox=\"0 0 \(width) \(height)\" width=\"\(width)\" height=\"\(height)\" "
        + "class=\"\(className)\" role=\"img\" aria-labelledby=\"\(id)t \(id)d\">",
      "<title id=\"\(id)t\">\(Markup.escaped(title))</title>",
      "<desc id=\"\(id)d\">\(Markup.escaped(summary))</desc>",
    ]
    var labelEnd = -Double.infinity
    for tick in scale.ticks where tick.value >= 0 {
      let (x, half) = (pixel(tick.value), Self.letterWidth / 2 * Double(tick.label.count))
      parts.append(line("grid", x, 4, x, bottom))
      guard x - half > max(labelEnd + 4, 0), x + half < Double(width) else { continue }
      labelEnd = x + half
      parts.append(text(tick.label, x, bottom + 16, anchor: "middle"))
    }
    for (index, row) in rows.enumerated() {
      let y = rowHeight * Double(index)
      parts.append(text(fitted(row, width), left, y + 16, anchor: "start"))
      parts.append(text(row.text, right, y + 16, anchor: "end"))
      let end = pixel(row.value)
      if axis.scale == .linear {
        let start = pixel(0)
        parts.append(
          "<rect class=\"m\(color(row))\" x=\"\(number(start))\" y=\"\(number(y + 22))\" "
            + "width=\"\(number(max(1, end - start)))\" height=\"8\"/>")
      } else {
        parts.append(line("grid", left, y + 26, right, y + 26))
        parts.append(
          "<circle class=\"m\(color(row))\" cx=\"\(number(end))\" cy=\"\(number(y + 26))\" r=\"5\"/>"
        )
      }
    }
    parts.append(text(axis.label, (left + right) / 2, bottom + 36, anchor: "middle"))
    return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  private func check() throws {
    for (index, row) in rows.enumerated() {
      let isPositive = axis.scale == .linear ? row.value >= 0 : row.value > 0
      guard row.value <= ChartScale.largest, isPositive else {
        throw ChartError(
          place: "\(title), row \(index) (\(row.name))",
          expected: "a finite number above 0 and up to \(ChartScale.largest)",
          found: "\(row.value)")
      }
    }
  }

  private func color(_ row: Row) -> Int { row.group % Markup.lightColors.count }

  /// Digits of DejaVu Sans at 13 pixels; other fonts are narrower.
  private static let letterWidth = 8.3

  /// The name, cut so that it does not run into the number.
  private func fitted(_ row: Row, _ width: Int) -> String {
    let room = max(4, Int(Double(width) / Self.letterWidth) - row.text.count - 4)
    return row.name.count <= room ? row.name : row.name.prefix(room - 3) + "..."
  }

  private func number(_ value: Double) -> String { String(value, format: "%.1f") }

  private func line(
    _ name: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double
  ) -> String {
    "<line class=\"\(name)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" "
      + "y2=\"\(number(y2))\"/>"
  }

  private func text(_ words: String, _ x: Double, _ y: Double, anchor: String) -> String {
    "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">"
      + "\(Markup.escaped(words))</text>"
  }
}
