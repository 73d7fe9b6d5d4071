public import ArgumentParser
public import ConvexCNN
import Reports

/// `ccnn baseline`.
struct BaselineCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "baseline",
    abstract:
      "Trains the same objective by Adam, SGD, L-BFGS or gradient descent from random starts.",
    discussion: """
      With --certify, each run is measured against the global optimum: the search over all cells starts at \
      the best run and ends when --gap is proven. A lower bound holds for every network, so the best of all \
      runs counts for each. With --max-seconds, descents share 70 % of it and the search the rest; without, \
      the search ends after 300 seconds. A run far from optimal proves little by itself; --reference adds \
      the bound of a network that ccnn train has solved.

      --activation softplus, gelu or tanh trains filters alone by gradient descent on the squared loss without \
      weight decay, and promises a linear rate before the run, or says why not; every step is checked.
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(
    help: ArgumentHelp(
      "adam, sgd, lbfgs or gd (gradient descent on all samples, the only one for smooth activations).",
      valueName: "name"))
  var optimizer: Baseline.Optimizer = .adam

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Neurons, an integer >= 1.", valueName: "count"))
  var width = 64

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Passes over the data (iterations for lbfgs, steps for gd), an integer >= 1.",
      valueName: "count"))
  var epochs = 200

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Samples per step, an integer >= 1; lbfgs and gd use all. (default: all)", valueName: "count")
  )
  var batchSize: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Step size of adam, sgd and gd, a number > 0; a promised rate has its own. (default: 0.01)",
      valueName: "rate"))
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

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Probability with which each neuron is left out of a step, >= 0 and < 1; not with lbfgs.",
      valueName: "probability"))
  var dropout = 0.0

  @Flag(
    help:
      "Report exact second derivatives of the objective along every step of adam, sgd or gd; relu only."
  )
  var curvature = false

  @Flag(help: "Exit with code 2 unless a linear rate was promised and kept; smooth activations.")
  var requireRate = false

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
    if let smooth = SmoothActivation(rawValue: model.activation) { return try run(smooth) }
    let configuration = try checkedConfiguration()
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    let progress = Progress(isSilent: common.quiet, limit: common.maxSeconds)
    warn(about: inputs, progress)
    let solved = try reference.map { try Model(contentsOf: $0) }
    let trainer = common.interruptibleTrainer(configuration)
    let settings = Baseline.Settings(
      optimizer: optimizer, width: width, epochs: epochs, batchSize: batchSize,
      learningRate: learningRate ?? 0.01, momentum: momentum ?? 0.9, seed: common.seed,
      dropout: dropout)
    var rows: [TraceRow] = []
    let keepsTrace = trace != nil || common.json != nil
    let (study, best) = try interruptible(progress) {
      try trainer.baseline(
        on: inputs, settings: settings, seedCount: seeds, certifies: certify, reference: solved,
        measuresCurvature: curvature
      ) { seed, row in
        let named = row.renamed("seed \(seed)")
        if keepsTrace { rows.append(named) }
        progress.show(named)
      }
    }
    progress.finishLine()
    let json = try common.json.map { _ in
      try JSON.text(
        of: study,
        details: RunDetails(
          data: StreamedData(inputs), standardize: configuration.standardize, trace: rows))
    }
    let drawing = try best == nil ? nil : chart.map { _ in try study.gapChart.svg() }
    if let output, let best { try best.write(to: output) }
    if let drawing { try Outputs.write(drawing, to: chart) }
    if let trace { try Outputs.write(traceText(rows), to: trace) }
    if let json { try Outputs.write(json, to: common.json) }
    if !common.quiet, common.json != "-" {
      print(study.table(data: data.describe(inputs)), terminator: "")
    }
    if best == nil {
      throw Failure(
        code: 65,
        message: "baseline: expected a run that does not diverge, found none. "
          + (optimizer == .lbfgs ? "Scale the data to moderate units." : "Lower --learning-rate."))
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
    checkSteps(configuration, &problems)
    if requireRate {
      problems.add(
        "--require-rate", value: "true", expected: "a smooth activation",
        advice: "Give --activation softplus, gelu or tanh.")
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

extension BaselineCommand {
  /// Adds what is wrong with the options of single steps.
  private func checkSteps(
    _ configuration: TrainingConfiguration, _ problems: inout OptionProblems
  ) {
    problems.check("--dropout", dropout, "a number >= 0 and < 1") { $0 >= 0 && $0 < 1 }
    if optimizer == .lbfgs || optimizer == .gd {
      problems.exclude("--optimizer \(optimizer.rawValue)", "--batch-size", given: batchSize)
    }
    if optimizer == .lbfgs {
      problems.exclude("--optimizer lbfgs", "--learning-rate", given: learningRate)
      problems.exclude("--optimizer lbfgs", "--dropout", given: dropout > 0 ? dropout : nil)
      problems.exclude("--optimizer lbfgs", "--curvature", given: curvature ? true : nil)
    }
    if curvature, configuration.activation != .relu || configuration.pooling.hasPrefix("max") {
      problems.add(
        "--curvature", value: "true", expected: "--activation relu and a linear pooling",
        advice: "Leave the flag out.")
    }
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
    let left = dropout > 0 ? ", dropout \(digits(dropout, "%.3g"))" : ""
    table.add("optimizer", "\(optimizer), width \(width), \(epochs) epochs\(left)")
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
    for run in runs {
      if let curvature = run.curvature.value { table.add("curvature \(run.seed)", curvature.words) }
      if let curvature = run.maskedCurvature.value { table.add("  with dropout", curvature.words) }
    }
    let diverged = runs.filter(\.isDiverged).map { "\($0.seed)" }
    if !diverged.isEmpty {
      let seeds = diverged.prefix(8).joined(separator: ", ") + (diverged.count > 8 ? ", ..." : "")
      let name = diverged.count == 1 ? "seed" : "seeds"
      table.add("diverged", "\(name) \(seeds): \(SolveStatus.diverged.advice)")
    }
    table.add("best", best.value == nil ? "none: every run diverged" : digits(best.value))
    table.add("median", digits(median.value))
    return table.text(last: claim)
  }
}

extension CurvatureStatistics {
  /// The statistics in a line.
  fileprivate var words: String {
    "positive along \(percent(positiveShare.value)) of \(stepCount) steps, mean "
      + "\(digits(mean.value, "%.4g")), least \(digits(least.value, "%.4g"))"
  }
}
