import CZlib

/// Compression for gzip and PNG files, and the checksum of gzip, zip and PNG.
enum Deflater {
  /// How a compressed stream is wrapped.
  enum Wrapper: Int32 {
    /// A gzip member without time and name, so that equal input gives equal bytes.
    case gzip = 31
    /// A zlib stream, as in PNG.
    case zlib = 15
  }

  /// The compressed bytes, at the highest level.
  static func deflate(_ bytes: [UInt8], wrapper: Wrapper, path: String) throws -> [UInt8] {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    guard czlib_deflate_init(stream, Z_BEST_COMPRESSION, wrapper.rawValue) == Z_OK else {
      throw failure(path)
    }
    defer { deflateEnd(stream) }
    var compressed: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    try bytes.withUnsafeBufferPointer { input in
      var position = 0
      while true {
        let available = min(input.count - position, 1 << 30)
        let isLast = position + available == input.count
        let (code, space) = chunk.withUnsafeMutableBufferPointer { output in
          stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress.map { $0 + position })
          stream.pointee.avail_in = UInt32(available)
          stream.pointee.next_out = output.baseAddress
          stream.pointee.avail_out = UInt32(output.count)
          let code = CZlib.deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
          return (code, Int(stream.pointee.avail_out))
        }
        position += available - Int(stream.pointee.avail_in)
        compressed.append(contentsOf: chunk[..<(chunk.count - space)])
        if code == Z_STREAM_END { return }
        guard code == Z_OK || code == Z_BUF_ERROR else { throw failure(path) }
      }
    }
    // The tenth byte of gzip names the operating system; 255 stands for none in particular.
    if wrapper == .gzip && compressed.count > 9 { compressed[9] = 255 }
    return compressed
  }

  /// The CRC-32 of a range of bytes.
  static func checksum(_ bytes: [UInt8], range: Range<Int>) -> UInt32 {
    bytes.withUnsafeBufferPointer { buffer in
      var sum: UInt = 0
      var rest = buffer[range]
      while !rest.isEmpty {
        let chunk = UnsafeBufferPointer(rebasing: rest.prefix(1 << 30))
        sum = UInt(crc32(uLong(sum), chunk.baseAddress, UInt32(chunk.count)))
        rest = rest.dropFirst(chunk.count)
      }
      return UInt32(truncatingIfNeeded: sum)
    }
  }

  private static func failure(_ path: String) -> FormatError {
    FormatError(
      kind: .unwritable, path: path, expected: "memory to compress the file", found: "none",
      advice: "Close other programs.")
  }
}
