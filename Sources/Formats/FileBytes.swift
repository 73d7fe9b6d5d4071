#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Whole files as bytes.
package enum FileBytes {
  /// Most bytes taken from a pipe or device, whose size is not known beforehand.
  private static let streamLimit = 1 << 32

  /// All bytes of a file.
  ///
  /// - Parameter path: The file, or a pipe or device of at most 4 GiB.
  /// - Returns: The bytes.
  /// - Throws: `FormatError` of kind `unreadable`.
  package static func read(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unreadable(path, errorText(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errorText(errno)) }
    let format = status.st_mode & S_IFMT
    guard format != S_IFDIR else { throw unreadable(path, "a folder") }
    let size = Int(status.st_size)
    // Files of the kernel declare no size.
    guard format == S_IFREG, size > 0 else { return try readStream(descriptor, path) }
    guard size <= physicalMemory else {
      throw unreadable(path, "\(size) bytes, more than the memory of this machine")
    }
    return try readRegular(descriptor, size, path)
  }

  private static func readRegular(
    _ descriptor: Int32, _ size: Int, _ path: String
  ) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        guard let base = buffer.baseAddress else { return }
        let got = try readSome(descriptor, base + count, size - count, path)
        if got == 0 { return }
        count += got
      }
    }
  }

  private static func readStream(_ descriptor: Int32, _ path: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let got = try chunk.withUnsafeMutableBytes { buffer in
        try readSome(descriptor, buffer.baseAddress, buffer.count, path)
      }
      if got == 0 { return bytes }
      guard bytes.count + got <= streamLimit else {
        throw unreadable(path, "a stream of more than \(streamLimit) bytes")
      }
      bytes.append(contentsOf: chunk[..<got])
    }
  }

  private static func readSome(
    _ descriptor: Int32, _ target: UnsafeMutableRawPointer?, _ count: Int, _ path: String
  ) throws -> Int {
    while true {
      let got = systemRead(descriptor, target, min(count, 1 << 30))
      if got >= 0 { return got }
      guard errno == EINTR else { throw unreadable(path, errorText(errno)) }
    }
  }

  /// Whether a path names a folder; false if it names nothing.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether two paths name the same file or folder.
  package static func areSame(_ first: String, _ second: String) -> Bool {
    var (one, other) = (stat(), stat())
    return stat(first, &one) == 0 && stat(second, &other) == 0 && one.st_dev == other.st_dev
      && one.st_ino == other.st_ino
  }

  /// Whether a path names anything.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0
  }

  /// Makes a folder, and those above it that are missing; one that is there stays as it is.
  ///
  /// - Parameter path: Where the folder is to be.
  /// - Throws: `FormatError` of kind `unwritable`.
  package static func makeFolder(_ path: String) throws {
    guard !isFolder(path) else { return }
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      try makeFolder(String(path[..<slash]))
    }
    guard mkdir(path, 0o777) != 0 else { return }
    let code = errno
    // Another process may have made it meanwhile.
    guard !isFolder(path) else { return }
    throw FormatError(
      kind: .unwritable, path: path, expected: "a folder that can be made",
      found: errorText(code), advice: "Choose another one.")
  }

  /// Writes all bytes to an open file.
  ///
  /// - Parameters:
  ///   - bytes: What to write.
  ///   - descriptor: The file.
  /// - Returns: The error number of the system where not all could be written; nil where all were.
  package static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Int32? {
    bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let chunk = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
        let written = write(descriptor, chunk.baseAddress, chunk.count)
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { return errno }
        rest = rest.dropFirst(written)
      }
      return nil
    }
  }

  /// The names in a folder that do not start with a dot, in order of their bytes.
  static func names(inFolder path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw unreadable(path, errorText(errno)) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        tuple.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: tuple.pointee))
        {
          String(cString: $0)
        }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Bytes of memory of this machine.
  static var physicalMemory: Int {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let pageSize = sysconf(Int32(_SC_PAGESIZE))
    guard pages > 0, pageSize > 0 else { return Int.max }
    return Int(pages).multipliedReportingOverflow(by: Int(pageSize)).partialValue
  }

  /// Checks that an array of `Double` fits the memory of this machine, before it is allocated.
  static func requireMemory(
    forCount count: Int, path: String, offset: Int? = nil
  ) throws {
    guard count <= physicalMemory / MemoryLayout<Double>.stride else {
      throw FormatError(
        path: path, offset: offset,
        expected: "an array that fits the \(physicalMemory) bytes of memory",
        found: "\(count) elements of 8 bytes", advice: "Split the file.")
    }
  }

  static func unreadable(_ path: String, _ found: String) -> FormatError {
    FormatError(
      kind: .unreadable, path: path, expected: "a readable file", found: found,
      advice: "Check the path and its permissions.")
  }
}

/// The system's words for an error number, lower-cased at the front to stand inside a sentence.
package func errorText(_ code: Int32) -> String {
  let text = String(cString: strerror(code))
  return text.prefix(1).lowercased() + text.dropFirst()
}

/// `read(2)`, under a name that `FileBytes.read` does not hide.
private func systemRead(_ descriptor: Int32, _ target: UnsafeMutableRawPointer?, _ count: Int)
  -> Int
{
  read(descriptor, target, count)
}
