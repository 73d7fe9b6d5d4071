import Foundation
package import Reports

extension BenchmarkReport {
  /// The page: charts with their laws, and every number in a table.
  ///
  /// - Throws: `ChartError` when a number cannot be drawn.
  package func html() throws -> String { try page.html() }

  /// The parts of the page.
  package var page: ReportPage {
    ReportPage(
      title: "Scaling of ConvexCNN",
      blocks: [
        .text(Self.caveat),
        .facts(machineFacts.map { ReportPage.Fact($0.name, ReportTable.Cell($0.text)) }),
      ],
      sections: [summary] + groups.map(section)
        + (threads.isEmpty
          ? [] : [ReportPage.Section("Threads", [.table(Self.table(threadTable))])])
        + (floors.isEmpty
          ? []
          : [
            ReportPage.Section(
              "Floors",
              [.text(Self.floorWords), .rows(floorChart)]
                + [ceilingTable, floorTable].map { .table(Self.table($0)) })
          ]),
      footer: "Made by the program Scaling. The page loads nothing and runs no script.")
  }

  private var summary: ReportPage.Section {
    ReportPage.Section(
      "Summary",
      claims.map { .claim($0) }
        + [
          .claim(counterClaim),
          .text(Self.lawWords),
          .table(Self.table(laws)),
        ])
  }

  private func section(_ group: String) -> ReportPage.Section {
    let chosen = sweeps.filter { $0.group == group }
    var names: [String] = []
    for sweep in chosen where !names.contains(sweep.chart) { names.append(sweep.chart) }
    return ReportPage.Section(
      Self.heading(group),
      names.flatMap { name -> [ReportPage.Block] in
        let drawn = chosen.filter { $0.chart == name }
        return [.chart(Self.chart(group, name, drawn))]
          + drawn.map { .table(Self.table(points(of: $0))) }
      })
  }

  /// Times with their fitted lines; both axes are logarithmic where the law is a power.
  static func chart(_ group: String, _ name: String, _ sweeps: [SweepResult]) -> Chart {
    let isPower = sweeps.allSatisfy { $0.limit != nil }
    let series = sweeps.map { sweep in
      let quantities = sweep.points.map(\.quantity).sorted()
      let ends = [quantities.first, quantities.last].compactMap(\.self)
      return Chart.Series(
        sweeps.count == 1 ? sweep.law : "\(sweep.name): \(sweep.law)",
        sweep.points.map { Chart.Point($0.quantity, max($0.seconds, 1e-9)) }, style: .points,
        trend: sweep.fit.map { fit in
          // A power is straight on two logarithmic axes, an exponential on one.
          ends.map { Chart.Point($0, fit.value(at: $0)) }
        } ?? [])
    }
    return Chart(
      title: "\(heading(group)) against \(name)",
      summary: sweeps.map { "\($0.name): \($0.law)" }.joined(separator: "; ") + ".",
      horizontal: Chart.Axis(
        sweeps.first?.quantity ?? name, scale: isPower ? .logarithmic : .linear),
      vertical: Chart.Axis("CPU seconds", scale: .logarithmic), series: series)
  }

  private var floorChart: RowChart {
    RowChart(
      title: "What kernels reach of the least time the machine allows",
      summary: floors.map { "\($0.kernel): \(String(format: "%.2f", $0.fraction))" }
        .joined(separator: "; ") + ".",
      axis: Chart.Axis("fraction of the floor, 1 is the machine's limit"),
      rows: floors.map {
        RowChart.Row(
          "\($0.kernel), \($0.setting), \($0.threads) thread\($0.threads == 1 ? "" : "s")",
          $0.fraction, text: String(format: "%.2f", $0.fraction),
          group: $0.boundBy == "memory" ? 0 : 1)
      })
  }

  /// A table of the page; cells that are numbers keep their digits.
  private static func table(_ table: BenchmarkTable) -> ReportTable {
    ReportTable(
      caption: table.caption, header: table.header,
      rows: table.rows.map { row in
        row.map { Double($0) == nil ? ReportTable.Cell($0) : ReportTable.Cell(digits: $0) }
      })
  }
}
