import ArgumentParser
import ConvexCNN

/// `ccnn closed-form`.
struct ClosedFormCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "closed-form",
    abstract: "The solution without iterations, where there is one; else the reason why not.",
    discussion: """
      ReLU networks on whitened patches: soft-thresholded singular values of the targets, exact for one \
      output, and for several where (Z Z')^1/2 is completely positive, as for one-hot targets. Linear \
      networks on orthonormal pooled patches. Linear networks with --padding circular --pooling none and \
      filters as large as the images: one neuron, in the Fourier domain; where samples are not white their \
      program is solved there to --gap, for every loss. All others need --loss squared, the default here.
      With --layers 3 the ReLU follows the weights of the positions: circular convolution, one weight per \
      position, ReLU, output weight, as in --padding circular --pooling none --lambda; one channel, one \
      real target, and few samples, because the program is solved over all their cells.
      Exit code 2 where the value is not exact, or no form applies.
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "2, or 3 for circular networks whose ReLU follows one weight per position.",
      valueName: "count"))
  var layers = 2

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative gap of circular networks that have no closed form, above 0 and below 1. (default: 1e-9; "
        + "1e-6 with --layers 3)", valueName: "gap"))
  var gap: Double?

  @Option(
    help: ArgumentHelp(
      "Write the model where it is exact; with --layers 3 its tensors, which predict does not read.",
      valueName: "file.safetensors"))
  var output: String?

  func run() throws {
    let configuration = try checkedConfiguration()
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet)
    warn(about: inputs, progress)
    let (result, write) = try solved(inputs, configuration)
    if let json = common.json { try Outputs.write(try JSON.text(of: result), to: json) }
    if result.isExact, let output { try write(output) }
    if !common.quiet, common.json != "-" {
      print(result.table(data: data.describe(inputs)), terminator: "")
    }
    if !result.isExact {
      throw Failure(
        code: 2,
        // Where no form applies, the reason says what was expected and found.
        message: result.verdict == "none"
          ? result.reason
          : "closed-form: expected a value that is exact, found \(result.verdict). \(result.reason)"
      )
    }
  }

  /// The result, and how its model is written.
  private func solved(
    _ inputs: Dataset, _ configuration: TrainingConfiguration
  ) throws -> (result: ClosedFormResult, write: (String) throws -> Void) {
    let trainer = Trainer(
      configuration: configuration, threads: common.threadCount,
      maximumSeconds: common.maxSeconds ?? .infinity)
    if layers == 3 {
      let (network, result) = try trainer.circularReLU(on: inputs)
      return (result, { try network.write(to: $0, certifiedBy: result) })
    }
    let (found, result) = try trainer.closedForm(on: inputs)
    return (result, { try found?.write(to: $0) })
  }

  private func checkedConfiguration() throws -> TrainingConfiguration {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    var configuration = model.configuration(data: data, seed: common.seed, &problems)
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    model.excludeCells(from: "closed-form", &problems)
    if model.activation == "gated" {
      problems.add(
        "--activation", value: "gated", expected: "relu or linear",
        advice: "Gated networks are solved by ccnn train.")
    }
    if layers != 2 { checkLayers(&problems) }
    try problems.throwIfAny()
    try Outputs.check([("--output", output), ("--json", common.json)])
    configuration.gap = gap ?? (layers == 3 ? 1e-6 : 1e-9)
    return configuration
  }

  /// Adds what does not go with three layers to a list.
  private func checkLayers(_ problems: inout OptionProblems) {
    guard layers == 3 else {
      return problems.add(
        "--layers", value: "\(layers)", expected: "2 or 3", advice: "Leave the flag out for 2.")
    }
    func require(_ option: String, _ value: String, _ expected: String, _ advice: String) {
      guard value != expected else { return }
      problems.add(option, value: value, expected: "\(expected) with --layers 3", advice: advice)
    }
    require("--activation", model.activation, "relu", "Linear circular networks have two layers.")
    require("--padding", model.patches.padding, "circular", "Name --padding circular.")
    require("--pooling", model.pooling, "none", "Every position has its own weight.")
    require("--loss", model.loss ?? "squared", "squared", "Leave the flag out.")
    require("--stride", "\(model.patches.stride)", "1", "Leave the flag out.")
    for (flag, isGiven) in [("--bias", model.patches.bias), ("--output-bias", model.outputBias)]
    where isGiven {
      problems.add(
        flag, value: flag, expected: "no such flag with --layers 3", advice: "Leave it out.")
    }
    if model.standardize == "patch-whiten" {
      problems.add(
        "--standardize", value: "patch-whiten", expected: "none, global or pixel with --layers 3",
        advice: "Whitened patches are no images, and have no circular convolution.")
    }
    if model.lambda == nil {
      problems.add(
        "--lambda", value: model.lambdaRatio.map { "--lambda-ratio \($0)" } ?? "none",
        expected: "a number > 0 with --layers 3",
        advice: "Their lambdaMax is not known in advance; name the strength itself.")
    }
  }
}

extension ClosedFormResult {
  /// The result as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn closed-form   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    if layers == 3 {
      table.add("layers", "3: circular convolution, weights of positions, ReLU, output weight")
    }
    table.add("form", family)
    table.add("reason", reason)
    if let spikeFree { table.add("spike-free patches", spikeFree) }
    if let lambda = lambda.value {
      let largest = lambdaMax.value.map { ", lambdaMax \(digits($0, "%.6g")) (exact)" }
      table.add("lambda", digits(lambda, "%.6g") + (largest ?? ""))
    }
    if let value = value.value { table.add("value", digits(value, "%.15g")) }
    if let threshold = threshold.value {
      let kept = spectrum.count { $0 > threshold }
      table.add(
        "threshold",
        "\(digits(threshold, "%.6g")): \(kept) of \(spectrum.count) values kept, the largest "
          + digits(spectrum.first, "%.6g"))
      table.add("data defect", digits(defect.value, "%.3g"))
    }
    if let objective = objective.value {
      table.add("objective", digits(objective, "%.15g"))
      table.add("relative gap", digits(relativeGap.value, "%.3g"))
      table.add("neurons", "\(neuronCount ?? 0)")
    }
    if trainAccuracy.value != nil { table.add("train accuracy", percent(trainAccuracy.value)) }
    if testAccuracy.value != nil { table.add("test accuracy", percent(testAccuracy.value)) }
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }
}
