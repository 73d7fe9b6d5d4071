import ArgumentParser
import ConvexCNN

/// `ccnn copositive`.
struct CopositiveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "copositive",
    abstract: "The copositive program over all cells, its relaxations, and a trained network.",
    discussion: """
      Trains a ReLU network by cell generation and compares it with two relaxations over all cells: the \
      nuclear norm, and matrices that are nonnegative on all pairs of facets. Both come with proven lower \
      bounds. The second is exact for filters of two entries and for cells of at most four facets; cells \
      of more facets are cut into such where filters have up to four entries and a gap is left. That \
      nuclear <= relaxed <= optimum <= network is checked on every run; exit code 1 where bounds \
      contradict it, exit code 2 where --require-gap is given and --gap was not proven.
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative gap between the network and the relaxed bound, above 0 and below 1.",
      valueName: "gap"))
  var gap = 1e-6

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most cells, an integer >= 2; more are refused. Hundreds take seconds; 19,462 cells of 1x3 filters took "
        + "988 s on two busy cores with --max-seconds 300, and left a gap of 17 %.",
      valueName: "count"))
  var maxCells = 20_000

  @Option(
    help: ArgumentHelp(
      "Write the multipliers of facet pairs that prove the relaxed bound, before cones are cut; ccnn certify "
        + "--check-multipliers checks them.", valueName: "file.json"))
  var multipliers: String?

  @Flag(help: "Exit with code 2 where the gap was not proven.")
  var requireGap = false

  func run() throws {
    let configuration = try checkedConfiguration()
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet, limit: common.maxSeconds)
    warn(about: inputs, progress)
    let trainer = common.interruptibleTrainer(configuration)
    var proof: MultiplierCertificate?
    let study = try interruptible(progress) {
      try trainer.copositive(
        on: inputs, observer: { progress.show($0) },
        proof: multipliers == nil ? nil : { proof = $0 })
    }
    progress.finishLine()
    if let text = try proof?.text() { try Outputs.write(text, to: multipliers) }
    if let json = common.json { try Outputs.write(try JSON.text(of: study), to: json) }
    if !common.quiet, common.json != "-" {
      print(study.table(data: data.describe(inputs)), terminator: "")
    }
    if let refusal = study.refusal(requiringGap: requireGap ? gap : nil) {
      throw Failure(code: refusal.code, message: refusal.message)
    }
  }

  private func checkedConfiguration() throws -> TrainingConfiguration {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    var configuration = model.configuration(data: data, seed: common.seed, &problems)
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    problems.check("--max-cells", maxCells, atLeast: 2)
    model.excludeCells(from: "copositive", &problems)
    if configuration.activation != .relu {
      problems.add(
        "--activation", value: model.activation, expected: "relu",
        advice: "The programs of other activations have no cones; use ccnn train.")
    }
    if configuration.outputBias {
      problems.add(
        "--output-bias", value: "given", expected: "no output bias",
        advice: "The copositive program has none; leave the flag out.")
    }
    try problems.throwIfAny()
    try Outputs.check([("--json", common.json), ("--multipliers", multipliers)])
    configuration.gap = gap
    configuration.maximumCells = maxCells
    return configuration
  }
}

extension CopositiveStudy {
  /// The study as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn copositive   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("lambda", digits(lambda.value, "%.6g"))
    table.add("cells", "\(cellCount), all of them")
    table.add(
      "cones",
      "\(coneCount)"
        + (splitCellCount > 0 ? ", after cutting those of \(splitCellCount) cells" : ""))
    for (reason, count) in exactness.sorted(by: { $0.key < $1.key }) {
      table.add("  \(count)", reason)
    }
    for (name, interval) in [("nuclear", nuclear), ("relaxed", relaxed), ("optimum", optimum)] {
      table.add(
        name,
        "\(digits(interval.lowerBound.value, "%.12g")) ... "
          + "\(digits(interval.upperBound.value, "%.12g")) (\(interval.status))")
    }
    table.add("relative gap", "\(digits(relativeGap.value, "%.3g")), network to relaxed bound")
    table.add(
      "order",
      orderingViolation ?? "nuclear <= relaxed <= optimum <= network: not contradicted")
    table.add("neurons", "\(neuronCount)")
    let parts = phases.map { "\($0.name) \(digits($0.seconds, "%.2f"))" }
    table.add("seconds", "\(digits(seconds.value, "%.2f")) (\(parts.joined(separator: ", ")))")
    return table.text(last: claim)
  }
}
