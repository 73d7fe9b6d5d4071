import Foundation

/// What the command line of the sweeps asks for.
package struct BenchmarkOptions: Equatable, Sendable {
  /// Whether to measure the values of the quick version.
  package var isQuick = true
  /// Names of groups to measure; empty for all.
  package var groups: [String] = []
  package var csv: String?
  /// `-` for standard output.
  package var json: String?
  package var html: String?
  package var markdown: String?
  /// Folder for the charts of the results page.
  package var figures: String?
  /// Where to write the committed thresholds, raised where this run needs more.
  package var thresholds: String?

  /// The options of `Scaling all`.
  package static let usage = """
    usage: Scaling all [--quick|--full] [--only GROUP,...] [--csv FILE] [--json FILE|-] [--html FILE]
                       [--markdown FILE] [--figures FOLDER] [--write-thresholds FILE]
    """

  /// Reads the words after `all`.
  ///
  /// - Parameters:
  ///   - arguments: The words.
  ///   - known: Names that `--only` knows.
  /// - Throws: `BenchmarkError` with code 64.
  package init(_ arguments: [String], groups known: [String]) throws {
    var rest = arguments[...]
    var seen: Set<String> = []
    while let word = rest.popFirst() {
      guard seen.insert(word).inserted else {
        throw Self.misuse(word, "the option once", "it twice")
      }
      switch word {
      case "--quick", "--full": isQuick = word == "--quick"
      case "--only":
        groups = try Self.value(of: word, &rest).split(separator: ",").map(String.init)
        if let unknown = groups.first(where: { !known.contains($0) }) {
          throw Self.misuse(word, "some of \(known.joined(separator: ", "))", unknown)
        }
        if groups.isEmpty { throw Self.misuse(word, "at least one name", "none") }
      case "--csv": csv = try Self.value(of: word, &rest)
      case "--json": json = try Self.value(of: word, &rest)
      case "--html": html = try Self.value(of: word, &rest)
      case "--markdown": markdown = try Self.value(of: word, &rest)
      case "--figures": figures = try Self.value(of: word, &rest)
      case "--write-thresholds": thresholds = try Self.value(of: word, &rest)
      default: throw Self.misuse("all", "an option", "\"\(word)\"")
      }
    }
    if seen.contains("--quick"), seen.contains("--full") {
      throw Self.misuse("--full", "either --quick or --full", "both")
    }
    let paths = files.map(\.path)
    if Set(paths).count < paths.count {
      throw Self.misuse("files", "a file of its own for each output", "one of them twice")
    }
  }

  /// Files to write, by option.
  package var files: [(option: String, path: String)] {
    [
      ("--csv", csv), ("--json", json), ("--html", html), ("--markdown", markdown),
      ("--write-thresholds", thresholds),
    ].compactMap { option, path in path.map { (option, $0) } }
  }

  /// Checks before any work that all files can be written.
  ///
  /// - Throws: `BenchmarkError` with code 74.
  package func checkFiles() throws {
    if let figures, !Self.isWritableFolder(figures) {
      throw BenchmarkError(
        "--figures \(figures)", expected: "a folder to write to", found: "none",
        advice: "Create the folder first.", code: 74)
    }
    for (option, path) in files where path != "-" {
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
      guard Self.isWritableFolder(folder) else {
        throw BenchmarkError(
          "\(option) \(path)", expected: "a folder to write to", found: "none at \(folder)",
          advice: "Create the folder first.", code: 74)
      }
      var isFolder: ObjCBool = false
      if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
        throw BenchmarkError(
          "\(option) \(path)", expected: "the name of a file", found: "a folder",
          advice: "Name a file.", code: 74)
      }
    }
  }

  private static func isWritableFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue && FileManager.default.isWritableFile(atPath: path)
  }

  /// The folder of the figures as seen from the results page: without the page's own folder.
  package var figureFolder: String? {
    guard let figures, let markdown else { return figures }
    let page = URL(fileURLWithPath: markdown).deletingLastPathComponent().path
    let folder = URL(fileURLWithPath: figures).path
    return folder.hasPrefix(page + "/") ? String(folder.dropFirst(page.count + 1)) : folder
  }

  /// Writes a file in one step, or standard output for `-`.
  ///
  /// - Throws: `BenchmarkError` with code 74.
  package static func write(_ text: String, to path: String?) throws {
    guard let path else { return }
    guard path != "-" else { return print(text, terminator: "") }
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw BenchmarkError(
        path, expected: "a file that can be written", found: "\(error.localizedDescription)",
        advice: "Choose another place.", code: 74)
    }
  }

  private static func value(of option: String, _ rest: inout ArraySlice<String>) throws -> String {
    guard let value = rest.popFirst(), !value.isEmpty,
      !value.hasPrefix("-") || (value == "-" && option == "--json")
    else {
      throw misuse(option, "a value", "none")
    }
    return value
  }

  private static func misuse(_ place: String, _ expected: String, _ found: String) -> BenchmarkError
  {
    BenchmarkError(place, expected: expected, found: found, advice: "\n\(usage)", code: 64)
  }
}
