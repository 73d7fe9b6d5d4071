import Foundation
import Reports
import Testing

struct ChartTests {
  private static func chart(_ series: [Chart.Series]) -> Chart {
    Chart(
      title: "Time against samples", summary: "Time grows linearly.",
      horizontal: Chart.Axis("samples", scale: .logarithmic),
      vertical: Chart.Axis("seconds", scale: .logarithmic), series: series)
  }

  private static let line = Chart.Series("ours", [.init(10, 0.1), .init(100, 1), .init(1000, 12)])

  private func read(_ document: String) throws -> MarkupReader { try MarkupReader(document) }

  @Test func documentHasTitleAlternativeAndAllPoints() throws {
    let reader = try read(Self.chart([Self.line]).svg())
    let root = try #require(reader.elements.first)
    #expect(root.attributes["role"] == "img")
    #expect(root.attributes["aria-label"] == "Time against samples")
    #expect(reader.elements.contains { $0.name == "title" })
    #expect(reader.elements.contains { $0.name == "desc" })
    #expect(reader.text.contains("Time grows linearly."))
    #expect(reader.elements.count { $0.name == "polyline" } == 1)
    // Three points and one mark in the legend.
    #expect(reader.elements.count { $0.name == "circle" } == 4)
    // Nothing to load, nothing to run.
    let document = try Self.chart([Self.line]).svg()
    for word in ["<script", "href", "url(", "@import", "<image"] {
      #expect(!document.contains(word))
    }
    #expect(document.contains("prefers-color-scheme:dark"))
  }

