/// A table of a page, whose cells keep the digits of their numbers.
public struct ReportTable: Sendable, Equatable {
  /// One cell.
  public struct Cell: Sendable, Equatable {
    /// What is shown.
    public var text: String
    /// The digits of the number, kept beside what is shown; nil for words.
    public var value: String?
    /// Where the number is in its file, for programs that read the page.
    public var key: String?
    /// How strongly the cell is colored: 1 to 9 in orange, -1 to -9 in blue, 0 not at all.
    public var shade: Int

    /// Words.
    ///
    /// - Parameter text: What is shown.
    public init(_ text: String) { (self.text, value, key, shade) = (text, nil, nil, 0) }

    /// A number.
    ///
    /// - Parameters:
    ///   - digits: Its digits.
    ///   - text: What is shown; nil for the digits.
    ///   - key: Where it is in its file.
    ///   - shade: How strongly the cell is colored.
    public init(digits: String, text: String? = nil, key: String? = nil, shade: Int = 0) {
      self.text = text ?? digits
      (value, self.key, self.shade) = (digits, key, min(9, max(-9, shade)))
    }
  }

  /// What the table is about.
  public var caption: String
  /// Names of the columns; empty for none.
  public var header: [String]
  /// The rows; the first cell of each names it.
  public var rows: [[Cell]]
  /// How it looks.
  public var style: Style

  /// How a table looks.
  public enum Style: String, Sendable, Equatable {
    /// Rows of numbers and words.
    case rows
    /// Names with a value each.
    case pairs
    /// Cells close together.
    case matrix
  }

  /// A table.
  ///
  /// - Parameters:
  ///   - caption: What the table is about.
  ///   - header: Names of the columns; empty for none.
  ///   - rows: The rows; the first cell of each names it.
  ///   - style: How it looks.
  public init(caption: String, header: [String], rows: [[Cell]], style: Style = .rows) {
    (self.caption, self.header, self.rows, self.style) = (caption, header, rows, style)
  }

  /// Words of more characters have a least width.
  private static let longWords = 40

  /// Whether a column has numbers and nothing else.
  private func isNumeric(_ column: Int) -> Bool {
    column > 0
      && rows.allSatisfy {
        column < $0.count && ($0[column].value != nil || $0[column].text.isEmpty)
      }
  }

  /// The table in a box of its own, in which it scrolls and which the keyboard reaches.
  var markup: String {
    var parts = ["<caption>\(Markup.escaped(caption))</caption>"]
    if !header.isEmpty {
      let cells = header.enumerated().map { index, name in
        Markup.element(
          "th", [("scope", "col"), ("class", isNumeric(index) ? "n" : nil)], Markup.escaped(name))
      }
      parts.append("<thead><tr>\(cells.joined())</tr></thead>")
    }
    parts.append("<tbody>")
    for row in rows {
      let cells = row.enumerated().map { index, cell in
        markup(of: cell, isName: index == 0)
      }
      parts.append("<tr>\(cells.joined())</tr>")
    }
    let table = Markup.element(
      "table", [("class", style.rawValue)], (parts + ["</tbody>"]).joined(separator: "\n"))
    return Markup.element(
      "div",
      [("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", caption)], table)
  }

  private func markup(of cell: Cell, isName: Bool) -> String {
    var classes = cell.value == nil || isName ? [] : ["n"]
    // Sentences beside columns of numbers would be broken after every word.
    if style == .rows, cell.value == nil, cell.text.count > Self.longWords { classes.append("w") }
    if style == .matrix, cell.value == "0" { classes.append("z") }
    if cell.shade != 0 { classes.append(cell.shade > 0 ? "p\(cell.shade)" : "q\(-cell.shade)") }
    return Markup.element(
      isName ? "th" : "td",
      [
        ("scope", isName ? "row" : nil),
        ("class", classes.isEmpty ? nil : classes.joined(separator: " ")),
        ("data-key", cell.key), ("data-value", cell.value == cell.text ? nil : cell.value),
      ], Markup.escaped(cell.text))
  }
}
