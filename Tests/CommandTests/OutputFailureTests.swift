import Foundation
import Testing

/// Outputs where nothing can be written: the tool ends with code 74, says which, and old files stay.
struct OutputFailureTests {
  /// Disks that take nothing, each set up by a script for `sh` that ends in running `"$@"`.
  enum Disk: String, CaseIterable, Sendable {
    /// Files may not grow: writing fails as on a full disk, at the first byte.
    case limit = "ulimit -f 0; exec \"$@\""
    /// A file system of its own without a free block; `out` holds the old file.
    case full = """
      mount -t tmpfs -o size=64k tmpfs out && cp old/. out -r && { cat /dev/zero > out/filler; \
      "$@"; code=$?; rm out/filler; mkdir after; cp -r out/. after; exit $code; } 2>&1
      """
    /// A file system mounted read-only.
    case readOnly = """
      mount --bind old out && mount -o remount,bind,ro out && { "$@"; code=$?; \
      mkdir after; cp -r out/. after; exit $code; }
      """

    /// Whether this process may set it up; mounting needs a name space of its own.
    var isAvailable: Bool { self == .limit || Self.canMount }

    private static let canMount: Bool = {
      let script = "mkdir -p /tmp && mount -t tmpfs tmpfs /tmp"
      let output = try? Shell.run("exec unshare -m sh -c '\(script)'", [], in: nil)
      return output?.code == 0
    }()

    var command: String {
      self == .limit ? rawValue : "exec unshare -m sh -c '\(rawValue)' - \"$@\""
    }
  }

  private static let prepared = Result { try OutputFlag.prepare() }

  /// A copy of everything that runs read, with folders `old` and `out`.
  private func folder() throws -> Folder {
    let source = try Self.prepared.get()
    let folder = try Folder()
    for name in try source.listing {
      try FileManager.default.copyItem(atPath: source.path(name), toPath: folder.path(name))
    }
    for name in ["old", "out"] {
      try FileManager.default.createDirectory(
        atPath: folder.path(name), withIntermediateDirectories: false)
    }
    return folder
  }

  @Test(arguments: Disk.allCases, OutputFlag.all)
  func nothingIsLostWhereNothingCanBeWritten(disk: Disk, flag: OutputFlag) throws {
    guard disk.isAvailable else { return }
    let folder = try folder()
    defer { folder.remove() }
    let (name, old) = (flag.name, [UInt8]("old".utf8))
    if flag.target == .file {
      for place in ["old", "out"] { try folder.write(old, "\(place)/\(name)") }
    }
    let output = try Shell.run(
      disk.command, [Tool.path] + flag.arguments(at: "out/\(name)"), in: folder)
    #expect(output.code == 74, "\(output.error)\(output.out)")
    let said = output.error + output.out
    // Under the limit, what the run writes besides may fail first.
    let others = disk == .limit ? ["c.npy", "e.onnx", "i.safetensors"] : ["c.npy"]
    #expect((["out/\(name)"] + others).contains { said.contains($0) }, "\(said)")
    let after = disk == .limit ? "out" : "after"
    let left = try FileManager.default.subpathsOfDirectory(atPath: folder.path(after))
    switch flag.target {
    case .file:
      #expect(left == [name])
      #expect(try folder.bytes("\(after)/\(name)") == old)
    case .newFile: #expect(left == [])
    // Making the folder may work where filling it does not.
    case .folder: #expect(left.filter { $0 != name } == [])
    }
  }

  @Test(arguments: OutputFlag.all.filter { $0.target != .folder })
  func whatACommandReadsIsNotReplaced(flag: OutputFlag) throws {
    let folder = try folder()
    defer { folder.remove() }
    let names = try folder.listing
    for name in Set(flag.flags).intersection(names) {
      // These write a revision of their model.
      let isRevision = flag.option == "--output" && name.hasPrefix("m.")
      guard !["prune", "canonicalize"].contains(flag.command) || !isRevision else { continue }
      let before = try folder.bytes(name)
      for place in [name, "./\(name)"] {
        let output = try Tool.run(flag.arguments(at: place), in: folder)
        #expect(output.code == 64, "\(flag) \(name): \(output.error)")
        #expect(try folder.bytes(name) == before)
      }
    }
  }

