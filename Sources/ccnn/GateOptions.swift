import ArgumentParser
import ConvexCNN

/// How the gates of a gated network, or the cells of a ReLU network, are chosen.
struct GateOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How --cells sample:P chooses gates: uniform (all cells equally likely), gaussian, centered "
        + "(random directions orthogonal to the mean patch), differences (of two patches), patches, "
        + "class-means (differences; needs classes) or k-means. (default: centered)",
      valueName: "kind"))
  var gates: String?

  /// The way gates are chosen; what is wrong with the option is added to a list.
  func checked(
    _ configuration: TrainingConfiguration, _ problems: inout OptionProblems
  ) -> SamplingMethod {
    guard let gates else { return .centered }
    let activation = configuration.activation
    if activation == .relu, !configuration.samplesGates {
      problems.exclude(
        "--activation relu --cells \(configuration.cells.rawValue)", "--gates", given: gates)
    } else if !configuration.samplesGates {
      problems.exclude("--activation \(activation.rawValue)", "--gates", given: gates)
    }
    let name = problems.choice(
      "--gates", gates, among: SamplingMethod.allCases.map(\.rawValue))
    return SamplingMethod(rawValue: name) ?? .centered
  }
}
