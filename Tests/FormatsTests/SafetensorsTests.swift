import Formats
import Tensors
import Testing

struct SafetensorsTests {
  private let folder = TemporaryFolder()

  private func read(_ bytes: [UInt8]) throws -> Safetensors {
    try Safetensors.read(folder.write(bytes, "a.st"))
  }

  /// A file with a given header and a number of data bytes.
  private func file(_ header: String, _ dataCount: Int = 0) -> [UInt8] {
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    return length + Array(header.utf8) + [UInt8](repeating: 0, count: dataCount)
  }

  private func message(_ header: String, _ dataCount: Int = 0) -> String {
    folder.message { _ = try read(file(header, dataCount)) }
  }

  private func entry(_ dtype: String, _ shape: String, _ offsets: String) -> String {
    #"{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  @Test
  func fileOfTheReferenceImplementationIsRead() throws {
    let file = try read(Fixtures.safetensors)
    #expect(file.tensors.map { $0.name } == ["b", "a", "h"])
    #expect(file["a"] == Tensor(shape: [2, 2], elements: [1, 2, 3, 4]))
    #expect(file["b"] == Tensor(shape: [1], elements: [5]))
    #expect(file["h"] == Tensor(shape: [2], elements: [0.5, -1]))
    #expect(file["none"] == nil)
    #expect(file.metadata == ["k": "v\n\u{E9}"])
    #expect(file.entries.map { $0.dtype } == ["I64", "F32", "F16"])
    #expect(file.entries[1].shape == [2, 2])
  }

  @Test
  func brainFloatsAreWidened() throws {
    let bytes = file("{\"x\":\(entry("BF16", "[1]", "[0,2]"))}") + [0xC0, 0x3F]
    #expect(try read(bytes)["x"]?.elements == [1.5])
  }

  @Test
  func writtenFileReadsBackBitForBit() throws {
    let values: [Double] = [0.1, -0.0, .nan, .infinity, 0x1p-1074, 1e308]
    let metadata = ["z": "1", "a\"\\\u{1}\u{1F600}": "line\nend\t\u{7F}", "": ""]
    let written = Safetensors(
      tensors: [
        ("conv.weight", Tensor(shape: [1, 2, 3], elements: values)),
        ("bias", Tensor(shape: [], elements: [2])), ("empty", Tensor(shape: [0, 4], elements: [])),
      ], metadata: metadata)
    try written.write(to: folder.file("m"))
    let back = try Safetensors.read(folder.file("m"))
    #expect(back.tensors.map { $0.name } == ["bias", "conv.weight", "empty"])
    #expect(bits(back["conv.weight"]?.elements ?? []) == bits(values))
    #expect(back["bias"]?.shape == [])
    #expect(back["empty"]?.shape == [0, 4])
    #expect(back.metadata == metadata)
  }

  @Test
  func bytesDoNotDependOnTheOrderOfTensors() throws {
    let a = ("a", Tensor(shape: [1], elements: [1]))
    let b = ("b", Tensor(shape: [2], elements: [2, 3]))
    let metadata = ["x": "1", "y": "2", "w": "3"]
    try Safetensors(tensors: [a, b], metadata: metadata).write(to: folder.file("1"))
    try Safetensors(tensors: [b, a], metadata: metadata).write(to: folder.file("2"))
    #expect(folder.read("1") == folder.read("2"))
    #expect(folder.read("1").count % 8 == 0)
    #expect(folder.read("1")[0] % 8 == 0)
  }

  @Test
  func floatsOf4BytesAreWrittenOnRequest() throws {
    let file = Safetensors(tensors: [("a", Tensor(shape: [2], elements: [0.1, 2]))])
    try file.write(to: folder.file("f"), as: .float32)
    let back = try Safetensors.read(folder.file("f"))
    #expect(back.entries.map { $0.dtype } == ["F32"])
    #expect(back["a"]?.elements == [Double(Float(0.1)), 2])
  }

  @Test
  func namesMustDiffer() {
    let tensor = Tensor(shape: [1], elements: [1])
    let twice = Safetensors(tensors: [("a", tensor), ("a", tensor)])
    #expect(
      folder.message { try twice.write(to: folder.file("f")) } == "f: expected different names "
        + "other than __metadata__, found 'a'. Rename or split the tensors.")
    let reserved = Safetensors(tensors: [("__metadata__", tensor)])
    #expect(folder.error { try reserved.write(to: folder.file("f")) }?.kind == .unwritable)
  }

