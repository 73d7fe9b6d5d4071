import Foundation

/// Tables of a report that Markdown and the page share: a caption, names of columns, and rows of words and numbers.
package struct BenchmarkTable {
  package let caption: String
  package let header: [String]
  package let rows: [[String]]

  /// The table in Markdown.
  var markdown: String {
    ([MarkdownTable.row(header), MarkdownTable.rule(header.count)] + rows.map(MarkdownTable.row))
      .joined(separator: "\n")
  }
}

extension BenchmarkReport {
  /// The laws of all sweeps.
  package var laws: BenchmarkTable {
    BenchmarkTable(
      caption: "Laws of growth, with 95 % intervals",
      header: ["work", "against", "law", "last two", "claimed", "off, both laws"],
      rows: sweeps.map { [$0.group, $0.name] + Self.lawCells($0) })
  }

  /// The laws of a group, with the times they are made of.
  package func laws(of group: String) -> BenchmarkTable {
    BenchmarkTable(
      caption: "Laws of growth, with 95 % intervals",
      header: ["against", "values", "CPU s", "law", "last two", "claimed", "off, both laws"],
      rows: sweeps.filter { $0.group == group }.map { sweep in
        [
          sweep.name,
          sweep.points.map { SweepTable.number($0.quantity) }.joined(separator: ", "),
          sweep.points.map { SweepTable.number($0.seconds) }.joined(separator: ", "),
        ] + Self.lawCells(sweep)
      })
  }

  private static func lawCells(_ sweep: SweepResult) -> [String] {
    [
      sweep.law, sweep.lastExponent.map { String(format: "%.2f", $0) } ?? "-",
      sweep.limit.map { "exponent <= \($0)" } ?? "exponential", sweep.quality ?? "-",
    ]
  }

  /// The points of a sweep.
  package func points(of sweep: SweepResult) -> BenchmarkTable {
    BenchmarkTable(
      caption: "\(sweep.group): \(sweep.name); \(sweep.setting)",
      header: SweepTable.header(sweep.counters), rows: sweep.points.map(SweepTable.cells))
  }

  /// What further threads bring.
  package var threadTable: BenchmarkTable {
    let counts = threads.first?.threads ?? [1]
    return BenchmarkTable(
      caption: "Wall seconds by number of threads, alternated; medians",
      header: ["work", "sizes"] + counts.map { "\($0) thread\($0 == 1 ? "" : "s"), s" }
        + counts.dropFirst().map { "ratio, \($0)" },
      rows: threads.map { result in
        [result.name, result.setting] + result.seconds.map(SweepTable.number)
          + result.ratios.dropFirst().map { String(format: "%.2f", $0) }
      })
  }

  /// What the machine reaches.
  package var ceilingTable: BenchmarkTable {
    BenchmarkTable(
      caption: "Ceilings of this machine", header: ["ceiling", "threads", "rate", "unit"],
      rows: ceilings.map {
        [$0.name, "\($0.threads)", String(format: "%.1f", $0.rate), $0.unit]
      })
  }

  /// What our kernels reach of it.
  package var floorTable: BenchmarkTable {
    BenchmarkTable(
      caption: "Kernels and their floors",
      header: [
        "kernel", "sizes", "threads", "MB", "Mflop", "ms", "memory floor ms", "arithmetic floor ms",
        "bound by", "fraction of the floor",
      ],
      rows: floors.map {
        [
          $0.kernel, $0.setting, "\($0.threads)", SweepTable.number($0.bytes / 1e6),
          SweepTable.number($0.operations / 1e6), SweepTable.number(1e3 * $0.seconds),
          SweepTable.number(1e3 * $0.memoryFloor), SweepTable.number(1e3 * $0.operationFloor),
          $0.boundBy, String(format: "%.2f", $0.fraction),
        ]
      })
  }

  /// The machine, one fact per pair.
  package var machineFacts: [(name: String, text: String)] {
    [
      ("Processor", machine.processor), ("Processors", "\(machine.processorCount)"),
      ("Memory", String(format: "%.0f GB", machine.memoryGigabytes)), ("System", machine.system),
      ("Compiler", machine.compiler), ("OpenBLAS", machine.openBLAS), ("FFTW", machine.fftw),
      ("Package", machine.package), ("Date", date),
      (
        "Load at the start and the end",
        load.map { String(format: "%.1f", $0) }.joined(separator: ", ")
      ),
      ("Wall time of the run", String(format: "%.0f s, ", seconds) + (isQuick ? "quick" : "full")),
    ]
  }
}
