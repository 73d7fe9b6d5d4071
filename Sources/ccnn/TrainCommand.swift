import ArgumentParser
import ConvexCNN
import Reports

/// `ccnn train`.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a network and certifies it.",
    discussion: """
      Prints a table whose last line is the certificate's claim. Files are written at the end, each \
      in one step; nothing is written when training fails or is interrupted.

      Example: ccnn train --dataset digits --filter 3x3 --pooling average:2x2 --output m.safetensors
      """)

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Model") var model: ModelOptions
  @OptionGroup(title: "Solver") var solver: SolverOptions
  @OptionGroup(title: "Run") var common: RunOptions
  @OptionGroup(title: "Memory") var memory: MemoryOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Target relative gap, above 0 and below 1.", valueName: "gap"))
  var gap = 1e-3

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most neurons that cell generation keeps, >= 1; most cells of all; most gates of sample:P. "
        + "(default: 2000 for generate, 20000 for all)", valueName: "count"))
  var maxCells: Int?

  @Option(help: ArgumentHelp("Write the model.", valueName: "file.safetensors"))
  var output: String?

  @Option(help: ArgumentHelp("Write the solver's trace.", valueName: "file.csv"))
  var trace: String?

  @Option(
    help: ArgumentHelp(
      "Write a page about the run for a browser, which loads nothing.", valueName: "file.html"))
  var report: String?

  @Option(
    help: ArgumentHelp(
      "Keep the state of --solver cell-generation, or of proximal, which gated and linear networks then use, in this folder, at most every 30 s and at an interruption, and "
        + "go on from what is there.", valueName: "folder"))
  var checkpoint: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Least time between two states that --checkpoint writes, a number >= 0. (default: 30)",
      valueName: "seconds"))
  var checkpointSeconds: Double?

  @Option(
    help: ArgumentHelp("Start from a model of the same architecture.", valueName: "file"))
  var start: String?

  @Flag(help: "Exit with code 2 unless the gap is proven.")
  var requireGap = false

  @Flag(
    help: ArgumentHelp(
      "Check flags and data, print sizes, memory and a bound on the number of cells, and stop; "
        + "only --json is written."))
  var dryRun = false

  func run() throws {
    let configuration = try checkedConfiguration()
    let isSignal = configuration.filter.isSignal
    let startModel = try start.map { try Model(contentsOf: $0) }
    if memory.isGiven {
      let settings = memory.settings
      let inputs = try data.open(isSignal: isSignal, seed: common.seed, memory: settings.limit)
      guard !dryRun else {
        return try report(
          try trainer(configuration).forecast(
            streaming: inputs, memory: settings, from: startModel),
          of: configuration.activation, data: data.describe(inputs))
      }
      try train(configuration, inputs, data: data.describe(inputs)) { trainer, progress, observer in
        try trainer.train(
          streaming: inputs, memory: settings, from: startModel,
          choosing: { progress.note("ccnn: \($0)") }, observer: observer)
      }
    } else {
      let inputs = try data.load(isSignal: isSignal, seed: common.seed)
      guard !dryRun else {
        return try report(
          try trainer(configuration).forecast(on: inputs.train, from: startModel),
          of: configuration.activation, data: data.describe(StreamedData(inputs)))
      }
      try train(configuration, StreamedData(inputs), data: data.describe(inputs)) {
        trainer, _, observer in
        try trainer.train(on: inputs, from: startModel, observer: observer)
      }
    }
  }

  /// Trains as the flags say, whoever holds the samples, and reports the result.
  private func train(
    _ configuration: TrainingConfiguration, _ samples: StreamedData, data: String,
    _ body: (Trainer, Progress, TraceObserver) throws -> (model: Model, result: TrainingResult)
  ) throws {
    let progress = Progress(isSilent: common.quiet, limit: common.maxSeconds)
    warn(about: samples.train.labels, progress)
    let trainer = trainer(configuration)
    var rows: [TraceRow] = []
    let keepsTrace = trace != nil || needsDetails
    let (model, result) = try interruptible(progress, kept: checkpoint) {
      try body(trainer, progress) { row in
        if keepsTrace { rows.append(row) }
        progress.show(row, target: gap)
      }
    }
    progress.finishLine()
    let details =
      try needsDetails
      ? RunDetails(
        of: model, on: samples, trace: rows, memory: memory.settings.limit,
        threads: common.threadCount) : nil
    try write(model, result, rows, details)
    try report(result, data: data)
  }

  /// A trainer that the user can stop, with the folder of its state.
  private func trainer(_ configuration: TrainingConfiguration) -> Trainer {
    var trainer = common.interruptibleTrainer(configuration)
    trainer.checkpoint = checkpoint
    if let checkpointSeconds { trainer.checkpointInterval = checkpointSeconds }
    return trainer
  }

  /// Whether the result goes where it may be looked at closely.
  private var needsDetails: Bool { common.json != nil || report != nil }

  /// Prints the table and checks what was required.
  private func report(_ result: TrainingResult, data: String) throws {
    if !common.quiet, common.json != "-" {
      print(result.table(title: "ccnn train", data: data), terminator: "")
    }
    if requireGap, result.relativeGap.value ?? 1 > gap {
      throw Failure(
        code: 2,
        message: "train: expected a proven relative gap of at most \(gap), found "
          + "\(digits(result.relativeGap.value, "%.3g")). \(result.statusAdvice).")
    }
  }

  /// All options together, before any work.
  private func checkedConfiguration() throws -> TrainingConfiguration {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    var configuration = model.configuration(
      data: data, seed: common.seed, trains: true, &problems)
    solver.apply(to: &configuration, &problems)
    memory.check(configuration, &problems)
    if configuration.solver == .semiNMF {
      problems.exclude("--solver semi-nmf", "--max-cells", given: maxCells)
    }
    if configuration.solver == .local {
      problems.exclude("--solver local", "--start", given: start)
    }
    if configuration.solver == .repair, start == nil {
      problems.require("--start with --solver repair")
    }
    if configuration.solver == .frankWolfe {
      problems.exclude("--solver frank-wolfe", "--max-cells", given: maxCells)
      problems.exclude("--solver frank-wolfe", "--start", given: start)
    }
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    problems.check("--max-cells", maxCells, atLeast: 1)
    problems.check("--checkpoint-seconds", checkpointSeconds, "a number >= 0") { $0 >= 0 }
    if checkpointSeconds != nil, checkpoint == nil {
      problems.require("--checkpoint with --checkpoint-seconds")
    }
    if let checkpoint, !keepsState(configuration) {
      problems.add(
        "--checkpoint", value: checkpoint,
        expected: "no value but with --activation relu, --cells generate and --solver "
          + "cell-generation, or with --activation gated or linear and --solver proximal",
        advice: "Leave the flag out; the other solvers keep no state.")
    }
    if configuration.activation != .relu, configuration.activation != .gated {
      problems.exclude(
        "--activation \(configuration.activation.rawValue)", "--max-cells", given: maxCells)
    }
    if let maxCells, case .sample(let count) = configuration.cells, count > maxCells {
      problems.add(
        "--cells", value: configuration.cells.rawValue, expected: "at most --max-cells \(maxCells)",
        advice: "Raise --max-cells or sample fewer.")
    }
    try problems.throwIfAny()
    try Outputs.check(
      [("--output", output), ("--json", common.json), ("--trace", trace), ("--report", report)],
      replacing: start)
    configuration.gap = gap
    configuration.maximumCells = maxCells
    return configuration
  }

  /// Whether the solver can go on from a state between two of its rounds.
  private func keepsState(_ configuration: TrainingConfiguration) -> Bool {
    switch configuration.activation {
    case .relu:
      configuration.cells == .generate
        && (configuration.solver ?? .cellGeneration) == .cellGeneration
    case .gated, .linear: (configuration.solver ?? .proximal) == .proximal
    default: false
    }
  }

  private func write(
    _ model: Model, _ result: TrainingResult, _ rows: [TraceRow], _ details: RunDetails?
  ) throws {
    let json = try details.map { try JSON.text(of: result, details: $0) }
    let page = try report.flatMap { _ in json }
      .map { try ReportPage.html(of: $0, named: common.json) }
    if let output { try model.write(to: output) }
    if let trace { try Outputs.write(traceText(rows), to: trace) }
    if let page { try Outputs.write(page, to: report) }
    if common.json != nil, let json { try Outputs.write(json, to: common.json) }
  }
}

