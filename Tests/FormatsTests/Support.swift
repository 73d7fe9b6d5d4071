import Formats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A folder that lives as long as a test.
final class TemporaryFolder {
  let path: String

  init() {
    var template = Array("/tmp/ccnn-formats-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = mkdtemp(base) else { return "/nonexistent" }
      return String(cString: made)
    }
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in names(path) where unlink("\(path)/\(name)") != 0 { remove("\(path)/\(name)") }
    rmdir(path)
  }

  /// All names in a folder, hidden ones too.
  static func names(_ path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The path of a file in the folder.
  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file in the folder and returns its path.
  ///
  /// An older file is removed first: some file systems wait for the disk when one is overwritten.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) -> String {
    let path = file(name)
    unlink(path)
    guard let stream = fopen(path, "w") else { return path }
    fwrite(bytes, 1, bytes.count, stream)
    fclose(stream)
    return path
  }

  /// Writes a text file in the folder and returns its path.
  func write(_ text: String, _ name: String) -> String { write(Array(text.utf8), name) }

  /// Makes a folder in the folder.
  func makeFolder(_ name: String) { mkdir(file(name), 0o777) }

  /// The bytes of a file in the folder.
  func read(_ name: String) -> [UInt8] {
    guard let stream = fopen(file(name), "r") else { return [] }
    defer { fclose(stream) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, stream)
    return Array(bytes[..<count])
  }

  /// The error of some work, its path shortened to the part behind this folder.
  func error(_ work: () throws -> Void) -> FormatError? {
    do {
      try work()
      return nil
    } catch let error as FormatError {
      return FormatError(
        kind: error.kind, path: error.path.replacing("\(path)/", with: ""), offset: error.offset,
        line: error.line, expected: error.expected.replacing("\(path)/", with: ""),
        found: error.found, advice: error.advice.replacing("\(path)/", with: ""))
    } catch {
      return nil
    }
  }

  /// The message of some work's error, or "no error".
  func message(_ work: () throws -> Void) -> String { error(work)?.description ?? "no error" }
}

/// Bytes from hexadecimal digits; line ends are skipped.
func bytes(_ hexadecimal: String) -> [UInt8] {
  let digits = hexadecimal.compactMap { $0.hexDigitValue }
  return stride(from: 0, to: digits.count - 1, by: 2).map { index in
    UInt8(digits[index] * 16 + digits[index + 1])
  }
}

extension [UInt8] {
  /// The bytes with one of them replaced.
  func replacing(_ index: Int, with byte: UInt8) -> [UInt8] {
    var copy = self
    copy[index] = byte
    return copy
  }
}

/// The bits of some numbers, which tell apart what `==` does not.
func bits(_ values: [Double]) -> [UInt64] { values.map { $0.bitPattern } }

/// A PNG chunk with its checksum, the CRC-32 taken bit by bit.
func pngChunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
  var checksum: UInt32 = 0xFFFF_FFFF
  for byte in Array(name.utf8) + data {
    checksum ^= UInt32(byte)
    for _ in 0..<8 { checksum = checksum & 1 == 1 ? checksum >> 1 ^ 0xEDB8_8320 : checksum >> 1 }
  }
  let length = withUnsafeBytes(of: UInt32(data.count).bigEndian) { Array($0) }
  let end = withUnsafeBytes(of: (~checksum).bigEndian) { Array($0) }
  return length + Array(name.utf8) + data + end
}

/// Files as the system sees them.
enum FileReading {
  /// All bytes of a file.
  static func bytes(_ path: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    guard let stream = fopen(path, "r") else { return bytes }
    defer { fclose(stream) }
    while case let byte = fgetc(stream), byte != EOF { bytes.append(UInt8(byte)) }
    return bytes
  }

  /// Shortens a file.
  static func cut(_ path: String, to size: Int) { truncate(path, off_t(size)) }
}
