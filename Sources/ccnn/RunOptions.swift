import ArgumentParser
import ConvexCNN

/// Limits, threads, seed and where results go.
struct RunOptions: ParsableArguments {
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

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Wall-clock limit of solving, a number > 0. (default: none)", valueName: "seconds"))
  var maxSeconds: Double?

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
    problems.check("--max-seconds", maxSeconds, "a number > 0") { $0 > 0 }
  }

  /// Threads to use.
  var threadCount: Int { threads ?? Parallel.processorCount }

  /// A trainer within the limits, which from now on stops when the user asks for it.
  func interruptibleTrainer(_ configuration: TrainingConfiguration) -> Trainer {
    Interruption.watch()
    return Trainer(
      configuration: configuration, threads: threadCount, maximumSeconds: maxSeconds ?? .infinity,
      isInterrupted: { Interruption.isRequested })
  }
}
