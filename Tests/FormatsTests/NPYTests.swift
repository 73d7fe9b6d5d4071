import Formats
import Tensors
import Testing

struct NPYTests {
  private let folder = TemporaryFolder()

  private func message(_ bytes: [UInt8]) -> String {
    let path = folder.write(bytes, "a.npy")
    return folder.message { _ = try NPY.read(path) }
  }

  /// A version 1.0 file with a given header text.
  private func file(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
    [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8) + data
  }

  private func read(_ bytes: [UInt8]) throws -> ArrayFile {
    try NPY.read(folder.write(bytes, "a.npy"))
  }

  @Test
  func numpyFilesAreRead() throws {
    let single = try read(Fixtures.npyF4)
    let tenth = Double(Float(0.1))
    #expect(single.shape == [2, 2])
    #expect(single.elements == [1.5, -2, tenth, 4])
    #expect(single.elementKind == .floating)
    let unsigned = try read(Fixtures.npyV2U2)
    #expect(unsigned.elements == [1, 65535])
    #expect(unsigned.elementKind == .integer)
    let truth = try read(Fixtures.npyV3Bool)
    #expect(truth.elements == [1, 0])
    #expect(truth.elementKind == .integer)
    let half = try read(Fixtures.npyF2)
    #expect(half.elements == [1, 0.0999755859375, -65504, 0x1p-24, .infinity])
    let scalar = try read(Fixtures.npyScalar)
    #expect(scalar.shape.isEmpty)
    #expect(scalar.elements == [7])
  }

  @Test
  func fortranOrderBecomesRowMajor() throws {
    let array = try read(Fixtures.npyBigFortran)
    #expect(array.shape == [2, 3, 4])
    #expect(array.elements == (0..<24).map(Double.init))
  }

