import Foundation
import Testing

/// What the tool says before it works: without arguments, of itself, to shells, and of a run to come.
struct MannersTests {
  @Test func withoutArgumentsThreeCommandsAreShown() throws {
    let output = try Tool.run([])
    #expect(output.code == 0)
    let commands = output.out.split(separator: "\n").filter { $0.hasPrefix("  ccnn ") }
    #expect(commands.count == 3)
    // Each parses: with --help added it prints its help.
    for command in commands {
      let words = command.split(separator: " ").dropFirst().map(String.init)
      let help = try Tool.run(words + ["--help"])
      #expect(help.code == 0, "\(command)")
      #expect(help.out.contains("USAGE: ccnn \(words[0])"))
    }
  }

  @Test func versionSaysHowTheToolWasBuilt() throws {
    let lines = try Tool.run(["--version"]).out.split(separator: "\n")
    #expect(lines.count == 2)
    #expect(lines[0].split(separator: ".").count == 3)
    #expect(lines[1].contains("Swift 6.") && lines[1].contains("MPI"))
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completionsKnowEveryCommand(shell: String) throws {
    let help = try Tool.run(["--help"]).out
    let commands = try #require(help.components(separatedBy: "SUBCOMMANDS:").last)
      .split(separator: "\n")
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.contains("See ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(commands.count >= 18)
    let script = try Tool.run(["--generate-completion-script", shell])
    #expect(script.code == 0)
    #expect(commands.filter { !script.out.contains($0) } == [])
    #expect(script.out.contains("dry-run"))
  }

  @Test(arguments: [("trian", "train"), ("certfy", "certify"), ("closedform", "closed-form")])
  func unknownCommandNamesTheNearest(word: String, nearest: String) throws {
    let output = try Tool.run([word, "--dataset", "digits"])
    #expect(output.code == 64)
    #expect(output.error.contains("Did you mean \(nearest)?"), "\(output.error)")
    #expect(output.out == "")
  }

  /// Lines are rewritten on terminals only; nothing is colored, with NO_COLOR or without.
  @Test(arguments: [true, false])
  func progressIsPlainText(noColor: Bool) throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let variable = noColor ? "NO_COLOR=1" : "NO_COLOR="
    let terminal = try Terminal.error(of: TinyData.gated, in: folder, environment: [variable])
    #expect(terminal.contains("\r") && terminal.contains("objective"))
    #expect(!terminal.contains("\u{1B}"))
    let file = try Tool.run(TinyData.gated, in: folder)
    #expect(!(file.error + file.out).contains { $0 == "\r" || $0 == "\u{1B}" })
  }

  @Test func dryRunSaysSizesAndWritesNothingElse() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let flags = ["--dry-run", "--output", "m.safetensors", "--trace", "t.csv", "--json", "-"]
    let output = try Tool.run(TinyData.gated + flags, in: folder)
    #expect(output.code == 0)
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any])
    // 12 images of 4 x 4 pixels, 2 x 2 filters: 9 positions of 4 entries; 4 gates; squared loss of two classes.
    let expected = [
      "samples": 12, "positions": 9, "rows": 108, "patchDimension": 4, "windows": 1, "outputs": 2,
      "imageBytes": 12 * 16 * 8, "patchBytes": 108 * 4 * 8, "featureBytes": 12 * 4 * 4 * 8,
    ]
    for (key, value) in expected { #expect(object[key] as? Int == value, "\(key)") }
    // 2 (1 + 107 + C(107, 2) + C(107, 3))
    #expect(object["cellCountBound"] as? Double == Double(2 * (1 + 107 + 5671 + 198_485)))
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path("")).sorted()
    #expect(left == ["images.npy", "labels.npy"])
    let table = try Tool.run(TinyData.gated + ["--dry-run"], in: folder).out
    #expect(table.contains("108 patches of 4 entries") && table.contains("4.085e+05"))
  }

  @Test func dryRunChecksFlagsAndData() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let tooLarge = try Tool.run(
      [
        "train", "--images", "images.npy", "--labels", "labels.npy", "--filter", "9x9", "--dry-run",
      ],
      in: folder)
    #expect(tooLarge.code == 64 || tooLarge.code == 65)
  }

  /// A dry run refuses what the run refuses, in the same words.
  @Test func dryRunRefusesWhatTheRunRefuses() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let many = ["--activation", "gated", "--cells", "sample:1000000"]
    let cases: [(flags: [String], code: Int32, words: String)] = [
      (TinyData.train + ["--cells", "all"], 64, "--cells all"),
      (
        TinyData.train + ["--cells", "all", "--loss", "logistic", "--max-cells", "10"], 64,
        "at most 10 cells"
      ),
      (TinyData.train + many, 64, "lines can have"),
      (TinyData.gated + ["--start", "absent.safetensors"], 74, "absent.safetensors"),
      (TinyData.gated + ["--checkpoint", "images.npy"], 74, "--checkpoint images.npy"),
    ]
    for (flags, code, words) in cases {
      let run = try Tool.run(flags, in: folder)
      let dry = try Tool.run(flags + ["--dry-run"], in: folder)
      #expect(run.code == code && run.error.contains(words), "\(run.code) \(run.error)")
      #expect(dry.code == code && dry.error.contains(words), "\(dry.code) \(dry.error)")
    }
  }

  /// With a limit of memory the forecast says how it is kept, without reading the samples, or why it cannot be.
  @Test func dryRunWithMemory() throws {
    let folder = try Folder()
    defer { folder.remove() }
    try TinyData.write(to: folder)
    let before = try folder.listing
    let flags = ["--dry-run", "--memory", "1GiB", "--json", "-"]
    for (activation, words) in [(TinyData.gated, "features: "), (TinyData.train, "neurons fit")] {
      let output = try Tool.run(activation + flags, in: folder)
      #expect(output.code == 0, "\(output.error)")
      let object = try #require(
        JSONSerialization.jsonObject(with: Data(output.out.utf8)) as? [String: Any])
      #expect(object["rows"] as? Int == 108)
      #expect((object["memoryPlan"] as? String)?.contains(words) == true)
    }
    let table = try Tool.run(TinyData.gated + flags.dropLast(2), in: folder).out
    #expect(table.contains("within --memory") && table.contains("4.085e+05"))
    let tight = try Tool.run(TinyData.gated + ["--dry-run", "--memory", "1MiB"], in: folder)
    #expect(tight.code == 64)
    #expect(tight.error.contains("--memory 1 MiB"))
    let after = try folder.listing
    #expect(after == before)
  }
}
