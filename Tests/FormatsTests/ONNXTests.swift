import Formats
import Tensors
import Testing

/// ONNX graphs become bytes and back, field by field; damaged bytes are refused or read, never a trap.
struct ONNXTests {
  private let folder = TemporaryFolder()

  /// One convolution, with a dynamic batch.
  private static func file(_ metadata: [String: String] = ["b": "2", "a": "1"]) -> ONNXFile {
    var graph = ONNXGraph(name: "g", documentation: "words")
    graph.addInput("x", shape: [.named("N"), .fixed(1), .fixed(3)], documentation: "in")
    graph.addOutput("y", shape: [.named("N"), .fixed(2)], documentation: "out")
    let weights = graph.weights(
      "w", Tensor(shape: [2, 1, 2], elements: [1, -0.5, 0.1, 0x1p-149]))
    let axes = graph.integers("axes", [2, -1])
    let conv = graph.node(
      "Conv", ["x", weights], "z", ["pads": .integers([0, 1]), "group": .integer(1)])
    _ = graph.node("ReduceSum", [conv, axes], "y", ["keepdims": .integer(0)])
    return ONNXFile(graph: graph, producer: ("ccnn", "9"), metadata: metadata)
  }

  @Test func everyFieldComesBack() throws {
    let path = folder.file("m.onnx")
    try Self.file().write(to: path)
    let bytes = try Self.file().bytes(path: path)
    let model = try ONNXFile(parsing: bytes, path: path).message
    #expect(model == Self.file().message)
    #expect(model.irVersion == 7)
    #expect(model.opsetImport.map(\.version) == [13])
    #expect(model.opsetImport.map(\.domain) == [""])
    #expect((model.producerName, model.producerVersion) == ("ccnn", "9"))
    #expect(model.metadataProps.map(\.key) == ["a", "b"])
    #expect(model.metadataProps.map(\.value) == ["1", "2"])
    let graph = model.graph
    #expect((graph.name, graph.docString) == ("g", "words"))
    let input = graph.input[0].type.tensorType
    #expect(input.elemType == 1)
    #expect(input.shape.dim.map(\.dimParam) == ["N", "", ""])
    #expect(input.shape.dim.map(\.dimValue) == [0, 1, 3])
    #expect(graph.node.map(\.opType) == ["Conv", "ReduceSum"])
    #expect(graph.node[0].input == ["x", "w"])
    #expect(graph.node[1].input == ["z", "axes"])
    let attributes = graph.node[0].attribute
    #expect(attributes.map(\.name) == ["pads", "group"])
    #expect(attributes.map(\.type) == [.ints, .int])
    #expect(attributes[0].ints == [0, 1])
    // An attribute of zero is written as well.
    let isWritten = graph.node[1].attribute[0].hasI
    #expect(isWritten)
  }

  @Test func weightsAreLittleEndianSinglePrecision() throws {
    let tensor = Self.file().message.graph.initializer[0]
    #expect(tensor.dims == [2, 1, 2])
    #expect(tensor.dataType == 1)
    let expected: [UInt8] = [
      0, 0, 0x80, 0x3F, 0, 0, 0, 0xBF, 0xCD, 0xCC, 0xCC, 0x3D, 1, 0, 0, 0,
    ]
    #expect(Array(tensor.rawData) == expected)
    let axes = Self.file().message.graph.initializer[1]
    let numbers: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 255, count: 8)
    #expect((axes.dims, axes.dataType) == ([2], 7))
    #expect(Array(axes.rawData) == numbers)
  }

  /// The first bytes as the format has them: field 1 with the version, fields 2 and 3 with the producer.
  @Test func bytesAreThoseOfTheFormat() throws {
    let bytes = try Self.file().bytes(path: "m")
    let start: [UInt8] = [0x08, 7, 0x12, 4] + Array("ccnn".utf8) + [0x1A, 1] + Array("9".utf8)
    #expect(Array(bytes.prefix(start.count)) == start)
    let text: [UInt8] = [0x72, 6, 0x0A, 1] + Array("b".utf8) + [0x12, 1] + Array("2".utf8)
    #expect(Array(bytes.suffix(text.count)) == text)
    let again = try Self.file(["a": "1", "b": "2"]).bytes(path: "m")
    #expect(again == bytes)
  }

  @Test func damagedBytesNeverTrap() throws {
    let bytes = try Self.file().bytes(path: "m")
    var refused = 0
    for count in 0..<bytes.count {
      do {
        // A prefix that ends between two fields is a smaller message.
        let shorter = try ONNXFile(parsing: Array(bytes[..<count]), path: "short.onnx")
        #expect(shorter.message != Self.file().message)
      } catch let error as FormatError {
        refused += 1
        #expect(error.kind == .malformed)
        #expect(error.path == "short.onnx")
      }
    }
    #expect(refused > bytes.count / 2)
    for position in bytes.indices {
      var changed = bytes
      changed[position] ^= 0xFF
      _ = try? ONNXFile(parsing: changed, path: "m")
    }
  }

  @Test func unwritableFolderIsRefused() {
    let message = folder.message { try Self.file().write(to: folder.file("no/m.onnx")) }
    #expect(message.contains("expected a place to write a file"))
  }
}
