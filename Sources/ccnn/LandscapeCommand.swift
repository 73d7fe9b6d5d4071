import ArgumentParser
import ConvexCNN

/// `ccnn landscape`.
struct LandscapeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "landscape",
    abstract: "Whether a trained ReLU network is a strict minimum, is global, or can be improved.",
    discussion: """
      Looks at the network as it is, not pruned or balanced: hyperplanes that filters lie on with multipliers, \
      smallest Hessian eigenvalue within the faces with a proven lower bound, radii, dual norm over lambda, \
      and the neuron that lowers the objective with its decrease. Linear pooling, one window or several, any \
      outputs and losses; radii and the threshold for the squared loss. --example needs no model.
      """)

  @Option(help: ArgumentHelp("The model.", valueName: "file.safetensors"))
  var model: String?

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Run") var common: RunOptions

  @Option(
    help: ArgumentHelp(
      "Print an example with its numbers: \(LandscapeExample.names.joined(separator: ", ")).",
      valueName: "name"))
  var example: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Relative gap within which the network counts as global, above 0 and below 1.",
      valueName: "gap"))
  var gap = 1e-6

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Sines of angles between filter and hyperplane up to this count as zero, >= 0 and <= 0.1.",
      valueName: "sine"))
  var kinkTolerance = CriticalPoint.kinkTolerance

  @Flag(
    help:
      "Move to the stationary point nearby first, by Newton's method; what is said is then about it."
  )
  var polish = false

  @Option(
    help: ArgumentHelp(
      "Write the model with the neuron inserted that lowers the objective; nothing without one.",
      valueName: "file.safetensors"))
  var escape: String?

  @Flag(help: "Exit with code 2 unless the network is a certified strict isolated local minimum.")
  var requireMinimum = false

  @Flag(help: "Exit with code 2 unless the network is global within --gap.")
  var requireGlobal = false

  func run() throws {
    var problems = OptionProblems()
    common.check(&problems)
    problems.check("--gap", gap, "a number above 0 and below 1") { $0 > 0 && $0 < 1 }
    problems.check("--kink-tolerance", kinkTolerance, "a number >= 0 and <= 0.1") {
      $0 >= 0 && $0 <= 0.1
    }
    if let example {
      _ = problems.choice("--example", example, among: LandscapeExample.names)
      for (name, value) in [
        ("--model", model), ("--dataset", data.dataset), ("--images", data.images),
        ("--labels", data.labels), ("--escape", escape),
      ] {
        problems.exclude("--example", name, given: value)
      }
      for (name, isGiven) in [
        ("--require-minimum", requireMinimum), ("--require-global", requireGlobal),
        ("--polish", polish),
      ] {
        problems.exclude("--example", name, given: isGiven ? true : nil)
      }
    } else {
      data.check(&problems)
      if model == nil { problems.require("--model or --example") }
    }
    try problems.throwIfAny()
    try Outputs.check([("--escape", escape), ("--json", common.json)])
    if let example {
      try show(example)
    } else if let model {
      try study(model)
    }
  }

  private func show(_ name: String) throws {
    guard let example = try LandscapeExample.named(name) else { return }
    if common.json != nil { try Outputs.write(try JSON.text(of: example), to: common.json) }
    guard !common.quiet, common.json != "-" else { return }
    var table = Table("ccnn landscape --example \(name)   version \(example.version)")
    table.add("setting", example.setting)
    for value in example.values {
      let gap = String(repeating: " ", count: max(1, 60 - value.name.count))
      table.add(line: value.name + gap + digits(value.value.value))
    }
    print(table.text(last: example.claim), terminator: "")
  }

  private func study(_ path: String) throws {
    let network = try Model(contentsOf: path)
    let inputs = try data.load(
      isSignal: network.configuration.filter.isSignal, seed: common.seed, like: network.samples)
    Progress(isSilent: common.quiet).note("landscape: \(data.describe(inputs))")
    Interruption.watch()
    let effort = BoundEffort(
      seconds: common.maxSeconds ?? Trainer.defaultSearchSeconds,
      isInterrupted: { Interruption.isRequested })
    let (landscape, study, improved) = try network.landscape(
      on: inputs, targetGap: gap, kinkTolerance: kinkTolerance, polishes: polish, effort: effort,
      threads: common.threadCount)
    if Interruption.isRequested {
      throw Failure(code: 130, message: "interrupted during landscape; nothing was written.")
    }
    let json = try common.json.map { _ in try JSON.text(of: study) }
    if let escape, let improved { try improved.write(to: escape) }
    if let json { try Outputs.write(json, to: common.json) }
    if !common.quiet, common.json != "-" {
      print(study.table(data: data.describe(inputs)), terminator: "")
    }
    if requireMinimum, !landscape.point.isStrictMinimum {
      throw Failure(code: 2, message: "landscape: not a certified minimum: \(landscape.reasons).")
    }
    if requireGlobal, !landscape.certificate.isEstablished {
      throw Failure(code: 2, message: "landscape: \(landscape.claim)")
    }
  }
}

