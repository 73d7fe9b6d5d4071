import Foundation

/// Runs ccnn and its peers in turn on the same problems.
///
/// Seconds are those of the processor. Of ccnn they count the whole process: start, reading, solving,
/// the certificate, writing. Of the peers they count the solve alone, which favors the peers.
@main
struct Peers {
  static func main() {
    do {
      try compare(Options(Array(CommandLine.arguments.dropFirst())))
    } catch {
      FileHandle.standardError.write(Data("\(error)\n".utf8))
      exit(error is PeersError ? 64 : 1)
    }
  }

  private static func compare(_ options: Options) throws {
    defer { try? FileManager.default.removeItem(atPath: options.folder) }
    let referee = Referee(options: options)
    let contests = Contests.all.filter {
      options.groups.contains($0.group) && !(options.isQuick && $0.isSlow)
    }
    var standings: [Standing] = []
    for contest in contests {
      standings.append(try referee.standing(of: contest))
      // Written after each contest, so that an interruption loses one.
      let report = Report(standings: standings)
      if let file = options.markdownFile {
        try report.markdown.write(toFile: file, atomically: true, encoding: .utf8)
      }
      if let file = options.jsonFile {
        try report.json().write(to: URL(fileURLWithPath: file), options: .atomic)
      }
    }
    print(Report(standings: standings).markdown, terminator: "")
  }
}