  @Test(arguments: [
    ("<i1", 1), (">u1", 1), ("<i2", 2), (">i2", 2), ("<u4", 4), (">u4", 4), ("<i4", 4), (">i4", 4),
    ("<u8", 8), (">u8", 8), (">i8", 8),
  ])
  func integersOfEveryWidthAndOrderAreRead(_ type: String, _ width: Int) throws {
    var data = [UInt8](repeating: 0, count: width)
    data[type.hasPrefix("<") ? 0 : width - 1] = 5
    let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (1,), }\n"
    let array = try read(file(header, data))
    #expect(array.elements == [5])
  }

  @Test(arguments: NPY.ElementType.allCases)
  func writtenFileReadsBackBitForBit(_ type: NPY.ElementType) throws {
    let values: [Double] = type == .float64 ? [0.1, -0.0, .infinity, .nan] : [0, 1, 2, 255]
    for shape in [[4], [2, 2], [1, 4, 1]] {
      let array = ArrayFile(shape: shape, elements: values, elementKind: .floating)
      try NPY.write(array, to: folder.file("a.npy"), as: type)
      let back = try NPY.read(folder.file("a.npy"))
      #expect(back.shape == shape)
      #expect(bits(back.elements) == bits(values))
      #expect(
        folder.read("a.npy").count == 128 + 4 * (type == .uint8 ? 1 : type == .float32 ? 4 : 8))
    }
  }

  @Test
  func writtenHeaderIsThatOfNumPy() throws {
    let array = ArrayFile(shape: [], elements: [7], elementKind: .integer)
    try NPY.write(array, to: folder.file("a.npy"))
    #expect(folder.read("a.npy") == Fixtures.npyScalar)
  }

  @Test
  func matricesTensorsAndBytesAreWritten() throws {
    try NPY.write(Matrix([[1, 2], [3, 4]]), to: folder.file("m"))
    #expect(
      try NPY.read(folder.file("m")).tensor == Tensor(shape: [2, 2], elements: [1, 2, 3, 4]))
    try NPY.write(Tensor(shape: [0, 3], elements: []), to: folder.file("t"))
    #expect(try NPY.read(folder.file("t")).shape == [0, 3])
    try NPY.write(bytes: [0, 128, 255], shape: [3], to: folder.file("b"))
    let back = try NPY.read(folder.file("b"))
    #expect(back.elements == [0, 128, 255])
    #expect(back.elementKind == .unsignedByte)
  }

  @Test
  func damagedStartIsNamed() {
    #expect(
      message(Array("hello!!".utf8)) == "a.npy:0: expected an NPY file, which starts with "
        + "93 'NUMPY', found 68 65 6c 6c 6f 21. Write the array with numpy.save.")
    #expect(
      message([]) == "a.npy:0: expected an NPY file, which starts with 93 'NUMPY', "
        + "found an empty file. Write the array with numpy.save.")
    #expect(
      message(Fixtures.npyF4.replacing(6, with: 9)) == "a.npy:6: expected NPY version 1.0, 2.0 "
        + "or 3.0, found 9.0. Write the array with numpy.save.")
  }

  @Test
  func damagedHeaderIsNamed() {
    let advice = " The header is damaged or not of this format; write the file again."
    let types = "an element type b1, u1 to u8, i1 to i8 or f2 to f8 with its byte order"
    #expect(
      message(Fixtures.npyStruct) == "a.npy:20: expected \(types), found '[('a', '<f4''." + advice)
    #expect(
      message(file("{'descr': '<c8', 'fortran_order': False, 'shape': ()}"))
        == "a.npy:20: expected \(types), found '<c8'." + advice)
    #expect(
      message(file("{'descr': '|f8', 'fortran_order': False, 'shape': ()}")).contains("'|f8'"))
    #expect(
      message(file("{'descr': '<f8', 'fortran_order': 0, 'shape': ()}"))
        == "a.npy:44: expected True or False, found '0, 'shape': '." + advice)
    #expect(
      message(file("{'descr': '<f8', 'descr': '<f8', 'shape': ()}"))
        == "a.npy:27: expected each of the keys descr, fortran_order and shape once, "
        + "found 'descr'." + advice)
    #expect(
      message(file("{'descr': '<f8', 'shape': ()}"))
        == "a.npy:39: expected the keys descr, fortran_order and shape, found fewer." + advice)
    #expect(
      message(file("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"))
        == "a.npy:61: expected a whole number, found '-1,)}'." + advice)
    #expect(
      message(file("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x"))
        == "a.npy:66: expected the end of the header, found 'x'." + advice)
    #expect(
      message(file("{'descr: ")) == "a.npy:11: expected a closing quote, found ''descr: '."
        + advice)
    #expect(message(file("{descr")) == "a.npy:11: expected a quoted word, found 'descr'." + advice)
    #expect(message(file("[")) == "a.npy:10: expected '{', found '['." + advice)
    #expect(message(file("")) == "a.npy:10: expected '{', found the end of the header." + advice)
  }

  @Test(arguments: [
    "(999999999999999999, 999999999999999999)", "(9999999999999999999,)",
    "(0, 999999999999999999, 999999999999999999)",
  ])
  func absurdDimensionsAreRejected(_ shape: String) {
    let text = "{'descr': '<f8', 'fortran_order': False, 'shape': \(shape)}"
    let error = folder.error { _ = try read(file(text)) }
    #expect(error?.kind == .malformed)
  }

  @Test
  func truncationAndExcessNameTheOffset() {
    #expect(
      message(Fixtures.npyF4.dropLast(3)) == "a.npy:128: expected 16 bytes of 4 float32 elements, "
        + "found 13 bytes. The file is cut short; copy or download it again.")
    #expect(
      message(Fixtures.npyF4 + [0]) == "a.npy:144: expected the end of the file, found 1 more "
        + "bytes. The file is damaged or its header is wrong; write it again.")
  }

  @Test
  func integersThatNoDoubleEqualsAreRefused() {
    #expect(
      message(Fixtures.npyI8big) == "a.npy:128: expected whole numbers that fit a Double exactly, "
        + "found a int64 of more than 53 bits. Use smaller numbers or floating point.")
  }

  @Test
  func valuesThatDoNotFitAreNotWritten() {
    let array = ArrayFile(shape: [1], elements: [0.5], elementKind: .floating)
    let message = folder.message { try NPY.write(array, to: folder.file("a"), as: .int64) }
    #expect(
      message == "a: expected values that int64 can hold, found 0.5 at index 0. "
        + "Write the array with a wider element type.")
    #expect(TemporaryFolder.names(folder.path).isEmpty)
  }
}
