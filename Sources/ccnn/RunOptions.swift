import ArgumentParser
import ConvexCNN

/// The common options, and a limit of time.
struct RunOptions: ParsableArguments {
  @OptionGroup private var common: CommonOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Wall-clock limit of solving, a number > 0. (default: none)", valueName: "seconds"))
  var maxSeconds: Double?

  /// Seed of everything random.
  var seed: UInt64 { common.seed }
  /// Whether to print neither progress nor table.
  var quiet: Bool { common.quiet }
  /// Where the result goes as JSON.
  var json: String? { common.json }
  /// Threads to use.
  var threadCount: Int { common.threadCount }

  /// Adds what is wrong with the options to a list.
  func check(_ problems: inout OptionProblems) {
    common.check(&problems)
    problems.check("--max-seconds", maxSeconds, "a number > 0") { $0 > 0 }
  }

  /// A trainer within the limits, which from now on stops when the user asks for it.
  func interruptibleTrainer(_ configuration: TrainingConfiguration) -> Trainer {
    Interruption.watch()
    var trainer = Trainer(
      configuration: configuration, threads: threadCount, maximumSeconds: maxSeconds ?? .infinity,
      isInterrupted: { Interruption.isRequested })
    trainer.team = Launch.team
    return trainer
  }
}
