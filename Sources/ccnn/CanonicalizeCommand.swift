import ArgumentParser
import ConvexCNN

/// `ccnn canonicalize`.
struct CanonicalizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "canonicalize",
    abstract: "The normal form of a network: one function, one set of parameters.",
    discussion: """
      Neurons that do nothing go, filters turn into one half-space (what is left is linear), cyclic shifts \
      that do not change a neuron are undone, and neurons of one direction become one. The linear part \
      becomes as few opposite pairs of neurons as there can be; only that may raise the weight decay. \
      --form merged neither turns filters nor has a linear part. The claim is about the function of all \
      images, not about samples. Gated networks are refused; with max pooling filters do not turn.
      """)

  @Argument(help: ArgumentHelp("The model.", valueName: "file.safetensors"))
  var model: String

  @Option(help: ArgumentHelp("Write the model in its normal form.", valueName: "file.safetensors"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "normal, or merged: only neurons of one direction become one.", valueName: "kind"))
  var form = "normal"

  @Option(
    help: ArgumentHelp(
      "Norms of filter and output weights that are made equal: euclidean, or maximum (largest entries, as inverse stability asks).",
      valueName: "kind"))
  var balance = "euclidean"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Largest distance of unit filters that count as one direction, from 0 to 0.1.",
      valueName: "distance"))
  var tolerance = CanonicalForm.defaultTolerance

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Random images on which the functions are compared, an integer >= 1.", valueName: "count"))
  var probes = 100

  @OptionGroup(title: "Run") private var common: CommonOptions

  func run() throws {
    var problems = OptionProblems()
    common.check(&problems)
    problems.check("--tolerance", tolerance, "a number from 0 to 0.1") { $0 >= 0 && $0 <= 0.1 }
    problems.check("--probes", probes, atLeast: 1)
    let forms = CanonicalizationRequest.Form.allCases.map(\.rawValue)
    _ = problems.choice("--form", form, among: forms)
    let balances = CanonicalForm.Balance.allCases.map(\.rawValue)
    _ = problems.choice("--balance", balance, among: balances)
    try problems.throwIfAny()
    try Outputs.check([("--output", output), ("--json", common.json)], replacing: model)
    let given = try Model(contentsOf: model)
    let (canonical, result) = try given.canonicalized(
      CanonicalizationRequest(
        form: .init(rawValue: form) ?? .normal, balance: .init(rawValue: balance) ?? .euclidean,
        tolerance: tolerance, probeCount: probes, seed: common.seed))
    let json = try common.json.map { _ in try JSON.text(of: result) }
    if let output { try canonical.write(to: output) }
    if let json { try Outputs.write(json, to: common.json) }
    if !common.quiet, common.json != "-" { print(result.table, terminator: "") }
  }
}

extension CanonicalizationResult {
  /// The result as a table whose last line is the claim.
  var table: String {
    var table = Table("ccnn canonicalize   version \(version)")
    table.add("model", model.summary)
    table.add("neurons", "\(neuronsBefore) -> \(neuronsAfter), directions \(directionCount)")
    for step in steps {
      let count = step.count > 0 ? "\(step.count) " : ""
      let error = step.error > 0 ? ", function error \(digits(step.error, "%.3g"))" : ""
      table.add("  \(step.kind.rawValue)", count + step.text + error)
    }
    table.add(
      "weight decay",
      "\(digits(weightDecayBefore.value)), balanced \(digits(weightDecayBalanced.value)) -> "
        + digits(weightDecayAfter.value))
    table.add("linear part", "nuclear norm \(digits(linearNuclearNorm.value))")
    table.add(
      "function error",
      "bound \(digits(errorBound.value, "%.3g")) x input size; on \(probeCount) images form "
        + "\(digits(formError.value, "%.2g")), network \(digits(networkError.value, "%.2g")), "
        + "outputs to \(digits(largestOutput.value, "%.3g"))")
    if form == "normal" { table.add("uniqueness", uniqueness.words) }
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }
}

extension CanonicalizationResult.Uniqueness {
  fileprivate var words: String {
    var parts: [String] = []
    if let linearRank, let linearCoordinates {
      parts.append(
        "linear part sees \(linearRank) of \(linearCoordinates) coordinates"
          + (isLinearPartUnique == true ? " (unique)" : " (its smallest weights)"))
    } else if isOriented {
      parts.append("linear part not checked: the image is too large")
    }
    if shiftCount > 1 { parts.append("one of \(shiftCount) cyclic shifts") }
    if let incidenceRank, let incidenceColumns {
      parts.append(
        "incidence rank \(incidenceRank) of \(incidenceColumns), beta "
          + (beta.value.map { digits($0, "%.4g") } ?? "infinite"))
    }
    if !isOriented { parts.append("filters of both signs are kept") }
    return parts.joined(separator: "; ")
  }
}
