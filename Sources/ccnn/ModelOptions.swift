import ArgumentParser
import ConvexCNN

/// Architecture, loss and regularization strength.
struct ModelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Filter size: HxW for images, one number for signals. (default: 3x3; 5 for --dataset waveform)",
      valueName: "HxW"))
  var filter: String?

  @OptionGroup var patches: PatchOptions

  @Option(
    help: ArgumentHelp(
      "average, sum, max, none (one weight per position), or average:RxC, sum:RxC, max:RxC.",
      valueName: "kind"))
  var pooling = "average"

  @Option(
    help: ArgumentHelp(
      "relu, gated or linear; for train also quadratic (z^2) and polynomial:A,B,C (A z^2 + B z + C, filters of norm 1), "
        + "which penalize sum_j |u_j|^2 |W_j|_1 and sum_j |W_j|_1 (absolute output weights), not weight decay on both "
        + "layers.",
      valueName: "kind"))
  var activation = "relu"

  @Flag(help: "Add a bias to every output; unlike all other weights it is not penalized.")
  var outputBias = false

  @Option(
    help: ArgumentHelp(
      "squared, softmax or logistic. (default: softmax for classes, squared for real targets)",
      valueName: "name"))
  var loss: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Regularization strength, a number > 0.", valueName: "strength"))
  var lambda: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Strength as a multiple of lambdaMax, above 0. (default: 0.01 without --lambda)",
      valueName: "ratio"))
  var lambdaRatio: Double?

  @Option(
    help: ArgumentHelp(
      "generate (ReLU: cell generation with pricing), all (ReLU with one output and one window: all "
        + "cells, enumerated) or sample:P (gated: P gates; for train also ReLU with one output and one window: filters in "
        + "the closures of P cells, drawn as gates are); linear networks take none. "
        + "(default: generate)",
      valueName: "source"))
  var cells: String?

  @OptionGroup var gateOptions: GateOptions

  @Option(
    help: ArgumentHelp(
      "none, global (one mean and scale), pixel, or patch-whiten: the stacked training patches become "
        + "orthonormal columns (without the bias), recorded in the model.",
      valueName: "kind"))
  var standardize = "none"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Restrict filters to as many leading right singular directions of the stacked patches, an integer "
        + ">= 1; relu only. (default: all directions)", valueName: "rank"))
  var filterRank: Int?

  /// The configuration of the options; what is wrong with them is added to a list.
  ///
  /// - Parameters:
  ///   - data: The data options, checked elsewhere.
  ///   - seed: Seed of everything random.
  ///   - trains: Whether the command trains by convex programs, as activations of degree two need.
  ///   - problems: Receives what is wrong.
  /// - Returns: The configuration, with defaults in place of what is wrong.
  func configuration(
    data: DataOptions, seed: UInt64, trains: Bool = false, _ problems: inout OptionProblems
  ) -> TrainingConfiguration {
    let filter = filter ?? (data.dataset == BundledDataset.waveform.rawValue ? "5" : "3x3")
    let size = problems.filterSize(filter) ?? FilterSize(height: 1, width: 1)
    var result = TrainingConfiguration(filter: size)
    result.dataset = data.dataset
    patches.check(&problems)
    result.stride = patches.stride
    result.padding = patches.padding
    if (try? Pooling(parsing: pooling)) == nil {
      problems.add(
        "--pooling", value: pooling,
        expected: "average, sum, max, none, average:RxC, sum:RxC or max:RxC",
        advice: "For example average:2x2, or average:1x2 for signals.")
    }
    result.pooling = pooling
    result.bias = patches.bias
    result.outputBias = outputBias
    result.activation = checkedActivation(trains, &problems)
    result.loss = loss.map {
      problems.choice("--loss", $0, among: ["squared", "logistic", "softmax"])
    }
    result.strength = checkedStrength(&problems)
    result.cells = checkedCells(result.activation, trains, &problems)
    if result.activation == .relu, result.cells != .generate, outputBias {
      problems.add(
        "--cells", value: result.cells.rawValue, expected: "generate with --output-bias",
        advice: "Its program has no output bias; leave out one of the two flags.")
    }
    result.gates = gateOptions.checked(result, &problems)
    result.standardize = checkedStandardization(&problems)
    problems.check("--filter-rank", filterRank, atLeast: 1)
    if let filterRank, result.activation != .relu {
      problems.add(
        "--filter-rank", value: "\(filterRank)", expected: "no value with \(activation)",
        advice: "Leave the flag out, or train with --activation relu.")
    }
    result.filterRank = filterRank
    if result.activation == .relu, result.samplesGates {
      problems.exclude("--cells \(result.cells.rawValue)", "--filter-rank", given: filterRank)
      if pooling.hasPrefix("max") {
        problems.add(
          "--pooling", value: pooling,
          expected: "average or sum with --cells \(result.cells.rawValue)",
          advice: "Max pooling goes with --cells generate or all.")
      }
    }
    if result.activation != .relu, pooling.hasPrefix("max") {
      problems.add(
        "--pooling", value: pooling, expected: "average, sum or none with \(activation)",
        advice: "Max pooling goes with --activation relu.")
    }
    result.seed = seed
    result.testFraction = data.testFraction
    return result
  }

  /// Refuses the flags that say over which cells or filters, for commands that decide so themselves.
  func excludeCells(from command: String, _ problems: inout OptionProblems) {
    problems.exclude(command, "--cells", given: cells)
    problems.exclude(command, "--filter-rank", given: filterRank)
    problems.exclude(command, "--gates", given: gateOptions.gates)
  }

  private func checkedActivation(
    _ trains: Bool, _ problems: inout OptionProblems
  ) -> Activation {
    let isOfDegreeTwo = activation.hasPrefix("polynomial") || activation == "quadratic"
    if isOfDegreeTwo, !trains {
      problems.add(
        "--activation", value: activation, expected: "relu, gated or linear with this command",
        advice: "Networks with this activation are trained by ccnn train.")
      return .relu
    }
    if activation.hasPrefix("polynomial") {
      if let polynomial = Activation(rawValue: activation) { return polynomial }
      problems.add(
        "--activation", value: activation,
        expected: "polynomial:A,B,C with finite numbers that are not all 0",
        advice: "For example polynomial:0.09,0.5,0.47, which is close to relu.")
      return .relu
    }
    let names = ["relu", "gated", "linear"] + (trains ? ["quadratic"] : [])
    return Activation(rawValue: problems.choice("--activation", activation, among: names)) ?? .relu
  }

  private func checkedStrength(_ problems: inout OptionProblems) -> Strength {
    problems.check("--lambda", lambda, "a finite number > 0") { $0 > 0 }
    problems.check("--lambda-ratio", lambdaRatio, "a finite number > 0") { $0 > 0 }
    if lambda != nil { problems.exclude("--lambda", "--lambda-ratio", given: lambdaRatio) }
    if let lambda { return .lambda(lambda) }
    return .ratio(lambdaRatio ?? 0.01)
  }

  private func checkedCells(
    _ activation: Activation, _ trains: Bool, _ problems: inout OptionProblems
  ) -> CellChoice {
    guard activation == .relu || activation == .gated || cells == nil else {
      problems.add(
        "--cells", value: cells ?? "",
        expected: "no value with --activation \(activation.rawValue)",
        advice: activation == .linear
          ? "A linear network has a single cell; leave the flag out."
          : "Its program covers all filters without cells; leave the flag out.")
      return .generate
    }
    let value = cells ?? "generate"
    guard let choice = CellChoice(rawValue: value) else {
      problems.add(
        "--cells", value: value, expected: "generate, all, or sample:P with P >= 1",
        advice: "For example sample:64.")
      return .generate
    }
    switch (activation, choice) {
    case (.gated, .generate), (.gated, .all):
      problems.add(
        "--cells", value: value, expected: "sample:P with --activation gated",
        advice: "Gates are fixed before training; for example --cells sample:64.")
    case (.relu, .sample) where !trains:
      problems.add(
        "--cells", value: value, expected: "generate with --activation relu in this command",
        advice: "ReLU networks over sampled cells are trained by ccnn train; gated networks take "
          + "them here.")
    default: break
    }
    return choice
  }

  private func checkedStandardization(
    _ problems: inout OptionProblems
  ) -> Standardization.Mode {
    let name = problems.choice(
      "--standardize", standardize, among: Standardization.Mode.allCases.map(\.rawValue))
    return Standardization.Mode(rawValue: name) ?? .none
  }
}
