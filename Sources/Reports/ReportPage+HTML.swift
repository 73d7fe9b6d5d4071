extension ReportPage {
  /// The page as HTML that is well-formed XML too.
  ///
  /// All words are escaped. The page forbids itself whatever is not in it by a content security policy: no script, no
  /// address but its own pictures.
  ///
  /// - Returns: The document.
  /// - Throws: `ChartError` when a chart cannot be drawn.
  public func html() throws -> String {
    var writer = ReportWriter()
    var body = ["<header>", "<h1>\(Markup.escaped(title))</h1>"]
    body += try blocks.map { try writer.markup(of: $0) } + ["</header>"]
    let parts = try sections.enumerated().map { index, section in
      try writer.markup(of: section, id: "s\(index + 1)", level: 2)
    }
    body += [contents, "<main id=\"main\">"] + parts
    body += ["</main>", "<footer><p>\(Markup.escaped(footer))</p></footer>"]
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8"/>
      <meta name="viewport" content="width=device-width, initial-scale=1"/>
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
      style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"/>
      <meta name="color-scheme" content="light dark"/>
      <title>\(Markup.escaped(title))</title>
      <link rel="icon" href="data:,"/>
      <style>\(ReportStyle.rules)</style>
      </head>
      <body>
      <a class="skip" href="#main">Skip to the results</a>
      \(body.joined(separator: "\n"))
      </body>
      </html>

      """
  }

  /// Links to all sections, and where there are few to the sections inside.
  private var contents: String {
    func link(_ section: Section, _ id: String) -> String {
      "<a href=\"#\(id)\">\(Markup.escaped(section.title))</a>"
    }
    let items = sections.enumerated().map { index, section in
      let id = "s\(index + 1)"
      // With many files, their parts would hide them.
      let inner = (sections.count > 3 ? [] : section.sections).enumerated().map { k, part in
        "<li>\(link(part, "\(id)-\(k + 1)"))</li>"
      }
      return "<li>\(link(section, id))"
        + (inner.isEmpty ? "" : "<ul>\(inner.joined())</ul>") + "</li>"
    }
    return "<nav aria-label=\"Contents\"><ul>\(items.joined(separator: "\n"))</ul></nav>"
  }
}

/// Writes blocks; charts get identifiers of their own.
private struct ReportWriter {
  private var chartCount = 0

  mutating func markup(
    of section: ReportPage.Section, id: String, level: Int
  ) throws -> String {
    var parts = ["<h\(level) id=\"\(id)h\">\(Markup.escaped(section.title))</h\(level)>"]
    do {
      for block in section.blocks { parts.append(try markup(of: block)) }
      for (index, inner) in section.sections.enumerated() {
        parts.append(try markup(of: inner, id: "\(id)-\(index + 1)", level: min(6, level + 1)))
      }
    } catch let error as ChartError {
      throw error.inside(section.file)
    }
    return Markup.element(
      "section", [("id", id), ("aria-labelledby", "\(id)h"), ("data-file", section.file)],
      "\n\(parts.joined(separator: "\n"))\n")
  }

  mutating func markup(of block: ReportPage.Block) throws -> String {
    switch block {
    case .text(let words): return "<p>\(Markup.escaped(words))</p>"
    case .claim(let words): return "<p class=\"claim\">\(Markup.escaped(words))</p>"
    case .note(let words): return "<p class=\"note\">\(Markup.escaped(words))</p>"
    case .facts(let facts): return markup(of: facts)
    case .table(let table): return table.markup
    case .figures(let figures):
      return "<div class=\"figures\">\(figures.map(markup).joined(separator: "\n"))</div>"
    case .details(let summary, let blocks):
      let inner = try blocks.map { try markup(of: $0) }.joined(separator: "\n")
      return "<details><summary>\(Markup.escaped(summary))</summary>\n\(inner)\n</details>"
    case .chart(let chart):
      return try both(chart.title) { id, isWide in
        try chart.embedded(
          id: id, className: isWide ? "chart wide" : "chart narrow", width: isWide ? 720 : 352,
          height: isWide ? 380 : 300)
      }
    case .rows(let chart):
      return try both(chart.title) { id, isWide in
        try chart.embedded(
          id: id, className: isWide ? "chart wide" : "chart narrow", width: isWide ? 720 : 352)
      }
    }
  }

  /// A drawing for wide and one for narrow windows, of which the style shows one.
  private mutating func both(
    _ title: String, _ draw: (String, Bool) throws -> String
  ) throws -> String {
    chartCount += 1
    let drawings = try draw("c\(chartCount)w", true) + draw("c\(chartCount)n", false)
    return "<figure class=\"plot\"><figcaption>\(Markup.escaped(title))</figcaption>\n"
      + "\(drawings)</figure>"
  }

  private func markup(of facts: [ReportPage.Fact]) -> String {
    let items = facts.map { fact in
      let value = Markup.element(
        "dd", [("data-key", fact.cell.key), ("data-value", fact.cell.value)],
        Markup.escaped(fact.cell.text))
      return "<div><dt>\(Markup.escaped(fact.name))</dt>\(value)</div>"
    }
    return "<dl class=\"facts\">\(items.joined(separator: "\n"))</dl>"
  }

  private func markup(of figure: ReportPage.Figure) -> String {
    let images = figure.images.map { image in
      "<img src=\"\(image.picture.dataAddress)\" alt=\"\(Markup.escaped(image.alternative))\" "
        + "width=\"\(image.width)\" height=\"\(image.height)\"/>"
    }
    return "<figure>\(images.joined())<figcaption>\(Markup.escaped(figure.caption))</figcaption>"
      + "</figure>"
  }
}
