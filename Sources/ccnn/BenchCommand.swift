import ArgumentParser
import ConvexCNN

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

// The environment of C is a variable; this process never assigns it.
#if canImport(Glibc)
  @preconcurrency import Glibc
#elseif canImport(Darwin)
  @preconcurrency import Darwin
#endif

/// `ccnn bench`.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "How time grows with every size, by the package's sources.",
    discussion: """
      Builds the program Scaling of the package's sources with swift, then runs it: fitted laws of growth with their \
      intervals, what further threads bring, and kernels beside the least time the machine allows. Exit code 1 where a \
      deterministic counter exceeds its committed threshold; times never fail. The sources are CCNN_SOURCES if set, \
      else a folder above the tool, else where it was built.

      Example: ccnn bench --quick --html bench.html
      """)

  @Flag(help: "What takes minutes. (default)")
  var quick = false

  @Flag(help: "More and larger values.")
  var full = false

  @Option(
    help: ArgumentHelp("Groups to measure, with commas. (default: all)", valueName: "groups"))
  var only: String?

  @Option(
    help: ArgumentHelp(
      "All results as JSON; - writes them to standard output.", valueName: "file"))
  var json: String?

  @Option(help: ArgumentHelp("Every point as comma-separated values.", valueName: "file.csv"))
  var csv: String?

  @Option(help: ArgumentHelp("Page with charts and tables.", valueName: "file.html"))
  var html: String?

  @Option(help: ArgumentHelp("Results page in Markdown.", valueName: "file.md"))
  var markdown: String?

  func run() throws {
    if quick, full {
      throw InputError(
        .usage, "--full", expected: "either --quick or --full", found: "both",
        advice: "Leave one of them out.")
    }
    let outputs = [
      ("--json", json), ("--csv", csv), ("--html", html), ("--markdown", markdown),
    ]
    try Outputs.check(outputs)
    let environment = ProcessInfo.processInfo.environment
    let package = try PackageSources.folder() + "/Benchmarks"
    let swift = try PackageSources.swift(path: environment["PATH"] ?? "")
    try build(package, with: swift)
    var words = ["all", full ? "--full" : "--quick"]
    for (option, value) in [("--only", only)] + outputs {
      if let value { words += [option, value] }
    }
    try become("\(package)/.build/release/Scaling", words)
  }

  /// Builds the program; what swift says goes to standard error.
  private func build(_ package: String, with swift: String) throws {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)
    var child = pid_t()
    let code = withWords([
      swift, "build", "--package-path", package, "-c", "release", "--product", "Scaling",
    ]) { posix_spawn(&child, swift, &actions, nil, $0, environ) }
    guard code == 0 else {
      throw InputError(
        .access, swift, expected: "a program that runs", found: String(cString: strerror(code)),
        advice: "Install Swift from https://www.swift.org/install.")
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    guard status == 0 else {
      let end = status & 0x7f == 0 ? "exit code \((status >> 8) & 0xff)" : "signal \(status & 0x7f)"
      throw Failure(
        code: 1,
        message:
          "bench: expected \(package) to build, found \(end) of swift. What it said is above.")
    }
  }

  /// Runs a program in place of this one, so that signals and exit code are its own.
  private func become(_ program: String, _ words: [String]) throws {
    let code = withWords([program] + words) { arguments in
      execv(program, arguments)
      return errno
    }
    throw InputError(
      .access, program, expected: "a program that runs", found: String(cString: strerror(code)),
      advice: "Remove the folder .build beside Package.swift there and try again.")
  }
}

/// Hands words to a function as C takes them: an array that ends with null.
private func withWords<Value>(
  _ words: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
) -> Value {
  let copies = words.map { strdup($0) } + [nil]
  defer { for copy in copies { free(copy) } }
  return body(copies)
}

/// Where the sources of the package and the compiler are.
private enum PackageSources {
  /// The folder of the package's sources with its benchmarks.
  ///
  /// `CCNN_SOURCES` decides when it is set. Otherwise the first of these: a folder above the executable; the sources it
  /// was built from.
  static func folder() throws -> String {
    if let chosen = ProcessInfo.processInfo.environment["CCNN_SOURCES"] {
      guard hasBenchmarks(chosen) else {
        throw refusal("CCNN_SOURCES=\(chosen)", found: "none")
      }
      return URL(fileURLWithPath: chosen).path
    }
    var above = BundledDataset.executablePath().map { URL(fileURLWithPath: $0) }
    while let folder = above, folder.path != "/" {
      above = folder.deletingLastPathComponent()
      if let above, hasBenchmarks(above.path) { return above.path }
    }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    guard hasBenchmarks(root) else {
      throw refusal("bench", found: "none above the tool and none at \(root)")
    }
    return root
  }

  /// The compiler's driver.
  static func swift(path: String) throws -> String {
    let places = path.split(separator: ":").map { "\($0)/swift" }
    guard let found = places.first(where: FileManager.default.isExecutableFile) else {
      throw InputError(
        .access, "bench", expected: "swift on the PATH", found: "none",
        advice: "Install Swift 6.2 or newer from https://www.swift.org/install.")
    }
    return found
  }

  private static func hasBenchmarks(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/Benchmarks/Package.swift")
  }

  private static func refusal(_ place: String, found: String) -> InputError {
    InputError(
      .access, place, expected: "the package's sources with Benchmarks/Package.swift",
      found: found, advice: "Clone the package and set CCNN_SOURCES to its folder.")
  }
}
