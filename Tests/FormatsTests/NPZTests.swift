import Formats
import Testing

struct NPZTests {
  private let folder = TemporaryFolder()

  private func message(_ bytes: [UInt8], key: String? = "images") -> String {
    let path = folder.write(bytes, "a.npz")
    return folder.message { _ = try NPZ.read(path, key: key) }
  }

  /// Offset of the first central directory entry.
  private let directory = 390

  @Test(arguments: [Fixtures.npzStored, Fixtures.npzDeflated])
  func numpyArchivesAreRead(_ bytes: [UInt8]) throws {
    let path = folder.write(bytes, "a.npz")
    #expect(try NPZ.keys(path) == ["images", "labels"])
    let images = try NPZ.read(path, key: "images")
    #expect(images.shape == [2, 3])
    #expect(images.elements == [0, 1, 2, 3, 4, 5])
    #expect(images.elementKind == .unsignedByte)
    let labels = try NPZ.read(path, key: "labels")
    #expect(labels.elements == [1, 0])
    #expect(labels.elementKind == .integer)
  }

  @Test
  func unknownOrMissingKeyListsTheKeys() {
    #expect(
      message(Fixtures.npzStored, key: "pixels") == "a.npz: expected one array 'pixels', "
        + "found 'images', 'labels'. Name one of them as a.npz:KEY.")
    #expect(
      message(Fixtures.npzStored, key: nil) == "a.npz: expected one array, "
        + "found 'images', 'labels'. Name one of them as a.npz:KEY.")
  }

  @Test
  func archiveOfOneArrayNeedsNoKey() throws {
    // The second entry of the table of contents is dropped, and the end record says so.
    let all = Fixtures.npzStored
    var bytes = Array(all[..<(directory + 56)] + all[(directory + 112)...])
    for (index, byte) in [(8, 1), (10, 1), (12, 56)] { bytes[directory + 56 + index] = UInt8(byte) }
    let array = try NPZ.read(folder.write(bytes, "a.npz"), key: nil)
    #expect(array.shape == [2, 3])
    let empty: [UInt8] = [0x50, 0x4B, 5, 6] + [UInt8](repeating: 0, count: 18)
    #expect(
      message(empty, key: nil) == "a.npz: expected one array, found none. "
        + "Name one of them as a.npz:KEY.")
  }

  @Test
  func damagedMembersAreNamed() {
    let advice = " The archive is damaged or of another kind; write it with numpy.savez."
    let stored = Fixtures.npzStored
    let pixel = 60 + 128
    #expect(
      message(stored.replacing(pixel, with: 9)).hasPrefix(
        "a.npz:images:0: expected checksum cfd79e7e of 'images.npy', found "))
    #expect(
      message(stored.replacing(directory + 10, with: 12)) == "a.npz:images:0: expected a stored or "
        + "deflated member without encryption, found method 12, flags 0." + advice)
    #expect(message(stored.replacing(directory + 8, with: 1)).contains("method 0, flags 1"))
    #expect(
      message(stored.replacing(0x1E, with: 0x78)) == "a.npz:images:30: expected the name "
        + "'images.npy', found 'xmages.npy'." + advice)
    #expect(
      message(stored.replacing(directory + 24, with: 0)) == "a.npz:images:0: expected a size that "
        + "134 compressed bytes can hold, found 0." + advice)
    #expect(
      message(stored.replacing(directory + 44, with: 1)).contains(
        "expected members before the table of contents at 390, found an offset behind it"))
    #expect(
      message(stored.replacing(directory + 55, with: 0x78)) == "a.npz:0: expected an archive of "
        + ".npy files only, found 'images.npx'. Write the arrays with numpy.savez.")
    #expect(
      message(stored.replacing(2, with: 9)) == "a.npz:images:0: expected 50 4b 03 04 (header of "
        + "'images.npy'), found 50 4b 09 04. The file is damaged; write it again.")
  }

  @Test
  func damagedTableOfContentsIsNamed() {
    let stored = Fixtures.npzStored
    let end = stored.count - 22
    #expect(
      message(Array("text".utf8)) == "a.npz:0: expected a zip archive, which starts with 50 4b, "
        + "found 74 65 78 74. Write the arrays with numpy.savez.")
    #expect(
      message(stored.dropLast()) == "a.npz:523: expected the end record of a zip archive, "
        + "found the end of the file. The file is cut short; copy or download it again.")
    #expect(
      message(stored.replacing(end + 16, with: 0)) == "a.npz:510: expected a table of contents "
        + "right before this record, found 112 bytes at 256. Write the archive again.")
    #expect(
      message(stored.replacing(end + 8, with: 1).replacing(end + 10, with: 1))
        == "a.npz:390: expected 1 members in 112 bytes of contents, found 56 bytes. "
        + "Write the archive again.")
  }

  @Test
  func zip64ArchivesAreRefused() {
    var bytes = Fixtures.npzStored
    for index in 20..<24 { bytes[directory + index] = 0xFF }
    #expect(
      message(bytes) == "a.npz:390: expected an archive of less than 4 GiB and 65535 members, "
        + "found a zip64 archive. Save each array with numpy.save.")
    var many = Fixtures.npzStored
    for index in [10, 11] { many[many.count - 22 + index] = 0xFF }
    #expect(message(many).contains("found a zip64 archive"))
  }

  @Test
  func deflatedMemberOfAnotherSizeIsRejected() {
    let bytes = Fixtures.npzDeflated
    let place = 0x10C + 24
    #expect(
      message(bytes.replacing(place, with: 133)).contains(
        "expected 133 bytes in 'images.npy', found 134 or more"))
    var bomb = bytes
    for index in 0..<3 { bomb[place + index] = 0xFF }
    #expect(message(bomb).contains("expected a size that 76 compressed bytes can hold"))
  }

  /// Names of members are keys, whatever they look like: nothing is read or written outside the archive.
  @Test(arguments: ["../../", "/etc/x", "a/../b", "C:\\a\\b"])
  func namesOfMembersAreNoPaths(_ name: String) throws {
    var bytes = Fixtures.npzStored
    for (index, byte) in name.utf8.enumerated() {
      bytes[30 + index] = byte
      bytes[directory + 46 + index] = byte
    }
    let path = folder.write(bytes, "a.npz")
    #expect(try NPZ.keys(path) == [name, "labels"])
    #expect(try NPZ.read(path, key: name).elements == [0, 1, 2, 3, 4, 5])
    #expect(TemporaryFolder.names(folder.path) == ["a.npz"])
  }

  @Test
  func errorsInsideAMemberNameIt() {
    let stored = Fixtures.npzStored
    let error = folder.error {
      _ = try NPZ.read(folder.write(stored.replacing(60, with: 0), "a.npz"), key: "images")
    }
    #expect(error?.path == "a.npz:images")
  }
}
