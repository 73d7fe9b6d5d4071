import CZlib

/// Decompression of gzip files and of the raw streams in zip archives, with a limit on the output.
enum Inflater {
  /// How a compressed stream is wrapped.
  enum Wrapper: Int32 {
    /// One or more gzip members, each with header, checksum and length.
    case gzip = 31
    /// A bare deflate stream.
    case raw = -15
  }

  /// Most bytes that deflate can make of one byte.
  static let largestRatio = 1032

  /// Whether bytes start like a gzip file.
  static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }

  /// Whether a stream of some length can hold as many bytes as its header declares.
  static func canHold(_ count: Int, compressed: Int) -> Bool {
    count / largestRatio <= compressed
  }

  /// The first `limit` bytes of a compressed range, or all if there are fewer.
  ///
  /// Checksums are verified when the end is reached before the limit.
  static func inflate(
    _ bytes: [UInt8], range: Range<Int>, wrapper: Wrapper, limit: Int, path: String
  ) throws -> [UInt8] {
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    stream.initialize(to: z_stream())
    defer { stream.deallocate() }
    guard czlib_inflate_init(stream, wrapper.rawValue) == Z_OK else {
      throw damage(path, range.lowerBound, "no memory to decompress")
    }
    defer { inflateEnd(stream) }
    return try bytes.withUnsafeBufferPointer { input in
      try [UInt8](unsafeUninitializedCapacity: limit) { output, count in
        var position = range.lowerBound
        while count < limit {
          let code = step(stream, input, &position, range.upperBound, output, &count)
          if code == Z_STREAM_END {
            if wrapper == .raw || position == range.upperBound {
              return try requireEnd(position, range, path)
            }
            try requireMember(bytes, position, range.upperBound, path)
            inflateReset(stream)
          } else if code == Z_BUF_ERROR && position == range.upperBound {
            throw FormatError(
              path: path, offset: position, expected: "more compressed data",
              found: "the end of the data", advice: truncationAdvice)
          } else if code != Z_OK && code != Z_BUF_ERROR {
            throw damage(path, position, stream.pointee.msg.map { String(cString: $0) })
          }
        }
      }
    }
  }

  /// One call of zlib between two cursors, both of which advance.
  private static func step(
    _ stream: UnsafeMutablePointer<z_stream>, _ input: UnsafeBufferPointer<UInt8>,
    _ position: inout Int, _ end: Int, _ output: UnsafeMutableBufferPointer<UInt8>,
    _ count: inout Int
  ) -> Int32 {
    let available = min(end - position, 1 << 30)
    let space = min(output.count - count, 1 << 30)
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress.map { $0 + position })
    stream.pointee.avail_in = UInt32(available)
    stream.pointee.next_out = output.baseAddress.map { $0 + count }
    stream.pointee.avail_out = UInt32(space)
    let code = CZlib.inflate(stream, Z_NO_FLUSH)
    position += available - Int(stream.pointee.avail_in)
    count += space - Int(stream.pointee.avail_out)
    return code
  }

  private static func requireMember(
    _ bytes: [UInt8], _ position: Int, _ end: Int, _ path: String
  ) throws {
    guard bytes[position..<end].starts(with: [0x1F, 0x8B]) else {
      throw FormatError(
        path: path, offset: position, expected: "the end of the file or another gzip member",
        found: "\(end - position) more bytes", advice: "Compress the file again.")
    }
  }

  private static func requireEnd(_ position: Int, _ range: Range<Int>, _ path: String) throws {
    guard position == range.upperBound else {
      throw FormatError(
        path: path, offset: position, expected: "the end of the compressed data",
        found: "\(range.upperBound - position) more bytes", advice: "Write the archive again.")
    }
  }

  private static func damage(_ path: String, _ offset: Int, _ reason: String?) -> FormatError {
    FormatError(
      path: path, offset: offset, expected: "intact compressed data",
      found: "damage (\(reason ?? "zlib gives no reason"))",
      advice: "Copy or download the file again.")
  }
}
