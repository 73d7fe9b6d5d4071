import Reports

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
    var label = name.padded(to: 19)
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
///
/// - Parameters:
///   - value: The number, if there is one.
///   - format: One conversion of `printf` for it, and text around it.
/// - Returns: The text.
func digits(_ value: Double?, _ format: String = "%.10g") -> String {
  value.map { String($0, format: format) } ?? "-"
}

/// A share in percent, or a dash.
func percent(_ value: Double?) -> String { digits(value.map { 100 * $0 }, "%.2f %%") }

extension String {
  /// The text in a column of a width: cut, or with spaces after it.
  func padded(to width: Int) -> String {
    prefix(width) + String(repeating: " ", count: max(0, width - count))
  }
}
