public import ArgumentParser
public import ConvexCNN
import Reports

/// `ccnn certify`.
struct CertifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "certify",
    abstract: "Lower bound and gap of a network on its training data, whoever trained it.",
    discussion: """
      The data are the training data: with --dataset its training part, with --test-fraction and \
      --seed what is left after the split. Exit code 2 when --gap is given and not proven.
      For ReLU networks with up to 2 filter entries the bound is exact. For others the bound without \
      search comes first; where it misses --gap, a sweep over all cells or branch and bound goes on for \
      --max-seconds (300 if not given). The bound of branch and bound holds whenever it ends. ReLU networks \
      trained over given cells (--cells sample:P) are certified over these by auto and exact, over all cells by \
      the other bounds.
      """)

  @Option(help: ArgumentHelp("The model.", valueName: "file.safetensors"))
  var model: String

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Run") var common: RunOptions
  @OptionGroup var limit: MemoryOption

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Regularization strength, a number > 0. (default: the model's)", valueName: "strength"))
  var lambda: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative gap to prove, above 0 and below 1; exit code 2 if it is not. (default: only "
        + "report)", valueName: "gap"))
  var gap: Double?

  @Option(
    help: ArgumentHelp(
      "auto, exact (gated and linear networks; ReLU with patch dimension up to 3, or 2 with max "
        + "pooling), spectral or sdp (ReLU, linear pooling) or branch (ReLU, patch dimension up to 16). "
        + "With --filter-rank its rank counts.", valueName: "kind"))
  var bound = "auto"

  @Option(
    help: ArgumentHelp(
      "Write a proof of the lower bound that is checked without search: every cell with a multiplier "
        + "(ReLU, patch dimension 2, linear pooling, no output bias).", valueName: "file.json"))
  var multipliers: String?

  @Option(
    help: ArgumentHelp(
      "Check a file of --multipliers instead of finding a bound; exit code 2 if it is no proof.",
      valueName: "file.json"))
  var checkMultipliers: String?

  @Flag(
    help: ArgumentHelp(
      "Also measure the network against the best one over the cells of its own filters: a gap of 0 there is a stationary "
        + "point (ReLU, linear pooling)."))
  var ownCells = false

  @Option(
    help: ArgumentHelp(
      "Write a page about the network for a browser, which loads nothing.", valueName: "file.html"))
  var report: String?

  @Option(help: convolutionHelp)
  var convolution: ConvolutionBackend = .auto

  func run() throws {
    var problems = OptionProblems()
    data.check(&problems)
    common.check(&problems)
    problems.check("--lambda", lambda, "a finite number > 0") { $0 > 0 }
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    _ = problems.choice("--bound", bound, among: ["auto", "exact", "branch", "sdp", "spectral"])
    limit.check(&problems)
    if let memory = limit.memory {
      for (name, value) in [
        ("--multipliers", multipliers), ("--check-multipliers", checkMultipliers),
        ("--own-cells", ownCells ? "" : nil),
      ] where value != nil {
        problems.add(
          name, value: value ?? "", expected: "no value together with --memory \(memory)",
          advice: "Leave out one of the two.")
      }
    }
    if let checkMultipliers, bound != "auto" || multipliers != nil {
      problems.add(
        "--check-multipliers", value: checkMultipliers,
        expected: "no value together with --bound or --multipliers",
        advice: "A file is checked by itself.")
    }
    try problems.throwIfAny()
    try Outputs.check([
      ("--json", common.json), ("--multipliers", multipliers), ("--report", report),
    ])
    let network = try Model(contentsOf: model)
    try requireBound(of: network)
    try requireMultipliers(of: network)
    if ownCells, network.network.activation != .relu || network.network.pooling.kind == .max {
      throw InputError(
        .usage, "--own-cells", expected: "no flag but for ReLU networks with linear pooling",
        found: "\(network.network.activation.rawValue), \(network.network.pooling)",
        advice: "Gated and linear networks are certified over their cells anyway.")
    }
    let proof = try checkMultipliers.map { try MultiplierCertificate(contentsOf: $0) }
    guard limit.memory == nil else { return try certifyStreaming(network) }
    let inputs = try data.load(
      isSignal: network.configuration.filter.isSignal, seed: common.seed, like: network.samples)
    let progress = Progress(isSilent: common.quiet)
    progress.note("certify: \(data.describe(inputs))")
    Interruption.watch()
    let (result, isEstablished) = try certified(network, inputs, proof)
    let written = try multipliers.map { _ in
      try network.multipliers(on: inputs, lambda: lambda, threads: common.threadCount).text()
    }
    if Interruption.isRequested {
      throw Failure(code: 130, message: "interrupted during certify; nothing was written.")
    }
    if let written { try Outputs.write(written, to: multipliers) }
    try finish(network, result, isEstablished, StreamedData(inputs), data.describe(inputs))
  }

  /// Certifies within a limit of memory.
  private func certifyStreaming(_ network: Model) throws {
    let inputs = try data.open(
      isSignal: network.configuration.filter.isSignal, seed: common.seed, like: network.samples,
      memory: limit.bytes)
    Progress(isSilent: common.quiet).note("certify: \(data.describe(inputs))")
    let (result, isEstablished) = try network.certified(
      streaming: inputs, memory: limit.bytes, lambda: lambda,
      targetGap: gap ?? network.configuration.gap, threads: common.threadCount)
    try finish(network, result, isEstablished, inputs, data.describe(inputs))
  }

  /// Writes what was asked for, prints the table, and checks the gap.
  private func finish(
    _ model: Model, _ result: TrainingResult, _ isEstablished: Bool, _ samples: StreamedData,
    _ data: String
  ) throws {
    if common.json != nil || report != nil {
      let json = try JSON.text(
        of: result,
        details: RunDetails(
          of: model, on: samples, trace: [], memory: limit.bytes, threads: common.threadCount))
      let page = try report.map { _ in try ReportPage.html(of: json, named: common.json) }
      if let page { try Outputs.write(page, to: report) }
      try Outputs.write(json, to: common.json)
    }
    if !common.quiet, common.json != "-" {
      print(result.table(title: "ccnn certify", data: data), terminator: "")
    }
    if let gap, !isEstablished {
      throw Failure(
        code: 2,
        message: "certify: expected a proven relative gap of at most \(gap), found "
          + "\(digits(result.relativeGap.value, "%.3g")). \(result.claim)")
    }
  }

  /// The result by search, or by a proof from a file, which fails with code 2 when it is none.
  private func certified(
    _ network: Model, _ inputs: Dataset, _ proof: MultiplierCertificate?
  ) throws -> (result: TrainingResult, isEstablished: Bool) {
    do {
      return try network.certified(
        on: inputs, lambda: lambda, targetGap: gap ?? network.configuration.gap,
        effort: BoundEffort(
          method: BoundEffort.Method(rawValue: bound) ?? .automatic,
          seconds: common.maxSeconds ?? Trainer.defaultSearchSeconds,
          isInterrupted: { Interruption.isRequested }),
        multipliers: proof, ownCells: ownCells, backend: convolution, threads: common.threadCount)
    } catch let error as CertificateError where proof != nil {
      throw Failure(code: 2, message: "certify: \(error)")
    }
  }

  /// Refuses multipliers where there are none.
  private func requireMultipliers(of model: Model) throws {
    let options = [("--multipliers", multipliers), ("--check-multipliers", checkMultipliers)]
    let network = model.network
    guard let (option, path) = options.first(where: { $0.1 != nil }),
      network.activation != .relu || network.pooling.kind == .max
        || network.outputBias != nil
        || (option == "--multipliers" && network.geometry.patchDimension != 2)
        || model.configuration.filterRank != nil
    else { return }
    throw InputError(
      .usage, option,
      expected:
        "no value but for ReLU networks with linear pooling, without an output bias and --filter-rank"
        + (option == "--multipliers" ? ", and of patch dimension 2" : ""),
      found: "\"\(path ?? "")\"",
      advice: option == "--multipliers"
        ? "Use --bound exact or branch; ccnn copositive --multipliers proves larger filters."
        : "Use --bound exact or branch.")
  }

  /// Refuses a kind of bound that this architecture does not have.
  private func requireBound(of model: Model) throws {
    let isLinearPooling = model.network.pooling.kind != .max
    let dimension = model.configuration.filterRank ?? model.network.geometry.patchDimension
    var available: [String] = []
    if model.network.activation == .relu {
      if dimension <= (isLinearPooling ? 3 : 2) || model.cellGates != nil {
        available.append("exact")
      }
      if dimension <= ConeSearch.largestDimension { available.append("branch") }
      if isLinearPooling { available += ["spectral", "sdp"] }
    } else if isLinearPooling {
      available.append("exact")
    }
    guard bound != "auto", !available.contains(bound) else { return }
    throw InputError(
      .usage, "--bound", expected: (["auto"] + available).joined(separator: " or "),
      found: "\"\(bound)\"",
      advice: "Other bounds are not available for \(model.network.activation.rawValue) networks "
        + "with \(model.network.pooling) pooling and filters of \(dimension) entries in this version."
    )
  }
}

extension ConvolutionBackend: ExpressibleByArgument {}
extension ConvolutionPrecision: ExpressibleByArgument {}

/// Help of `--convolution`.
let convolutionHelp = ArgumentHelp(
  "Convolution product: auto, direct, im2col or fft.", valueName: "kind")
