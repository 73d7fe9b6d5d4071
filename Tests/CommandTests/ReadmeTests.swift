import Foundation
import Testing

/// What the README says about the tool.
@Suite struct ReadmeTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  static func text() throws -> String {
    try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
  }

  /// Lines `$ ccnn command ...`, continuation lines joined.
  static func session() throws -> [[String]] {
    try text().replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n")
      .filter { $0.hasPrefix("$ ccnn ") }
      .map { line in
        let command = line.prefix { $0 != ";" }
        return command.dropFirst(7).split(separator: " ").map(String.init)
      }
  }

  @Test func everyFlagOfTheSessionIsInTheHelp() throws {
    let session = try Self.session()
    #expect(session.count >= 4)
    for arguments in session {
      let command = try #require(arguments.first)
      let help = try Tool.run([command, "--help"]).out
      for flag in arguments where flag.hasPrefix("--") {
        let isKnown = help.contains(flag + " ")
        #expect(isKnown, "\(flag) of ccnn \(command)")
      }
    }
  }

  @Test func contradictingFlagsFailAsShown() throws {
    let session = try Self.session()
    let arguments = try #require(
      session.first { $0.contains("--lambda-ratio") && $0.contains("--lambda") })
    let output = try Tool.run(arguments)
    let readme = try Self.text()
    #expect(output.code == 64)
    #expect(output.error.split(separator: "\n").count == 2)
    for line in output.error.split(separator: "\n") {
      let isShown = readme.contains(line)
      #expect(isShown, "\(line)")
    }
  }

  @Test func truncatedFileFailsAsShown() throws {
    let folder = try Folder()
    defer { folder.remove() }
    let data = Self.root.appendingPathComponent("data")
    let signals = try Data(contentsOf: data.appendingPathComponent("waveform-train-signals.npy"))
    try signals.prefix(80_000).write(to: folder.url.appendingPathComponent("short.npy"))
    let name = "waveform-train-labels.npy"
    try FileManager.default.copyItem(
      at: data.appendingPathComponent(name), to: folder.url.appendingPathComponent(name))
    let session = try Self.session()
    let arguments = try #require(session.first { $0.contains("short.npy") })
    let output = try Tool.run(arguments, in: folder)
    let isShown = try Self.text().contains(output.error)
    #expect(output.code == 65)
    #expect(isShown, "\(output.error)")
  }
}
