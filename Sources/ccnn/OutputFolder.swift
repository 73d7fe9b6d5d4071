import ConvexCNN

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder of files that appears under its name only when it is complete.
enum OutputFolder {
  /// Checks before any work that a folder can be made where it is wanted: absent, or empty and writable.
  ///
  /// - Parameters:
  ///   - path: Where the folder is to be.
  ///   - option: Name of the option.
  /// - Throws: `InputError` of kind `access`.
  static func check(_ path: String, _ option: String) throws {
    let manager = FileManager.default
    let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileBytes.isFolder(parent) else {
      throw refusal(path, option, "no folder \(parent)", "Create the folder first.")
    }
    guard manager.isWritableFile(atPath: parent) else {
      throw refusal(
        path, option, "a folder \(parent) that is not writable", "Choose another place.")
    }
    guard FileBytes.exists(path) else { return }
    guard FileBytes.isFolder(path) else {
      throw refusal(path, option, "a file of that name", "Name a folder.")
    }
    guard let contents = try? manager.contentsOfDirectory(atPath: path), contents.isEmpty else {
      throw refusal(
        path, option, "a folder with files in it, or one that cannot be read",
        "Remove it or choose another name.")
    }
  }

  /// Fills a folder beside the one wanted, which then takes its name; a failure leaves nothing behind.
  ///
  /// - Parameters:
  ///   - path: Where the folder is to be.
  ///   - fill: Writes the files; it is given the path of each name.
  /// - Throws: `InputError` of kind `access` when the folder cannot be made, and what `fill` throws.
  static func write(to path: String, fill: ((String) -> String) throws -> Void) throws {
    let manager = FileManager.default
    let target = URL(fileURLWithPath: path).standardizedFileURL
    let temporary = target.deletingLastPathComponent()
      .appendingPathComponent(".\(target.lastPathComponent).ccnn-\(UUID().uuidString)")
    guard mkdir(temporary.path, 0o777) == 0 else {
      throw refusal(path, "--output", errorText(errno), "Choose another place.")
    }
    defer { try? manager.removeItem(at: temporary) }
    do {
      try fill { temporary.appendingPathComponent($0).path }
    } catch let error as FormatError {
      // The user knows the name that the folder was to have.
      throw FormatError(
        kind: error.kind, path: error.path.replacing(temporary.path, with: path),
        expected: error.expected, found: error.found, advice: error.advice)
    }
    // An empty folder of that name gives way; one that was filled meanwhile does not.
    guard rename(temporary.path, target.path) == 0 else {
      throw refusal(path, "--output", errorText(errno), "Choose another name.")
    }
  }

  private static func refusal(
    _ path: String, _ option: String, _ found: String, _ advice: String
  ) -> InputError {
    InputError(
      .access, "\(option) \(path)", expected: "a folder that can be made, absent or empty",
      found: found, advice: advice)
  }
}
