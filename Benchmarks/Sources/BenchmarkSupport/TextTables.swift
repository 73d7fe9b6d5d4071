import Foundation

/// Rows of Markdown tables.
package enum MarkdownTable {
  /// A row.
  package static func row(_ cells: [String]) -> String {
    "| " + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ")
      + " |"
  }

  /// The line below the header: the first column to the left, others to the right.
  package static func rule(_ columns: Int) -> String {
    "| --- |" + String(repeating: " --: |", count: max(0, columns - 1))
  }
}

/// Comma-separated values.
package enum CSV {
  /// A field, in quotes where it has to be.
  package static func quoted(_ field: String) -> String {
    guard field.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return field }
    return "\"" + field.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  /// The fields of a line without line breaks inside.
  package static func fields(of line: String) -> [String] {
    var fields = [""]
    var isQuoted = false
    var characters = Array(line)[...]
    while let character = characters.popFirst() {
      switch character {
      case "\"" where isQuoted && characters.first == "\"":
        characters.removeFirst()
        fields[fields.count - 1].append("\"")
      case "\"": isQuoted.toggle()
      case "," where !isQuoted: fields.append("")
      default: fields[fields.count - 1].append(character)
      }
    }
    return fields
  }
}

/// The table of a sweep, the same on the screen, in Markdown and on the page.
package enum SweepTable {
  /// Names of the columns.
  package static func header(_ counters: [String]) -> [String] {
    ["value", "quantity"] + counters + ["CPU s", "runs", "reached"]
  }

  /// The cells of a point.
  package static func cells(_ point: SweepResult.Point) -> [String] {
    ["\(point.value)", number(point.quantity)] + point.counters.map { "\($0)" }
      + [number(point.seconds), "\(point.runs)", point.reached.isEmpty ? "-" : point.reached]
  }

  /// Three digits, or all of a whole number.
  package static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15
      ? String(format: "%.0f", value) : String(format: "%.3g", value)
  }
}
