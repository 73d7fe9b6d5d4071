import ArgumentParser
import ConvexCNN

/// Which cells are written, how, and where.
struct CellOutputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write patterns, unsigned bytes of shape [cells, ceil(rows / 8)], little bit order.",
      valueName: "file.npy"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Write a unit vector inside each cell, shape [cells, patch dimension].",
      valueName: "file.npy"))
  var witnesses: String?

  @Flag(help: "Print patterns as lines of 0 and 1 on standard output.")
  var stream = false

  @Flag(help: "Write one pattern per distinct line of normals instead of one per row.")
  var lines = false

  @Flag(help: "Write one cell of each antipodal pair.")
  var half = false

  @Option(
    help: ArgumentHelp(
      "Record progress in a file and go on from it if it exists.", valueName: "file"))
  var checkpoint: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time between two records of --checkpoint, a number >= 0. (default: 5)",
      valueName: "seconds"))
  var checkpointSeconds: Double?

  @Option(help: ArgumentHelp("Do part i of k, 0 <= i < k.", valueName: "i/k"))
  var shard: String?

  /// Whether cells are asked for.
  var isRequested: Bool { output != nil || witnesses != nil || stream }

  /// Options that only make sense when cells are listed, with their values.
  var given: [(option: String, value: String?)] {
    [
      ("--output", output), ("--witnesses", witnesses), ("--checkpoint", checkpoint),
      ("--checkpoint-seconds", checkpointSeconds.map { "\($0)" }), ("--shard", shard),
      ("--stream", stream ? "set" : nil), ("--lines", lines ? "set" : nil),
      ("--half", half ? "set" : nil),
    ]
  }

  /// Files that are written.
  var files: [(option: String, path: String?)] {
    [("--output", output), ("--witnesses", witnesses), ("--checkpoint", checkpoint)]
  }

  /// The part to do; what is wrong with the options is added to a list.
  func checkedShard(json: String?, _ problems: inout OptionProblems) -> EnumerationShard {
    problems.check("--checkpoint-seconds", checkpointSeconds, "a number >= 0") { $0 >= 0 }
    if checkpointSeconds != nil, checkpoint == nil {
      problems.require("--checkpoint with --checkpoint-seconds")
    }
    if stream {
      problems.exclude("--stream", "--checkpoint", given: checkpoint)
      if json == "-" { problems.exclude("--stream", "--json", given: json) }
    }
    let parts = (shard ?? "0/1").split(separator: "/", omittingEmptySubsequences: false)
      .map { Int($0) }
    guard parts.count == 2, let i = parts[0], let k = parts[1], i >= 0, i < k else {
      problems.add(
        "--shard", value: shard ?? "", expected: "i/k with 0 <= i < k", advice: "For example 0/4.")
      return .all
    }
    return EnumerationShard(index: i, count: k)
  }
}
