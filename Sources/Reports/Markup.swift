/// Text as HTML, SVG and XML want it.
package enum Markup {
  /// Words that are inert inside elements and quoted attributes.
  ///
  /// - Parameter words: Any text.
  /// - Returns: The text with `&`, `<`, `>` and both quotes as entities, line breaks as spaces, and characters that XML has not
  ///   as question marks.
  package static func escaped(_ words: String) -> String {
    var result = ""
    for scalar in words.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      // XML has no other control characters than these.
      case "\t", "\n", "\r": result += " "
      case _ where scalar.value < 32 || (0xFFFE...0xFFFF).contains(scalar.value): result += "?"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// An element with attributes in the order given; those that are nil are left out.
  static func element(
    _ name: String, _ attributes: [(String, String?)] = [], _ content: String
  ) -> String {
    let list = attributes.compactMap { key, value in
      value.map { " \(key)=\"\(escaped($0))\"" }
    }
    return "<\(name)\(list.joined())>\(content)</\(name)>"
  }

  /// Colors that differ in lightness too, for light pages.
  static let lightColors = [
    "#0b62a4", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be185d", "#0e7490", "#4b5563",
  ]
  /// The same for dark pages, where they are lighter.
  static let darkColors = [
    "#6cb6ff", "#fb923c", "#4ade80", "#c084fc", "#facc15", "#f472b6", "#22d3ee", "#9ca3af",
  ]

  /// Rules that color the parts of charts.
  static func chartRules(
    _ colors: [String], paper: String, ink: String, grid: String
  ) -> String {
    let series = colors.enumerated().map { index, color in
      ".s\(index){stroke:\(color)}.m\(index){fill:\(color)}"
    }
    return ".paper{fill:\(paper)}text{fill:\(ink)}.axis{stroke:\(ink)}.grid{stroke:\(grid)}"
      + series.joined()
  }

  /// The style of charts on pages of both themes, without the elements around it.
  static var chartStyle: String {
    "text{font:13px system-ui,sans-serif}.title{font-size:16px;font-weight:600}"
      + ".line{fill:none;stroke-width:2}.trend{stroke-width:1;stroke-dasharray:5 4}"
      + ".grid,.axis{stroke-width:1}"
      + chartRules(lightColors, paper: "#ffffff", ink: "#1f2937", grid: "#e5e7eb")
      + "@media (prefers-color-scheme:dark){"
      + chartRules(darkColors, paper: "#111827", ink: "#e5e7eb", grid: "#374151") + "}"
  }
}
