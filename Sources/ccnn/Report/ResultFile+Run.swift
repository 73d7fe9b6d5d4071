import ConvexCNN
import Reports

/// Most rows of a table, and points of a line, that a page has.
let reportRowLimit = 500

extension ResultFile {
  /// Rows of the trace, thinned for the page.
  struct Trace {
    /// One row.
    struct Row {
      let phase: String
      let iteration: ResultNode.Number
      let seconds: ResultNode.Number
      let objective: ResultNode.Number?
      let lowerBound: ResultNode.Number?
      let dualNormRatio: ResultNode.Number?
      let neuronCount: ResultNode.Number
    }

    /// The rows that are shown.
    let rows: [Row]
    /// Rows that the solver wrote.
    let rowCount: Int
  }

  /// The trace of the run; nil when the file has none.
  func trace() throws -> Trace? {
    guard let node = try root.member("details")?.member("trace") else { return nil }
    let phases = try node.required("phase").elements().map { try $0.text() }
    func column(_ name: String) throws -> [ResultNode.Number?] {
      let column = try node.required(name)
      let numbers = try column.numbers()
      guard numbers.count == phases.count else {
        throw column.mismatch("\(phases.count) numbers, as many as phases")
      }
      return numbers
    }
    let columns = try ["iteration", "seconds", "neuronCount"].map(column)
    let (objective, bound) = (try column("objective"), try column("lowerBound"))
    let ratio = try column("dualNormRatio")
    let rows = try RunDetails.evenly(phases.count, atMost: reportRowLimit).map { i in
      guard let iteration = columns[0][i], let seconds = columns[1][i], let count = columns[2][i]
      else { throw node.mismatch("iteration, seconds and neuronCount of row \(i)", found: "null") }
      return Trace.Row(
        phase: phases[i], iteration: iteration, seconds: seconds, objective: objective[i],
        lowerBound: bound[i], dualNormRatio: ratio[i], neuronCount: count)
    }
    let count = try node.member("rowCount")?.whole() ?? rows.count
    return rows.isEmpty ? nil : Trace(rows: rows, rowCount: count)
  }

  /// Objective, bound and gap against time.
  func progress() throws -> ReportPage.Section? {
    guard let trace = try trace() else { return nil }
    let bound = try root.number("lowerBound")?.value
    var blocks: [ReportPage.Block] = []
    let isSingle = kind != .baseline
    if let chart = trace.objectiveChart(provenBound: bound, isSingle: isSingle) {
      blocks.append(.chart(chart))
    }
    if isSingle, let chart = trace.gapChart(provenBound: bound) { blocks.append(.chart(chart)) }
    if trace.rows.count < trace.rowCount {
      blocks.append(
        .note(
          "\(trace.rows.count) of \(trace.rowCount) rows of the trace are shown, in equal steps; "
            + "--trace writes all of them."))
    }
    blocks.append(.details("Trace, \(trace.rows.count) rows", [.table(trace.table)]))
    return ReportPage.Section("Progress", blocks)
  }

  /// Wall-clock seconds of the parts of the work.
  func time() throws -> ReportPage.Section? {
    guard let phases = try root.member("phases")?.elements(), !phases.isEmpty else { return nil }
    let parts = try phases.prefix(reportRowLimit).map {
      (try $0.required("name").text(), try $0.required("seconds").number())
    }
    let rows = parts.map { name, seconds in
      RowChart.Row(name, max(0, seconds.value), text: digits(seconds.value, "%.2f") + " s")
    }
    let longest = parts.max { $0.1.value < $1.1.value }.map { $0.0 } ?? ""
    let chart = RowChart(
      title: "Seconds of each phase",
      summary: "\(parts.count) phases; the longest is \(longest).",
      axis: Chart.Axis("seconds"), rows: rows)
    var cells = parts.map { [ReportTable.Cell($0.0), $0.1.wholeCell] }
    if let total = try root.number("seconds") { cells.append([.init("all"), total.wholeCell]) }
    return ReportPage.Section(
      "Time",
      [
        .rows(chart),
        .table(
          ReportTable(
            caption: "Wall-clock seconds", header: ["phase", "seconds"], rows: cells)),
      ])
  }

  /// Every scalar of the file that no other table has.
  func allNumbers() throws -> ReportPage.Section? {
    var rows: [[ReportTable.Cell]] = []
    let hasOwnTable: Set<String> = ["details", "phases", "points", "runs", "confusion"]
    var hidden = 0
    func add(_ node: ResultNode) throws {
      switch node.value {
      case .object(let members):
        for name in members.map(\.name) where !(node.key.isEmpty && hasOwnTable.contains(name)) {
          guard let member = try node.member(name) else {
            let key = node.key.isEmpty ? name : "\(node.key).\(name)"
            try add(ResultNode(file: node.file, key: key, value: .null))
            continue
          }
          try add(member)
        }
      case .array: for element in try node.elements() { try add(element) }
      case _ where rows.count >= reportRowLimit: hidden += 1
      case .number: rows.append([.init(node.key), try node.number().wholeCell])
      case .string(let text): rows.append([.init(node.key), .init(text)])
      case .bool(let value): rows.append([.init(node.key), .init("\(value)")])
      case .null: rows.append([.init(node.key), .init("none")])
      }
    }
    try add(root)
    var blocks: [ReportPage.Block] = [
      .details(
        "\(rows.count) values as they are in the file",
        [
          .table(
            ReportTable(caption: "Values", header: ["key", "value"], rows: rows, style: .pairs))
        ])
    ]
    if hidden > 0 {
      blocks.append(.note("\(hidden) more values of the file are not shown."))
    }
    return ReportPage.Section("All values", blocks)
  }
}
