import ArgumentParser
import ConvexCNN

/// Whether and how to count, and how many cells are too many.
struct CountOptions: ParsableArguments {
  /// How cells are counted.
  enum Method: String, CaseIterable, ExpressibleByArgument {
    case auto, polynomial, sweep
  }

  @Flag(help: "Only count.")
  var count = false

  @Flag(help: "Only count, the faces of every dimension too.")
  var faces = false

  @Option(
    help: ArgumentHelp(
      "With --count: polynomial (deletion and restriction), sweep (one by one), or auto, what the "
        + "forecast says is faster. (default: auto)", valueName: "name"))
  var method: Method?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Refuse when there are more cells, an integer >= 1; judged by the exact count if it takes "
        + "at most \(Int(CellCounter.patience)) seconds, else by the bound of general position. "
        + "(default: 1e8; with --count 1e11, unless the exact count is found in that time)",
      valueName: "count"))
  var maxCells: UInt64?

  /// Whether cells are counted and not listed.
  var isRequested: Bool { count || faces }

  /// Most cells that are let through on the bound of general position alone.
  var limit: UInt64 { maxCells ?? (isRequested ? 100_000_000_000 : 100_000_000) }

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    if maxCells == 0 { problems.check("--max-cells", 0, atLeast: 1) }
    if !isRequested, let method {
      problems.add(
        "--method", value: method.rawValue, expected: "no value without --count",
        advice: "Cells are listed by the sweep; leave the flag out.")
    }
    if faces, method == .sweep { problems.exclude("--faces", "--method", given: method?.rawValue) }
  }
}
