import Foundation

/// What the command line asks for.
struct Options {
  /// Names of groups of contests, or `all`.
  var groups: [String] = []
  /// Only what takes a few seconds of the processor per run.
  var isQuick = false
  /// Runs of each side; contests whose peer takes minutes run once.
  var repeats = 3
  /// Where the Markdown goes, besides standard output.
  var markdownFile: String?
  /// Where the JSON goes.
  var jsonFile: String?
  /// The tool.
  var ccnn = "../.build/release/ccnn"
  /// Python with the peers.
  var python = ".venv/bin/python"
  /// The scripts of the peers.
  var scripts = "Peers"
  /// Files of the problems; made anew by every run.
  var folder = NSTemporaryDirectory() + "ccnn-peers-\(getpid())"

  static let usage = """
    usage: Peers all|\(Contests.groups.joined(separator: "|")) ... [--quick] [--repeats N]
                 [--output FILE.md] [--json FILE] [--ccnn PATH] [--python PATH] [--scripts FOLDER]

    Runs ccnn and its peers in turn on the same problems, in Benchmarks/, and prints a table of
    processor seconds. Defaults: --repeats 3, --ccnn ../.build/release/ccnn,
    --python .venv/bin/python, --scripts Peers.
    """

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let word = rest.popFirst() {
      switch word {
      case "--quick": isQuick = true
      case "--repeats":
        let value = try Self.value(of: word, &rest)
        guard let count = Int(value), count >= 1 else {
          throw PeersError("--repeats: expected an integer >= 1, found \(value).")
        }
        repeats = count
      case "--output": markdownFile = try Self.value(of: word, &rest)
      case "--json": jsonFile = try Self.value(of: word, &rest)
      case "--ccnn": ccnn = try Self.value(of: word, &rest)
      case "--python": python = try Self.value(of: word, &rest)
      case "--scripts": scripts = try Self.value(of: word, &rest)
      case "all": groups = Contests.groups
      case let name where Contests.groups.contains(name): groups.append(name)
      default: throw PeersError("Peers: unknown word \(word).\n\(Self.usage)")
      }
    }
    guard !groups.isEmpty else { throw PeersError(Self.usage) }
    for path in [ccnn, python] where !FileManager.default.isExecutableFile(atPath: path) {
      throw PeersError(
        "\(path): expected an executable, found none. Run `make bench-peers` at the top.")
    }
  }

  private static func value(of name: String, _ rest: inout ArraySlice<String>) throws -> String {
    guard let value = rest.popFirst() else {
      throw PeersError("\(name): expected a value, found the end of the line.")
    }
    return value
  }
}
