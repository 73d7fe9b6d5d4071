/// The table of contents of a zip archive, and its members.
///
/// Stored and deflated members; no encryption, no archives in parts, none of 4 GiB or more.
///
/// - Source: PKWARE, *.ZIP File Format Specification* (APPNOTE).
struct ZIPArchive {
  /// One file in the archive, as the central directory describes it.
  struct Member {
    let name: String
    let flags: Int
    let method: Int
    let checksum: UInt32
    let compressedSize: Int
    let size: Int
    let headerOffset: Int
  }

  let path: String
  let members: [Member]
  private let bytes: [UInt8]
  private let directoryOffset: Int

  init(_ bytes: [UInt8], path: String) throws {
    self.bytes = bytes
    self.path = path
    let end = try Self.endRecord(bytes, path)
    var reader = ByteReader(bytes, path: path, offset: end)
    _ = try reader.take(8, of: "zip end record")
    let countHere = try reader.integer(2, of: "zip end record")
    let count = try reader.integer(2, of: "zip end record")
    let size = try reader.integer(4, of: "zip end record")
    let offset = try reader.integer(4, of: "zip end record")
    guard count != 0xFFFF, size != 0xFFFF_FFFF, offset != 0xFFFF_FFFF else {
      throw Self.zip64(path, end)
    }
    guard countHere == count, offset + size == end else {
      throw reader.error(
        at: end + 8, expected: "a table of contents right before this record",
        found: "\(size) bytes at \(offset)", advice: "Write the archive again.")
    }
    directoryOffset = offset
    var directory = ByteReader(bytes, path: path, offset: offset)
    var members: [Member] = []
    for _ in 0..<count { members.append(try Self.member(&directory)) }
    guard directory.offset == end else {
      throw reader.error(
        at: offset, expected: "\(count) members in \(size) bytes of contents",
        found: "\(directory.offset - offset) bytes", advice: "Write the archive again.")
    }
    self.members = members
  }

  /// Offset of the record that ends every archive, which a comment may follow.
  private static func endRecord(_ bytes: [UInt8], _ path: String) throws -> Int {
    guard bytes.starts(with: [0x50, 0x4B]) else {
      throw FormatError(
        path: path, offset: 0, expected: "a zip archive, which starts with 50 4b",
        found: bytes.isEmpty ? "an empty file" : hexadecimal(bytes.prefix(4)),
        advice: "Write the arrays with numpy.savez.")
    }
    var offset = bytes.count - 22
    while offset >= 0, offset >= bytes.count - 22 - 0xFFFF {
      if bytes[offset] == 0x50, bytes[offset...].starts(with: [0x50, 0x4B, 5, 6]),
        offset + 22 + Int(bytes[offset + 20]) + Int(bytes[offset + 21]) << 8 == bytes.count
      {
        return offset
      }
      offset -= 1
    }
    throw FormatError(
      path: path, offset: bytes.count, expected: "the end record of a zip archive",
      found: "the end of the file", advice: truncationAdvice)
  }

  private static func member(_ reader: inout ByteReader) throws -> Member {
    let start = reader.offset
    try reader.requireSignature([0x50, 0x4B, 1, 2], of: "entry of the table of contents")
    _ = try reader.take(4, of: "zip versions")
    let flags = try reader.integer(2, of: "zip flags")
    let method = try reader.integer(2, of: "zip method")
    _ = try reader.take(4, of: "zip time")
    let checksum = UInt32(try reader.integer(4, of: "zip checksum"))
    let compressedSize = try reader.integer(4, of: "zip size")
    let size = try reader.integer(4, of: "zip size")
    let nameLength = try reader.integer(2, of: "zip name length")
    let extraLength = try reader.integer(2, of: "zip extra length")
    let commentLength = try reader.integer(2, of: "zip comment length")
    _ = try reader.take(8, of: "zip attributes")
    let headerOffset = try reader.integer(4, of: "zip offset")
    let name = try reader.take(nameLength, of: "zip member name")
    _ = try reader.take(extraLength + commentLength, of: "zip member comment")
    guard compressedSize != 0xFFFF_FFFF, size != 0xFFFF_FFFF, headerOffset != 0xFFFF_FFFF else {
      throw zip64(reader.path, start)
    }
    return Member(
      name: String(decoding: reader.bytes[name], as: UTF8.self), flags: flags, method: method,
      checksum: checksum, compressedSize: compressedSize, size: size, headerOffset: headerOffset)
  }

