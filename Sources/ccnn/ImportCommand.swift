import ArgumentParser
import ConvexCNN

/// `ccnn import`.
struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Makes a model of weights that another program trained.",
    discussion: """
      The file holds conv.weight [m, channels, height, width] ([m, channels, length] for signals), \
      conv.bias [m] if there is one (it sets --bias and is penalized like the weights), and head.weight \
      [c, m], or [c, m * windows] with the windows of a filter side by side, and head.bias [c] if there is \
      one (it sets --output-bias and is not penalized); F32 or F64. The data are the \
      training data: they fix shapes, labels and standardization. The filter size is the file's if \
      --filter is not given. certify, evaluate and predict take the model.
      """)

  @Option(help: ArgumentHelp("The weights.", valueName: "file.safetensors"))
  var weights: String

  @Option(help: ArgumentHelp("Write the model.", valueName: "file.safetensors"))
  var output: String

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: CommonOptions

  func run() throws {
    var configuration = try checkedConfiguration()
    let imported = try ImportedWeights(contentsOf: weights)
    if model.filter == nil, let size = imported.filterSize { configuration.filter = size }
    if imported.hasBias { configuration.bias = true }
    if imported.hasOutputBias { configuration.outputBias = true }
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet)
    warn(about: inputs, progress)
    let trainer = Trainer(configuration: configuration, threads: common.threadCount)
    let (model, result) = try trainer.model(of: imported, on: inputs)
    let json = try common.json.map { _ in try JSON.text(of: result) }
    try model.write(to: output)
    if let json { try Outputs.write(json, to: common.json) }
    if !common.quiet, common.json != "-" {
      print(result.table(data: data.describe(inputs)), terminator: "")
    }
  }

  private func checkedConfiguration() throws -> TrainingConfiguration {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    let configuration = model.configuration(data: data, seed: common.seed, &problems)
    if model.activation == "gated" {
      problems.add(
        "--activation", value: "gated", expected: "relu or linear",
        advice: "The file has no place for gates; train gated networks with ccnn train.")
    }
    if configuration.standardize == .patchWhiten, model.filter == nil {
      problems.require(
        "--filter with --standardize patch-whiten: the file's filters have one pixel")
    }
    if model.lambda == nil, model.lambdaRatio == nil {
      problems.require("--lambda, the weight decay that the network was trained with")
    }
    model.excludeCells(from: "import", &problems)
    try problems.throwIfAny()
    try Outputs.check([("--output", output), ("--json", common.json)])
    return configuration
  }
}

extension ImportResult {
  /// The result as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn import   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("lambda", digits(lambda.value, "%.6g"))
    table.add("objective", digits(objective.value))
    table.add("  loss", digits(loss.value))
    table.add("  regularization", digits(regularization.value))
    table.add("neurons", "\(neuronCount)")
    if trainAccuracy.value != nil { table.add("train accuracy", percent(trainAccuracy.value)) }
    if testAccuracy.value != nil { table.add("test accuracy", percent(testAccuracy.value)) }
    return table.text(last: claim)
  }
}
