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

  /// Checks several outputs at once; two of the same name are a contradiction, and so is one that is read.
  ///
  /// - Parameters:
  ///   - outputs: Every option that names a file to write, with its value.
  ///   - replaceable: The input that `--output` may replace by its own revision, if there is one.
  /// - Throws: `InputError` of kind `usage` or `access`.
  static func check(
    _ outputs: [(option: String, path: String?)], replacing replaceable: String? = nil
  ) throws {
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
      try requireNoInput(path, option, replaceable)
    }
  }

  /// Refuses an output that replaces a file which another word of the command line names.
  private static func requireNoInput(
    _ path: String, _ option: String, _ replaceable: String?
  ) throws {
    guard path != "-", FileBytes.exists(path) else { return }
    var flag = ""
    for word in CommandLine.arguments.dropFirst(2) {
      defer { flag = word }
      var (name, value) = (flag, word[...])
      if word.hasPrefix("--"), let sign = word.firstIndex(of: "=") {
        (name, value) = (String(word[..<sign]), word[word.index(after: sign)...])
      }
      let isReplaced = option == "--output" && value == replaceable ?? ""
      guard name != option, !isReplaced else { continue }
      // An array of an NPZ file is named after a colon.
      let file = value.lastIndex(of: ":").map { value[..<$0] } ?? value
      guard FileBytes.areSame(String(value), path) || FileBytes.areSame(String(file), path)
      else { continue }
      throw InputError(
        .usage, option, expected: "another file than one that the command reads",
        found: "\"\(path)\"", advice: "Give the output a name of its own.")
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
