import ArgumentParser
import ConvexCNN

/// `ccnn optimal-set`.
struct OptimalSetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "optimal-set",
    abstract: "All optimal networks of a problem: dimension, uniqueness, ranges and members.",
    discussion: """
      From a model trained to a small gap (1e-9, say) the filters that optimal networks may use are found \
      over all cells (over the gates of gated networks), and with them the polytope of all optima. Exit \
      code 2 where the model is not accurate enough. With a held-out set (--dataset, --test-images or \
      --test-fraction) the range of its predictions over all optima says how much of them is luck.
      """)

  @OptionGroup var options: ModelDataOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Correlations from (1 - tolerance) lambda on count as largest, a number from 1e-12 to 1e-2.",
      valueName: "share"))
  var tolerance = 1e-6

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Singular values below this share of the largest count as zero, from 1e-14 to 1e-2.",
      valueName: "share"))
  var rankTolerance = 1e-6

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Look for the vertices of the set in at most so many bases, an integer >= 1. (default: no)",
      valueName: "count"))
  var vertices: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Draw so many optimal networks, an integer >= 0.", valueName: "count"))
  var samples = 0

  @Option(
    help: ArgumentHelp(
      "Write least-norm.safetensors, smallest.safetensors, vertex-1.safetensors, ... and "
        + "sample-1.safetensors, ... to this folder, absent or empty.",
      valueName: "folder"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Say whether this model is one of the optima.", valueName: "file.safetensors"))
  var member: String?

  @Option(
    help: ArgumentHelp(
      "Say whether a path of optima leads from --member, or else from --model, to this model.",
      valueName: "file.safetensors"))
  var joinedTo: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Most neurons on the path of --joined-to, an integer >= 1. (default: those of the larger one)",
      valueName: "count"))
  var width: Int?

  func run() throws {
    var problems = OptionProblems()
    options.check(&problems)
    problems.check("--tolerance", tolerance, "a number from 1e-12 to 1e-2") {
      $0 >= 1e-12 && $0 <= 1e-2
    }
    problems.check("--rank-tolerance", rankTolerance, "a number from 1e-14 to 1e-2") {
      $0 >= 1e-14 && $0 <= 1e-2
    }
    problems.check("--vertices", vertices, atLeast: 1)
    problems.check("--samples", samples, atLeast: 0)
    problems.check("--width", width, atLeast: 1)
    if samples > 0, output == nil { problems.require("--output with --samples") }
    if width != nil, joinedTo == nil { problems.require("--joined-to with --width") }
    try problems.throwIfAny()
    try Outputs.check([("--json", options.json)])
    try output.map { try OutputFolder.check($0, "--output") }
    let (model, data) = try options.load("optimal-set")
    let others = try [member, joinedTo].map { try $0.map { try Model(contentsOf: $0) } }
    let effort = options.effort
    let (set, members, study) = try options.established {
      try model.optimalSet(
        on: data, tolerance: tolerance, rankTolerance: rankTolerance, vertexLimit: vertices,
        effort: effort, threads: options.threadCount)
    }
    var report = OptimalSetReport(study: study)
    try report.add(set, model, member: others[0], joinedTo: others[1], width: width)
    let drawn = try set.sample(samples, seed: options.seed).enumerated().map { index, masses in
      ("sample-\(index + 1)", try model.optimal(set, masses: masses))
    }
    try options.requireUninterrupted("optimal-set")
    let json = try options.json.map { _ in try JSON.text(of: report) }
    if let output { try write(members + drawn, to: output) }
    if let json { try Outputs.write(json, to: options.json) }
    if !options.quiet, options.json != "-" {
      print(report.table(data: options.describe(data)), terminator: "")
    }
  }

  private func write(_ models: [(name: String, model: Model)], to folder: String) throws {
    try OutputFolder.write(to: folder) { path in
      for (name, model) in models { try model.write(to: path("\(name).safetensors")) }
    }
  }
}

/// A study of an optimal set, and what was asked about single networks.
struct OptimalSetReport: Encodable {
  /// The set.
  let study: OptimalSetStudy
  /// Whether `--member` is one of the optima; null without it.
  private(set) var isMember: Bool?
  /// Why it is none.
  private(set) var memberReason: String?
  /// `joined`, `separate`, `undecided` or `not optimal`; null without `--joined-to`.
  private(set) var connection: String?
  /// Networks on the path, both ends counted.
  private(set) var pathLength: Int?
  /// What was found about the path, in words.
  private(set) var connectionReason: String?