  @Test
  func damagedLengthIsNamed() {
    let bytes = [UInt8](repeating: 0xFF, count: 16)
    #expect(
      folder.message { _ = try read(bytes) } == "a.st:0: expected a safetensors header of at most "
        + "100000000 bytes, found 18446744073709551615. "
        + "The file is damaged or not of this format.")
    #expect(
      folder.message { _ = try read([9, 0, 0, 0, 0, 0, 0, 0, 1]) } == "a.st:8: expected 9 bytes "
        + "of safetensors header, found 1 bytes. The file is cut short; copy or download it again.")
  }

  @Test
  func damagedHeaderIsNamed() {
    let advice = " The header is damaged or not of this format; write the file again."
    let x = entry("F64", "[1]", "[0,8]")
    #expect(message("[]") == "a.st:8: expected '{', found '[]'." + advice)
    #expect(message("{} x") == "a.st:11: expected the end of the header, found 'x'." + advice)
    #expect(
      message("{\"x\":\(x),\"x\":\(x)}", 8).contains("expected each name once, found 'x'." + advice)
    )
    #expect(
      message("{\"x\":\(entry("F8", "[1]", "[0,1]"))}", 1).contains(
        "expected a dtype of BF16, BOOL, F16, F32, F64, I16, I32, I64, I8, U16, U32, U64, U8, "
          + "found 'F8'."))
    #expect(
      message(#"{"x":{"dtype":"F64","shape":[1]}}"#)
        == "a.st:13: expected dtype, shape and data_offsets of 'x', found fewer." + advice)
    #expect(
      message(#"{"x":{"dtype":"F64","dtype":"F64"}}"#)
        == "a.st:28: expected each of dtype, shape and data_offsets once, found 'dtype'." + advice)
    #expect(
      message(#"{"__metadata__":{"a":"1","a":"2"}}"#)
        == "a.st:33: expected each key once, found 'a'." + advice)
    #expect(message(#"{"__metadata__":{"a":1}}"#).contains("expected '\"', found '1}}'"))
    #expect(message(#"{"\x":1}"#).contains("expected a JSON escape"))
    #expect(message(#"{"\u12":1}"#).contains("expected an escape of the form \\uXXXX"))
    #expect(message(#"{"\ud800":1}"#).contains("expected an escape of the form \\uXXXX"))
    #expect(message(#"{"\ud800\u0041":1}"#).contains("expected a pair of surrogates"))
    #expect(message("{\"a\nb\":1}").contains("expected an escape in place of a control character"))
    #expect(message("{\"ab").contains("expected a closing quote, found the end of the header"))
    #expect(
      folder.message { _ = try read([5, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22, 0x3A]) }
        .contains("expected UTF-8 text"))
  }

  @Test
  func rangesMustCoverTheDataExactly() {
    let hole = "Tensors must not overlap or leave holes; write the file again."
    func two(_ first: String, _ second: String) -> String {
      "{\"x\":\(entry("U8", "[2]", first)),\"y\":\(entry("U8", "[2]", second))}"
    }
    #expect(folder.error { _ = try read(file(two("[2,4]", "[0,2]"), 4)) } == nil)
    #expect(
      message(two("[0,2]", "[1,3]"), 4).hasSuffix(
        "expected 'y' at byte 2 of the data, found 1. " + hole))
    #expect(message(two("[0,2]", "[3,5]"), 5).hasSuffix("found 3. " + hole))
    #expect(
      message(two("[0,2]", "[2,4]"), 3).contains("expected 4 bytes of tensors, found 3 bytes"))
    #expect(
      message(two("[0,2]", "[2,4]"), 5).contains("expected the end of the file, found 1 more"))
    #expect(
      message(two("[0,2]", "[2,5]"), 5).contains(
        "expected data_offsets that span the 2 bytes of 'y', found [2, 5]"))
    #expect(message(two("[2,0]", "[2,4]"), 4).contains("found [2, 0]"))
    #expect(message(two("[0]", "[2,4]"), 4).contains("found [0]"))
  }

  @Test(arguments: [
    "[999999999999999999,999999999999999999]", "[9999999999999999999]", "[-1]", "[1.5]", "[1,]",
    "[0,999999999999999999,999999999999999999]",
  ])
  func absurdShapesAreRejected(_ shape: String) {
    let error = folder.error { _ = try read(file("{\"x\":\(entry("F64", shape, "[0,8]"))}", 8)) }
    #expect(error?.kind == .malformed)
  }
}