  /// The unpacked bytes of a member, with length and checksum verified.
  func contents(of member: Member) throws -> [UInt8] {
    let place = member.headerOffset
    guard member.flags & 1 == 0, member.method == 0 || member.method == 8 else {
      throw error(
        place, "a stored or deflated member without encryption",
        "method \(member.method), flags \(member.flags)")
    }
    let data = try dataRange(of: member)
    guard member.method == 8 || member.size == member.compressedSize,
      Inflater.canHold(member.size, compressed: member.compressedSize)
    else {
      throw error(
        place, "a size that \(member.compressedSize) compressed bytes can hold", "\(member.size)")
    }
    let contents =
      member.method == 0
      ? Array(bytes[data])
      : try Inflater.inflate(
        bytes, range: data, wrapper: .raw, limit: member.size + 1, path: path)
    guard contents.count == member.size else {
      throw error(place, "\(member.size) bytes in '\(member.name)'", "\(contents.count) or more")
    }
    let checksum = Deflater.checksum(contents, range: contents.indices)
    guard checksum == member.checksum else {
      throw error(
        place, "checksum \(String(member.checksum, radix: 16)) of '\(member.name)'",
        String(checksum, radix: 16))
    }
    return contents
  }

  /// Where the compressed bytes are: behind a second header, whose name may have other extras.
  private func dataRange(of member: Member) throws -> Range<Int> {
    guard member.headerOffset < directoryOffset else {
      throw error(
        member.headerOffset, "members before the table of contents at \(directoryOffset)",
        "an offset behind it")
    }
    var reader = ByteReader(bytes, path: path, offset: member.headerOffset)
    try reader.requireSignature([0x50, 0x4B, 3, 4], of: "header of '\(member.name)'")
    _ = try reader.take(22, of: "member header")
    let nameLength = try reader.integer(2, of: "zip name length")
    let extraLength = try reader.integer(2, of: "zip extra length")
    let name = try reader.take(nameLength, of: "zip member name")
    guard String(decoding: bytes[name], as: UTF8.self) == member.name else {
      throw error(name.lowerBound, "the name '\(member.name)'", quoted(bytes[name]))
    }
    _ = try reader.take(extraLength, of: "zip extra field")
    let data = try reader.take(member.compressedSize, of: "'\(member.name)'")
    guard data.upperBound <= directoryOffset else {
      throw error(
        data.lowerBound, "members before the table of contents at \(directoryOffset)",
        "\(data.count) bytes of '\(member.name)'")
    }
    return data
  }

  private func error(_ offset: Int, _ expected: String, _ found: String) -> FormatError {
    FormatError(
      path: path, offset: offset, expected: expected, found: found,
      advice: "The archive is damaged or of another kind; write it with numpy.savez.")
  }

  private static func zip64(_ path: String, _ offset: Int) -> FormatError {
    FormatError(
      path: path, offset: offset, expected: "an archive of less than 4 GiB and 65535 members",
      found: "a zip64 archive", advice: "Save each array with numpy.save.")
  }
}

extension ByteReader {
  /// Steps over bytes that must be there.
  mutating func requireSignature(_ signature: [UInt8], of what: String) throws {
    let range = try take(signature.count, of: what)
    guard bytes[range].elementsEqual(signature) else {
      throw error(
        at: range.lowerBound, expected: "\(hexadecimal(signature)) (\(what))",
        found: hexadecimal(bytes[range]), advice: "The file is damaged; write it again.")
    }
  }
}
