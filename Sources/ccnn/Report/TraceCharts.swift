import Reports

extension ResultFile.Trace {
  /// Points of a line against time; on a logarithmic axis without those at or below zero.
  static func points(
    _ rows: [Row], _ value: (Row) -> Double?, isPositive: Bool = true
  ) -> [Chart.Point] {
    rows.compactMap { row in
      guard let y = value(row), !isPositive || y > 0 else { return nil }
      return Chart.Point(row.seconds.value, y)
    }
  }

  /// Lines that have marks while there are few points.
  static func series(_ lines: [(String, [Chart.Point])]) -> [Chart.Series] {
    let isCrowded = lines.contains { $0.1.count > 40 }
    return lines.map {
      Chart.Series($0.0, $0.1, style: isCrowded ? .line : .linesAndPoints)
    }
  }

  /// Objective and lower bounds against time, or the objective of each phase where these are runs of their own.
  func objectiveChart(provenBound: Double?, isSingle: Bool) -> Chart? {
    let isPositive = rows.allSatisfy { $0.objective?.value ?? 1 > 0 }
    var series: [(String, [Chart.Point])] = []
    func add(_ name: String, _ rows: [Row], _ value: (Row) -> Double?) {
      series.append((name, Self.points(rows, value, isPositive: isPositive)))
    }
    if isSingle {
      add("objective", rows) { $0.objective?.value }
      add("bound of the solver", rows) { $0.lowerBound?.value }
    } else {
      let phases = rows.map(\.phase).reduce(into: [String]()) {
        if !$0.contains($1) { $0.append($1) }
      }
      for phase in phases.prefix(7) {
        add(phase, rows.filter { $0.phase == phase }) { $0.objective?.value }
      }
    }
    if let provenBound, !isPositive || provenBound > 0 {
      let last = rows.map(\.seconds.value).max() ?? 0
      series.append(
        ("proven lower bound", [Chart.Point(0, provenBound), Chart.Point(last, provenBound)]))
    }
    series.removeAll { $0.1.isEmpty }
    guard series.contains(where: { $0.0 != "proven lower bound" }) else { return nil }
    let (first, last) = (rows.first?.objective?.value, rows.last?.objective?.value)
    let bound = provenBound.map { " The proven lower bound is \(digits($0, "%.6g"))." } ?? ""
    return Chart(
      title: "Objective and lower bound against time",
      summary:
        "From \(digits(first, "%.6g")) to \(digits(last, "%.6g")) in "
        + "\(digits(rows.last?.seconds.value, "%.3g")) seconds.\(bound)",
      horizontal: Chart.Axis("seconds"),
      vertical: Chart.Axis("objective", scale: isPositive ? .logarithmic : .linear),
      series: Self.series(series))
  }

  /// Relative gaps against time, to the best bound so far and to the one that is proven at the end.
  func gapChart(provenBound: Double?) -> Chart? {
    func gap(_ objective: Double?, _ bound: Double?) -> Double? {
      guard let objective, let bound, objective > 0 else { return nil }
      return max((objective - bound) / objective, 1e-12)
    }
    var best: Double?
    var running: [Chart.Point] = []
    for row in rows {
      if let bound = row.lowerBound?.value { best = max(best ?? bound, bound) }
      if let gap = gap(row.objective?.value, best) {
        running.append(Chart.Point(row.seconds.value, gap))
      }
    }
    let final = Self.points(rows) { gap($0.objective?.value, provenBound) }
    let series = [("to the bound so far", running), ("to the bound proven at the end", final)]
      .filter { !$0.1.isEmpty }
    guard !series.isEmpty else { return nil }
    return Chart(
      title: "Relative gap against time",
      summary:
        "(objective - bound) / objective falls to "
        + "\(digits((final.last ?? running.last)?.y, "%.3g")). Gaps below 1e-12 are drawn there.",
      horizontal: Chart.Axis("seconds"),
      vertical: Chart.Axis("relative gap", scale: .logarithmic),
      series: Self.series(series))
  }

  /// The rows with all digits.
  var table: ReportTable {
    func cell(_ number: ResultNode.Number?) -> ReportTable.Cell {
      number?.wholeCell ?? ReportTable.Cell("")
    }
    return ReportTable(
      caption: "Trace",
      header: [
        "phase", "iteration", "seconds", "objective", "lower bound", "dual norm / lambda",
        "neurons",
      ],
      rows: rows.map { row in
        [
          ReportTable.Cell(row.phase), cell(row.iteration), cell(row.seconds),
          cell(row.objective), cell(row.lowerBound), cell(row.dualNormRatio),
          cell(row.neuronCount),
        ]
      })
  }
}
