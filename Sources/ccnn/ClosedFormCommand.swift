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
      Exit code 2 where the value is not exact, or no form applies.
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative gap of circular networks on samples that are not white, above 0 and below 1.",
      valueName: "gap"))
  var gap = 1e-9

  @Option(help: ArgumentHelp("Write the model where it is exact.", valueName: "file.safetensors"))
  var output: String?

  func run() throws {
    let configuration = try checkedConfiguration()
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet)
    warn(about: inputs, progress)
    let trainer = Trainer(
      configuration: configuration, threads: common.threadCount,
      maximumSeconds: common.maxSeconds ?? .infinity)
    let (model, result) = try trainer.closedForm(on: inputs)
    if let json = common.json { try Outputs.write(try JSON.text(of: result), to: json) }
    if result.isExact, let output { try model?.write(to: output) }
    if !common.quiet, common.json != "-" {
      print(result.table(data: data.describe(inputs)), terminator: "")
    }
    if !result.isExact {
      throw Failure(
        code: 2,
        message: "closed-form: expected a value that is exact, found \(result.verdict). "
          + result.reason)
    }
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
    try problems.throwIfAny()
    try Outputs.check([("--output", output), ("--json", common.json)])
    configuration.gap = gap
    return configuration
  }
}

extension ClosedFormResult {
  /// The result as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn closed-form   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("form", family)
    table.add("reason", reason)
    if let spikeFree { table.add("spike-free patches", spikeFree) }
    if let lambda = lambda.value {
      table.add(
        "lambda", "\(digits(lambda, "%.6g")), lambdaMax \(digits(lambdaMax.value, "%.6g")) (exact)")
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
