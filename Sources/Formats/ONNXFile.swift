internal import SwiftProtobuf

/// A model in the ONNX format: a graph of operators with who made it and text beside it.
///
/// Written for version 7 of the format and operator set 13, which every reader since 2020 understands. Of files of other
/// programs only the fields of `onnx.proto` are read.
///
/// - Source: *ONNX* repository, `docs/IR.md` and `onnx/onnx.proto`.
package struct ONNXFile: Sendable, Equatable {
  /// Version of the format.
  package static let formatVersion = 7
  /// Version of the operators.
  package static let operatorSet = 13
  /// Protocol buffers have no larger messages.
  private static let longest = Int(Int32.max)

  /// The file as it is serialized.
  package let message: Onnx_ModelProto

  /// A graph with text beside it.
  ///
  /// - Parameters:
  ///   - graph: The graph.
  ///   - producer: Name and version of the program that made it.
  ///   - metadata: Text by key, written in the order of the keys.
  package init(
    graph: ONNXGraph, producer: (name: String, version: String), metadata: [String: String]
  ) {
    var message = Onnx_ModelProto()
    message.irVersion = Int64(Self.formatVersion)
    message.producerName = producer.name
    message.producerVersion = producer.version
    message.docString = graph.message.docString
    message.graph = graph.message
    var operators = Onnx_OperatorSetIdProto()
    operators.domain = ""
    operators.version = Int64(Self.operatorSet)
    message.opsetImport = [operators]
    message.metadataProps = metadata.sorted { $0.key < $1.key }.map { key, value in
      var entry = Onnx_StringStringEntryProto()
      (entry.key, entry.value) = (key, value)
      return entry
    }
    self.message = message
  }

  /// Reads the fields of a file that this type knows; others are kept as they are.
  ///
  /// - Parameters:
  ///   - bytes: Contents of the file.
  ///   - path: Its name, for errors.
  /// - Throws: `FormatError` when the bytes are no message of this form.
  package init(parsing bytes: [UInt8], path: String) throws {
    do {
      message = try Onnx_ModelProto(serializedBytes: bytes)
    } catch {
      throw FormatError(
        path: path, expected: "an ONNX model", found: "bytes that are none (\(error))",
        advice: "Check that the file is complete.")
    }
  }

  /// The bytes of the file; equal contents give equal bytes.
  ///
  /// - Parameter path: Name of the file, for errors.
  /// - Returns: The serialized message.
  /// - Throws: `FormatError` of kind `unwritable` when it would be longer than protocol buffers can be.
  package func bytes(path: String) throws -> [UInt8] {
    let weights = message.graph.initializer.reduce(0) { $0 + $1.rawData.count }
    // Everything but the weights is far below a hundredth of the limit.
    guard weights <= Self.longest / 100 * 99 else {
      throw Self.refusal(path, "\(weights) bytes of weights")
    }
    do {
      return try message.serializedBytes()
    } catch {
      throw Self.refusal(path, "a message that cannot be written (\(error))")
    }
  }

  /// Writes the file, which appears only when it is complete.
  ///
  /// - Parameter path: Where the file is to be.
  /// - Throws: `FormatError` of kind `unwritable`.
  package func write(to path: String) throws {
    try AtomicFile.write(try bytes(path: path), to: path)
  }

  private static func refusal(_ path: String, _ found: String) -> FormatError {
    FormatError(
      kind: .unwritable, path: path, expected: "at most \(longest) bytes", found: found,
      advice: "Prune the network, or use safetensors.")
  }
}
