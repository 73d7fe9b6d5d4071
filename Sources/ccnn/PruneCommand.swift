import ArgumentParser
import ConvexCNN

/// `ccnn prune`.
struct PruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "A network with fewer neurons and the same predictions and objective on the data.",
    discussion: """
      Neurons whose outputs on the training data depend on those of others go, until the outputs of those \
      left are independent: their number is then at most the rank. --smallest looks among all optimal \
      networks, which needs a model trained to a small gap (1e-9, say); exit code 2 where it is not \
      accurate enough. --neurons goes on to a budget, and the certificate says what that costs. The data \
      are the training data.
      """)

  @OptionGroup var options: ModelDataOptions

  @Option(help: ArgumentHelp("Write the pruned model.", valueName: "file.safetensors"))
  var output: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most neurons to keep, an integer >= 0. (default: as many as the predictions need)",
      valueName: "count"))
  var neurons: Int?

  @Option(
    help: ArgumentHelp(
      "Which neurons go when predictions have to change: least-squares, magnitude, magnitude-refitted or random.",
      valueName: "kind"))
  var method = "least-squares"

  @Flag(help: "Look for the fewest neurons of all optimal networks.")
  var smallest = false

  @Flag(help: "Compare the methods at the same number of neurons.")
  var compare = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Largest change of the predictions relative to their norm, from 0 up to 1e-3.",
      valueName: "share"))
  var tolerance = 1e-10

  @Flag(help: "Exit with code 2 where the network left is not proven to be minimal.")
  var requireMinimal = false

  func run() throws {
    var problems = OptionProblems()
    options.check(&problems)
    problems.check("--neurons", neurons, atLeast: 0)
    problems.check("--tolerance", tolerance, "a number from 0 to 1e-3") { $0 >= 0 && $0 <= 1e-3 }
    let names = Pruning.Method.allCases.map(\.rawValue)
    _ = problems.choice("--method", method, among: names)
    if neurons != nil, smallest {
      problems.add(
        "--smallest", value: "given", expected: "no flag together with --neurons",
        advice: "Give one of them.")
    }
    if neurons == nil, method != Pruning.Method.leastSquares.rawValue {
      problems.add(
        "--method", value: method, expected: "--neurons with it",
        advice: "Without a budget no prediction has to change.")
    }
    try problems.throwIfAny()
    try Outputs.check(
      [("--output", output), ("--json", options.json)], replacing: options.model)
    let (model, data) = try options.load("prune")
    let request = PruningRequest(
      neurons: neurons, method: Pruning.Method(rawValue: method) ?? .leastSquares,
      smallest: smallest, tolerance: tolerance,
      compares: compare, seed: options.seed)
    let effort = options.effort
    let (pruned, result) = try options.established {
      try model.pruned(on: data, request, effort: effort, threads: options.threadCount)
    }
    try options.requireUninterrupted("prune")
    let json = try options.json.map { _ in try JSON.text(of: result) }
    if let output { try pruned.write(to: output) }
    if let json { try Outputs.write(json, to: options.json) }
    if !options.quiet, options.json != "-" {
      print(result.table(data: options.describe(data)), terminator: "")
    }
    if requireMinimal, !result.minimal {
      throw Failure(
        code: 2,
        message: "prune: expected a proof that the network is minimal, found none. "
          + result.claim)
    }
  }
}

extension PruningResult {
  /// The result as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn prune   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("neurons", "\(neuronsBefore) -> \(neuronsAfter), rank of outputs \(bound)")
    table.add(
      "objective",
      "\(digits(objectiveBefore.value, "%.12g")) -> \(digits(objectiveAfter.value, "%.12g"))")
    table.add("prediction change", digits(maxPredictionChange.value, "%.3g"))
    table.add("lower bound", digits(lowerBound.value, "%.12g"))
    table.add("relative gap", digits(relativeGap.value, "%.3g"))
    for (name, before, after) in [
      ("train accuracy", trainAccuracyBefore, trainAccuracyAfter),
      ("test accuracy", testAccuracyBefore, testAccuracyAfter),
    ] where before.value != nil {
      table.add(name, "\(percent(before.value)) -> \(percent(after.value))")
    }
    for comparison in comparisons {
      table.add(
        "  \(comparison.method)",
        "\(comparison.neuronCount) neurons, objective \(digits(comparison.objective.value, "%.8g"))"
          + (comparison.testAccuracy.value != nil
            ? ", test \(percent(comparison.testAccuracy.value))" : ""))
    }
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }
}
