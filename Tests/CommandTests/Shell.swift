import Foundation

/// The tool run by a script, which limits what it may do.
enum Shell {
  /// Runs a script of `sh` with arguments `"$@"`, and waits for it.
  ///
  /// Output goes to pipes, which limits of file sizes do not count; it must fit into them.
  static func run(_ script: String, _ arguments: [String], in folder: Folder?) throws -> Tool.Output
  {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script, "-"] + arguments
    if let folder { process.currentDirectoryURL = folder.url }
    let (out, error) = (Pipe(), Pipe())
    process.standardOutput = out
    process.standardError = error
    try process.run()
    process.waitUntilExit()
    return Tool.Output(
      code: process.terminationStatus,
      out: String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self),
      error: String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self))
  }
}
