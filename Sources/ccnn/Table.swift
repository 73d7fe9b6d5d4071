import Foundation

/// A fixed-width ASCII table of at most 79 columns.
struct Table {
  private static let width = 79
  private var lines: [String] = []

  /// A table with a title.
  init(_ title: String) {
    lines = [title, String(repeating: "-", count: Self.width)]
  }

  /// Adds a name and a value; long values continue in the value's column.
  mutating func add(_ name: String, _ value: String) {
    var label = name.padding(toLength: 19, withPad: " ", startingAt: 0)
    for line in wrapped(value, to: Self.width - 19) {
      lines.append(label + line)
      label = String(repeating: " ", count: 19)
    }
  }

  /// Adds a line as it is.
  mutating func add(line: String) { lines.append(String(line.prefix(Self.width))) }

  /// The table with a closing rule, and a last line under it.
  func text(last: String) -> String {
    (lines + [String(repeating: "-", count: Self.width), last]).joined(separator: "\n") + "\n"
  }

  private func wrapped(_ text: String, to width: Int) -> [String] {
    var result: [String] = []
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      if !line.isEmpty, line.count + 1 + word.count > width {
        result.append(line)
        line = String(word)
      } else {
        line += line.isEmpty ? String(word) : " \(word)"
      }
    }
    result.append(line)
    return result.map { String($0.prefix(width)) }
  }
}

/// A number with ten significant digits, or a dash.
func digits(_ value: Double?, _ format: String = "%.10g") -> String {
  value.map { String(format: format, $0) } ?? "-"
}

/// A share in percent, or a dash.
func percent(_ value: Double?) -> String {
  value.map { String(format: "%.2f %%", 100 * $0) } ?? "-"
}
