import ConvexCNN
import Foundation

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
  private let handle: FileHandle
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
    let manager = FileManager.default
    let partial = path + ".partial"
    let (size, isTooLarge) = rows.multipliedReportingOverflow(by: UInt64(rowLength))
    guard !isTooLarge, size < 1 << 62 else {
      throw Self.failure(partial, "a checkpoint of \(rows) rows")
    }
    let end = UInt64(Self.headerLength) + size
    if rows > 0, !manager.fileExists(atPath: partial), Self.length(of: path) == end {
      // The run was stopped after it had given this file its name.
      _ = rename(path, partial)
    }
    // `FileManager.createFile` would make another file first, which a kill leaves behind.
    let file = open(partial, O_RDWR | (rows == 0 ? O_CREAT | O_TRUNC : 0), 0o666)
    guard file >= 0 else { throw Self.failure(partial, String(cString: strerror(errno))) }
    handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
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
    try access {
      let length = try handle.seekToEnd()
      guard length >= end else {
        throw Self.failure(partial, "\(length) bytes where the checkpoint says \(end)")
      }
      try handle.truncate(atOffset: end)
      try handle.seek(toOffset: end)
    }
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
    try access { try handle.synchronize() }
  }

  private static func length(of path: String) -> UInt64? {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.uint64Value
  }

  private func write(_ bytes: [UInt8]) throws {
    try access { try handle.write(contentsOf: bytes) }
  }

  /// Does some work on the handle; what the system says against it becomes an error that names the file.
  private func access(_ work: () throws -> Void) throws {
    do {
      try work()
    } catch let error as InputError {
      throw error
    } catch {
      throw Self.failure(partial, error.localizedDescription)
    }
  }

  /// Writes the header and gives the file its name.
  func finish(rows: UInt64) throws {
    try flush()
    var text = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    text += String(repeating: " ", count: Self.headerLength - 11 - text.utf8.count) + "\n"
    try access { try handle.seek(toOffset: 0) }
    try write([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(Self.headerLength - 10), 0] + text.utf8)
    try access {
      try handle.synchronize()
      try handle.close()
    }
    guard rename(partial, path) == 0 else { throw Self.failure(path, "a name that cannot be used") }
  }

  /// Removes the partial file.
  func discard() {
    try? handle.close()
    try? FileManager.default.removeItem(atPath: partial)
  }

  private static func failure(_ path: String, _ found: String) -> InputError {
    InputError(
      .access, path, expected: "a file that can be written", found: found,
      advice: "Check folder and space; remove the checkpoint to start anew.")
  }
}
