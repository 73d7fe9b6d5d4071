import ConvexCNN

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// An NPY file of rows of one length that is written from beginning to end, without the number of
/// rows being known.
///
/// The rows go to `path.partial`; `finish` writes the header and gives the file its name. A file that
/// is continued is first cut to the rows that are known to be complete.
final class CellFile {
  private static let headerLength = 128
  private let path: String
  private let type: String
  private let columns: Int
  private let rowLength: Int
  private let descriptor: Int32
  private var isOpen = true
  private var buffer: [UInt8] = []

  private var partial: String { path + ".partial" }

  /// A file of `rows` rows so far.
  ///
  /// - Parameters:
  ///   - path: Where the file is to be.
  ///   - type: NPY type, `|u1` or `<f8`.
  ///   - columns: Entries of a row.
  ///   - rows: Rows of a partial file to keep; 0 starts anew.
  /// - Throws: `FormatError` when the file cannot be written or has too few rows.
  init(_ path: String, type: String, columns: Int, keeping rows: UInt64) throws {
    self.path = path
    self.type = type
    self.columns = columns
    rowLength = columns * (type == "<f8" ? 8 : 1)
    let partial = path + ".partial"
    let (size, isTooLarge) = rows.multipliedReportingOverflow(by: UInt64(rowLength))
    guard !isTooLarge, size < 1 << 62 else {
      throw Self.failure(partial, "a checkpoint of \(rows) rows")
    }
    let end = UInt64(Self.headerLength) + size
    if rows > 0, !FileBytes.exists(partial), Self.length(of: path) == end {
      // The run was stopped after it had given this file its name.
      _ = rename(path, partial)
    }
    let flags = O_RDWR | O_CLOEXEC | (rows == 0 ? O_CREAT | O_TRUNC : 0)
    descriptor = open(partial, flags, 0o666)
    guard descriptor >= 0 else { throw Self.failure(partial, errorText(errno)) }
    do {
      try begin(at: end, isNew: rows == 0)
    } catch {
      // What an earlier run left is worth keeping.
      if rows == 0 { discard() }
      throw error
    }
  }

  /// Writes room for the header of a new file, and cuts an old one to what is known to be complete.
  private func begin(at end: UInt64, isNew: Bool) throws {
    if isNew { try write([UInt8](repeating: 32, count: Self.headerLength)) }
    let length = lseek(descriptor, 0, SEEK_END)
    try require(length >= 0)
    guard UInt64(length) >= end else {
      throw Self.failure(partial, "\(length) bytes where the checkpoint says \(end)")
    }
    try require(ftruncate(descriptor, off_t(end)) == 0)
    try require(lseek(descriptor, off_t(end), SEEK_SET) >= 0)
  }

  /// Appends bytes of rows.
  func append(_ bytes: UnsafeRawBufferPointer) throws {
    buffer.append(contentsOf: bytes)
    if buffer.count > 1 << 20 { try flush() }
  }

  /// Makes all rows so far part of the partial file.
  func flush() throws {
    try write(buffer)
    buffer.removeAll(keepingCapacity: true)
  }

  /// Makes all rows so far part of the partial file, through to the disk.
  func flushToDisk() throws {
    try flush()
    try require(fsync(descriptor) == 0)
  }

  private static func length(of path: String) -> UInt64? {
    var status = stat()
    return stat(path, &status) == 0 ? UInt64(status.st_size) : nil
  }

  private func write(_ bytes: [UInt8]) throws {
    if let code = FileBytes.writeAll(bytes, to: descriptor) {
      throw Self.failure(partial, errorText(code))
    }
  }

  /// Throws what the system says, naming the file, unless a call went well.
  private func require(_ isDone: Bool) throws {
    guard isDone else { throw Self.failure(partial, errorText(errno)) }
  }

  /// Writes the header and gives the file its name.
  func finish(rows: UInt64) throws {
    try flush()
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    text += String(repeating: " ", count: Self.headerLength - 11 - text.utf8.count) + "\n"
    try require(lseek(descriptor, 0, SEEK_SET) == 0)
    try write([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(Self.headerLength - 10), 0] + text.utf8)
    try require(fsync(descriptor) == 0)
    isOpen = false
    try require(close(descriptor) == 0)
    guard rename(partial, path) == 0 else { throw Self.failure(path, "a name that cannot be used") }
  }

  /// Removes the partial file.
  func discard() {
    if isOpen { close(descriptor) }
    isOpen = false
    unlink(partial)
  }

  deinit { if isOpen { close(descriptor) } }

  private static func failure(_ path: String, _ found: String) -> InputError {
    InputError(
      .access, path, expected: "a file that can be written", found: found,
      advice: "Check folder and space; remove the checkpoint to start anew.")
  }
}
