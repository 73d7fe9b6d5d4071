import ArgumentParser
import ConvexCNN

/// `ccnn sensitivity`.
struct SensitivityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sensitivity",
    abstract:
      "Derivatives of the solution in lambda and in the targets, and what leaving samples out does.",
    discussion: """
      From a model trained to a small gap (1e-9, say); dependent neurons are pruned first. Where derivatives \
      may not exist the reason is given, and with --require-derivative exit code 2. Leaving a sample out \
      keeps n lambda. Exit code 2 also where the model is not accurate enough. Linear pooling only.
      """)

  @OptionGroup var options: ModelDataOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Train without so many random samples, an integer >= 0, to compare with the estimate.",
      valueName: "count"))
  var refit = 0

  @Option(
    help: ArgumentHelp(
      "Write the derivatives of the predictions [n, c] by lambda, .npy or .csv.", valueName: "file")
  )
  var predictions: String?

  @Option(
    help: ArgumentHelp(
      "Write the estimated predictions [n, c] of networks trained without the sample, .npy or .csv.",
      valueName: "file"))
  var leaveOneOut: String?

  @Option(
    help: ArgumentHelp(
      "Write the share of each sample in the degrees of freedom [n, 1], .npy or .csv.",
      valueName: "file"))
  var leverages: String?

  @Flag(help: "Exit with code 2 where derivatives are not guaranteed.")
  var requireDerivative = false

  func run() throws {
    var problems = OptionProblems()
    options.check(&problems)
    problems.check("--refit", refit, atLeast: 0)
    let files = [
      ("--predictions", predictions), ("--leave-one-out", leaveOneOut), ("--leverages", leverages),
    ]
    for (option, path) in files {
      guard let path, ![".npy", ".csv"].contains(where: path.lowercased().hasSuffix) else {
        continue
      }
      problems.add(
        option, value: path, expected: "a name that ends in .npy or .csv",
        advice: "For example slopes.npy.")
    }
    try problems.throwIfAny()
    try Outputs.check(files.map { (option: $0.0, path: $0.1) } + [("--json", options.json)])
    let (model, data) = try options.load("sensitivity")
    guard refit < data.train.images.shape[0] else {
      throw InputError(
        .usage, "--refit", expected: "fewer than the \(data.train.images.shape[0]) samples",
        found: "\(refit)", advice: "At least one sample must be left.")
    }
    let effort = options.effort
    let (sensitivity, study) = try options.established {
      try model.sensitivity(
        on: data, refits: refit, seed: options.seed, effort: effort, threads: options.threadCount)
    }
    try options.requireUninterrupted("sensitivity")
    let json = try options.json.map { _ in try JSON.text(of: study) }
    try write(sensitivity.predictionSlopes, to: predictions)
    try write(sensitivity.leaveOneOutPredictions, to: leaveOneOut)
    let column = Matrix(
      rows: sensitivity.leverages.count, columns: 1, elements: sensitivity.leverages)
    try write(column, to: leverages)
    if let json { try Outputs.write(json, to: options.json) }
    if !options.quiet, options.json != "-" {
      print(study.table(data: options.describe(data)), terminator: "")
    }
    if requireDerivative, !study.isDifferentiable {
      throw Failure(code: 2, message: "sensitivity: \(study.claim)")
    }
  }

  private func write(_ matrix: Matrix, to path: String?) throws {
    guard let path else { return }
    if path.lowercased().hasSuffix(".csv") {
      try CSV.write(matrix, to: path)
    } else {
      try NPY.write(matrix, to: path)
    }
  }
}

extension SensitivityStudy {
  /// The study as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn sensitivity   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("lambda", digits(lambda.value, "%.6g"))
    table.add("objective", digits(objective.value, "%.12g"))
    table.add("relative gap", digits(relativeGap.value, "%.3g"))
    table.add("neurons", "\(neuronCount), \(coordinateCount) free weights")
    table.add(line: "by lambda:")
    table.add("  objective", digits(objectiveSlope.value, "%.6g"))
    table.add("  loss", digits(lossSlope.value, "%.6g"))
    table.add("  sum |u||W|", digits(massSlope.value, "%.6g"))
    table.add("  predictions", "at most \(digits(largestPredictionSlope.value, "%.6g"))")
    if testLossSlope.value != nil {
      table.add("  held-out loss", digits(testLossSlope.value, "%.6g"))
    }
    table.add(
      "degrees of freedom",
      digits(degreesOfFreedom.value, "%.6g")
        + (mostInfluentialSample.map {
          ", most of it from sample \($0): \(digits(largestLeverage.value, "%.3g"))"
        } ?? ""))
    table.add(
      "leave one out",
      "mean loss \(digits(leaveOneOutLoss.value, "%.6g")) (training: "
        + "\(digits(loss.value, "%.6g")))"
        + (leaveOneOutAccuracy.value != nil
          ? ", accuracy \(percent(leaveOneOutAccuracy.value))" : ""))
    for refit in refits {
      table.add(
        "  sample \(refit.sample)",
        "loss \(digits(refit.loss.value, "%.5g")), estimated \(digits(refit.estimatedLoss.value, "%.5g")), "
          + "refitted \(digits(refit.refittedLoss.value, "%.5g")), error "
          + "\(percent(refit.relativeError.value)) of the change")
    }
    table.add(
      "conditions",
      "curvature \(digits(smallestCurvature.value, "%.3g")) lambda, hyperplanes "
        + digits(kinkMargin.value, "%.3g"))
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }
}
