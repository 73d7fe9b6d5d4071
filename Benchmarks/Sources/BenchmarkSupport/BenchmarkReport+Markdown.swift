import Reports

extension BenchmarkReport {
  /// The results page that is committed.
  ///
  /// - Parameters:
  ///   - command: The command that made it.
  ///   - figureFolder: Where the page finds the files of `figures`; nil for no figures.
  /// - Returns: The page.
  package func markdown(command: String, figureFolder: String? = nil) -> String {
    var parts = [
      "# What grows how, and how near the machine's limits", "",
      "Made by `\(command)`; do not edit. \(Self.caveat)", "",
      Self.lawWords, "",
    ]
    parts += machineFacts.map { "* \($0.name): \($0.text)" }
    parts += ["", "## Summary", ""] + claims.map { "* \($0)" } + ["* \(counterClaim)"]
    for group in groups {
      parts += ["", "## \(Self.heading(group))", ""]
      if let figureFolder {
        let own = figures.filter { $0.group == group }
        parts += own.map { "![\($0.chart.title)](\(figureFolder)/\($0.file))" }
        if !own.isEmpty { parts.append("") }
      }
      parts += [laws(of: group).markdown, ""]
      parts += sweeps.filter { $0.group == group }.map { "* \($0.name): \($0.setting)" }
    }
    if !threads.isEmpty { parts += ["", "## Threads", "", threadTable.markdown] }
    if !floors.isEmpty {
      parts += ["", "## Floors", "", Self.floorWords, "", ceilingTable.markdown, ""]
      parts += [floorTable.markdown]
    }
    let counted = sweeps.filter { !$0.counters.isEmpty }
    if !counted.isEmpty {
      parts += ["", "## Counters", "", "The same in every run, on any number of threads.", ""]
      for sweep in counted {
        parts += ["### \(sweep.group): \(sweep.name)", "", points(of: sweep).markdown, ""]
      }
    }
    return parts.joined(separator: "\n") + "\n"
  }

  /// The name of a group as words, with a capital letter.
  static func heading(_ name: String) -> String {
    name.prefix(1).uppercased() + String(name.dropFirst()).replacing("-", with: " ")
  }

  /// How to read the tables of laws.
  static let lawWords =
    "Times are processor seconds of all threads, medians where a run is short. A law is a least-squares line through "
    + "logarithms with its 95 % interval; `last two` is the exponent between the two largest values, where constant parts "
    + "weigh least; `off, both laws` is the typical factor between the times and the law claimed, and between them and the "
    + "other one (a power for an exponential, and the reverse): the nearer to 1 the better it fits."

  /// What a floor is.
  static let floorWords =
    "A floor is the larger of the bytes that have to move over the rate of the triad, and of the operations over the rate "
    + "of the matrix product, both measured in the same run with as many threads. Data in caches move faster than the "
    + "triad's, and OpenBLAS does not use the widest vectors of every processor, so that a fraction above 1 is possible. "
    + "Enumeration does arithmetic that is not counted; its floor is that of writing the patterns."
}
