import Formats

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Darwin)
  import Darwin
#endif

extension BundledDataset {
  /// The file by which the folder is recognised.
  package static let markerFile = "digits-train-images-idx3-ubyte.gz"

  /// The folder with the bundled files.
  ///
  /// The environment variable `CCNN_DATA` decides when it is set. Otherwise the first of these that
  /// has the files: `data` beside the executable or in a folder above it; `share/convexcnn/data`
  /// under the prefix the executable is installed in; `data` in the package's sources.
  ///
  /// - Throws: `FormatError` with all places tried.
  public static func folder() throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    return try folder(
      environment: ProcessInfo.processInfo.environment, executable: executablePath(),
      sourceRoot: root)
  }

  /// The folder with the bundled files, for a given environment, executable and source folder.
  ///
  /// - Parameters:
  ///   - environment: Environment variables.
  ///   - executable: Absolute path of the running program, links resolved.
  ///   - sourceRoot: Folder of the package's sources when it was built.
  /// - Returns: The first folder with the files.
  /// - Throws: `FormatError` with all places tried.
  package static func folder(
    environment: [String: String], executable: String?, sourceRoot: String
  ) throws -> String {
    if let chosen = environment["CCNN_DATA"] {
      guard hasFiles(chosen) else {
        throw FormatError(
          kind: .unreadable, path: "CCNN_DATA=\(chosen)", expected: "a folder with \(markerFile)",
          found: "none",
          advice: "Set CCNN_DATA to the package's data folder, or unset it.")
      }
      return chosen
    }
    let candidates = candidates(executable: executable) + ["\(sourceRoot)/data"]
    if let found = candidates.first(where: hasFiles) { return found }
    throw FormatError(
      kind: .unreadable, path: "bundled data", expected: "a folder with \(markerFile)",
      found: "none of \(candidates.joined(separator: ", "))",
      advice: "Set CCNN_DATA to the package's data folder.")
  }

  /// The places that depend on where the executable is, nearest first.
  private static func candidates(executable: String?) -> [String] {
    guard let executable else { return [] }
    let home = URL(fileURLWithPath: executable).deletingLastPathComponent()
    var folder = home
    var places = [folder.appendingPathComponent("data").path]
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      places.append(folder.appendingPathComponent("data").path)
    }
    if home.lastPathComponent == "bin" {
      let prefix = home.deletingLastPathComponent()
      places.append(prefix.appendingPathComponent("share/convexcnn/data").path)
    }
    return places
  }

  private static func hasFiles(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(markerFile)")
  }

  /// The path of the running program with links resolved.
  package static func executablePath() -> String? {
    #if os(Linux)
      return try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    #else
      var size: UInt32 = 0
      _ = _NSGetExecutablePath(nil, &size)
      var buffer = [CChar](repeating: 0, count: Int(size) + 1)
      guard _NSGetExecutablePath(&buffer, &size) == 0 else { return nil }
      let path = String(
        decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      return URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    #endif
  }
}
