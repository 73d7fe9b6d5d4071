import ArgumentParser
import ConvexCNN

/// Threads, seed, and where results go: what every command that works for long takes.
struct CommonOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Threads, an integer >= 1; results do not depend on it. (default: all processors)",
      valueName: "count"))
  var threads: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seed of everything random, an integer >= 0.", valueName: "seed"))
  var seed: UInt64 = 0

  @Flag(help: "Print neither progress nor table.")
  var quiet = false

  @Option(
    help: ArgumentHelp(
      "Write the result as JSON; - writes it to standard output instead of the table.",
      valueName: "file"))
  var json: String?

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    problems.check("--threads", threads, atLeast: 1)
  }

  /// Threads to use.
  var threadCount: Int { threads ?? Launch.threadCount }
}
