import Formats
import Testing

struct IDXTests {
  private let folder = TemporaryFolder()

  private func message(_ bytes: [UInt8], _ name: String = "a.idx") -> String {
    let path = folder.write(bytes, name)
    return folder.message { _ = try IDX.read(path) }
  }

  @Test(arguments: IDX.ElementType.allCases, [false, true])
  func writtenFileReadsBackBitForBit(_ type: IDX.ElementType, _ gzip: Bool) throws {
    let lowest: Double = type == .ubyte ? 0 : -128
    let fraction: Double = type == .float || type == .double ? 0.5 : 0
    let values: [Double] = [lowest, 0, 1, 2 + fraction, 100, 127]
    let array = ArrayFile(shape: [1, 2, 3], elements: values, elementKind: .floating)
    try IDX.write(array, to: folder.file("a"), as: type, gzip: gzip)
    let back = try IDX.read(folder.file("a"))
    #expect(back.shape == [1, 2, 3])
    #expect(bits(back.elements) == bits(values))
    let kind: ElementKind =
      type == .ubyte ? .unsignedByte : fraction == 0.5 ? .floating : .integer
    #expect(back.elementKind == kind)
  }

  @Test
  func doublesKeepEveryBit() throws {
    let values: [Double] = [-0.0, .infinity, -.infinity, 0x1p-1074, 0.1, .nan]
    let array = ArrayFile(shape: [6], elements: values, elementKind: .floating)
    try IDX.write(array, to: folder.file("a"))
    #expect(bits(try IDX.read(folder.file("a")).elements) == bits(values))
  }

  @Test
  func bytesOnDiskAreThoseOfTheFormat() throws {
    let array = ArrayFile(
      shape: [2, 2, 3], elements: (0..<12).map(Double.init), elementKind: .unsignedByte)
    try IDX.write(array, to: folder.file("a"))
    #expect(folder.read("a") == Sample.plainIDX)
  }

  @Test
  func pythonGzipFileIsRead() throws {
    let path = folder.write(Fixtures.idxGz, "images")
    let array = try IDX.read(path)
    #expect(array.shape == [2, 2, 3])
    #expect(array.elements == (0..<12).map(Double.init))
  }

  @Test
  func compressedBytesAreTheSameEveryTimeAndHoldNoTime() throws {
    let array = ArrayFile(
      shape: [100], elements: .init(repeating: 3, count: 100), elementKind: .integer)
    try IDX.write(array, to: folder.file("a"), gzip: true)
    try IDX.write(array, to: folder.file("b"), gzip: true)
    #expect(folder.read("a") == folder.read("b"))
    #expect(Array(folder.read("a")[4..<8]) == [0, 0, 0, 0])
  }

