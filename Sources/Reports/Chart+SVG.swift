extension Chart {
  /// The chart as a self-contained SVG document, for light and dark pages.
  ///
  /// - Parameters:
  ///   - width: Width in pixels, at least 320.
  ///   - height: Height in pixels of what is above the legend, at least 200.
  /// - Returns: The document, with title and text alternative, without scripts or anything to load.
  /// - Throws: `ChartError` when there is nothing to draw, a number is not finite, a number on a logarithmic axis is not
  ///   positive, or one on an axis of names belongs to none.
  public func svg(width: Int = 720, height: Int = 420) throws -> String {
    precondition(width >= 320 && height >= 200, "svg: \(width) x \(height) pixels are too few")
    return try drawing(width, height).document
  }

  /// The chart as an element of a page that has `Markup.chartStyle`.
  ///
  /// - Parameters:
  ///   - id: What the identifiers of title and text alternative begin with.
  ///   - className: Class of the element.
  ///   - width: Width in pixels, at least 320.
  ///   - height: Height in pixels of what is above the legend, at least 200.
  /// - Returns: The element.
  /// - Throws: As `svg(width:height:)`.
  func embedded(id: String, className: String, width: Int, height: Int) throws -> String {
    var drawing = try drawing(width, height)
    (drawing.left, drawing.top) = (74, 12)
    return drawing.element(id: id, className: className)
  }

  private func drawing(_ width: Int, _ height: Int) throws -> ChartDrawing {
    try check()
    let points = series.flatMap { $0.points + $0.trend }
    let x = ChartScale(horizontal, covering: points.map(\.x))
    let y = ChartScale(vertical, covering: points.map(\.y))
    return ChartDrawing(chart: self, x: x, y: y, width: width, height: height)
  }

  private func check() throws {
    guard series.contains(where: { !$0.points.isEmpty }) else {
      throw ChartError(place: title, expected: "a series with points", found: "none")
    }
    for one in series {
      for (index, point) in (one.points + one.trend).enumerated() {
        for (axis, value) in [(horizontal, point.x), (vertical, point.y)] {
          let place = "\(title), series \(one.name), point \(index), \(axis.label)"
          guard abs(value) <= ChartScale.largest else {
            throw ChartError(
              place: place, expected: "a finite number of at most \(ChartScale.largest) in size",
              found: "\(value)")
          }
          if axis.scale == .logarithmic, value <= 0 {
            throw ChartError(place: place, expected: "a positive number", found: "\(value)")
          }
          if !axis.categories.isEmpty,
            !(-0.5...Double(axis.categories.count) - 0.5).contains(value)
          {
            throw ChartError(
              place: place, expected: "a number from 0 to \(axis.categories.count - 1)",
              found: "\(value)")
          }
        }
      }
    }
  }
}

/// The parts of one document.
private struct ChartDrawing {
  let chart: Chart
  let x: ChartScale
  let y: ChartScale
  let width: Int
  let height: Int

  /// Pixels beside the vertical axis.
  var left = 78.0
  /// Pixels above the plot.
  var top = 44.0
  private var right: Double { Double(width) - 18 }
  private var bottom: Double { Double(height) - 54 }
  /// Pixels for a name of the legend and its mark; letters are about 7 wide.
  private var legendWidth: Int { 40 + 7 * (chart.series.map(\.name.count).max() ?? 0) }
  /// Series per line of the legend.
  private var legendColumns: Int { max(1, (width - 96) / legendWidth) }
  private var legendRows: Int { (chart.series.count + legendColumns - 1) / legendColumns }
  private var fullHeight: Int { height + 10 + 20 * legendRows }

