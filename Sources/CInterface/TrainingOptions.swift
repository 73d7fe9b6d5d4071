import ConvexCNN

/// The options of one training call, read from a JSON object and checked together.
///
/// Keys are those of a result's `model` object, and `threads` and `maximumSeconds`; absent keys and null mean the default.
struct TrainingOptions {
  /// The model flags.
  private(set) var configuration: TrainingConfiguration
  /// Threads to use.
  let threads: Int
  /// Wall-clock limit of solving, in seconds.
  let maximumSeconds: Double

  /// Reads options.
  ///
  /// - Parameters:
  ///   - json: A JSON object.
  ///   - shape: Shape `[channels, height, width]` of a sample, which the default of `filter` fits into.
  ///   - isSignal: Whether samples are signals.
  /// - Throws: `OptionProblems` with everything that is wrong, `InputError` when the text is not a JSON object of such options.
  init(json: String, shape: [Int], isSignal: Bool) throws {
    let values = try OptionValues(json: json)
    var problems = OptionProblems()
    configuration = TrainingConfiguration(
      filter: Self.filter(values.filter, shape, isSignal: isSignal, &problems))
    threads = values.threads?.value ?? Parallel.processorCount
    maximumSeconds = values.maximumSeconds ?? .infinity
    problems.check("threads", values.threads?.value, atLeast: 1)
    problems.check("maximumSeconds", values.maximumSeconds, "a number > 0") { $0 > 0 }
    applyPatches(values, &problems)
    applyActivation(values, &problems)
    applyStrength(values, &problems)
    applyCells(values, &problems)
    applySolver(values, &problems)
    checkMaximum(values, &problems)
    try problems.throwIfAny()
  }

  /// The filter size of a text, or the largest up to 5, or 3 x 3, that fits.
  private static func filter(
    _ text: String?, _ shape: [Int], isSignal: Bool, _ problems: inout OptionProblems
  ) -> FilterSize {
    let fitting =
      isSignal ? "\(min(5, shape[2]))" : "\(min(3, shape[1]))x\(min(3, shape[2]))"
    guard let size = FilterSize(rawValue: text ?? fitting) else {
      problems.add(
        "filter", value: text ?? "", expected: "HxW or a length, numbers from 1 to 65536",
        advice: "For example 3x3, or 5 for signals.")
      return FilterSize(height: 1, width: 1)
    }
    if size.isSignal != isSignal {
      problems.add(
        "filter", value: size.rawValue,
        expected: isSignal
          ? "one number, since samples are signals" : "HxW, since samples are images",
        advice: isSignal ? "For example 5; or say the shape of images." : "For example 3x3.")
    }
    return size
  }

  private mutating func applyPatches(_ values: OptionValues, _ problems: inout OptionProblems) {
    problems.check("stride", values.stride?.value, atLeast: 1)
    configuration.stride = values.stride?.value ?? 1
    configuration.padding = problems.choice(
      "padding", values.padding ?? "valid", among: ["valid", "zero", "circular"])
    let pooling = values.pooling ?? "average"
    if (try? Pooling(parsing: pooling)) == nil {
      problems.add(
        "pooling", value: pooling,
        expected: "average, sum, max, none, average:RxC, sum:RxC or max:RxC",
        advice: "For example average:2x2, or average:1x2 for signals.")
    }
    configuration.pooling = pooling
    configuration.bias = values.bias ?? false
    configuration.outputBias = values.outputBias ?? false
    let modes = Standardization.Mode.allCases.map(\.rawValue)
    let mode = problems.choice("standardize", values.standardize ?? "none", among: modes)
    configuration.standardize = Standardization.Mode(rawValue: mode) ?? .none
  }

  private mutating func applyActivation(_ values: OptionValues, _ problems: inout OptionProblems) {
    let name = values.activation ?? "relu"
    if let activation = Activation(rawValue: name) {
      configuration.activation = activation
    } else {
      problems.add(
        "activation", value: name,
        expected: "relu, gated, linear, quadratic or polynomial:A,B,C, three numbers not all 0",
        advice: "For example relu.")
    }
    configuration.loss = values.loss.map {
      problems.choice("loss", $0, among: ["squared", "logistic", "softmax"])
    }
    if configuration.activation != .relu, configuration.pooling.hasPrefix("max") {
      problems.add(
        "pooling", value: configuration.pooling, expected: "average, sum or none with \(name)",
        advice: "Max pooling goes with activation relu.")
    }
    problems.check("filterRank", values.filterRank?.value, atLeast: 1)
    if let rank = values.filterRank?.value, configuration.activation != .relu {
      problems.add(
        "filterRank", value: "\(rank)", expected: "no value with \(name)",
        advice: "Leave it out, or train with activation relu.")
    }
    configuration.filterRank = values.filterRank?.value
  }

