import Formats
import Tensors
import Testing

struct SampleFileTests {
  private let folder = TemporaryFolder()

  /// A file with `[n, 2, 3]` numbers, and what reading it as a whole gives, in units of the network.
  private func open(_ path: String) throws -> (file: SampleFile, whole: [Double]) {
    let file = try SampleFile(path) { [1] + $0.dropFirst() }
    let array = try ImageSource.read(path).images
    let isBytes = array.elementKind == .unsignedByte
    return (file, isBytes ? array.elements.map { $0 / 255 } : array.elements)
  }

  private func array(_ n: Int, _ kind: ElementKind) -> ArrayFile {
    var generator = SeededGenerator(seed: 3)
    return ArrayFile(
      shape: [n, 2, 3],
      elements: (0..<n * 6).map { _ in
        kind == .floating ? generator.normal() : Double(generator.integer(below: 200))
      }, elementKind: kind)
  }

  @Test(arguments: NPY.ElementType.allCases)
  func numbersOfNPYAreThoseOfTheWholeFile(type: NPY.ElementType) throws {
    let path = folder.file("a.npy")
    try NPY.write(
      array(7, type == .float32 || type == .float64 ? .floating : .integer), to: path, as: type)
    let (file, whole) = try open(path)
    let all = file.batch(0..<7).elements
    let parts = [0..<2, 2..<2, 2..<7].flatMap { file.batch($0).elements }
    #expect(file.sampleCount == 7)
    #expect(file.sampleShape == [1, 2, 3])
    #expect(all == whole)
    #expect(parts == whole)
    #expect(file.residentBytes == 0)
    try file.requireReadable()
  }

  @Test(arguments: IDX.ElementType.allCases)
  func numbersOfIDXAreThoseOfTheWholeFile(type: IDX.ElementType) throws {
    let path = folder.file("a.idx")
    let isFloat = type == .float || type == .double
    var numbers = array(5, isFloat ? .floating : .integer)
    if type == .sbyte {
      numbers = ArrayFile(
        shape: numbers.shape, elements: numbers.elements.map { $0 - 100 }, elementKind: .integer)
    }
    try IDX.write(numbers, to: path, as: type)
    let (file, whole) = try open(path)
    let all = file.batch(0..<5).elements
    #expect(all == whole)
  }

  @Test func filesThatMustBeReadAsAWholeAreRefused() throws {
    let packed = folder.file("a.gz")
    try IDX.write(array(5, .unsignedByte), to: packed, gzip: true)
    let compressed = folder.message { _ = try SampleFile(packed) { $0 } }
    #expect(compressed.contains("found a compressed file"))
    #expect(!SampleFile.isSuitable(packed))
    let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }\n"
    let bytes: [UInt8] =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
      + [UInt8](repeating: 0, count: 32)
    let columns = folder.write(bytes, "f.npy")
    let order = folder.message { _ = try SampleFile(columns) { $0 } }
    #expect(order.contains("column-major"))
    let missing = folder.message { _ = try SampleFile(folder.file("none")) { $0 } }
    #expect(missing.contains("expected a readable file"))
  }

  @Test func truncationAtEveryByteThrows() throws {
    let path = folder.file("a.npy")
    try NPY.write(array(2, .unsignedByte), to: path, as: .uint8)
    let bytes = try FileReading.bytes(path)
    for count in 0..<bytes.count {
      let short = folder.write(Array(bytes[..<count]), "short.npy")
      #expect(throws: FormatError.self) { _ = try SampleFile(short) { [1] + $0.dropFirst() } }
    }
  }

  @Test func fileThatIsCutWhileItIsReadIsToldAfterwards() throws {
    let path = folder.file("a.npy")
    try NPY.write(array(4, .floating), to: path)
    let file = try SampleFile(path) { [1] + $0.dropFirst() }
    FileReading.cut(path, to: 128 + 8 * 6 * 3)
    let first = file.batch(0..<3).elements
    #expect(first.allSatisfy { $0.isFinite })
    try file.requireReadable()
    let last = file.batch(3..<4).elements
    #expect(last.allSatisfy { $0.isNaN })
    let message = folder.message { try file.requireReadable() }
    #expect(message.contains("cut short while it was read"))
  }

  @Test func selectedSamplesAreReadInTheirOrder() throws {
    let path = folder.file("a.npy")
    try NPY.write(array(6, .floating), to: path)
    let (file, whole) = try open(path)
    let picked = SelectedSource(file, indices: [4, 0, 1, 2, 5])
    let expected = [4, 0, 1, 2, 5].flatMap { whole[$0 * 6..<($0 + 1) * 6] }
    let all = picked.batch(0..<5).elements
    let inner = picked.batch(1..<4).elements
    #expect(all == expected)
    #expect(inner == Array(expected[6..<24]))
    #expect(picked.sampleCount == 5)
  }
}