  var document: String {
    let (title, summary) = (escaped(chart.title), escaped(chart.summary))
    let parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(fullHeight)\" "
        + "width=\"\(width)\" height=\"\(fullHeight)\" role=\"img\" "
        + "aria-label=\"\(title)\">",
      "<title>\(title)</title>", "<desc>\(summary)</desc>",
      "<style>\(Markup.chartStyle)</style>",
      "<rect class=\"paper\" width=\"\(width)\" height=\"\(fullHeight)\"/>",
      text(chart.title, left, 26, "title"), axes, lines, legend, "</svg>",
    ]
    return parts.joined(separator: "\n") + "\n"
  }

  /// The drawing inside a page, whose heading is above it.
  func element(id: String, className: String) -> String {
    let parts = [
      "<svg viewBox=\"0 0 \(width) \(fullHeight)\" width=\"\(width)\" height=\"\(fullHeight)\" "
        + "class=\"\(className)\" role=\"img\" aria-labelledby=\"\(id)t \(id)d\">",
      "<title id=\"\(id)t\">\(escaped(chart.title))</title>",
      "<desc id=\"\(id)d\">\(escaped(chart.summary))</desc>", axes, lines, legend, "</svg>",
    ]
    return parts.joined(separator: "\n") + "\n"
  }

  private func horizontalPixel(_ value: Double) -> Double {
    left + (right - left) * x.position(of: value)
  }

  private func verticalPixel(_ value: Double) -> Double {
    bottom - (bottom - top) * y.position(of: value)
  }

  private var axes: String {
    var parts: [String] = []
    for tick in y.ticks {
      let pixel = verticalPixel(tick.value)
      parts.append(line(left, pixel, right, pixel, "grid"))
      parts.append(text(tick.label, left - 8, pixel + 4, "tick", anchor: "end"))
    }
    var labelEnd = -Double.infinity
    for tick in x.ticks {
      let pixel = horizontalPixel(tick.value)
      // Letters are about 7 wide; labels that would touch the one before are left out.
      let half = 3.5 * Double(tick.label.count)
      let isShown = pixel - half > labelEnd + 4
      if isShown { labelEnd = pixel + half }
      if chart.horizontal.categories.isEmpty {
        parts.append(line(pixel, top, pixel, bottom, "grid"))
      }
      if isShown {
        parts.append(text(tick.label, pixel, bottom + 18, "tick", anchor: "middle"))
      }
    }
    parts.append(line(left, bottom, right, bottom, "axis"))
    parts.append(line(left, top, left, bottom, "axis"))
    parts.append(
      text(chart.horizontal.label, (left + right) / 2, bottom + 40, "label", anchor: "middle"))
    let middle = number((top + bottom) / 2)
    parts.append(
      "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(16 \(middle)) "
        + "rotate(-90)\">\(escaped(chart.vertical.label))</text>")
    return parts.joined(separator: "\n")
  }

  private var lines: String {
    chart.series.enumerated().map { index, series in
      let color = index % Markup.lightColors.count
      let pixels = series.points.map { (horizontalPixel($0.x), verticalPixel($0.y)) }
      var parts = ["<g><title>\(escaped(series.name))</title>"]
      if series.style != .points, pixels.count > 1 {
        let path = pixels.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
        parts.append("<polyline class=\"line s\(color)\" points=\"\(path)\"/>")
      }
      if series.style != .line || pixels.count == 1 {
        parts += pixels.map { mark(index, $0.0, $0.1) }
      }
      if series.trend.count > 1 {
        let path = series.trend.map {
          "\(number(horizontalPixel($0.x))),\(number(verticalPixel($0.y)))"
        }
        parts.append(
          "<polyline class=\"line trend s\(color)\" points=\"\(path.joined(separator: " "))\"/>")
      }
      return parts.joined(separator: "\n") + "</g>"
    }.joined(separator: "\n")
  }

  private var legend: String {
    chart.series.enumerated().map { index, series in
      let (row, column) = (index / legendColumns, index % legendColumns)
      let (px, py) = (
        left + Double(legendWidth * column), Double(height + 10 + 20 * row)
      )
      return mark(index, px + 5, py - 4) + text(series.name, px + 18, py, "legend")
    }.joined(separator: "\n")
  }

  /// A mark whose shape tells series apart without color.
  private func mark(_ index: Int, _ px: Double, _ py: Double) -> String {
    let (color, size) = (index % Markup.lightColors.count, 4.5)
    func polygon(_ corners: [(Double, Double)]) -> String {
      let points = corners.map { "\(number(px + $0.0)),\(number(py + $0.1))" }
      return "<polygon class=\"m\(color)\" points=\"\(points.joined(separator: " "))\"/>"
    }
    return switch index % 4 {
    case 0:
      "<circle class=\"m\(color)\" cx=\"\(number(px))\" cy=\"\(number(py))\" r=\"\(size - 0.5)\"/>"
    case 1: polygon([(-4, -4), (4, -4), (4, 4), (-4, 4)])
    case 2: polygon([(0, -5), (5, 4), (-5, 4)])
    default: polygon([(0, -5.5), (5, 0), (0, 5.5), (-5, 0)])
    }
  }

  private func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ name: String
  ) -> String {
    "<line class=\"\(name)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" "
      + "y2=\"\(number(y2))\"/>"
  }

  private func text(
    _ words: String, _ px: Double, _ py: Double, _ name: String, anchor: String = "start"
  ) -> String {
    "<text class=\"\(name)\" x=\"\(number(px))\" y=\"\(number(py))\" text-anchor=\"\(anchor)\">"
      + "\(escaped(words))</text>"
  }

  private func number(_ value: Double) -> String { String(value, format: "%.1f") }

  private func escaped(_ words: String) -> String { Markup.escaped(words) }
}
