import ConvexCNN
import Reports

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Most classes whose confusion matrix is drawn, and most confusions that are listed.
private let (matrixLimit, pairLimit) = (64, 20)

extension ResultFile {
  /// Confusion matrix and worst mistakes of a training run.
  func predictions() throws -> ReportPage.Section? {
    guard let node = try root.member("details")?.member("predictions") else { return nil }
    let part = try node.required("part").text()
    let count = try node.required("mistakeCount").whole()
    let evaluation = try node.required("evaluation")
    var blocks: [ReportPage.Block] = [
      .text(
        part == "test"
          ? "On the held-out samples, which training never saw."
          : "On the training samples, since none were held out: no estimate of new samples.")
    ]
    blocks += try confusion(evaluation)
    let mistakes = try node.required("mistakes").elements().prefix(pairLimit)
    let isRegression = try evaluation.number("accuracy") == nil
    blocks += try worst(Array(mistakes), count: count, isRegression: isRegression)
    return ReportPage.Section("Predictions", blocks)
  }

  /// The confusion matrix of `evaluate`.
  func evaluation() throws -> ReportPage.Section? {
    let blocks = try confusion(root)
    return blocks.isEmpty ? nil : ReportPage.Section("Predictions", blocks)
  }

  private func confusion(_ node: ResultNode) throws -> [ReportPage.Block] {
    var blocks: [ReportPage.Block] = []
    if node.key != "" {
      let facts = try [
        ("accuracy", "Accuracy"), ("r2", "R2"), ("loss", "Loss"), ("sampleCount", "Samples"),
      ].compactMap { key, name in
        try node.number(key).map {
          ReportPage.Fact(name, key == "accuracy" ? $0.percentCell : $0.cell())
        }
      }
      blocks.append(.facts(facts))
    }
    guard let matrix = try node.member("confusion") else { return blocks }
    let rows = try matrix.elements().map { row in try row.elements().map { try $0.number() } }
    guard rows.allSatisfy({ $0.count == rows.count }) else {
      throw matrix.mismatch("as many columns as rows, \(rows.count)")
    }
    guard !rows.isEmpty else { return blocks }
    let given = try node.member("classes")?.elements().map { try $0.text() } ?? []
    let names = rows.indices.map { $0 < given.count ? given[$0] : "\($0)" }
    if rows.count <= matrixLimit {
      blocks.append(.table(matrixTable(rows, names)))
    } else {
      blocks.append(
        .note("The confusion matrix of \(rows.count) classes is too large for a page."))
    }
    let pairs = rows.indices.flatMap { a in
      rows.indices.filter { $0 != a && rows[a][$0].value > 0 }.map { (a, $0, rows[a][$0]) }
    }.sorted { ($0.2.value, $1.0, $1.1) > ($1.2.value, $0.0, $0.1) }
    if !pairs.isEmpty {
      let table = ReportTable(
        caption: "Most frequent confusions", header: ["true class", "named", "samples"],
        rows: pairs.prefix(pairLimit).map {
          [.init(names[$0.0]), .init(names[$0.1]), $0.2.wholeCell]
        })
      blocks.append(.details("Most frequent confusions", [.table(table)]))
    }
    return blocks
  }

  /// The diagonal in blue and mistakes in orange, by their share of the row.
  private func matrixTable(_ rows: [[ResultNode.Number]], _ names: [String]) -> ReportTable {
    ReportTable(
      caption: "Confusion matrix: true classes in rows, named ones in columns",
      header: ["true"] + names,
      rows: rows.enumerated().map { i, row in
        let total = max(1, row.reduce(0) { $0 + $1.value })
        return [.init(names[i])]
          + row.enumerated().map { j, number in
            let shade = Int((9 * (number.value / total)).rounded(.up).clamped(to: 0...9))
            return number.cell(number.digits, shade: i == j ? -shade : shade)
          }
      }, style: .matrix)
  }

  private func worst(
    _ mistakes: [ResultNode], count: Int, isRegression: Bool
  ) throws -> [ReportPage.Block] {
    guard !mistakes.isEmpty else { return [.text("There are no mistakes.")] }
    let shown = try mistakes.map { try ShownMistake($0, isRegression: isRegression) }
    let what =
      isRegression
      ? "The \(shown.count) samples with the largest residuals."
      : "The worst \(shown.count) of \(count) mistakes, by how far the named class is ahead of the "
        + "true one."
    let table = ReportTable(
      caption: isRegression ? "Largest residuals" : "Worst mistakes",
      header: ["sample", "true", "named", isRegression ? "residual" : "ahead by"],
      rows: shown.map {
        [.init("\($0.index)"), .init($0.actual), .init($0.predicted), $0.margin.wholeCell]
      })
    return [
      .text(what), .figures(shown.map(\.figure)), .details("Mistakes in numbers", [.table(table)]),
    ]
  }

