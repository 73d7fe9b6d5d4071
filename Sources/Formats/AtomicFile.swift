#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files that appear under their name only when they are complete.
public enum AtomicFile {
  /// Writes a file so that its name never refers to half of it.
  ///
  /// The bytes go to a temporary file in the same folder, which then takes over the name. A failure
  /// removes the temporary file and leaves an existing file as it was. A target that is neither a
  /// file nor a folder, such as `/dev/stdout`, is written to directly.
  ///
  /// - Parameters:
  ///   - bytes: The contents of the file.
  ///   - path: Where the file is to be.
  /// - Throws: `FormatError` of kind `unwritable`.
  public static func write(_ bytes: [UInt8], to path: String) throws {
    var status = stat()
    let exists = stat(path, &status) == 0
    let format = status.st_mode & S_IFMT
    guard !exists || format != S_IFDIR else { throw unwritable(path, "a folder") }
    guard !exists || format == S_IFREG else { return try writeDirectly(bytes, to: path) }
    let target = exists ? resolved(path) : path
    let (descriptor, temporary) = try openTemporary(besides: target, path)
    do {
      if exists { fchmod(descriptor, status.st_mode & 0o777) }
      try fill(descriptor, bytes, path)
      guard rename(temporary, target) == 0 else { throw unwritable(path, errorText(errno)) }
    } catch {
      unlink(temporary)
      throw error
    }
    synchronizeFolder(of: target)
  }

  /// The folder part of a path, with its slash; empty for a bare name.
  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[...slash])
  }

  /// The file that a path refers to through symbolic links.
  private static func resolved(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  private static func openTemporary(
    besides target: String, _ path: String
  ) throws -> (descriptor: Int32, name: String) {
    let stem = "\(folder(of: target)).ccnn-\(getpid())"
    for attempt in 0..<1000 {
      let name = "\(stem)-\(attempt).tmp"
      let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, name) }
      guard errno == EEXIST else { throw unwritable(path, errorText(errno)) }
    }
    throw unwritable(path, "1000 temporary files of an earlier run, \(stem)-*.tmp")
  }

  /// Writes all bytes through to the disk and closes the descriptor, whatever happens.
  private static func fill(_ descriptor: Int32, _ bytes: [UInt8], _ path: String) throws {
    do {
      try writeAll(descriptor, bytes, path)
      guard fsync(descriptor) == 0 else { throw unwritable(path, errorText(errno)) }
    } catch {
      close(descriptor)
      throw error
    }
    guard close(descriptor) == 0 else { throw unwritable(path, errorText(errno)) }
  }

  private static func writeDirectly(_ bytes: [UInt8], to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unwritable(path, errorText(errno)) }
    defer { close(descriptor) }
    try writeAll(descriptor, bytes, path)
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8], _ path: String) throws {
    if let code = FileBytes.writeAll(bytes, to: descriptor) {
      throw unwritable(path, errorText(code))
    }
  }

  /// Makes the new name durable too; file systems that cannot are let be.
  private static func synchronizeFolder(of path: String) {
    let folder = folder(of: path)
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private static func unwritable(_ path: String, _ found: String) -> FormatError {
    FormatError(
      kind: .unwritable, path: path, expected: "a place to write a file", found: found,
      advice: "Check that the folder exists, is writable and has space.")
  }
}
