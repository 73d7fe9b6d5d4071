import ArgumentParser
import ConvexCNN
import Solvers

/// Which solver trains, and how.
struct SolverOptions: ParsableArguments {
  @Option(
    name: [.customLong("solver"), .customLong("method")],
    help: ArgumentHelp(
      "cell-generation, frank-wolfe, semi-nmf or repair (relu with --cells generate; semi-nmf keeps the patterns "
        + "of --start, or of 64 random neurons drawn by --seed; repair descends from --start and lets neurons enter until it is optimal), augmented-lagrangian or admm (relu with --cells all), augmented-lagrangian (relu with --cells sample:P), proximal, admm or, with one output and window, augmented-lagrangian (gated and "
        + "linear), proximal (quadratic and polynomial), local "
        + "(quadratic: L-BFGS on filters with fixed output signs, h + 1 of each for every window and output, and escapes along "
        + "negative curvature). (default: the first that fits)",
      valueName: "name"))
  var solver: String?

  @Option(
    help: ArgumentHelp(
      "Steps of --solver frank-wolfe: fixed, line-search, away, pairwise or fully-corrective. "
        + "(default: fully-corrective)", valueName: "kind"))
  var step: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Solve the constrained form with --solver frank-wolfe: sum of |filter| |output weights| at most "
        + "this, above 0. (default: the penalized objective)", valueName: "number"))
  var budget: Double?

  /// Puts the solver into a configuration; what is wrong with the options is added to a list.
  func apply(to configuration: inout TrainingConfiguration, _ problems: inout OptionProblems) {
    problems.check("--budget", budget, "a finite number > 0") { $0 > 0 }
    if let solver {
      let fitting = Self.solvers(for: configuration)
      let name = problems.choice("--solver", solver, among: SolverChoice.allCases.map(\.rawValue))
      let choice = SolverChoice(rawValue: name)
      if let choice, !fitting.contains(choice) {
        problems.add(
          "--solver", value: name,
          expected: fitting.map(\.rawValue).joined(separator: " or ")
            + " with --activation \(configuration.activation.rawValue) and --cells "
            + configuration.cells.rawValue,
          advice: "Choose one of these, or change --cells or --activation.")
      }
      configuration.solver = choice
    }
    guard configuration.solver == .frankWolfe else {
      for (name, value) in [("--step", step), ("--budget", budget.map { "\($0)" })] {
        guard let value else { continue }
        problems.add(
          name, value: value, expected: "no value without --solver frank-wolfe",
          advice: "Add --solver frank-wolfe, or leave the flag out.")
      }
      return
    }
    if let step {
      let name = problems.choice("--step", step, among: FrankWolfe.Step.allCases.map(\.rawValue))
      configuration.frankWolfe.step = FrankWolfe.Step(rawValue: name) ?? .fullyCorrective
    }
    configuration.frankWolfe.budget = budget
  }

  /// The solvers that take the activation and cells of a configuration, the default first.
  private static func solvers(for configuration: TrainingConfiguration) -> [SolverChoice] {
    switch (configuration.activation, configuration.cells) {
    case (.relu, .all): [.augmentedLagrangian, .admm]
    case (.relu, .sample): [.augmentedLagrangian]
    case (.relu, _): [.cellGeneration, .frankWolfe, .semiNMF, .repair]
    case (.gated, _), (.linear, _): [.proximal, .admm, .augmentedLagrangian]
    case (.quadratic, _): [.proximal, .local]
    case (.polynomial, _): [.proximal]
    }
  }
}
