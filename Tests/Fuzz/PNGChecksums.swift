@testable import Formats

/// Checksums of PNG files, which changed bytes would break before anything else is read.
enum PNGChecksums {
  /// The same bytes with the checksum of every chunk put right, as far as there are chunks.
  static func repaired(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    var offset = 8
    while offset + 12 <= bytes.count {
      let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
      guard length <= bytes.count - offset - 12 else { break }
      let content = offset + 4..<offset + 8 + length
      let checksum = Deflater.checksum(bytes, range: content)
      for place in 0..<4 {
        result[content.upperBound + place] = UInt8(
          truncatingIfNeeded: checksum >> UInt32(24 - 8 * place))
      }
      offset = content.upperBound + 4
    }
    return result
  }
}
