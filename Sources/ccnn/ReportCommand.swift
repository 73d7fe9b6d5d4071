import ArgumentParser
import ConvexCNN
import Reports

/// `ccnn report`.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "One page of result JSON files, for a browser.",
    discussion: """
      The page is one HTML file that loads nothing and runs no script: charts, pictures of filters and of \
      mistakes, and every number in a table. Files of train, certify, path, baseline and evaluate get charts of \
      their own, other results a table of their values; what a file has not is left out and named. Runs of the same \
      model and strength are compared.

      Example: ccnn report runs/digits.json runs/adam.json --output runs/report.html
      """)

  @Argument(help: ArgumentHelp("Result JSON files, at least one.", valueName: "file.json"))
  var files: [String]

  @Option(help: ArgumentHelp("The page.", valueName: "file.html"))
  var output: String

  @Option(
    help: ArgumentHelp("Title of the page. (default: the names of the files)", valueName: "text"))
  var title: String?

  func run() throws {
    try Outputs.check([("--output", output)])
    let results = try files.map { try ResultFile(contentsOf: $0) }
    try Outputs.write(try ReportPage(results, title: title).html(), to: output)
  }
}

extension ReportPage {
  /// The page of one result.
  ///
  /// It is made of the JSON, so that both have the same numbers.
  ///
  /// - Parameters:
  ///   - json: The result as it is written.
  ///   - path: Where it is written; nil or `-` for nowhere.
  /// - Returns: The document.
  /// - Throws: `ChartError` when a chart cannot be drawn.
  static func html(of json: String, named path: String?) throws -> String {
    let name = path.flatMap { $0 == "-" ? nil : $0 } ?? "This run"
    let document = try JSONValue(parsing: Array(json.utf8), path: name)
    return try ReportPage([try ResultFile(document, name: name)]).html()
  }

  /// The page about some results.
  ///
  /// - Parameters:
  ///   - files: The results, at least one.
  ///   - title: Title of the page; nil for one made of the names.
  /// - Throws: `InputError` with file and key where a value is not what it should be.
  init(_ files: [ResultFile], title: String? = nil) throws {
    let names = files.prefix(3).map(\.name).joined(separator: ", ")
    let more = files.count > 3 ? " and \(files.count - 3) more" : ""
    let comparison = files.count > 1 ? try RunComparison(files).section() : nil
    self.init(
      title: title ?? "Report on \(names)\(more)",
      blocks: [
        .text(
          "Objective: (1/n) sum of losses + (lambda/2) sum over neurons of |u|^2 + |W|^2. Numbers in "
            + "tables have all digits of the files.")
      ],
      sections: (comparison.map { [$0] } ?? []) + (try files.map { try $0.section() }),
      footer: "Made by ccnn \(Package.version). The page loads nothing and runs no script.")
  }
}
