import CPNG

/// Pixels of a PNG file, 8 bits a channel.
public struct PNGImage: Sendable, Equatable {
  /// 1 for gray, 3 for red, green and blue.
  public let channels: Int
  /// Number of rows of pixels.
  public let height: Int
  /// Number of pixels in a row.
  public let width: Int
  /// The pixels in row-major order, the channels of a pixel side by side: `[height, width, channels]`.
  public let bytes: [UInt8]

  /// An image with given pixels.
  ///
  /// - Precondition: `channels` is 1 or 3 and `bytes.count` is `channels * height * width`.
  public init(channels: Int, height: Int, width: Int, bytes: [UInt8]) {
    precondition(
      channels == 1 || channels == 3, "PNGImage: expected 1 or 3 channels, found \(channels)")
    precondition(
      bytes.count == channels * height * width,
      "PNGImage: expected \(channels * height * width) bytes, found \(bytes.count)")
    self.channels = channels
    self.height = height
    self.width = width
    self.bytes = bytes
  }
}

/// PNG files as pixels: read by libpng after a check of every chunk, written by hand.
public enum PNG {
  static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// Reads an image: gray files give one channel, all others three.
  ///
  /// Palettes are resolved, 1 to 4 and 16 bits become 8; gamma and color profiles are not applied;
  /// transparent pixels are refused.
  ///
  /// - Parameter path: The file.
  /// - Returns: The pixels.
  /// - Throws: `FormatError`.
  public static func read(_ path: String) throws -> PNGImage {
    try parse(try FileBytes.read(path), path: path)
  }

  /// Writes an image; equal pixels give equal bytes.
  ///
  /// - Parameters:
  ///   - image: The pixels; at least one.
  ///   - path: Where the file is to be.
  /// - Throws: `FormatError` of kind `unwritable`.
  public static func write(_ image: PNGImage, to path: String) throws {
    guard (1...0xFFFF).contains(image.width), (1...0xFFFF).contains(image.height) else {
      throw FormatError(
        kind: .unwritable, path: path, expected: "an image of 1 to 65535 pixels each way",
        found: "\(image.width) x \(image.height)", advice: "Resize the image.")
    }
    var rows: [UInt8] = []
    let rowBytes = image.width * image.channels
    rows.reserveCapacity(image.height * (rowBytes + 1))
    for row in 0..<image.height {
      rows.append(0)
      rows.append(contentsOf: image.bytes[row * rowBytes..<(row + 1) * rowBytes])
    }
    let start = bigEndian(image.width) + bigEndian(image.height)
    let bytes =
      signature
      + chunk("IHDR", start + [8, image.channels == 1 ? 0 : 2, 0, 0, 0])
      + chunk("IDAT", try Deflater.deflate(rows, wrapper: .zlib, path: path))
      + chunk("IEND", [])
    try AtomicFile.write(bytes, to: path)
  }

  private static func bigEndian(_ number: Int) -> [UInt8] {
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: number).bigEndian) { Array($0) }
  }

  private static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
    let content = Array(name.utf8) + data
    let checksum = Deflater.checksum(content, range: content.indices)
    return bigEndian(data.count) + content + bigEndian(Int(checksum))
  }

  static func parse(_ bytes: [UInt8], path: String) throws -> PNGImage {
    let bytes = try PNGChunks.essential(bytes, path: path)
    let image = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
    cpng_prepare(image)
    defer {
      png_image_free(image)
      image.deallocate()
    }
    return try bytes.withUnsafeBytes { buffer in
      guard png_image_begin_read_from_memory(image, buffer.baseAddress, buffer.count) != 0 else {
        throw damage(image, path)
      }
      return try pixels(image, path)
    }
  }

  /// Decodes the image that libpng has opened.
  private static func pixels(
    _ image: UnsafeMutablePointer<png_image>, _ path: String
  ) throws -> PNGImage {
    let isGray = cpng_is_gray(image) != 0
    let hasAlpha = cpng_has_alpha(image) != 0
    cpng_request(image, isGray ? 1 : 0, hasAlpha ? 1 : 0)
    let channels = isGray ? 1 : 3
    let stored = channels + (hasAlpha ? 1 : 0)
    let height = Int(image.pointee.height)
    let width = Int(image.pointee.width)
    var bytes = [UInt8](repeating: 0, count: width * height * stored)
    let isRead = bytes.withUnsafeMutableBytes {
      png_image_finish_read(image, nil, $0.baseAddress, Int32(width * stored), nil) != 0
    }
    guard isRead else { throw damage(image, path) }
    if hasAlpha { bytes = try opaque(bytes, channels: channels, path: path) }
    return PNGImage(channels: channels, height: height, width: width, bytes: bytes)
  }

  /// The pixels without their alpha channel, which must be opaque everywhere.
  private static func opaque(_ bytes: [UInt8], channels: Int, path: String) throws -> [UInt8] {
    let stored = channels + 1
    return try [UInt8](unsafeUninitializedCapacity: bytes.count) { target, count in
      for pixel in 0..<(bytes.count / stored) {
        guard bytes[pixel * stored + channels] == 255 else {
          throw FormatError(
            path: path, expected: "opaque pixels", found: "a transparent one (pixel \(pixel))",
            advice: "Flatten the image onto a background.")
        }
        for channel in 0..<channels {
          target[count] = bytes[pixel * stored + channel]
          count += 1
        }
      }
    }
  }

  private static func damage(
    _ image: UnsafeMutablePointer<png_image>, _ path: String
  ) -> FormatError {
    FormatError(
      path: path, offset: 8, expected: "a valid PNG image",
      found: "damage (libpng: \(String(cString: cpng_message(image))))",
      advice: "Write the image again.")
  }
}
