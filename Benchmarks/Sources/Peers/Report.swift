import Foundation

/// The table of all contests, in Markdown and as JSON.
struct Report {
  let standings: [Standing]

  /// One line per program: seconds, ratio, memory, objective, gap, and the verdict on the target.
  var markdown: String {
    let header = """
      | task | program | CPU s | times ccnn | peak MB | objective | gap | target s | verdict, note |
      | --- | --- | --: | --: | --: | --: | --: | --: | --- |
      """
    return ([header] + standings.flatMap(lines)).joined(separator: "\n") + "\n"
  }

  /// The same numbers for programs.
  ///
  /// - Returns: JSON with sorted keys.
  /// - Throws: What the encoder throws.
  func json() throws -> Data {
    let rows = standings.flatMap { standing in
      [record(standing, "ccnn", standing.tool, ratio: 1)]
        + standing.comparisons.map { record(standing, $0.label, $0.outcome, ratio: $0.ratio) }
    }
    return try JSONSerialization.data(
      withJSONObject: ["schema": 1, "rows": rows], options: [.prettyPrinted, .sortedKeys])
  }

  private func lines(_ standing: Standing) -> [String] {
    let contest = standing.contest
    let target = contest.targetSeconds.map { "< " + Self.short($0) } ?? ""
    let notes = [standing.verdict, standing.tool.note].compactMap { $0 }
    let own = line(
      contest.title, "**ccnn**", standing.tool, ratio: 1, gap: gap(of: standing), target: target,
      note: notes.joined(separator: "; "))
    return [own]
      + standing.comparisons.map {
        line(
          "", $0.label, $0.outcome, ratio: $0.ratio, gap: Self.power($0.outcome.gap),
          target: "", note: $0.outcome.note)
      }
  }

  /// ccnn's own gap and, where it differs in form, the one by the common routine.
  private func gap(of standing: Standing) -> String {
    let own = Self.power(standing.tool.gap)
    return standing.commonGap.map { "\(own) (\(Self.power($0)))" } ?? own
  }

  private func line(
    _ task: String, _ program: String, _ outcome: Outcome, ratio: Double?, gap: String,
    target: String, note: String
  ) -> String {
    let cells = [
      task, program, outcome.seconds.map(Self.short) ?? "-", ratio.map(Self.short) ?? "-",
      outcome.megabytes.map { "\(Int($0.rounded()))" } ?? "-",
      outcome.objective.map { String(format: "%.9g", $0) } ?? "-", gap, target, note,
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private func record(
    _ standing: Standing, _ program: String, _ outcome: Outcome, ratio: Double?
  ) -> [String: Any] {
    var record: [String: Any] = [
      "group": standing.contest.group, "task": standing.contest.title,
      "problem": standing.contest.problem, "program": program, "note": outcome.note,
    ]
    record["seconds"] = outcome.seconds
    record["ratio"] = ratio
    record["megabytes"] = outcome.megabytes
    record["objective"] = outcome.objective
    record["gap"] = outcome.gap
    if program == "ccnn" {
      record["commonGap"] = standing.commonGap
      record["targetSeconds"] = standing.contest.targetSeconds
      record["verdict"] = standing.verdict
    }
    return record
  }

  /// Three significant digits without an exponent.
  static func short(_ value: Double) -> String {
    value >= 100 ? "\(Int(value.rounded()))" : String(format: "%.3g", value)
  }

  private static func power(_ value: Double?) -> String {
    value.map { String(format: "%.1e", $0) } ?? "-"
  }
}
