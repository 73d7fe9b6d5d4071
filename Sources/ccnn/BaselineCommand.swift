public import ArgumentParser
public import ConvexCNN
import Reports

/// `ccnn baseline`.
struct BaselineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "baseline",
    abstract: "Trains the same objective by Adam, SGD or L-BFGS from random starts.",
    discussion: """
      With --certify, each run is measured against the global optimum: the search over all cells starts at \
      the best run and ends when --gap is proven. A lower bound holds for every network, so the best of all \
      runs counts for each. With --max-seconds, descents share 70 % of it and the search the rest; without, \
      the search ends after 300 seconds. A run far from optimal proves little by itself; --reference adds \
      the bound of a network that ccnn train has solved.
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(help: ArgumentHelp("adam, sgd or lbfgs.", valueName: "name"))
  var optimizer: Baseline.Optimizer = .adam

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Neurons, an integer >= 1.", valueName: "count"))
  var width = 64

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Passes over the data (iterations for lbfgs), an integer >= 1.", valueName: "count"))
  var epochs = 200

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Samples per step, an integer >= 1; lbfgs uses all. (default: all)", valueName: "count"))
  var batchSize: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Step size of adam and sgd, a number > 0. (default: 0.01)", valueName: "rate"))
  var learningRate: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Momentum of sgd, >= 0 and < 1. (default: 0.9)", valueName: "momentum"))
  var momentum: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Runs with seeds --seed, --seed + 1, ..., an integer >= 1.", valueName: "count"))
  var seeds = 1

  @Flag(help: "Certify every run: lower bound and gap to the global optimum.")
  var certify = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative gap at which the search of --certify ends, above 0 and below 1. (default: 0.001)",
      valueName: "gap"))
  var gap: Double?

  @Option(
    help: ArgumentHelp(
      "Model of the same architecture and loss whose lower bound counts too, with --certify.",
      valueName: "file.safetensors"))
  var reference: String?

  @Option(
    help: ArgumentHelp(
      "Draw the gaps of all runs, with --certify.", valueName: "file.svg"))
  var chart: String?

  @Option(help: ArgumentHelp("Write the model of the best run.", valueName: "file.safetensors"))
  var output: String?

  @Option(help: ArgumentHelp("Write the trace of all runs.", valueName: "file.csv"))
  var trace: String?

  func run() throws {
    let configuration = try checkedConfiguration()
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet, limit: common.maxSeconds)
    warn(about: inputs, progress)
    let solved = try reference.map { try Model(contentsOf: $0) }
    let trainer = common.interruptibleTrainer(configuration)
    let settings = Baseline.Settings(
      optimizer: optimizer, width: width, epochs: epochs, batchSize: batchSize,
      learningRate: learningRate ?? 0.01, momentum: momentum ?? 0.9, seed: common.seed)
    var rows: [TraceRow] = []
    let keepsTrace = trace != nil
    let (study, best) = try interruptible(progress) {
      try trainer.baseline(
        on: inputs, settings: settings, seedCount: seeds, certifies: certify, reference: solved
      ) { seed, row in
        let named = row.renamed("seed \(seed)")
        if keepsTrace { rows.append(named) }
        progress.show(named)
      }
    }
    progress.finishLine()
    let json = try common.json.map { _ in try JSON.text(of: study) }
    let drawing = try chart.map { _ in try study.gapChart.svg() }
    if let output { try best.write(to: output) }
    if let drawing { try Outputs.write(drawing, to: chart) }
    if let trace { try Outputs.write(traceText(rows), to: trace) }
    if let json { try Outputs.write(json, to: common.json) }
    if !common.quiet, common.json != "-" {
      print(study.table(data: data.describe(inputs)), terminator: "")
    }
  }

  private func checkedConfiguration() throws -> TrainingConfiguration {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    var configuration = model.configuration(data: data, seed: common.seed, &problems)
    if configuration.activation == .gated {
      problems.add(
        "--activation", value: "gated", expected: "relu or linear",
        advice: "Gated networks are convex; use ccnn train.")
    }
    problems.check("--width", width, atLeast: 1)
    problems.check("--epochs", epochs, atLeast: 1)
    problems.check("--batch-size", batchSize, atLeast: 1)
    problems.check("--seeds", seeds, atLeast: 1)
    problems.check("--learning-rate", learningRate, "a number > 0") { $0 > 0 }
    problems.check("--momentum", momentum, "a number >= 0 and < 1") { $0 >= 0 && $0 < 1 }
    if optimizer == .lbfgs {
      problems.exclude("--optimizer lbfgs", "--batch-size", given: batchSize)
      problems.exclude("--optimizer lbfgs", "--learning-rate", given: learningRate)
    }
    if optimizer != .sgd {
      problems.exclude("--optimizer \(optimizer.rawValue)", "--momentum", given: momentum)
    }
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    for (name, value) in [
      ("--gap", gap.map { "\($0)" }), ("--reference", reference), ("--chart", chart),
    ] {
      guard let value, !certify else { continue }
      problems.add(
        name, value: value, expected: "no value without --certify",
        advice: "Give --certify as well.")
    }
    configuration.gap = gap ?? configuration.gap
    model.excludeCells(from: "baseline", &problems)
    try problems.throwIfAny()
    try Outputs.check([
      ("--output", output), ("--json", common.json), ("--trace", trace),
      ("--chart", chart),
    ])
    return configuration
  }
}

extension Baseline.Optimizer: ExpressibleByArgument {}

extension TraceRow {
  /// The same row under another phase.
  func renamed(_ phase: String) -> TraceRow {
    TraceRow(
      phase: phase, iteration: iteration, seconds: seconds, objective: objective,
      lowerBound: lowerBound, dualNormRatio: dualNormRatio, neuronCount: neuronCount)
  }
}

extension BaselineStudy {
  /// The runs as a table.
  func table(data: String) -> String {
    var table = Table("ccnn baseline   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("lambda", digits(lambda.value, "%.6g"))
    table.add("optimizer", "\(optimizer), width \(width), \(epochs) epochs")
    let last = lowerBound.value == nil ? "    test" : "     gap"
    table.add(
      line: "  seed        objective              loss  neurons     train  \(last)  seconds")
    for run in runs {
      let share =
        lowerBound.value == nil
        ? percent(run.testAccuracy.value) : digits(run.relativeGap.value, "%.2e")
      let cells = [
        ("\(run.seed)", 6), (digits(run.objective.value), 17), (digits(run.loss.value), 18),
        ("\(run.neuronCount)", 9), (percent(run.trainAccuracy.value), 10), (share, 10),
      ]
      let text = cells.map { String(repeating: " ", count: max(0, $1 - $0.count)) + $0 }
      table.add(line: text.joined() + "  " + digits(run.seconds, "%.1f"))
    }
    if lowerBound.value != nil {
      table.add("lower bound", "\(digits(lowerBound.value)) (\(bound), \(scope ?? ""))")
      table.add("certify seconds", digits(certifySeconds.value, "%.1f"))
    }
    table.add("best", digits(best.value))
    table.add("median", digits(median.value))
    return table.text(last: claim)
  }
}
