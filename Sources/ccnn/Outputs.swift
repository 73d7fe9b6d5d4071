import ConvexCNN

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Files that a command writes, all at its end and each in one step.
enum Outputs {
  /// Checks before any work that a file can be written where it is wanted.
  ///
  /// - Parameters:
  ///   - path: Where the file is to be, nil when it is not wanted, `-` for standard output.
  ///   - option: Name of the option.
  /// - Throws: `InputError` of kind `access`.
  static func check(_ path: String?, _ option: String) throws {
    guard let path, path != "-" else { return }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileBytes.isFolder(folder) else {
      throw refusal(path, option, "no folder \(folder)", "Create the folder first.")
    }
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw refusal(path, option, "a folder that is not writable", "Choose another folder.")
    }
    if FileBytes.isFolder(path) {
      throw refusal(path, option, "a folder of that name", "Name a file.")
    }
  }

  private static func refusal(
    _ path: String, _ option: String, _ found: String, _ advice: String
  ) -> InputError {
    InputError(
      .access, "\(option) \(path)", expected: "a file that can be written", found: found,
      advice: advice)
  }

  /// Checks several outputs at once; two of the same name are a contradiction.
  static func check(_ outputs: [(option: String, path: String?)]) throws {
    var seen: [String: String] = [:]
    for (option, path) in outputs {
      guard let path else { continue }
      if let other = seen[path] {
        throw InputError(
          .usage, option, expected: "another file than \(other)", found: "\"\(path)\"",
          advice: "Give each output its own file.")
      }
      if path == "-", option != "--json" {
        throw InputError(
          .usage, option, expected: "the name of a file", found: "\"-\"",
          advice: "Only --json writes to standard output.")
      }
      seen[path] = option
      try check(path, option)
    }
  }

  /// Writes a text file, or standard output for `-`.
  static func write(_ text: String, to path: String?) throws {
    guard let path else { return }
    if path == "-" {
      print(text, terminator: "")
    } else {
      try AtomicFile.write(Array(text.utf8), to: path)
    }
  }
}
