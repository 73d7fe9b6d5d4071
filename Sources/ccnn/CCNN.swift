import ArgumentParser
import ConvexCNN

/// The command-line tool.
@main
struct CCNN: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ccnn",
    abstract: "Trains two-layer convolutional networks and says what is proven about them.",
    discussion: """
      Objective: (1/n) sum_i loss(f(x_i), y_i) + (lambda/2) sum_j (|u_j|^2 + |W_j|^2).
      Exit codes: 0 done, 1 unexpected, 2 the claim was not established, 64 usage, 65 bad input
      data, 74 cannot read or write, 130 interrupted.
      """,
    version: BuildFacts.text,
    subcommands: [
      TrainCommand.self, CertifyCommand.self, PredictCommand.self, EvaluateCommand.self,
      BaselineCommand.self, ExportCommand.self, ImportCommand.self, EnumerateCommand.self,
      ClosedFormCommand.self, CopositiveCommand.self, OptimalSetCommand.self, PruneCommand.self,
      SensitivityCommand.self, PathCommand.self, CanonicalizeCommand.self, DistanceCommand.self,
      LandscapeCommand.self, ReportCommand.self, BenchCommand.self,
    ])

  static func main() {
    StandardOutput.watch()
    do {
      guard try Launch.begin() else { return }
      guard CommandLine.arguments.count > 1 else { return print(BuildFacts.welcome) }
      try requireCommand(CommandLine.arguments[1])
      var command = try named(CommandLine.arguments) ?? parseAsRoot()
      try command.run()
    } catch let error as Failure {
      error.exit()
    } catch {
      guard let failure = Failure(error) else { exit(withError: error) }
      failure.exit()
    }
  }

  /// The command that the first word names with the options after it; nil where there is none or they are refused.
  ///
  /// Parsing the tree of all commands looks at the options of this one twice more, which takes a tenth of a small run. It
  /// says the same of options that go together, and alone knows what to say of others.
  private static func named(_ words: [String]) -> (any ParsableCommand)? {
    let commands = configuration.subcommands
    guard let type = commands.first(where: { $0.configuration.commandName == words[1] }),
      let command = try? type.parseAsRoot(Array(words.dropFirst(2))),
      // Help would show the name of the command without that of the tool.
      Swift.type(of: command) == type
    else { return nil }
    return command
  }

  /// Refuses a first word that is no command, naming the nearest one.
  private static func requireCommand(_ word: String) throws {
    let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard !word.hasPrefix("-"), !names.contains(word) else { return }
    var problems = OptionProblems()
    _ = problems.choice("command", word, among: names)
    try problems.throwIfAny()
  }
}
