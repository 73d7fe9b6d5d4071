import Formats
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

struct FileTests {
  @Test
  func descriptionNamesPlaceExpectationFindingAndAdvice() {
    let atOffset = FormatError(
      path: "a.idx", offset: 4, expected: "X", found: "Y", advice: "Do Z.")
    #expect(atOffset.description == "a.idx:4: expected X, found Y. Do Z.")
    let atLine = FormatError(path: "a.csv", line: 2, expected: "X", found: "Y", advice: "Do Z.")
    #expect(atLine.description == "a.csv:2: expected X, found Y. Do Z.")
    let atFile = FormatError(
      kind: .unreadable, path: "a", expected: "X", found: "Y", advice: "Do Z.")
    #expect(atFile.description == "a: expected X, found Y. Do Z.")
  }

  @Test
  func exitCodesFollowTheKind() {
    let kinds: [FormatError.Kind] = [.malformed, .unreadable, .unwritable]
    let codes = kinds.map {
      FormatError(kind: $0, path: "", expected: "", found: "", advice: "").exitCode
    }
    #expect(codes == [65, 74, 74])
  }

  @Test
  func missingFileIsNamed() {
    let folder = TemporaryFolder()
    let message = folder.message { _ = try IDX.read(folder.file("none.idx")) }
    #expect(
      message
        == "none.idx: expected a readable file, found no such file or directory. "
        + "Check the path and its permissions.")
  }

  @Test
  func devicesAreReadToTheirEnd() {
    let folder = TemporaryFolder()
    let error = folder.error { _ = try CSV.read("/dev/null") }
    #expect(error?.kind == .malformed)
    #expect(error?.found == "the end of the file")
  }

  @Test
  func forbiddenFileIsUnreadable() {
    guard getuid() != 0 else { return }
    let folder = TemporaryFolder()
    let path = folder.write(Sample.plainIDX, "locked")
    chmod(path, 0)
    let error = folder.error { _ = try IDX.read(path) }
    #expect(error?.kind == .unreadable)
    #expect(error?.found == "permission denied")
  }

  @Test
  func writeReplacesAFileAndLeavesNothingElse() throws {
    let folder = TemporaryFolder()
    let path = folder.write("old contents", "file")
    chmod(path, 0o640)
    try AtomicFile.write([1, 2, 3], to: path)
    #expect(folder.read("file") == [1, 2, 3])
    #expect(TemporaryFolder.names(folder.path) == ["file"])
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o640)
    try AtomicFile.write([], to: path)
    #expect(folder.read("file").isEmpty)
  }

  @Test
  func writeThroughASymbolicLinkKeepsTheLink() throws {
    let folder = TemporaryFolder()
    folder.write([1], "target")
    symlink("target", folder.file("link"))
    try AtomicFile.write([9], to: folder.file("link"))
    #expect(folder.read("target") == [9])
    var status = stat()
    #expect(lstat(folder.file("link"), &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }

  @Test
  func writeToADeviceGoesThrough() throws {
    try AtomicFile.write([1, 2, 3], to: "/dev/null")
  }

  @Test
  func failedWriteNamesTheReasonAndLeavesNothing() {
    let folder = TemporaryFolder()
    let message = folder.message { try AtomicFile.write([1], to: folder.file("no/file")) }
    #expect(
      message
        == "no/file: expected a place to write a file, found no such file or directory. "
        + "Check that the folder exists, is writable and has space.")
    folder.makeFolder("sub")
    let error = folder.error { try AtomicFile.write([1], to: folder.file("sub")) }
    #expect(error?.kind == .unwritable)
    #expect(error?.found == "a folder")
    let long = folder.error {
      try AtomicFile.write([1], to: folder.file(String(repeating: "n", count: 300)))
    }
    #expect(long?.kind == .unwritable)
    #expect(TemporaryFolder.names(folder.path) == ["sub"])
  }

  @Test
  func fullDiskIsReported() {
    guard access("/dev/full", W_OK) == 0 else { return }
    let folder = TemporaryFolder()
    let error = folder.error { try AtomicFile.write([1], to: "/dev/full") }
    #expect(error?.kind == .unwritable)
    #expect(error?.found == "no space left on device")
  }
}

/// Folders made with those above them.
struct FolderTests {
  @Test func missingFoldersAreMadeAndOthersStay() throws {
    let folder = TemporaryFolder()
    for name in ["a/b/c", "a/b/c", "a/d/", "a"] {
      try FileBytes.makeFolder(folder.file(name))
      #expect(FileBytes.isFolder(folder.file(name)))
    }
    _ = folder.write("text", "file")
    let error = folder.error { try FileBytes.makeFolder(folder.file("file/below")) }
    #expect(error?.kind == .unwritable)
    #expect(error?.expected == "a folder that can be made")
    #expect(!FileBytes.isFolder(folder.file("file")))
  }
}
