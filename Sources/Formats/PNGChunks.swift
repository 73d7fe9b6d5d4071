/// The chunk structure of a PNG file, checked before libpng sees it.
///
/// - Source: W3C, *Portable Network Graphics (PNG) Specification*, sections 5 and 11.2.2.
enum PNGChunks {
  /// Most pixels along one side, and in all.
  private static let longestSide = 0xFFFF
  private static let mostPixels = 1 << 28

  /// The file without the chunks that say nothing about its pixels' stored values.
  ///
  /// Gamma, color profiles and text are dropped, so that pixels arrive as they are stored. Checks
  /// signature, chunk lengths and checksums, the order of first and last chunk, that nothing
  /// follows, and that the compressed data can hold the declared image.
  static func essential(_ bytes: [UInt8], path: String) throws -> [UInt8] {
    let start = bytes.prefix(8)
    guard start.elementsEqual(PNG.signature) else {
      throw FormatError(
        path: path, offset: 0, expected: "a PNG file, which starts with 89 'PNG'",
        found: start.isEmpty ? "an empty file" : hexadecimal(start),
        advice: "Convert the image to PNG.")
    }
    var reader = ByteReader(bytes, path: path, offset: 8)
    var pixelBytes = 0
    var dataBytes = 0
    var name = ""
    var kept = PNG.signature
    while name != "IEND" {
      let isFirst = name.isEmpty
      let offset = reader.offset
      let data = try chunk(&reader, &name)
      guard isFirst == (name == "IHDR") else {
        throw reader.error(
          at: offset + 4, expected: isFirst ? "chunk IHDR first" : "one chunk IHDR",
          found: quoted(Array(name.utf8)), advice: "Write the image again.")
      }
      if isFirst { pixelBytes = try imageSize(data, reader) }
      if name == "IDAT" { dataBytes += data.count }
      let isCritical = bytes[offset + 4] & 0x20 == 0
      if isCritical || name == "tRNS" { kept += bytes[offset..<reader.offset] }
    }
    try reader.requireEnd()
    guard dataBytes > 0, Inflater.canHold(pixelBytes, compressed: dataBytes) else {
      throw reader.error(
        at: 16, expected: "an image that \(dataBytes) compressed bytes can hold",
        found: "\(pixelBytes) bytes of pixels", advice: "Write the image again.")
    }
    return kept
  }

  /// Steps over a chunk; returns where its data are.
  private static func chunk(
    _ reader: inout ByteReader, _ name: inout String
  ) throws -> Range<Int> {
    let length = try reader.integer(4, bigEndian: true, of: "PNG chunk length")
    let title = try reader.take(4, of: "PNG chunk name")
    name = String(decoding: reader.bytes[title], as: UTF8.self)
    let data = try reader.take(length, of: "PNG chunk data")
    let place = reader.offset
    let stored = try reader.unsigned(4, bigEndian: true, of: "PNG chunk checksum")
    let checksum = Deflater.checksum(reader.bytes, range: title.lowerBound..<data.upperBound)
    guard stored == UInt64(checksum) else {
      throw reader.error(
        at: place, expected: "checksum \(String(checksum, radix: 16))",
        found: String(stored, radix: 16), advice: "The image is damaged; write it again.")
    }
    return data
  }

  /// Bytes of the pixels that IHDR declares, before compression.
  private static func imageSize(_ data: Range<Int>, _ reader: ByteReader) throws -> Int {
    var header = ByteReader(
      Array(reader.bytes[..<data.upperBound]), path: reader.path, offset: data.lowerBound)
    let width = try header.integer(4, bigEndian: true, of: "PNG width")
    let height = try header.integer(4, bigEndian: true, of: "PNG height")
    let depth = try header.integer(1, of: "PNG bit depth")
    let color = try header.integer(1, of: "PNG color type")
    guard (1...longestSide).contains(width), (1...longestSide).contains(height),
      width * height <= mostPixels
    else {
      throw reader.error(
        at: data.lowerBound,
        expected: "1 to \(longestSide) pixels each way and at most \(mostPixels) in all",
        found: "\(width) x \(height)", advice: "Resize the image.")
    }
    let channels = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4][color] ?? 1
    return width * height * channels * depth / 8
  }
}
