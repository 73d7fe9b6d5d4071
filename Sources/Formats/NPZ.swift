/// The NPZ format of NumPy: named arrays in a zip archive, deflated or not.
public enum NPZ {
  /// Reads one array of an archive.
  ///
  /// - Parameters:
  ///   - path: The archive.
  ///   - key: The name of the array; nil if the archive has only one.
  /// - Returns: The array in row-major order.
  /// - Throws: `FormatError`, which lists the keys if `key` is none of them.
  public static func read(_ path: String, key: String?) throws -> ArrayFile {
    try parse(try FileBytes.read(path), path: path, key: key)
  }

  /// The names of the arrays of an archive, in the order they are stored.
  public static func keys(_ path: String) throws -> [String] {
    try keyedMembers(try ZIPArchive(try FileBytes.read(path), path: path)).map { $0.key }
  }

  /// The archive and the key of `PATH.npz:key`; nil if there is no key.
  static func split(_ specification: String) -> (path: String, key: String)? {
    let parts = specification.split(separator: ".npz:", omittingEmptySubsequences: false)
    guard parts.count >= 2, let key = parts.last, !key.isEmpty else { return nil }
    return (parts.dropLast().joined(separator: ".npz:") + ".npz", String(key))
  }

  static func parse(_ bytes: [UInt8], path: String, key: String?) throws -> ArrayFile {
    let archive = try ZIPArchive(bytes, path: path)
    let members = try keyedMembers(archive)
    let matches = members.filter { key == nil || $0.key == key }
    guard let match = matches.first, matches.count == 1 else {
      let names = members.map { "'\($0.key)'" }.joined(separator: ", ")
      throw FormatError(
        path: path, expected: key.map { "one array '\($0)'" } ?? "one array",
        found: members.isEmpty ? "none" : names, advice: "Name one of them as \(path):KEY.")
    }
    let name = "\(path):\(match.key)"
    do {
      return try NPY.parse(try archive.contents(of: match.member), path: name)
    } catch let error as FormatError {
      throw error.renamed(name)
    }
  }

  /// The members that are arrays, which NumPy names `key.npy`.
  private static func keyedMembers(
    _ archive: ZIPArchive
  ) throws -> [(key: String, member: ZIPArchive.Member)] {
    try archive.members.map { member in
      guard member.name.hasSuffix(".npy") else {
        throw FormatError(
          path: archive.path, offset: member.headerOffset,
          expected: "an archive of .npy files only", found: "'\(member.name)'",
          advice: "Write the arrays with numpy.savez.")
      }
      return (String(member.name.dropLast(4)), member)
    }
  }
}
