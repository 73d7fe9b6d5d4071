import ConvexCNN
import Reports

extension ResultFile {
  /// The regularization path as a chart and a table.
  func pathPoints() throws -> ReportPage.Section? {
    guard let all = try root.member("points")?.elements(), !all.isEmpty else { return nil }
    let points = RunDetails.evenly(all.count, atMost: reportRowLimit).map { all[$0] }
    var blocks = try pathCharts(points).map { ReportPage.Block.chart($0) }
    if points.count < all.count {
      blocks.append(
        .note("\(points.count) of \(all.count) strengths are shown, in equal steps."))
    }
    let keys = [
      "lambda", "objective", "loss", "regularizer", "lowerBound", "relativeGap", "neuronCount",
      "rank", "trainAccuracy", "testLoss", "testAccuracy", "work", "searchedNodeCount",
      "screenedBlockCount", "solvedBlockCount",
    ]
    let words = ["bound", "provenBy", "status", "uniqueness", "file", "claim"]
    let present = try keys.filter { key in try points.contains { try $0.member(key) != nil } }
    let presentWords = try words.filter { key in
      try points.contains { try $0.member(key) != nil }
    }
    let rows = try points.enumerated().map { index, point in
      [ReportTable.Cell("\(index + 1)")]
        + (try present.map { try point.number($0)?.wholeCell ?? .init("") })
        + (try presentWords.map { .init(try point.text($0) ?? "") })
    }
    blocks.append(
      .details(
        "All strengths in numbers",
        [
          .table(
            ReportTable(
              caption: "Regularization path", header: ["point"] + present + presentWords,
              rows: rows))
        ]))
    return ReportPage.Section("Path", blocks)
  }

  /// Loss, regularizer, neurons and held-out loss, and in a chart of their own the gaps, against the strength.
  private func pathCharts(_ points: [ResultNode]) throws -> [Chart] {
    func series(_ key: String, _ name: String) throws -> Chart.Series? {
      let pairs = try points.compactMap { point -> Chart.Point? in
        guard let x = try point.number("lambda")?.value, let y = try point.number(key)?.value
        else { return nil }
        let shown = key == "relativeGap" ? max(y, 1e-12) : y
        return x > 0 && shown > 0 ? Chart.Point(x, shown) : nil
      }
      return pairs.isEmpty ? nil : Chart.Series(name, pairs)
    }
    let values = try [
      ("loss", "loss"), ("regularizer", "regularizer"), ("neuronCount", "neurons"),
      ("testLoss", "held-out loss"),
    ].compactMap { try series($0.0, $0.1) }
    let gaps = try [series("relativeGap", "proven relative gap")].compactMap { $0 }
    let strengths = (values + gaps).flatMap(\.points).map(\.x)
    let range =
      "lambda from \(digits(strengths.min(), "%.3g")) to \(digits(strengths.max(), "%.3g"))"
    let axis = Chart.Axis("lambda", scale: .logarithmic)
    let charts = [
      Chart(
        title: "Regularization path, \(points.count) strengths",
        summary:
          "Against \(range): towards the left the loss falls, the regularizer and the number of "
          + "neurons grow. Zeros are left out.",
        horizontal: axis, vertical: Chart.Axis("value", scale: .logarithmic), series: values),
      Chart(
        title: "Proven gap along the path",
        summary: "Against \(range). Gaps below 1e-12 are drawn there.",
        horizontal: axis, vertical: Chart.Axis("relative gap", scale: .logarithmic), series: gaps),
    ]
    return charts.filter { !$0.series.isEmpty }
  }

  /// Breakpoints and the chosen strength; nil where the file has neither.
  func pathChanges() throws -> ReportPage.Section? {
    var blocks: [ReportPage.Block] = []
    if let selection = try root.member("selection") {
      let chosen = try selection.required("chosen").whole()
      let kind = try selection.text("kind") ?? ""
      let rule = try selection.text("rule") ?? ""
      blocks.append(
        .text(
          "Chosen: point \(chosen + 1), lambda \(try selection.required("lambda").number().digits), "
            + "by \(kind), rule \(rule)."))
    }
    if let breakpoints = try root.member("breakpoints")?.elements(), !breakpoints.isEmpty {
      let rows = try breakpoints.prefix(reportRowLimit).map { point in
        [
          ReportTable.Cell(
            try point.member("enters")?.value == .bool(true) ? "a neuron enters" : "a neuron leaves"
          ),
          try point.required("upper").number().wholeCell,
          try point.required("lower").number().wholeCell,
          try point.required("mass").number().wholeCell,
        ]
      }
      blocks.append(
        .details(
          "\(breakpoints.count) breakpoints",
          [
            .table(
              ReportTable(
                caption: "Strengths between which neurons enter or leave",
                header: ["change", "above", "below", "mass"], rows: rows))
          ]))
    }
    return blocks.isEmpty ? nil : ReportPage.Section("Changes along the path", blocks)
  }

  /// The runs of a baseline.
  func runs() throws -> ReportPage.Section? {
    guard let all = try root.member("runs")?.elements(), !all.isEmpty else { return nil }
    let runs = all.prefix(reportRowLimit)
    let keys = [
      "objective", "lowerBound", "relativeGap", "loss", "neuronCount", "trainAccuracy",
      "testAccuracy", "seconds",
    ]
    let present = try keys.filter { key in try runs.contains { try $0.member(key) != nil } }
    let rows = try runs.map { run in
      [try run.required("seed").number().wholeCell]
        + (try present.map { try run.number($0)?.wholeCell ?? .init("") })
        + [.init(try run.text("status") ?? ""), .init(try run.text("claim") ?? "")]
    }
    let values = try runs.compactMap { run -> RowChart.Row? in
      guard let objective = try run.number("objective")?.value, objective > 0 else { return nil }
      return RowChart.Row(
        "seed \(try run.required("seed").number().digits)", objective,
        text: digits(objective, "%.6g"))
    }
    var blocks: [ReportPage.Block] = []
    if !values.isEmpty, values.count <= 60 {
      let range = values.map(\.value)
      blocks.append(
        .rows(
          RowChart(
            title: "Objective of each run",
            summary: "\(values.count) runs from \(digits(range.min(), "%.6g")) to "
              + "\(digits(range.max(), "%.6g")).",
            axis: Chart.Axis("objective", scale: .logarithmic), rows: values)))
    }
    if runs.count < all.count {
      blocks.append(.note("\(runs.count) of \(all.count) runs are shown."))
    }
    blocks.append(
      .table(
        ReportTable(
          caption: "Runs", header: ["seed"] + present + ["status", "claim"], rows: Array(rows))))
    return ReportPage.Section("Runs", blocks)
  }
}
