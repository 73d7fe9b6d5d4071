#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A small image that is part of a page: red, green, blue and opacity, 8 bits each.
public struct Picture: Sendable, Equatable {
  /// Pixels in a row.
  public let width: Int
  /// Rows of pixels.
  public let height: Int
  /// Bytes in row-major order, four for each pixel.
  public let bytes: [UInt8]

  /// An image with given pixels.
  ///
  /// - Parameters:
  ///   - width: Pixels in a row, at least 1.
  ///   - height: Rows of pixels, at least 1.
  ///   - bytes: `4 * width * height` bytes.
  public init(width: Int, height: Int, bytes: [UInt8]) {
    precondition(
      width >= 1 && height >= 1 && bytes.count == 4 * width * height,
      "Picture: \(bytes.count) bytes for \(width) x \(height) pixels")
    (self.width, self.height, self.bytes) = (width, height, bytes)
  }

  /// An opaque image of brightness.
  ///
  /// - Parameters:
  ///   - gray: `width * height` bytes, or three times as many for red, green and blue planes.
  ///   - width: Pixels in a row.
  ///   - height: Rows of pixels.
  public init(brightness gray: [UInt8], width: Int, height: Int) {
    let pixels = width * height
    precondition(
      gray.count == pixels || gray.count == 3 * pixels,
      "Picture: \(gray.count) bytes for \(width) x \(height) pixels")
    let step = gray.count == pixels ? 0 : pixels
    self.init(
      width: width, height: height,
      bytes: (0..<pixels).flatMap { [gray[$0], gray[$0 + step], gray[$0 + 2 * step], 255] })
  }

  /// Numbers as colors: orange above zero, blue below, the more opaque the larger, so that zero is the paper.
  ///
  /// - Parameters:
  ///   - values: `width * height` finite numbers in row-major order.
  ///   - width: Pixels in a row.
  ///   - height: Rows of pixels.
  ///   - scale: The absolute value that is opaque; larger ones are too.
  public init(signed values: [Double], width: Int, height: Int, scale: Double) {
    self.init(
      width: width, height: height,
      bytes: values.flatMap { value -> [UInt8] in
        let share = scale > 0 ? min(1, abs(value) / scale) : 0
        let color: [UInt8] = value < 0 ? [37, 99, 235] : [217, 105, 6]
        return color + [UInt8((255 * share).rounded())]
      })
  }

  /// A signal as bars from zero: orange upwards, blue downwards.
  ///
  /// - Parameter values: At least one finite number; each has three pixels.
  public init(bars values: [Double]) {
    let (half, step) = (24, 4)
    let largest = values.map { abs($0) }.max() ?? 0
    let width = step * values.count
    var bytes = [UInt8](repeating: 0, count: 4 * width * 2 * half)
    for (index, value) in values.enumerated() {
      let length = largest > 0 ? max(1, Int((Double(half) * (abs(value) / largest)).rounded())) : 1
      let color: [UInt8] = value < 0 ? [37, 99, 235, 255] : [217, 105, 6, 255]
      for row in value < 0 ? half..<half + length : half - length..<half {
        for column in step * index..<step * index + step - 1 {
          let first = 4 * (row * width + column)
          bytes.replaceSubrange(first..<first + 4, with: color)
        }
      }
    }
    self.init(width: width, height: 2 * half, bytes: bytes)
  }

  /// The image with every pixel as a square of pixels.
  ///
  /// - Parameter factor: Pixels of the square in each direction, at least 1.
  /// - Returns: The larger image.
  public func magnified(by factor: Int) -> Picture {
    var result: [UInt8] = []
    for row in 0..<height {
      let wide = (0..<width).flatMap { column -> [UInt8] in
        let pixel = bytes[4 * (row * width + column)..<4 * (row * width + column + 1)]
        return (0..<factor).flatMap { _ in pixel }
      }
      for _ in 0..<factor { result += wide }
    }
    return Picture(width: factor * width, height: factor * height, bytes: result)
  }

  /// Images beside each other, with lines of gray between them.
  ///
  /// - Parameters:
  ///   - pictures: At least one image, all of the same height.
  ///   - gap: Pixels of each line.
  /// - Returns: One image.
  public static func joined(_ pictures: [Picture], gap: Int) -> Picture {
    let height = pictures[0].height
    let line = [UInt8]((0..<gap).flatMap { _ in [128, 128, 128, 255] as [UInt8] })
    var bytes: [UInt8] = []
    for row in 0..<height {
      for (index, picture) in pictures.enumerated() {
        let first = 4 * row * picture.width
        bytes += (index > 0 ? line : []) + picture.bytes[first..<first + 4 * picture.width]
      }
    }
    let width = pictures.reduce(gap * (pictures.count - 1)) { $0 + $1.width }
    return Picture(width: width, height: height, bytes: bytes)
  }

  /// The image as a PNG file.
  public var png: [UInt8] {
    var rows: [UInt8] = []
    for row in 0..<height { rows += [0] + bytes[row * 4 * width..<(row + 1) * 4 * width] }
    let size = Self.bigEndian(UInt32(width)) + Self.bigEndian(UInt32(height))
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + Self.chunk("IHDR", size + [8, 6, 0, 0, 0]) + Self.chunk("IDAT", Self.stored(rows))
      + Self.chunk("IEND", [])
  }

  /// The image as an address that needs nothing to be loaded.
  public var dataAddress: String { "data:image/png;base64," + Data(png).base64EncodedString() }

  /// A zlib stream that does not compress, which pays for images this small.
  private static func stored(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [0x78, 0x01]
    var start = 0
    repeat {
      let count = min(65_535, bytes.count - start)
      let isLast = start + count == bytes.count
      let length = UInt16(count)
      result += [isLast ? 1 : 0]
      for word in [length, ~length] { result += [UInt8(word & 0xFF), UInt8(word >> 8)] }
      result += bytes[start..<start + count]
      start += count
    } while start < bytes.count
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65_521
      b = (b + a) % 65_521
    }
    return result + bigEndian(b << 16 | a)
  }

  private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let content = Array(name.utf8) + data
    var sum: UInt32 = 0xFFFF_FFFF
    for byte in content {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
    }
    return bigEndian(UInt32(data.count)) + content + bigEndian(~sum)
  }

  private static func bigEndian(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(number >> $0 & 0xFF) }
  }
}