  /// On logarithmic axes a power law is a straight line, at the pixels of its numbers.
  @Test func pointsStandWhereTheirNumbersAre() throws {
    let law = Chart.Series("law", [.init(1, 1), .init(10, 100), .init(100, 10_000)])
    let reader = try read(Self.chart([law]).svg())
    let line = try #require(reader.elements.first { $0.name == "polyline" })
    let pairs = try #require(line.attributes["points"]).split(separator: " ").map {
      $0.split(separator: ",").compactMap { Double($0) }
    }
    #expect(pairs.count == 3)
    #expect(abs(pairs[0][0] + pairs[2][0] - 2 * pairs[1][0]) <= 0.2)
    #expect(abs(pairs[0][1] + pairs[2][1] - 2 * pairs[1][1]) <= 0.2)
    #expect(pairs[0][1] > pairs[2][1])
  }

  /// A trend is a second line in the color of its points, and its corners count for the axes.
  @Test func trendGoesThroughPointsOfItsLaw() throws {
    let points: [Chart.Point] = [.init(1, 1), .init(10, 100), .init(100, 10_000)]
    let law = Chart.Series(
      "law", points, style: .points, trend: [.init(1, 1), .init(1000, 1e6)])
    let reader = try read(Self.chart([Self.line, law]).svg())
    let lines = reader.elements.filter { $0.name == "polyline" }
    #expect(lines.map { $0.attributes["class"] } == ["line s0", "line trend s1"])
    let ends = try #require(lines.last?.attributes["points"]).split(separator: " ").map {
      $0.split(separator: ",").compactMap { Double($0) }
    }
    // The middle point of the law: two thirds of the way to the right of the trend are left.
    let squares = reader.elements.filter { $0.name == "polygon" && $0.attributes["class"] == "m1" }
    let corner = try #require(
      squares.dropFirst().first?.attributes["points"]?.split(separator: " "))
    let (left, right) = (corner[0].split(separator: ","), corner[1].split(separator: ","))
    let middle = try (#require(Double(left[0])) + #require(Double(right[0]))) / 2
    #expect(abs(middle - (2 * ends[0][0] + ends[1][0]) / 3) <= 0.2)
    #expect(throws: ChartError.self) {
      try Self.chart([Chart.Series("law", points, trend: [.init(1, .nan), .init(2, 1)])]).svg()
    }
  }

  @Test func wordsAreEscaped() throws {
    var chart = Self.chart([Chart.Series("a < b & \"c\"\u{1}", [.init(1, 1)])])
    chart.title = "<script>alert('x')</script> & \n more"
    let document = try chart.svg()
    let reader = try read(document)
    #expect(!document.contains("<script"))
    #expect(reader.text.contains("<script>alert('x')</script>"))
    #expect(reader.text.contains("a < b & \"c\"?"))
  }

  @Test func whatCannotBeDrawnIsRefused() {
    for point in [
      Chart.Point(.nan, 1), .init(1, .infinity), .init(0, 1), .init(1, -2), .init(1, 1e301),
    ] {
      let error = #expect(throws: ChartError.self) {
        try Self.chart([Chart.Series("bad", [.init(1, 1), point])]).svg()
      }
      #expect(error?.description.contains("series bad, point 1") == true)
    }
    #expect(throws: ChartError.self) { try Self.chart([]).svg() }
    #expect(throws: ChartError.self) { try Self.chart([Chart.Series("none", [])]).svg() }
    var named = Self.chart([Chart.Series("far", [.init(3, 1)])])
    named.horizontal = Chart.Axis("method", categories: ["Adam", "SGD"])
    #expect(throws: ChartError.self) { try named.svg() }
  }

  @Test func ticksAreRoundAndInside() {
    let linear = ChartScale(Chart.Axis("x"), covering: [0.13, 9.4])
    #expect(linear.ticks.map(\.label) == ["0", "2", "4", "6", "8"])
    let small = ChartScale(Chart.Axis("x"), covering: [0.001, 0.0042])
    #expect(small.ticks.map(\.label) == ["0.001", "0.002", "0.003", "0.004"])
    let decades = ChartScale(Chart.Axis("x", scale: .logarithmic), covering: [1e-9, 1e3])
    #expect(decades.ticks.count >= 4)
    #expect(decades.ticks.allSatisfy { (0...1).contains(decades.position(of: $0.value)) })
    let narrow = ChartScale(Chart.Axis("x", scale: .logarithmic), covering: [3, 40])
    #expect(narrow.ticks.map(\.label) == ["5", "10", "20"])
    let named = ChartScale(Chart.Axis("x", categories: ["a", "b"]), covering: [0, 1])
    #expect(named.ticks.map(\.label) == ["a", "b"])
    #expect(named.position(of: 0) == 0.25)
  }

  /// Equal numbers, one point, and numbers far apart are drawn.
  @Test(
    arguments: [
      [1.0, 1, 1], [0.0, 0], [-5.0, -5], [1e300, 1e-300], [1e15, 1e15 + 1], [-1e-12, 1e-12],
      [-1e300, 1e300], [.leastNonzeroMagnitude, 0], [-.leastNonzeroMagnitude, 1e-308],
    ] as [[Double]])
  func hardRangesAreDrawn(values: [Double]) throws {
    let points = values.enumerated().map { Chart.Point(Double($0), $1) }
    let chart = Chart(
      title: "t", summary: "s", horizontal: Chart.Axis("x"), vertical: Chart.Axis("y"),
      series: [Chart.Series("a", points)])
    let document = try chart.svg()
    _ = try read(document)
    #expect(!document.contains("nan") && !document.contains("inf"))
    if values.allSatisfy({ $0 > 0 }) {
      var logarithmic = chart
      logarithmic.vertical.scale = .logarithmic
      #expect(try !logarithmic.svg().contains("nan"))
    }
  }

  @Test func legendOfManySeriesHasRoom() throws {
    let series = (0..<12).map { k in
      Chart.Series("series \(k)", [.init(1, Double(k + 1)), .init(2, Double(k + 2))])
    }
    let document = try Self.chart(series).svg(width: 400)
    for k in 0..<12 { #expect(document.contains(">series \(k)<")) }
    #expect(try document == Self.chart(series).svg(width: 400))
  }
}
