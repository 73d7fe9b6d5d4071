import ArgumentParser
import ConvexCNN

/// `ccnn distance`.
struct DistanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distance",
    abstract: "How far two networks are apart as functions and as parameters.",
    discussion: """
      As functions: the largest entry of the gradient of the difference over all standardized images, \
      exact where the cells at a pixel can be enumerated, proven bounds elsewhere. As parameters: the \
      largest difference after the best pairing of neurons. Networks of the stable space (balanced in the \
      largest entry, no two filters collinear, all in one half-space) that are eps apart have parameters \
      within 2 sqrt(2) sqrt(beta eps); outside of it the reasons are named, and the normal forms are \
      compared. Exit code 2 where networks of the stable space are not within the bound.
      """)

  @Argument(help: ArgumentHelp("A model.", valueName: "a.safetensors"))
  var first: String

  @Argument(help: ArgumentHelp("A model of the same kind.", valueName: "b.safetensors"))
  var second: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Largest distance of unit normals that count as one hyperplane, from 0 to 1e-3.",
      valueName: "distance"))
  var tolerance = CanonicalForm.defaultTolerance

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most cells to look at, an integer >= 1.", valueName: "count"))
  var maxCells = 1_000_000

  @Option(
    help: ArgumentHelp(
      "Write the result as JSON; - writes it to standard output instead of the table.",
      valueName: "file"))
  var json: String?

  @Flag(help: "Print no table.")
  var quiet = false

  func run() throws {
    var problems = OptionProblems()
    problems.check("--tolerance", tolerance, "a number from 0 to 1e-3") { $0 >= 0 && $0 <= 1e-3 }
    problems.check("--max-cells", maxCells, atLeast: 1)
    try problems.throwIfAny()
    try Outputs.check([("--json", json)])
    let result = try Model(contentsOf: first).distance(
      to: try Model(contentsOf: second), tolerance: tolerance, maximumCells: maxCells)
    if let json { try Outputs.write(try JSON.text(of: result), to: json) }
    if !quiet, json != "-" { print(result.table, terminator: "") }
    if result.asGiven.verdict == "fail" || result.canonical.verdict == "fail" {
      throw Failure(
        code: 2,
        message: "distance: expected parameters within the bound, found them farther apart. "
          + result.claim)
    }
  }
}

extension DistanceResult {
  /// The result as a table whose last line is the claim.
  var table: String {
    var table = Table("ccnn distance   version \(version)")
    table.add(
      "as functions",
      isExact
        ? digits(lowerBound.value, "%.12g")
        : "\(digits(lowerBound.value, "%.6g")) to \(digits(upperBound.value, "%.6g"))")
    if let limit { table.add("", limit) }
    table.add(
      "hyperplanes",
      "\(hyperplaneCount), cells looked at \(cellCount), jumps prove \(digits(jumpBound.value, "%.6g"))"
    )
    table.add("at image zero", digits(differenceAtZero.value, "%.6g"))
    for (name, comparison) in [("as given", asGiven), ("normal forms", canonical)] {
      table.add(
        name,
        "neurons \(comparison.neuronCounts.map(String.init).joined(separator: ", ")); parameters "
          + "\(digits(comparison.parameterDistance.value, "%.6g")) apart, bound "
          + "\(comparison.bound.value.map { digits($0, "%.6g") } ?? "infinite")")
      table.add(
        "  verdict",
        "\(comparison.verdict), beta "
          + (comparison.beta.value.map { digits($0, "%.6g") } ?? "infinite")
          + (comparison.betaIsLeast ? "" : " (not the least)"))
      for reason in comparison.reasons { table.add("", reason) }
    }
    table.add("seconds", digits(seconds.value, "%.2f"))
    return table.text(last: claim)
  }
}
