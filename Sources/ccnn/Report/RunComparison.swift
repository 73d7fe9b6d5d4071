import ConvexCNN
import Reports

/// Runs of several files beside each other.
struct RunComparison {
  /// One run: a result of train or certify, or one seed of a baseline.
  struct Run {
    let name: String
    let objective: ResultNode.Number
    let lowerBound: ResultNode.Number?
    let relativeGap: ResultNode.Number?
    let neuronCount: ResultNode.Number?
    let trainAccuracy: ResultNode.Number?
    let testAccuracy: ResultNode.Number?
    let seconds: ResultNode.Number?
    /// What has to agree for objectives to be comparable.
    let problem: String
    /// Checksum of the training samples; nil where the file has none.
    let checksum: String?
    /// Objective against time.
    let points: [Chart.Point]
  }

  /// All runs, in the order of the files.
  let runs: [Run]

  /// The runs of some files.
  init(_ files: [ResultFile]) throws {
    runs = try files.flatMap { try Self.runs(of: $0) }
  }

  /// The section, with a part for each problem that has several runs; nil where there is none.
  func section() -> ReportPage.Section? {
    guard runs.count > 1 else { return nil }
    let groups = groups
    let shared = groups.filter { $0.count > 1 }
    let parts = shared.enumerated().map { index, runs in
      part(
        runs, title: shared.count == 1 ? "Runs of one problem" : "Problem \(index + 1)",
        runs[0].problem)
    }
    var blocks: [ReportPage.Block] = [
      .text(
        "Objectives are compared between runs of one problem: the same model flags that decide the "
          + "optimum, the same strength and the same data.")
    ]
    let alone = groups.filter { $0.count == 1 }.map { $0[0].name }
    if !alone.isEmpty {
      blocks.append(
        .note("No other run is of the problem of \(alone.joined(separator: ", or of "))."))
    }
    return ReportPage.Section("Comparison", blocks, sections: parts)
  }

  /// Runs of one problem on samples of one checksum, in the order of the files.
  ///
  /// Runs of unknown samples are taken to be of the first that are known.
  private var groups: [[Run]] {
    func key(_ run: Run) -> [String] {
      let known = runs.first { $0.problem == run.problem && $0.checksum != nil }?.checksum
      return [run.problem, run.checksum ?? known ?? ""]
    }
    var keys: [[String]] = []
    for run in runs where !keys.contains(key(run)) { keys.append(key(run)) }
    return keys.map { wanted in runs.filter { key($0) == wanted } }
  }

  private func part(_ runs: [Run], title: String, _ problem: String) -> ReportPage.Section {
    var blocks: [ReportPage.Block] = [.text(problem)]
    if runs.contains(where: { $0.checksum == nil }) {
      blocks.append(
        .note(
          "Not every file says by a checksum which samples it is about; that they are the same is "
            + "assumed here."))
    }
    let bound = runs.compactMap(\.lowerBound?.value).max()
    if let bound, runs.count > 1 {
      let rows = runs.prefix(60).enumerated().compactMap { index, run -> RowChart.Row? in
        guard run.objective.value > 0 else { return nil }
        let gap = (run.objective.value - bound) / run.objective.value
        return RowChart.Row(
          run.name, max(gap, 1e-12), text: digits(gap, "%.3g"), group: index)
      }
      if !rows.isEmpty {
        blocks.append(
          .rows(
            RowChart(
              title: "Distance of each run to the best lower bound",
              summary: "(objective - \(digits(bound, "%.8g"))) / objective, from "
                + "\(digits(rows.map(\.value).min(), "%.3g")) to "
                + "\(digits(rows.map(\.value).max(), "%.3g")).",
              axis: Chart.Axis("relative gap to the best bound", scale: .logarithmic), rows: rows)))
      }
    }
    if let chart = timeChart(runs, bound) { blocks.append(.chart(chart)) }
    blocks.append(.table(table(runs)))
    return ReportPage.Section(title, blocks)
  }

  /// Distances of at most eight runs to the best bound, or their objectives, against time.
  private func timeChart(_ runs: [Run], _ bound: Double?) -> Chart? {
    let lines = runs.prefix(8).map { run in
      let name = run.name.count <= 28 ? run.name : "..." + run.name.suffix(25)
      // A logarithmic axis begins at the first step that took time.
      let points = run.points.filter { $0.x > 0 }
      guard let bound else { return (name, points) }
      return (
        name,
        points.compactMap { point in
          point.y > 0 ? Chart.Point(point.x, max((point.y - bound) / point.y, 1e-12)) : nil
        }
      )
    }.filter { !$0.1.isEmpty }
    guard lines.count > 1 else { return nil }
    let what = bound == nil ? "objective" : "relative gap to the best bound"
    let isPositive = lines.allSatisfy { $0.1.allSatisfy { $0.y > 0 } }
    let ends = lines.compactMap { line in
      line.1.last.map { "\(line.0) ends at \(digits($0.y, "%.3g"))" }
    }
    return Chart(
      title: "\(what.prefix(1).uppercased())\(what.dropFirst()) against time",
      summary: ends.joined(separator: ", ") + ".",
      horizontal: Chart.Axis("seconds", scale: .logarithmic),
      vertical: Chart.Axis(what, scale: isPositive ? .logarithmic : .linear),
      series: ResultFile.Trace.series(lines))
  }