  private enum Key: String, CodingKey {
    case isMember, memberReason, connection, pathLength, connectionReason
  }

  /// A report without questions.
  init(study: OptimalSetStudy) { self.study = study }

  /// Writes the keys of the study and those of the questions side by side.
  func encode(to encoder: any Encoder) throws {
    try study.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(isMember, forKey: .isMember)
    try container.encode(memberReason, forKey: .memberReason)
    try container.encode(connection, forKey: .connection)
    try container.encode(pathLength, forKey: .pathLength)
    try container.encode(connectionReason, forKey: .connectionReason)
  }

  /// Answers the questions about single networks.
  mutating func add(
    _ set: OptimalSet, _ model: Model, member: Model?, joinedTo other: Model?, width: Int?
  ) throws {
    if let member {
      switch set.membership(of: member.network) {
      case .yes: isMember = true
      case .no(let reason): (isMember, memberReason) = (false, reason)
      }
    }
    guard let other else { return }
    let first = (member ?? model).network
    let most = width ?? max(first.neuronCount, other.network.neuronCount)
    switch try set.connection(from: first, to: other.network, width: most) {
    case .joined(let path):
      (connection, pathLength) = ("joined", path.count)
      connectionReason = "a path of optima of at most \(most) neurons over \(path.count) networks"
    case .separate:
      connection = "separate"
      connectionReason = "no path of optima over these directions has at most \(most) neurons"
    case .undecided:
      (connection, connectionReason) = ("undecided", "there are too many vertices")
    case .notOptimal(let reason): (connection, connectionReason) = ("not optimal", reason)
    }
  }

  /// The report as a table whose last line is the claim.
  func table(data: String) -> String {
    var table = Table("ccnn optimal-set   version \(study.version)")
    table.add("data", data)
    table.add("model", study.model.summary)
    table.add("objective", digits(study.objective.value, "%.12g"))
    table.add("relative gap", digits(study.relativeGap.value, "%.3g"))
    table.add(
      "directions",
      "\(study.directions.count) (network: \(study.neuronCount) neurons), scope: \(study.scope)"
        + (study.flatCount > 0 ? ", \(study.flatCount) of them with arcs of others" : ""))
    table.add(
      "rank",
      "\(study.rank) (singular values: kept \(digits(study.smallestKept.value, "%.2g")), "
        + "dropped \(digits(study.largestDropped.value, "%.2g")))")
    table.add("dimension", "\(study.dimension)")
    table.add("unique", study.isUnique.map { $0 ? "yes" : "no" } ?? "not decided")
    table.add(
      "neurons",
      "least norm \(study.leastNormCount), fewest \(study.smallestCount)"
        + (study.isSmallest ? " (proven over these directions)" : " (found)"))
    if let count = study.vertexCount {
      table.add("vertices", "\(count)" + (study.hasAllVertices == true ? "" : ", not all"))
    }
    table.add(line: "   mass       least      largest    correlation - 1")
    for direction in study.directions.prefix(40) {
      let cells = [direction.mass, direction.lowest, direction.highest].map {
        digits($0.value, "%10.5g")
      }
      table.add(
        line: " " + cells.joined(separator: " ")
          + "  " + digits(direction.correlation.value.map { $0 - 1 }, "%.1e"))
    }
    if study.directions.count > 40 {
      table.add(line: " ... \(study.directions.count - 40) more in the JSON")
    }
    if let luck = study.luck {
      table.add(
        "held out",
        "\(luck.sampleCount) samples, predictions differ by at most "
          + "\(digits(luck.widestRange.value, "%.3g")) among optima "
          + "(mean \(digits(luck.meanRange.value, "%.3g"))); class depends on the optimum for "
          + "\(luck.ambiguousCount)")
    }
    if let isMember {
      table.add("member", isMember ? "yes" : "no: \(memberReason ?? "")")
    }
    if let connection { table.add("path", "\(connection): \(connectionReason ?? "")") }
    table.add("seconds", digits(study.seconds.value, "%.2f"))
    return table.text(last: study.claim)
  }
}
