public import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The samples of an NPY or uncompressed IDX file, read from disk whenever they are asked for.
///
/// Samples are copied out of the file (`pread`) rather than mapped: mapped pages would count as memory of the process, and a file
/// that shrinks meanwhile would end it. What was read stays in the cache of the system, so that further passes do not wait for
/// the disk while there is room.
///
/// - Accuracy: The numbers of `ImageSource.read`, bit by bit; unsigned bytes are scaled to 0...1 (`SampleFileTests`).
public final class SampleFile: SampleSource {
  /// The file.
  public let path: String
  /// Extent of each axis in the file, samples first.
  public let shape: [Int]
  /// The sort of numbers that the file stores.
  public let elementKind: ElementKind
  /// Shape `[channels, height, width]` of one sample.
  public let sampleShape: [Int]

  private let descriptor: Int32
  private let start: Int
  private let type: NumberType
  private let isBigEndian: Bool
  private let failure = Guarded<FormatError?>(nil)

  /// Longest header that is looked at.
  private static let headerLimit = 1 << 16

  /// A file of samples.
  ///
  /// - Parameters:
  ///   - path: An NPY file in row-major order, or an IDX file that is not compressed.
  ///   - sampleShape: Shape `[channels, height, width]` of a sample, from the shape of the file.
  /// - Throws: `FormatError` when the file cannot be opened, is of another format, or is not as long as its header says; what
  ///   `sampleShape` throws.
  /// - Complexity: Reads the header only.
  public init(_ path: String, sampleShape: ([Int]) throws -> [Int]) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileBytes.unreadable(path, errorText(errno)) }
    do {
      let layout = try Layout(descriptor, path, limit: Self.headerLimit)
      self.sampleShape = try sampleShape(layout.shape)
      precondition(
        self.sampleShape.reduce(1, *) == layout.shape.dropFirst().reduce(1, *),
        "SampleFile: samples of shape \(self.sampleShape) in \(layout.shape)")
      shape = layout.shape
      (start, type, isBigEndian) = (layout.start, layout.type, layout.isBigEndian)
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
    elementKind = type.elementKind
  }

  deinit { close(descriptor) }

  /// Number of samples.
  public var sampleCount: Int { shape[0] }
  /// Nothing is kept in memory.
  public var residentBytes: Int { 0 }

  /// Reads samples from the file, scaled to 0...1 where they are unsigned bytes.
  public func read(_ samples: Range<Int>, into target: UnsafeMutablePointer<Double>) {
    let count = samples.count * sampleSize
    let size = count * type.byteCount
    let offset = start + samples.lowerBound * sampleSize * type.byteCount
    withUnsafeTemporaryAllocation(byteCount: max(1, size), alignment: 8) { bytes in
      guard readAll(bytes, size, offset) else {
        target.update(repeating: .nan, count: count)
        return
      }
      let source = UnsafeRawBufferPointer(rebasing: bytes[0..<size])
      let room = UnsafeMutableBufferPointer(start: target, count: count)
      if let inexact = type.decode(source, into: room, count: count, bigEndian: isBigEndian) {
        fail(
          offset + inexact * type.byteCount, expected: "whole numbers that fit a Double exactly",
          found: "a \(type) of more than 53 bits", advice: "Use smaller numbers or floating point.")
      }
      if elementKind == .unsignedByte { for e in 0..<count { target[e] /= 255 } }
    }
  }

  /// Throws the first error that reading met.
  public func requireReadable() throws {
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func readAll(_ bytes: UnsafeMutableRawBufferPointer, _ size: Int, _ offset: Int) -> Bool {
    var done = 0
    while done < size {
      guard let base = bytes.baseAddress else { return size == 0 }
      let got = pread(descriptor, base + done, size - done, off_t(offset + done))
      if got > 0 {
        done += got
      } else if got == 0 {
        fail(
          offset + done, expected: "\(size - done) more bytes", found: "the end of the file",
          advice: "The file was cut short while it was read; do not write to it.")
        return false
      } else if errno != EINTR {
        let error = FileBytes.unreadable(path, errorText(errno))
        failure.withLock { if $0 == nil { $0 = error } }
        return false
      }
    }
    return true
  }

  private func fail(_ offset: Int, expected: String, found: String, advice: String) {
    let error = FormatError(
      path: path, offset: offset, expected: expected, found: found, advice: advice)
    failure.withLock { if $0 == nil { $0 = error } }
  }
}