  @Test
  func concatenatedGzipMembersAreOneFile() throws {
    let whole = Sample.plainIDX
    // Members of Python's gzip with mtime 0: the first 20 bytes of the file, then the rest.
    let first = bytes("1f8b08000000000002ff6360e06066606060826266064626660017d0e9e814000000")
    let second = bytes("1f8b08000000000002ff63616563e7e0e4e206005be3717008000000")
    let path = folder.write(first + second, "a")
    let error = folder.error {
      let array = try IDX.read(path)
      #expect(array.elements == whole[16...].map(Double.init))
    }
    #expect(error == nil)
    let cut = folder.message { _ = try IDX.read(folder.write(first, "a.gz")) }
    #expect(
      cut == "a.gz:16: expected 12 bytes of 12 uint8 elements, found 4 bytes. "
        + "The file is cut short; copy or download it again.")
  }

  @Test
  func emptyArraysAreRead() throws {
    let path = folder.write([0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 5], "a")
    let array = try IDX.read(path)
    #expect(array.shape == [0, 5])
    #expect(array.elements.isEmpty)
  }

  @Test
  func wrongMagicIsNamed() {
    #expect(
      message([0x89, 0x50, 0x4E, 0x47])
        == "a.idx:0: expected an IDX file, which starts with 00 00, found 89 50 4e 47. "
        + "Use IDX, NPY, NPZ, CSV, a CIFAR .bin batch or a folder of PNG files.")
    #expect(
      message([]) == "a.idx:0: expected 4 bytes of IDX header, found 0 bytes. "
        + "The file is cut short; copy or download it again.")
    #expect(
      message([0, 0, 7, 1]) == "a.idx:2: expected an element type 08, 09, 0b, 0c, 0d or 0e, "
        + "found 07. Write the file again.")
    #expect(
      message([0, 0, 8, 0])
        == "a.idx:3: expected at least one axis, found 0. Write the file again.")
  }

  @Test
  func truncationAndExcessNameTheOffset() {
    #expect(
      message(Sample.plainIDX.dropLast()) == "a.idx:16: expected 12 bytes of 12 uint8 elements, "
        + "found 11 bytes. The file is cut short; copy or download it again.")
    #expect(
      message([0, 0, 8, 2, 0, 0, 0, 1, 0])
        == "a.idx:8: expected 4 bytes of extent of axis 1, found 1 bytes. "
        + "The file is cut short; copy or download it again.")
    #expect(
      message(Sample.plainIDX + [1, 2]) == "a.idx:28: expected the end of the file, "
        + "found 2 more bytes. The file is damaged or its header is wrong; write it again.")
  }

  @Test
  func absurdDimensionsAreRejectedBeforeAllocation() {
    let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
    #expect(
      message([0, 0, 14, 2] + huge + huge).hasPrefix(
        "a.idx:4: expected dimensions whose product fits 64 bits, "))
    #expect(
      message([0, 0, 8, 1] + huge).hasPrefix("a.idx:8: expected 4294967295 bytes of "))
    let zeroFirst: [UInt8] = [0, 0, 8, 4] + [0, 0, 0, 0] + huge + huge + huge
    #expect(message(zeroFirst).contains("product fits 64 bits"))
  }

  @Test
  func compressedFileCannotClaimMoreThanItCanHold() {
    // gzip of the header 00 00 08 01 ff ff ff ff alone.
    let path = folder.write(
      bytes("1f8b08000000000002ff6360e060fc0f04005754aa6a08000000"), "a.gz")
    let message = folder.message { _ = try IDX.read(path) }
    #expect(
      message == "a.gz:4: expected dimensions that 26 compressed bytes can hold, "
        + "found shape [4294967295]. The file is cut short; copy or download it again.")
  }

  @Test
  func damagedCompressionIsNamed() {
    let gz = Fixtures.idxGz
    let checksum = gz.replacing(gz.count - 8, with: gz[gz.count - 8] ^ 1)
    #expect(
      message(checksum, "a.gz").contains(
        "expected intact compressed data, found damage (incorrect data check). "
          + "Copy or download the file again."))
    let length = gz.replacing(gz.count - 4, with: gz[gz.count - 4] ^ 1)
    #expect(message(length, "a.gz").contains("damage (incorrect length check)"))
    #expect(
      message(gz + [0, 0], "a.gz") == "a.gz:49: expected the end of the file or another gzip "
        + "member, found 2 more bytes. Compress the file again.")
    #expect(
      message(gz.dropLast(), "a.gz") == "a.gz:48: expected more compressed data, found the end of "
        + "the data. The file is cut short; copy or download it again.")
  }

  @Test
  func valuesThatDoNotFitAreNotWritten() {
    let array = ArrayFile(shape: [2], elements: [1, 256], elementKind: .unsignedByte)
    let message = folder.message { try IDX.write(array, to: folder.file("a.idx")) }
    #expect(
      message == "a.idx: expected values that uint8 can hold, found 256.0 at index 1. "
        + "Write the array with a wider element type.")
    let scalar = ArrayFile(shape: [], elements: [1], elementKind: .floating)
    let axes = folder.error { try IDX.write(scalar, to: folder.file("a.idx")) }
    #expect(axes?.kind == .unwritable)
  }
}
