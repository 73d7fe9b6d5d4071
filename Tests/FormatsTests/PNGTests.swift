import Formats
import Tensors
import Testing

struct PNGTests {
  private let folder = TemporaryFolder()

  private func read(_ bytes: [UInt8]) throws -> PNGImage {
    try PNG.read(folder.write(bytes, "a.png"))
  }

  private func message(_ bytes: [UInt8]) -> String { folder.message { _ = try read(bytes) } }

  @Test
  func filesOfPillowAreRead() throws {
    let rgb = (0..<18).map { UInt8($0 * 14) }
    let gray = PNGImage(channels: 1, height: 2, width: 3, bytes: [0, 50, 100, 150, 200, 250])
    let color = PNGImage(channels: 3, height: 2, width: 3, bytes: rgb)
    let palette = PNGImage(
      channels: 3, height: 2, width: 2, bytes: [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    let deep = PNGImage(channels: 1, height: 2, width: 2, bytes: [0, 77, 200, 255])
    let bits = PNGImage(channels: 1, height: 2, width: 2, bytes: [0, 255, 255, 0])
    #expect(try read(Fixtures.pngGray) == gray)
    #expect(try read(Fixtures.pngRGB) == color)
    #expect(try read(Fixtures.pngOpaque) == color)
    #expect(try read(Fixtures.pngPalette) == palette)
    #expect(try read(Fixtures.png16) == deep)
    #expect(try read(Fixtures.pngBits) == bits)
  }

  @Test(arguments: [1, 3], [(1, 1), (5, 7), (64, 3)])
  func writtenImageReadsBackTheSame(_ channels: Int, _ size: (Int, Int)) throws {
    let count = channels * size.0 * size.1
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
    let image = PNGImage(channels: channels, height: size.0, width: size.1, bytes: bytes)
    try PNG.write(image, to: folder.file("b.png"))
    #expect(try PNG.read(folder.file("b.png")) == image)
  }

  @Test
  func everyGrayLevelSurvives() throws {
    let image = PNGImage(channels: 1, height: 16, width: 16, bytes: Array(0...255))
    try PNG.write(image, to: folder.file("b.png"))
    #expect(try PNG.read(folder.file("b.png")).bytes == Array(0...255))
  }

  @Test
  func damageIsNamed() {
    let gray = Fixtures.pngGray
    #expect(
      message(Array("GIF89a".utf8)) == "a.png:0: expected a PNG file, which starts with 89 'PNG', "
        + "found 47 49 46 38 39 61. Convert the image to PNG.")
    #expect(message([]).contains("found an empty file"))
    #expect(
      message(gray.dropLast()) == "a.png:69: expected 4 bytes of PNG chunk checksum, "
        + "found 3 bytes. The file is cut short; copy or download it again.")
    #expect(
      message(gray.replacing(42, with: 0)).hasPrefix("a.png:57: expected checksum "))
    #expect(
      message(gray + [0]) == "a.png:73: expected the end of the file, found 1 more bytes. "
        + "The file is damaged or its header is wrong; write it again.")
    #expect(
      message(Array(gray[..<8] + gray[33...])) == "a.png:12: expected chunk IHDR first, "
        + "found 'IDAT'. Write the image again.")
    #expect(
      message(Array(gray[..<33] + gray[8...])) == "a.png:37: expected one chunk IHDR, "
        + "found 'IHDR'. Write the image again.")
    #expect(
      message(Array(gray[..<33] + gray[61...])) == "a.png:16: expected an image that 0 compressed "
        + "bytes can hold, found 6 bytes of pixels. Write the image again.")
  }

  @Test
  func imageDataShorterThanTheImageIsRejected() {
    // The header of the 16-bit image with the data of the palette image: valid chunks that do not fit.
    let deep = Fixtures.png16
    let palette = Fixtures.pngPalette
    let bytes = Array(deep[..<33] + palette[57...])
    let error = folder.error { _ = try read(bytes) }
    #expect(error?.kind == .malformed)
    #expect(error?.found.hasPrefix("damage (libpng: ") == true)
  }

  @Test
  func gammaIsNotApplied() throws {
    let gray = Fixtures.pngGray
    let gamma = pngChunk("gAMA", [0, 1, 0x86, 0xA0])
    let text = pngChunk("tEXt", Array("a\0b".utf8))
    let bytes = Array(gray[..<33]) + gamma + text + Array(gray[33...])
    #expect(try read(bytes) == read(gray))
  }

  @Test
  func unknownCriticalChunksAreRejected() {
    let gray = Fixtures.pngGray
    let bytes = Array(gray[..<33]) + pngChunk("ABCD", [1]) + Array(gray[33...])
    let error = folder.error { _ = try read(bytes) }
    #expect(error?.found.hasPrefix("damage (libpng: ") == true)
  }

  @Test(arguments: [Fixtures.pngGray, Fixtures.pngPalette, Fixtures.png16, Fixtures.pngOpaque])
  func changedChunksWithProperChecksumsNeverTrap(_ file: [UInt8]) {
    var generator = SeededGenerator(seed: 21)
    var chunks: [(name: String, data: [UInt8])] = []
    var offset = 8
    while offset < file.count {
      let end = offset + 8 + Int(file[offset + 3])
      chunks.append(
        (
          String(decoding: file[offset + 4..<offset + 8], as: UTF8.self),
          Array(file[offset + 8..<end])
        ))
      offset = end + 4
    }
    let start = Array(file[..<8])
    let whole = start + chunks.flatMap { pngChunk($0.name, $0.data) }
    #expect(whole == file)
    for _ in 0..<500 {
      var changed = chunks
      let chunk = generator.integer(below: chunks.count - 1)
      for _ in 0...generator.integer(below: 2) {
        let index = generator.integer(below: chunks[chunk].data.count)
        changed[chunk].data[index] = UInt8(generator.integer(below: 256))
      }
      let path = folder.write(start + changed.flatMap { pngChunk($0.name, $0.data) }, "a.png")
      do { _ = try PNG.read(path) } catch { #expect(error is FormatError) }
    }
  }

  @Test
  func absurdSizesAreRejected() {
    let header = pngChunk("IHDR", [1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0])
    let gray = Fixtures.pngGray
    #expect(
      message(Array(gray[..<8]) + header + Array(gray[33...])).hasPrefix(
        "a.png:16: expected 1 to 65535 pixels each way and at most 268435456 in all, "
          + "found 16777216 x 16777216."))
  }

  @Test
  func transparentPixelsAreRefused() {
    #expect(
      message(Fixtures.pngClear) == "a.png: expected opaque pixels, found a transparent one "
        + "(pixel 4). Flatten the image onto a background.")
  }

  @Test
  func emptyImagesAreNotWritten() {
    let image = PNGImage(channels: 1, height: 0, width: 3, bytes: [])
    let message = folder.message { try PNG.write(image, to: folder.file("b.png")) }
    #expect(
      message == "b.png: expected an image of 1 to 65535 pixels each way, found 3 x 0. "
        + "Resize the image.")
  }
}