extension SampleFile {
  /// Where the elements of a file are, and of which type.
  private struct Layout {
    let shape: [Int]
    let start: Int
    let type: NumberType
    let isBigEndian: Bool

    init(_ descriptor: Int32, _ path: String, limit: Int) throws {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else {
        throw FileBytes.unreadable(path, errorText(errno))
      }
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw Self.unsuitable(path, found: "no regular file")
      }
      let size = Int(status.st_size)
      let bytes = try Self.head(descriptor, path, min(size, limit))
      var reader = ByteReader(bytes, path: path)
      if bytes.starts(with: NPYHeader.magic) {
        let header = try NPYHeader(&reader)
        guard !header.isFortranOrder || header.shape.count < 2 else {
          throw Self.unsuitable(path, found: "an array in column-major order")
        }
        (shape, type, isBigEndian) = (header.shape, header.type, header.isBigEndian)
      } else if bytes.starts(with: [0, 0]) {
        let header = try IDX.Header(&reader)
        (shape, type, isBigEndian) = (header.shape, header.type.numberType, true)
      } else {
        throw Self.unsuitable(
          path, found: Inflater.isGzip(bytes) ? "a compressed file" : "another format")
      }
      start = reader.offset
      let expected = shape.reduce(type.byteCount, *)
      guard size - start == expected else {
        throw FormatError(
          path: path, offset: start, expected: "\(expected) bytes of elements of shape \(shape)",
          found: "\(size - start)", advice: truncationAdvice)
      }
    }

    private static func head(
      _ descriptor: Int32, _ path: String, _ count: Int
    ) throws -> [UInt8] {
      try [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
        while done < count {
          guard let base = buffer.baseAddress else { return }
          let got = pread(descriptor, base + done, count - done, off_t(done))
          if got == 0 { return }
          guard got > 0 || errno == EINTR else {
            throw FileBytes.unreadable(path, errorText(errno))
          }
          done += max(0, got)
        }
      }
    }

    private static func unsuitable(_ path: String, found: String) -> FormatError {
      FormatError(
        kind: .unreadable, path: path,
        expected: "an NPY file in row-major order or a plain IDX file",
        found: found, advice: "Other formats are read as a whole; unpack or convert the file.")
    }
  }
}

extension SampleFile {
  /// Whether a path names a file that starts like one that can be read in parts; false when it cannot be opened.
  ///
  /// - Parameter path: A path.
  /// - Returns: Whether its first bytes are those of NPY or plain IDX.
  public static func isSuitable(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 1, count: 6)
    guard pread(descriptor, &bytes, 6, 0) == 6 else { return false }
    return bytes.starts(with: NPYHeader.magic) || bytes.starts(with: [0, 0])
  }
}

extension SampleFile {
  /// Sizes that reading a file as a whole has to do with.
  ///
  /// - Parameter specification: A path, or `PATH.npz:key`; a folder of PNG files is not looked into.
  /// - Returns: Bytes of the file, and of how many elements it may hold at most; nil for folders and what cannot be opened.
  public static func wholeSize(
    _ specification: String
  ) -> (fileBytes: Int, elementCount: Int)? {
    let path =
      FileBytes.exists(specification)
      ? specification : NPZ.split(specification)?.path ?? specification
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    let size = Int(status.st_size)
    if path.lowercased().hasSuffix(".csv") { return (size, size / 2 + 1) }
    if let count = try? IDX.declaredCount(path) { return (size, count) }
    // Archives may be deflated, by 1000 at the very most; pixels rarely shrink by more than 10.
    return (size, path.lowercased().hasSuffix(".npz") ? 10 * size : size)
  }
}
