import Foundation

/// A terminal that the tool writes its progress to.
enum Terminal {
  /// What the tool writes to standard error when that is a terminal.
  ///
  /// - Parameters:
  ///   - arguments: Arguments of the tool.
  ///   - folder: Where it runs.
  ///   - environment: Variables `NAME=value` that are set besides those of the tests.
  /// - Returns: The text, with carriage returns.
  /// - Throws: When there is no terminal to be had.
  static func error(
    of arguments: [String], in folder: Folder, environment: [String] = []
  ) throws -> String {
    var (leader, follower): (Int32, Int32) = (0, 0)
    guard openpty(&leader, &follower, nil, nil, nil) == 0 else { throw POSIXError(.ENOTTY) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = environment + [Tool.path] + arguments
    process.currentDirectoryURL = folder.url
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle(fileDescriptor: follower, closeOnDealloc: false)
    try process.run()
    close(follower)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    // The read fails when the tool, the last to hold the other end, is gone.
    while true {
      let count = read(leader, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    process.waitUntilExit()
    close(leader)
    return String(decoding: bytes, as: UTF8.self)
  }
}