  private func table(_ runs: [Run]) -> ReportTable {
    let columns: [(String, (Run) -> ResultNode.Number?)] = [
      ("objective", \.objective), ("lower bound", \.lowerBound), ("relative gap", \.relativeGap),
      ("neurons", \.neuronCount), ("train accuracy", \.trainAccuracy),
      ("test accuracy", \.testAccuracy), ("seconds", \.seconds),
    ]
    let shown = runs.prefix(reportRowLimit)
    let present = columns.filter { column in shown.contains { column.1($0) != nil } }
    return ReportTable(
      caption: "Runs" + (shown.count < runs.count ? ", \(shown.count) of \(runs.count)" : ""),
      header: ["run"] + present.map(\.0),
      // Keys refer to one file, which a row of this table does not name.
      rows: shown.map { run in
        [.init(run.name)]
          + present.map { column in
            column.1(run).map { ReportTable.Cell(digits: $0.digits, text: $0.brief) } ?? .init("")
          }
      })
  }

  private static func runs(of file: ResultFile) throws -> [Run] {
    let problem = try problem(of: file)
    switch file.kind {
    case .train, .certify:
      guard let run = try run(file.root, file.name, problem, file) else { return [] }
      return [run]
    case .baseline:
      let trace = try file.trace()?.rows ?? []
      return try (file.root.member("runs")?.elements() ?? []).compactMap { node in
        let seed = try node.required("seed").number().digits
        let rows = trace.filter { $0.phase == "seed \(seed)" }
        return try run(
          node, "\(file.name), seed \(seed)", problem, file,
          points: ResultFile.Trace.points(rows, { $0.objective?.value }, isPositive: false))
      }
    case .path, .evaluate, .other: return []
    }
  }

  private static func run(
    _ node: ResultNode, _ name: String, _ problem: String, _ file: ResultFile,
    points: [Chart.Point]? = nil
  ) throws -> Run? {
    guard let objective = try node.number("objective") else { return nil }
    let trace =
      try points
      ?? ResultFile.Trace.points(
        file.trace()?.rows ?? [], { $0.objective?.value }, isPositive: false)
    return Run(
      name: name, objective: objective, lowerBound: try node.number("lowerBound"),
      relativeGap: try node.number("relativeGap"), neuronCount: try node.number("neuronCount"),
      trainAccuracy: try node.number("trainAccuracy"),
      testAccuracy: try node.number("testAccuracy"), seconds: try node.number("seconds"),
      problem: problem, checksum: try checksum(of: file), points: trace)
  }

  private static func checksum(of file: ResultFile) throws -> String? {
    try file.root.member("details")?.member("data")?.member("parts")?.elements().first?
      .text("checksum")
  }

  /// The flags that decide the optimum, the strength, and the data, in words.
  private static func problem(of file: ResultFile) throws -> String {
    guard let model = try file.root.member("model") else { return "unknown model" }
    func word(_ key: String) throws -> String? {
      guard let node = try model.member(key) else { return nil }
      switch node.value {
      case .string(let text): return text
      case .number(let digits): return digits
      case .bool(let value): return value ? key : nil
      default: return nil
      }
    }
    var words = try ["activation", "loss"].compactMap(word)
    for key in ["filter", "stride", "padding", "pooling", "filterRank", "standardize"] {
      if let value = try word(key) { words.append("\(key) \(value)") }
    }
    words += try ["bias", "outputBias"].compactMap(word)
    // A bound over given cells is none over all cells.
    if let scope = try file.root.text("scope"), scope != "all cells" {
      words.append(scope)
      for key in ["cells", "gates", "seed"] {
        if let value = try word(key) { words.append("\(key) \(value)") }
      }
    }
    let lambda = try file.root.number("lambda")?.digits ?? "unknown"
    let data = try file.root.member("details")?.member("data")?.text("name") ?? word("dataset")
    return (words + ["lambda \(lambda)", "data \(data ?? "unknown")"]).joined(separator: ", ")
  }
}