/// Runs work that ends when the user asks to stop; then nothing has been written.
///
/// - Parameters:
///   - progress: Line to finish.
///   - kept: Folder that holds the state to go on from; nil for none.
///   - work: The work.
/// - Returns: What the work returned.
/// - Throws: `Failure` of code 130 after an interruption, else what the work throws.
func interruptible<Value>(
  _ progress: Progress, kept: String? = nil, _ work: () throws -> Value
) throws -> Value {
  do {
    return try work()
  } catch let error as Trainer.Interrupted {
    progress.finishLine()
    let rest = kept.map { "; its state is in \($0), repeat the command to go on." }
    throw Failure(
      code: 130, message: "interrupted during \(error.phase)\(rest ?? "; nothing was written.")")
  } catch {
    progress.finishLine()
    throw error
  }
}

/// Says what is unusual about data that can be trained on all the same.
func warn(about data: Dataset, _ progress: Progress) { warn(about: data.train.labels, progress) }

/// Says what is unusual about labels that can be trained on all the same.
func warn(about labels: Labels, _ progress: Progress) {
  let absent = labels.absentClasses
  guard !absent.isEmpty else { return }
  progress.note(
    "ccnn: warning: no training sample has class "
      + absent.prefix(10).map(String.init).joined(separator: ", ")
      + (absent.count > 10 ? " and \(absent.count - 10) more" : ""))
}

/// The trace as CSV; absent numbers are empty.
func traceText(_ rows: [TraceRow]) -> String {
  func number(_ value: Double?) -> String {
    value.flatMap { $0.isFinite ? "\($0)" : nil } ?? ""
  }
  let lines = rows.map { row in
    [
      row.phase, "\(row.iteration)", number(row.seconds), number(row.objective),
      number(row.lowerBound), number(row.dualNormRatio), "\(row.neuronCount)",
    ].joined(separator: ",")
  }
  let header = "phase,iteration,seconds,objective,lowerBound,dualNormRatio,neuronCount"
  return ([header] + lines).joined(separator: "\n") + "\n"
}
