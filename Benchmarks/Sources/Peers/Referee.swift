import Foundation

/// Prepares the problem of a contest and lets both sides run in turn.
struct Referee {
  let options: Options

  /// One thread for everything that asks the environment.
  private static let oneThread = [
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
  ]

  private var environment: [String: String] {
    ProcessInfo.processInfo.environment.merging(Self.oneThread) { _, new in new }
  }

  /// Runs ccnn and every peer in turn, as often as the options say.
  ///
  /// Slow contests and slow peers run once; the quick version leaves them out.
  ///
  /// - Returns: The outcomes of all rounds.
  /// - Throws: `PeersError` when the generator of the problem or the list of cells fails.
  func standing(of contest: Contest) throws -> Standing {
    let folder = "\(options.folder)/\(contest.group)-\(contest.problem)-\(UUID().uuidString)"
    try prepare(contest, in: folder)
    var standing = Standing(contest: contest)
    let peers = contest.peers.filter { !(options.isQuick && $0.pace == .slow) }
    for round in 0..<(contest.isSlow ? 1 : options.repeats) {
      log("\(contest.title): round \(round + 1)")
      standing.ccnn.append(try measureTool(contest, in: folder))
      // The peers need the files of ccnn.
      guard standing.tool.seconds != nil else { return standing }
      for peer in peers where round == 0 || peer.pace == .repeated {
        standing.peers[peer.label, default: []].append(try measure(peer, of: contest, in: folder))
      }
    }
    if contest.kind != .other {
      standing.commonGap = try commonGap(of: contest, in: folder)
    }
    return standing
  }

  private func prepare(_ contest: Contest, in folder: String) throws {
    try require(python(["problems.py", contest.problem, folder]), "problems.py")
    guard contest.kind == .exact else { return }
    try require(
      tool([
        "enumerate", "--images", "\(folder)/images.npy", "--filter", filter(of: contest),
        "--output", "\(folder)/cells.npy", "--facets", "\(folder)/facets.npy", "--threads", "1",
        "--quiet",
      ]), "ccnn enumerate")
  }

  private func measureTool(_ contest: Contest, in folder: String) throws -> Outcome {
    let command = contest.arguments[0]
    var words = contest.arguments + ["--images", "\(folder)/images.npy"]
    var output = "\(folder)/model.safetensors"
    if command == "enumerate" {
      output = "\(folder)/listed.npy"
    } else {
      words += ["--labels", "\(folder)/targets.npy"]
    }
    if command == "path" {
      output = "\(folder)/path"
      try? FileManager.default.removeItem(atPath: output)
    }
    let result = "\(folder)/result.json"
    let child = try tool(
      words + ["--output", output, "--json", result, "--threads", "1", "--quiet"])
    if command == "path" && child.status == 0 {
      try keepGates(of: output, as: "\(folder)/model.safetensors")
    }
    return Outcome(ccnn: child, result: result)
  }

  /// Any model of a path has the gates; the last file by name will do.
  private func keepGates(of path: String, as model: String) throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    guard let last = files.last(where: { $0.hasSuffix(".safetensors") }) else {
      throw PeersError("\(path): expected models, found none.")
    }
    try? FileManager.default.removeItem(atPath: model)
    try FileManager.default.copyItem(atPath: "\(path)/\(last)", toPath: model)
  }

  private func measure(_ peer: Contest.Peer, of contest: Contest, in folder: String) throws
    -> Outcome
  {
    Outcome(peer: try python(peer.command + ["--problem", contest.problem, "--folder", folder]))
  }

  /// The gap of ccnn's network by the routine that certifies the peers.
  private func commonGap(of contest: Contest, in folder: String) throws -> Double? {
    let words = [
      "certify.py", "--problem", contest.problem, "--folder", folder, "--kind",
      contest.kind.rawValue,
    ]
    return Outcome(peer: try python(words)).gap
  }

  private func filter(of contest: Contest) -> String {
    let place = contest.arguments.firstIndex(of: "--filter").map { $0 + 1 }
    return place.map { contest.arguments[$0] } ?? "3"
  }

  private func tool(_ words: [String]) throws -> ChildProcess {
    try ChildProcess.run(options.ccnn, words, environment: environment)
  }

  private func python(_ words: [String]) throws -> ChildProcess {
    try ChildProcess.run(
      options.python, ["\(options.scripts)/\(words[0])"] + words.dropFirst(),
      environment: environment)
  }

  private func require(_ child: ChildProcess, _ what: String) throws {
    guard child.status == 0 else {
      throw PeersError("\(what): expected exit code 0, found \(child.status).\n\(child.output)")
    }
  }

  private func log(_ line: String) {
    FileHandle.standardError.write(Data("Peers: \(line)\n".utf8))
  }
}
