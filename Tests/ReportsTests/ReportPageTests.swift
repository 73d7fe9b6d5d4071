import Foundation
import Reports
import Testing

struct ReportPageTests {
  private func read(_ page: ReportPage) throws -> MarkupReader { try MarkupReader(page.html()) }

  private static let hostile = "</title><script>alert('x')</script> & \"<img src=x onerror=y>\u{2}"

  /// A page with every kind of block, all of whose words are hostile.
  private static func page(_ words: String) -> ReportPage {
    let chart = Chart(
      title: words, summary: words, horizontal: .init(words), vertical: .init(words),
      series: [.init(words, [.init(0, 1), .init(1, 3)])])
    let rows = RowChart(
      title: words, summary: words, axis: .init(words),
      rows: [.init(words, 2, text: words), .init(words, 0, text: words)])
    let cell = ReportTable.Cell(digits: words, text: words, key: words, shade: 12)
    let table = ReportTable(
      caption: words, header: [words, words], rows: [[.init(words), cell]], style: .matrix)
    let picture = Picture(signed: [1, -1, 0, 0.5], width: 2, height: 2, scale: 1)
    let figure = ReportPage.Figure(
      images: [.init(picture, alternative: words, width: 40, height: 40)], caption: words)
    return ReportPage(
      title: words, blocks: [.text(words)],
      sections: [
        .init(
          words,
          [
            .claim(words), .note(words), .facts([.init(words, cell)]), .chart(chart),
            .rows(rows), .table(table), .figures([figure]), .details(words, [.table(table)]),
          ], sections: [.init(words, [.text(words)])], file: words)
      ], footer: words)
  }

  @Test func hostileWordsAreInert() throws {
    let reader = try read(Self.page(Self.hostile))
    #expect(reader.all("script").isEmpty)
    #expect(reader.all("img").count == 1)
    #expect(!reader.elements.contains { $0.attributes.keys.contains { $0.hasPrefix("on") } })
    let shown = Self.hostile.replacingOccurrences(of: "\u{2}", with: "?")
    #expect(reader.text.contains(shown))
    #expect(reader.all("img").first?["alt"] == shown)
    let keys = reader.elements.compactMap { $0.attributes["data-key"] }
    #expect(keys == [shown, shown, shown])
  }

  @Test func nothingIsLoadedOrRun() throws {
    let reader = try read(Self.page("words"))
    let policy = reader.all("meta").first { $0["http-equiv"] == "Content-Security-Policy" }
    #expect(policy?["content"]?.hasPrefix("default-src 'none'; img-src data:;") == true)
    for element in reader.elements {
      for (name, value) in element.attributes where ["src", "href", "action"].contains(name) {
        #expect(value.hasPrefix("data:") || value.hasPrefix("#"), "\(element.name) \(value)")
      }
    }
    let document = try Self.page("words").html()
    for word in ["<script", "url(", "@import", "http://", "https://"] {
      #expect(!document.contains(word), "\(word)")
    }
    #expect(document.contains("prefers-color-scheme:dark"))
    #expect(document.contains("@media print"))
  }

  @Test func everyPartHasWordsForThoseWhoDoNotSeeIt() throws {
    let reader = try read(Self.page("words"))
    let drawings = reader.all("svg")
    #expect(drawings.count == 4)
    let identifiers = reader.elements.compactMap { $0.attributes["id"] }
    #expect(Set(identifiers).count == identifiers.count)
    for drawing in drawings {
      #expect(drawing["role"] == "img")
      let parts = drawing["aria-labelledby"]?.split(separator: " ").map(String.init) ?? []
      #expect(parts.count == 2)
      #expect(parts.allSatisfy(identifiers.contains))
    }
    // Wide and narrow drawings come in pairs.
    #expect(drawings.count { $0["class"] == "chart wide" } == 2)
    #expect(drawings.count { $0["class"] == "chart narrow" } == 2)
    let boxes = reader.all("div").filter { $0["class"] == "scroll" }
    #expect(boxes.count == 2)
    #expect(boxes.allSatisfy { $0["tabindex"] == "0" && $0["aria-label"] == "words" })
    #expect(reader.all("caption").count == reader.all("table").count)
    #expect(reader.all("h1").count == 1)
    #expect(reader.all("html").first?["lang"] == "en")
    let links = reader.all("a").compactMap { $0["href"]?.dropFirst() }.map(String.init)
    #expect(links == ["main", "s1", "s1-1"])
    #expect(links.allSatisfy(identifiers.contains))
  }

  @Test func cellsKeepDigitsBesideWhatIsShown() throws {
    let cells: [ReportTable.Cell] = [
      .init("name"), .init(digits: "0.30000000000000004", text: "0.3", key: "a.b", shade: -12),
      .init(digits: "7", key: "c"),
    ]
    let table = ReportTable(caption: "c", header: ["x", "y", "z"], rows: [cells])
    let page = ReportPage(
      title: "t", blocks: [.table(table)], sections: [], footer: "f")
    let reader = try read(page)
    let first = try #require(reader.all("td").first)
    #expect(first["data-value"] == "0.30000000000000004")
    #expect(first["data-key"] == "a.b")
    #expect(first["class"] == "n q9")
    let second = try #require(reader.all("td").last)
    #expect(second["data-value"] == nil)
    #expect(second["class"] == "n")
    // Columns of numbers have their names above the numbers.
    #expect(reader.all("th").map { $0["class"] ?? "" } == ["", "n", "n", ""])
  }

  @Test func rowsThatCannotBeDrawnAreRefused() {
    for (scale, value) in [
      (Chart.Scale.linear, -1.0), (.linear, .nan), (.logarithmic, 0), (.linear, 1e301),
    ] {
      let rows = RowChart(
        title: "t", summary: "s", axis: .init("x", scale: scale),
        rows: [.init("a", 1, text: "1"), .init("b", value, text: "?")])
      let page = ReportPage(title: "t", blocks: [.rows(rows)], sections: [], footer: "f")
      let error = #expect(throws: ChartError.self) { try page.html() }
      #expect(error?.place == "t, row 1 (b)")
    }
  }

  /// Bars are as long as their numbers.
  @Test func barsAreProportional() throws {
    let rows = RowChart(
      title: "t", summary: "s", axis: .init("seconds"),
      rows: [.init("a", 4, text: "4"), .init("b", 1, text: "1"), .init("c", 2, text: "2")])
    let reader = try read(
      ReportPage(title: "t", blocks: [.rows(rows)], sections: [], footer: "f"))
    let widths = reader.all("rect").prefix(3).compactMap { $0["width"].flatMap(Double.init) }
    #expect(widths.count == 3)
    #expect(abs(widths[0] - 4 * widths[1]) <= 0.3)
    #expect(abs(widths[0] - 2 * widths[2]) <= 0.2)
  }

  @Test func shortLogarithmicAxesHaveTicks() {
    for range in [[0.3, 0.5], [1e-5, 1.1e-5], [0.24, 0.9], [2.0, 2.0001]] {
      let scale = ChartScale(Chart.Axis("x", scale: .logarithmic), covering: range)
      #expect(scale.ticks.count >= 3, "\(range): \(scale.ticks.map(\.label))")
      #expect(scale.ticks.allSatisfy { (0...1).contains(scale.position(of: $0.value)) })
    }
  }
}