  /// Where the data come from and what they are.
  func dataCard() throws -> ReportPage.Section? {
    guard let card = try root.member("details")?.member("data") else { return nil }
    let shape = try card.required("shape").elements().map { "\(try $0.whole())" }
    var rows: [[ReportTable.Cell]] = [
      [.init("name"), .init(try card.required("name").text())],
      [
        .init("shape of a sample"),
        .init(
          shape.joined(separator: " x ")
            + (try card.member("isSignal")?.value == .bool(true) ? ", a signal" : "")),
      ],
      [.init("labels"), .init(try card.required("labels").text())],
      [.init("standardization"), .init(try card.required("standardize").text())],
    ]
    for (key, name) in [("origin", "origin"), ("license", "licence")] {
      rows.append([.init(name), .init(try card.text(key) ?? "not known: files of the user")])
    }
    let parts = try card.required("parts").elements()
    let names = try parts.map { try $0.required("part").text() }
    for (key, name) in [
      ("sampleCount", "samples"), ("minimum", "smallest pixel"), ("maximum", "largest pixel"),
      ("mean", "mean of pixels"),
    ] {
      for (part, partName) in zip(parts, names) {
        guard let number = try part.number(key) else { continue }
        rows.append([.init("\(name), \(partName)"), number.wholeCell])
      }
    }
    for (part, partName) in zip(parts, names) {
      rows.append([
        .init("checksum, \(partName)"), .init(try part.required("checksum").text()),
      ])
    }
    var blocks: [ReportPage.Block] = [
      .table(ReportTable(caption: "Data card", header: [], rows: rows, style: .pairs))
    ]
    let counts = try parts.map { try $0.values("classCounts") }
    if let classes = counts.first?.count, classes > 0 {
      let given = try card.member("classNames")?.elements().map { try $0.text() } ?? []
      blocks.append(
        .table(
          ReportTable(
            caption: "Samples of each class", header: ["class"] + names,
            rows: (0..<classes).map { c in
              [.init(c < given.count ? given[c] : "\(c)")]
                + counts.map { c < $0.count ? $0[c].wholeCell : .init("") }
            })))
    }
    blocks.append(.note("The checksum is a 64-bit hash that tells data apart; it proves nothing."))
    return ReportPage.Section("Data", blocks)
  }
}

/// A mistake with its picture.
private struct ShownMistake {
  let index: Int
  let actual: String
  let predicted: String
  let margin: ResultNode.Number
  let figure: ReportPage.Figure

  init(_ node: ResultNode, isRegression: Bool) throws {
    index = try node.required("index").whole()
    actual = try node.required("actual").text()
    predicted = try node.required("predicted").text()
    margin = try node.required("margin").number()
    let picture = try node.required("picture")
    let shapeNode = try picture.required("shape")
    let shape = try shapeNode.elements().map { try $0.whole(atMost: RunDetails.Limit.pixels) }
    guard shape.count == 3, [1, 3].contains(shape[0]), !shape.contains(0) else {
      throw shapeNode.mismatch("1 or 3 channels, height and width")
    }
    let bytesNode = try picture.required("bytes")
    guard let data = Data(base64Encoded: try bytesNode.text()),
      data.count == shape.reduce(1, *)
    else { throw bytesNode.mismatch("\(shape.reduce(1, *)) bytes in base 64") }
    let words = "\(actual), named \(predicted)"
    let alternative = "Sample \(index): \(words)"
    let image: ReportPage.Figure.Image
    if shape[1] == 1, shape[0] == 1 {
      let (low, high) = (
        try picture.required("low").number().value, try picture.required("high").number().value
      )
      guard (high - low).isFinite else {
        throw picture.mismatch("numbers low and high whose difference is finite")
      }
      let bars = Picture(bars: data.map { low + (high - low) * (Double($0) / 255) })
      image = .init(bars, alternative: alternative, width: max(120, bars.width), height: 72)
    } else {
      let scale = max(1, 96 / max(shape[1], shape[2]))
      image = .init(
        Picture(brightness: Array(data), width: shape[2], height: shape[1]),
        alternative: alternative, width: scale * shape[2], height: scale * shape[1])
    }
    let amount = digits(margin.value, "%.3g")
    figure = ReportPage.Figure(
      images: [image],
      caption: "\(index): \(words), \(isRegression ? "residual" : "ahead by") \(amount)")
  }
}

extension Double {
  /// The nearest number of a range.
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    min(range.upperBound, max(range.lowerBound, self))
  }
}