  private mutating func applyStrength(_ values: OptionValues, _ problems: inout OptionProblems) {
    problems.check("lambda", values.lambda, "a finite number > 0") { $0 > 0 }
    problems.check("lambdaRatio", values.lambdaRatio, "a finite number > 0") { $0 > 0 }
    if values.lambda != nil, let ratio = values.lambdaRatio {
      problems.add(
        "lambdaRatio", value: "\(ratio)", expected: "no value together with lambda",
        advice: "Leave out one of the two.")
    }
    configuration.strength = values.lambda.map { .lambda($0) } ?? .ratio(values.lambdaRatio ?? 0.01)
    problems.check("gap", values.gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    configuration.gap = values.gap ?? 1e-3
    problems.check("seed", values.seed?.value, atLeast: 0)
    configuration.seed = UInt64(max(values.seed?.value ?? 0, 0))
  }

  private mutating func applyCells(_ values: OptionValues, _ problems: inout OptionProblems) {
    let activation = configuration.activation
    let text = values.cells ?? (activation == .gated ? "sample:64" : "generate")
    guard let cells = CellChoice(rawValue: text) else {
      problems.add(
        "cells", value: text, expected: "generate, all, or sample:P with P >= 1",
        advice: "For example sample:64.")
      return
    }
    configuration.cells = cells
    if activation == .gated {
      if cells == .generate || cells == .all {
        problems.add(
          "cells", value: text, expected: "sample:P with activation gated",
          advice: "Gates are fixed before training; for example sample:64.")
      }
    } else if activation != .relu, values.cells != nil {
      problems.add(
        "cells", value: text, expected: "no value with activation \(activation.rawValue)",
        advice: "Leave it out.")
    }
    if activation == .relu, cells != .generate { checkGivenCells(text, &problems) }
    if let gates = values.gates {
      if !configuration.samplesGates {
        problems.add(
          "gates", value: gates, expected: "no value but where cells are sampled",
          advice: "Leave it out, or choose cells sample:P.")
      }
      let name = problems.choice("gates", gates, among: SamplingMethod.allCases.map(\.rawValue))
      configuration.gates = SamplingMethod(rawValue: name) ?? .centered
    }
    applyMaximum(values, &problems)
  }

  /// What programs over given cells of ReLU networks do not have.
  private func checkGivenCells(_ text: String, _ problems: inout OptionProblems) {
    if configuration.outputBias {
      problems.add(
        "outputBias", value: "true", expected: "false with cells \(text)",
        advice: "Its program has no output bias; choose cells generate.")
    }
    guard configuration.samplesGates else { return }
    if let rank = configuration.filterRank {
      problems.add(
        "filterRank", value: "\(rank)", expected: "no value with cells \(text)",
        advice: "Leave out one of the two.")
    }
    if configuration.pooling.hasPrefix("max") {
      problems.add(
        "pooling", value: configuration.pooling, expected: "average or sum with cells \(text)",
        advice: "Max pooling goes with cells generate or all.")
    }
  }

  private mutating func applyMaximum(_ values: OptionValues, _ problems: inout OptionProblems) {
    guard let maximum = values.maximumCells?.value else { return }
    problems.check("maximumCells", maximum, atLeast: 1)
    let activation = configuration.activation
    if activation != .relu, activation != .gated {
      problems.add(
        "maximumCells", value: "\(maximum)", expected: "no value with \(activation.rawValue)",
        advice: "Leave it out.")
    }
    if case .sample(let count) = configuration.cells, count > maximum {
      problems.add(
        "cells", value: configuration.cells.rawValue, expected: "at most maximumCells \(maximum)",
        advice: "Raise maximumCells or sample fewer.")
    }
    configuration.maximumCells = maximum
  }

  private mutating func applySolver(_ values: OptionValues, _ problems: inout OptionProblems) {
    problems.check("budget", values.budget, "a finite number > 0") { $0 > 0 }
    if let solver = values.solver {
      let fitting = Self.solvers(for: configuration).map(\.rawValue)
      configuration.solver = SolverChoice(
        rawValue: problems.choice("solver", solver, among: fitting))
    }
    guard configuration.solver == .frankWolfe else {
      for (name, value) in [("step", values.step), ("budget", values.budget.map { "\($0)" })] {
        guard let value else { continue }
        problems.add(
          name, value: value, expected: "no value without solver frank-wolfe",
          advice: "Choose solver frank-wolfe, or leave it out.")
      }
      return
    }
    if let step = values.step {
      let name = problems.choice("step", step, among: FrankWolfe.Step.allCases.map(\.rawValue))
      configuration.frankWolfe.step = FrankWolfe.Step(rawValue: name) ?? .fullyCorrective
    }
    configuration.frankWolfe.budget = values.budget
  }

  /// A limit that these solvers would not look at.
  private func checkMaximum(_ values: OptionValues, _ problems: inout OptionProblems) {
    guard let maximum = values.maximumCells?.value, let solver = configuration.solver,
      solver == .semiNMF || solver == .frankWolfe
    else { return }
    problems.add(
      "maximumCells", value: "\(maximum)", expected: "no value with solver \(solver.rawValue)",
      advice: "Leave it out.")
  }

  /// The solvers that take the activation and cells of a configuration without a network to start from.
  private static func solvers(for configuration: TrainingConfiguration) -> [SolverChoice] {
    switch (configuration.activation, configuration.cells) {
    case (.relu, .all): [.augmentedLagrangian, .admm]
    case (.relu, .sample): [.augmentedLagrangian]
    case (.relu, _): [.cellGeneration, .frankWolfe, .semiNMF]
    case (.gated, _), (.linear, _): [.proximal, .admm, .augmentedLagrangian]
    case (.quadratic, _): [.proximal, .local]
    case (.polynomial, _): [.proximal]
    }
  }
}
