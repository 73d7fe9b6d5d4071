import Formats
import Testing

struct SourceTests {
  private let folder = TemporaryFolder()

  @Test
  func imagesAreReadInEveryFormat() throws {
    let files: [(String, [UInt8], [Int])] = [
      ("a.idx", Sample.plainIDX, [2, 2, 3]), ("a-idx3-ubyte.gz", Fixtures.idxGz, [2, 2, 3]),
      ("a.npy", Fixtures.npyF4, [2, 2]), ("noname", Fixtures.npyF4, [2, 2]),
      ("a.csv", Array("1,2,3\n".utf8), [1, 3]), ("a.CSV", Array("x\n1.5\n".utf8), [1, 1]),
    ]
    for (name, bytes, shape) in files {
      let source = try ImageSource.read(folder.write(bytes, name))
      #expect(source.images.shape == shape, "\(name)")
      #expect(source.labels == nil, "\(name)")
    }
  }

  @Test
  func archivesTakeAKey() throws {
    folder.write(Fixtures.npzDeflated, "a.npz")
    #expect(try ImageSource.read(folder.file("a.npz:images")).images.shape == [2, 3])
    #expect(try LabelSource.read(folder.file("a.npz:labels")).elements == [1, 0])
    #expect(
      folder.message { _ = try ImageSource.read(folder.file("a.npz")) } == "a.npz: expected one "
        + "array, found 'images', 'labels'. Name one of them as a.npz:KEY.")
    let missing = folder.error { _ = try ImageSource.read(folder.file("b.npz:images")) }
    #expect(missing?.kind == .unreadable)
    #expect(missing?.path == "b.npz")
  }

  @Test
  func batchesAndFoldersBringTheirLabels() throws {
    let batch = try ImageSource.read(
      folder.write([UInt8](repeating: 4, count: 3073), "data_batch_1.bin"))
    #expect(batch.images.shape == [1, 3, 32, 32])
    #expect(batch.labels == [4])
    folder.makeFolder("set")
    folder.makeFolder("set/one")
    folder.write(Fixtures.pngGray, "set/one/a.png")
    let set = try ImageSource.read(folder.file("set"))
    #expect(set.labels == [0])
    #expect(set.classNames == ["one"])
  }

  @Test
  func labelsInOneColumnAreAVector() throws {
    let classes = try LabelSource.read(folder.write("label\n3\n1\n", "y.csv"))
    #expect(classes.shape == [2])
    #expect(classes.elementKind == .integer)
    let targets = try LabelSource.read(folder.write("0.5,1\n2,3\n", "t.csv"))
    #expect(targets.shape == [2, 2])
    #expect(targets.elementKind == .floating)
  }

  @Test
  func unknownFilesNameTheFormats() {
    let path = folder.write("hello", "photo.jpg")
    #expect(
      folder.message { _ = try ImageSource.read(path) } == "photo.jpg:0: expected an IDX file, "
        + "which starts with 00 00, found 68 65 6c 6c. Use IDX, NPY, NPZ, CSV, a CIFAR .bin batch "
        + "or a folder of PNG files.")
    let missing = folder.error { _ = try LabelSource.read(folder.file("none")) }
    #expect(missing?.kind == .unreadable)
  }
}