  @Test func joinedAndArchivedNamesAreRead() throws {
    let folder = try folder()
    defer { folder.remove() }
    for words in [
      ["train", "--images=images.npy", "--labels", "labels.npy", "--json=images.npy"],
      ["train", "--images", "images.npy:x", "--labels", "labels.npy", "--json", "images.npy"],
    ] {
      let output = try Tool.run(words + ["--filter", "1x2", "--lambda", "1"], in: folder)
      #expect(output.code == 64)
      #expect(
        output.error.contains("--json: expected another file than one that the command reads"))
    }
  }

  @Test(arguments: OutputFlag.all)
  func aFolderInPlaceOfAFileStays(flag: OutputFlag) throws {
    guard flag.target == .file else { return }
    let folder = try folder()
    defer { folder.remove() }
    try folder.write([1], "old/inside")
    let output = try Tool.run(flag.arguments(at: "old"), in: folder)
    // Names tell formats of some outputs apart, and are looked at first.
    #expect([64, 74].contains(output.code), "\(output.error)")
    let named = flag.name.split(separator: ".").last.map { "old.\($0)" } ?? "old"
    try FileManager.default.moveItem(atPath: folder.path("old"), toPath: folder.path(named))
    let again = try Tool.run(flag.arguments(at: named), in: folder)
    #expect(again.code == 74, "\(again.error)")
    #expect(again.error.contains(named))
    #expect(try folder.bytes("\(named)/inside") == [1])
  }

  @Test(arguments: OutputFlag.all)
  func theSameRunsWriteWhereTheyCan(flag: OutputFlag) throws {
    let folder = try folder()
    defer { folder.remove() }
    let output = try Tool.run(flag.arguments(at: "out/\(flag.name)"), in: folder)
    #expect(output.code == 0, "\(output.error)")
    let isThere = FileManager.default.fileExists(atPath: folder.path("out/\(flag.name)"))
    // A finished enumeration needs its checkpoint no more.
    #expect(isThere == (flag.target != .newFile))
  }

  /// A state of training that cannot be replaced stays as it is.
  @Test func anOldCheckpointStaysOnAFullDisk() throws {
    let folder = try folder()
    defer { folder.remove() }
    let flags = try #require(OutputFlag.all.first { $0.option == "--checkpoint" })
      .arguments(at: "run")
    #expect(try Tool.run(flags + ["--max-seconds", "1e-3"], in: folder).code == 0)
    let names = ["run/checkpoint.safetensors", "run/run.json"]
    let before = try names.map(folder.bytes)
    let output = try Shell.run(
      Disk.limit.command, [Tool.path] + flags + ["--checkpoint-seconds", "0"], in: folder)
    #expect(output.code == 74, "\(output.error)")
    #expect(try names.map(folder.bytes) == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("run")).count == 2)
  }

  @Test(arguments: [
    ["train", "--dry-run"], ["train", "--dry-run", "--json", "-"], ["enumerate", "--stream"],
    ["--version"], ["help"], [],
  ])
  func aFullStandardOutputIsAnError(arguments: [String]) throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let folder = try folder()
    defer { folder.remove() }
    let more =
      switch arguments.first {
      case "train": ["--images", "images.npy", "--labels", "labels.npy", "--filter", "1x2"]
      case "enumerate": ["--matrix", "rows.csv", "--quiet"]
      default: [String]()
      }
    for place in ["> /dev/full", ">&-"] {
      let output = try Shell.run("exec \"$@\" \(place)", [Tool.path] + arguments + more, in: folder)
      #expect(output.code == 74, "\(place)")
      #expect(output.error.contains("standard output"), "\(output.error)")
      #expect(!output.error.contains("crash"))
    }
  }
}

/// The list of outputs is complete.
struct OutputFlagTests {
  @Test func everyFlagThatNamesAFileIsListed() throws {
    let help = try Tool.run(["--help"]).out
    let commands = try #require(help.components(separatedBy: "SUBCOMMANDS:").last)
      .split(separator: "\n")
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.contains("See ") }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
    #expect(commands.count >= 19)
    // The program of the benchmarks writes what `bench` names.
    for command in commands where command != "bench" {
      let options = try Tool.run([command, "--help"]).out.split(separator: "\n")
        .filter { $0.hasPrefix("  --") }
        .map { $0.split(separator: " ") }
        .filter { words in
          words.count > 1
            && ["<file", "<folder", "<path"].contains { words[1].hasPrefix($0) }
        }
        .map { String($0[0]) }
      let listed = OutputFlag.all.filter { $0.command == command }.map(\.option)
      #expect(Set(options).subtracting(OutputFlag.inputs) == Set(listed), "\(command)")
    }
  }
}