struct PNGFolderTests {
  private let folder = TemporaryFolder()

  private func fill() {
    for (name, bytes) in [("cat", Fixtures.pngGray), ("ant", Fixtures.pngGray)] {
      folder.makeFolder("set/\(name)")
      folder.write(bytes, "set/\(name)/2.png")
      folder.write(bytes, "set/\(name)/10.PNG")
    }
    folder.write([1], "set/.hidden")
    folder.write([1], "set/README.txt")
  }

  init() { folder.makeFolder("set") }

  private func message() -> String {
    folder.message { _ = try PNGFolder.read(folder.file("set")) }
  }

  @Test
  func classesAndImagesComeInOrderOfTheirNames() throws {
    fill()
    folder.makeFolder("set/bee")
    let image = PNGImage(channels: 1, height: 2, width: 3, bytes: [9, 8, 7, 6, 5, 4])
    try PNG.write(image, to: folder.file("set/bee/1.png"))
    let (images, labels, classNames) = try PNGFolder.read(folder.file("set"))
    #expect(classNames == ["ant", "bee", "cat"])
    #expect(labels == [0, 0, 1, 2, 2])
    #expect(images.shape == [5, 1, 2, 3])
    #expect(images.elements[12..<18].elementsEqual([9, 8, 7, 6, 5, 4]))
    #expect(images.elementKind == .unsignedByte)
  }

  @Test
  func colorImagesBecomePlanes() throws {
    folder.makeFolder("set/a")
    folder.write(Fixtures.pngRGB, "set/a/1.png")
    let images = try PNGFolder.read(folder.file("set")).images
    #expect(images.shape == [1, 3, 2, 3])
    #expect(images.elements[..<6].elementsEqual([0, 42, 84, 126, 168, 210]))
    #expect(images.elements[6] == 14)
  }

  @Test
  func mixedImagesNameTheFile() {
    fill()
    folder.write(Fixtures.pngRGB, "set/cat/3.png")
    #expect(
      message() == "set/cat/3.png:16: expected 2 x 3 pixels of 1 channel, as in set/ant/10.PNG, "
        + "found 2 x 3 pixels of 3 channels. Give all images the same size and channels.")
  }

  @Test
  func wrongLayoutIsNamed() {
    let advice = " Put the images of each class into a folder with its name."
    #expect(message() == "set: expected one sub-folder per class, found no sub-folder." + advice)
    fill()
    folder.write(Fixtures.pngGray, "set/x.png")
    #expect(message() == "set: expected one sub-folder per class, found 'x.png'." + advice)
  }

  @Test
  func otherFilesAndEmptyClassesAreNamed() {
    let advice = " Convert the images to PNG and remove everything else."
    fill()
    folder.write([1], "set/cat/x.jpg")
    #expect(message() == "set/cat: expected PNG files only, found 'x.jpg'." + advice)
    folder.makeFolder("set/aaa")
    #expect(message() == "set/aaa: expected PNG files only, found an empty folder." + advice)
  }

  @Test
  func missingFolderIsUnreadable() {
    let error = folder.error { _ = try PNGFolder.read(folder.file("none")) }
    #expect(error?.kind == .unreadable)
  }
}