extension LandscapeStudy {
  /// The study as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn landscape   version \(version)")
    table.add("data", data)
    table.add("model", model.summary)
    table.add("lambda", digits(lambda.value, "%.6g"))
    table.add("objective", digits(objective.value, "%.12g"))
    table.add("lower bound", "\(digits(lowerBound.value, "%.12g")) (\(bound))")
    table.add("relative gap", digits(relativeGap.value, "%.3g"))
    table.add("neurons", "\(neuronCount), \(coordinateCount) free weights")
    table.add(
      "slope",
      "\(digits(slope.value, "%.3g")), relative \(digits(relativeSlope.value, "%.3g")), imbalance "
        + digits(imbalance.value, "%.3g"))
    if let distance = polishDistance.value {
      table.add(
        "polished",
        "\(digits(polishStepCount.value, "%.0f")) steps, moved by \(digits(distance, "%.3g"))")
    }
    table.add("hyperplanes", kinks.isEmpty ? "none: differentiable" : "\(kinks.count)")
    for kink in kinks.prefix(5) {
      table.add(
        "  neuron \(kink.neuron)",
        "sample \(kink.sample), position \(kink.position): multiplier "
          + "\(digits(kink.multiplier.value, "%.6g")), fraction \(digits(kink.fraction.value, "%.4g"))"
      )
    }
    if kinks.count > 5 { table.add("  ...", "\(kinks.count - 5) more") }
    addCurvature(to: &table)
    table.add(
      "dual norm / lambda",
      "\(digits(attainedDualNormOverLambda.value)) found, at most \(digits(dualNormOverLambda.value))"
    )
    if let escape = escape.value {
      table.add(
        "escape neuron",
        "mass \(digits(escape.mass.value, "%.6g")) lowers the objective by "
          + digits(escape.decrease.value, "%.12g"))
    }
    if let threshold = threshold.value {
      table.add(
        "loss threshold",
        "\(threshold.isMet ? "met" : "failed"): loss \(digits(threshold.loss.value, "%.3g")), limit "
          + "\(digits(threshold.limit.value, "%.3g")) (paper \(digits(threshold.paperLimit.value, "%.3g")))"
          + (threshold.isMet ? "" : ": \(threshold.reason)"))
    }
    if let determinant = determinant.value {
      table.add(
        "determinants",
        "of order \(determinant.order) give the predictions to \(digits(determinant.largestError.value, "%.2g"))"
      )
    }
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }

  private func addCurvature(to table: inout Table) {
    guard let hessian = hessian.value else { return }
    table.add(
      "Hessian",
      "smallest eigenvalue \(digits(smallestEigenvalue.value, "%.6g"))"
        + (hessian == "dense" ? "" : " at most (Lanczos), proves nothing"))
    table.add(
      "  proven",
      "at least \(digits(curvatureLowerBound.value, "%.6g")) by independence "
        + digits(independence.value, "%.3g"))
    table.add(
      "radii",
      "piece \(digits(pieceRadius.value, "%.3g")), isolation \(digits(isolationRadius.value, "%.3g")), "
        + "minimum within \(digits(existenceRadius.value, "%.3g"))")
  }
}
