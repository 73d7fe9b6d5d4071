import ArgumentParser
import ConvexCNN
import Reports

/// `ccnn path`.
struct PathCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "path",
    abstract: "Solutions for decreasing regularization strength, each certified.",
    discussion: """
      Strengths fall geometrically from lambdaMax, where the network without neurons is optimal. Every \
      solution starts from the one before; --gap is proven at each point, for ReLU with as few searches over \
      all cells as the points need: dual points of two strengths prove bounds at those between. The table \
      shows the regularizer sum |u||W|, which is also the derivative of the optimum by lambda.

      --output DIR gets point-NN.safetensors per strength, path.json, path.csv, path.svg and, with --select, \
      selected.safetensors; the folder appears only when it is complete. With --max-seconds, or after \
      Control-C (exit 130), it has the points that were finished.

      Example: ccnn path --dataset digits-parity --filter 2x2 --pooling sum --select held-out --output path
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Number of strengths, an integer >= 2.", valueName: "count"))
  var points = 30

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Last strength over the first, above 0 and below 1.", valueName: "ratio"))
  var minRatio = 0.05

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Target relative gap at every point, above 0 and below 1.", valueName: "gap")
  )
  var gap = 1e-3

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most neurons that cell generation keeps, >= 1; relu only. (default: 2000)",
      valueName: "count"))
  var maxCells: Int?

  @Flag(help: "Locate the strengths at which neurons enter or leave.")
  var breakpoints = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative width to which --breakpoints are located, above 0 and below 1. (default: 0.01)",
      valueName: "width"))
  var breakpointTolerance: Double?

  @Option(
    help: ArgumentHelp(
      "held-out (loss on --test-images, --test-fraction or the held-out part of --dataset) or cv:K "
        + "(K-fold cross-validation of the training set by --seed, K >= 2).", valueName: "samples"))
  var select: String?

  @Option(
    help: ArgumentHelp(
      "With --select: minimum, or one-standard-error (the largest strength whose loss is within one "
        + "standard error of the smallest). (default: minimum)", valueName: "rule"))
  var rule: String?

  @Option(
    help: ArgumentHelp("Folder for models, tables and chart; absent or empty.", valueName: "folder")
  )
  var output: String?

  @Flag(help: "Exit with code 2 unless the gap is proven at every point.")
  var requireGap = false

  func run() throws {
    let (configuration, settings) = try checkedOptions()
    let inputs = try data.load(isSignal: configuration.filter.isSignal, seed: common.seed)
    if settings.selection == .heldOut, inputs.test == nil {
      throw InputError(
        .usage, "--select held-out", expected: "a held-out set", found: "none",
        advice: "Give --test-images or --test-fraction, or select by cv:K.")
    }
    let progress = Progress(isSilent: common.quiet, limit: common.maxSeconds)
    warn(about: inputs, progress)
    let trainer = common.interruptibleTrainer(configuration)
    let (study, models) = try interruptible(progress) {
      try trainer.path(on: inputs, settings: settings) { number, row in
        progress.show(row.renamed("\(number + 1) \(row.phase)"), target: nil)
      }
    }
    progress.finishLine()
    try write(study, models, inputs)
    if !common.quiet, common.json != "-" {
      print(study.table(data: data.describe(inputs), asked: points), terminator: "")
    }
    try finish(study)
  }

  /// The exit code of what was found.
  private func finish(_ study: PathStudy) throws {
    if study.status == SolveStatus.interrupted.rawValue {
      let kept = output.map { "; they are in \($0)" } ?? ""
      throw Failure(
        code: 130, message: "interrupted after \(study.points.count) of \(points) points\(kept).")
    }
    if let violation = study.checks.violation {
      throw Failure(
        code: 1,
        message:
          "path: expected a regularizer that grows and a loss that falls within the gaps, found "
          + "\(violation) against it. Please report this with the data.")
    }
    let missing = points - study.points.count + study.openPoints.count
    if requireGap, missing > 0 {
      throw Failure(
        code: 2,
        message:
          "path: expected a proven relative gap of at most \(gap) at \(points) points, found "
          + "\(missing) without. Raise --max-seconds or loosen --gap.")
    }
  }

  private func write(_ study: PathStudy, _ models: [Model], _ inputs: Dataset) throws {
    let json = try JSON.text(
      of: study,
      details: RunDetails(
        data: StreamedData(inputs), standardize: study.model.standardize, trace: []))
    if let output {
      let drawing = try study.chart.svg()
      try OutputFolder.write(to: output) { path in
        for (point, model) in zip(study.points, models) { try model.write(to: path(point.file)) }
        if let chosen = study.selection?.chosen {
          try models[chosen].write(to: path("selected.safetensors"))
        }
        try Outputs.write(study.csv, to: path("path.csv"))
        try Outputs.write(drawing, to: path("path.svg"))
        try Outputs.write(json, to: path("path.json"))
      }
    }
    try Outputs.write(json, to: common.json)
  }

  /// All options together, before any work.
  private func checkedOptions() throws -> (TrainingConfiguration, PathSettings) {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    var configuration = model.configuration(data: data, seed: common.seed, &problems)
    problems.exclude("path", "--lambda", given: model.lambda)
    problems.exclude("path", "--lambda-ratio", given: model.lambdaRatio)
    if configuration.cells == .all {
      problems.add(
        "--cells", value: "all", expected: "generate or sample:P with path",
        advice: "Cell generation proves the same bounds over all cells.")
    }
    problems.check("--points", points, atLeast: 2)
    problems.check("--min-ratio", minRatio, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    problems.check("--max-cells", maxCells, atLeast: 1)
    if configuration.activation != .relu {
      problems.exclude(
        "--activation \(configuration.activation.rawValue)", "--max-cells", given: maxCells)
    }
    problems.check("--breakpoint-tolerance", breakpointTolerance, "a number above 0 and below 1") {
      $0 > 0 && $0 < 1
    }
    if !breakpoints, let breakpointTolerance {
      problems.add(
        "--breakpoint-tolerance", value: "\(breakpointTolerance)",
        expected: "no value without --breakpoints", advice: "Give --breakpoints as well.")
    }
    var settings = PathSettings()
    (settings.pointCount, settings.minimumRatio) = (points, minRatio)
    if breakpoints { settings.breakpointTolerance = breakpointTolerance ?? 0.01 }
    settings.selection = selection(&problems)
    if let rule {
      if select == nil {
        problems.add(
          "--rule", value: rule, expected: "no value without --select",
          advice: "Give --select as well.")
      }
      let name = problems.choice("--rule", rule, among: PathSettings.Rule.allCases.map(\.rawValue))
      settings.rule = PathSettings.Rule(rawValue: name) ?? .minimum
    }
    try problems.throwIfAny()
    try Outputs.check([("--json", common.json)])
    try output.map { try OutputFolder.check($0, "--output") }
    configuration.gap = gap
    configuration.maximumCells = maxCells
    return (configuration, settings)
  }

  private func selection(_ problems: inout OptionProblems) -> PathSettings.Selection? {
    guard let select else { return nil }
    if select == "held-out" { return .heldOut }
    if select.hasPrefix("cv:"), let folds = Int(select.dropFirst(3)), folds >= 2 {
      return .crossValidation(folds: folds)
    }
    problems.add(
      "--select", value: select, expected: "held-out, or cv:K with K >= 2",
      advice: "For example cv:5.")
    return nil
  }
}
