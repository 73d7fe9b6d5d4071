package import Tensors

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A graph of ONNX operators under construction; values are known by their names.
///
/// Operators are those of operator set 13. Nodes are added in the order in which they can be computed, as ONNX asks.
package struct ONNXGraph: Sendable, Equatable {
  /// One extent of an input or output.
  package enum Extent: Sendable, Equatable {
    /// A number.
    case fixed(Int)
    /// A name for a number that differs from call to call.
    case named(String)
  }

  /// The value of an attribute of a node.
  package enum Attribute: Sendable, Equatable {
    /// A whole number.
    case integer(Int)
    /// Whole numbers.
    case integers([Int])
  }

  /// The graph as it is serialized.
  package private(set) var message = Onnx_GraphProto()

  /// An empty graph.
  ///
  /// - Parameters:
  ///   - name: Name of the graph.
  ///   - documentation: What the graph computes, in words.
  package init(name: String, documentation: String) {
    message.name = name
    message.docString = documentation
  }

  /// Adds an input of single precision.
  package mutating func addInput(_ name: String, shape: [Extent], documentation: String) {
    message.input.append(Self.value(name, shape, documentation))
  }

  /// Adds an output of single precision.
  package mutating func addOutput(_ name: String, shape: [Extent], documentation: String) {
    message.output.append(Self.value(name, shape, documentation))
  }

  /// Adds numbers, each rounded to the nearest of single precision.
  ///
  /// - Parameters:
  ///   - name: Name of the value.
  ///   - tensor: The numbers in double precision.
  /// - Returns: The name.
  /// - Precondition: No number is rounded to infinity.
  package mutating func weights(_ name: String, _ tensor: Tensor) -> String {
    let numbers = tensor.elements.map { Float($0) }
    if let bad = numbers.firstIndex(where: { !$0.isFinite }) {
      preconditionFailure(
        "ONNXGraph: \(name)[\(bad)] = \(tensor.elements[bad]) has no finite single precision")
    }
    let bits = numbers.map { $0.bitPattern.littleEndian }
    add(name, tensor.shape, .float, bits.withUnsafeBytes { Data($0) })
    return name
  }

  /// Adds a list of whole numbers, such as a shape.
  ///
  /// - Parameters:
  ///   - name: Name of the value.
  ///   - numbers: The list, of shape `[numbers.count]`.
  /// - Returns: The name.
  package mutating func integers(_ name: String, _ numbers: [Int]) -> String {
    let bits = numbers.map { Int64($0).littleEndian }
    add(name, [numbers.count], .int64, bits.withUnsafeBytes { Data($0) })
    return name
  }

  /// Adds a node with one output.
  ///
  /// - Parameters:
  ///   - type: Name of the operator, such as `Conv`.
  ///   - inputs: Names of its inputs, in the order of the operator.
  ///   - output: Name of its output, and of the node.
  ///   - attributes: Names and values of its attributes.
  /// - Returns: The name of the output.
  package mutating func node(
    _ type: String, _ inputs: [String], _ output: String,
    _ attributes: KeyValuePairs<String, Attribute> = [:]
  ) -> String {
    var node = Onnx_NodeProto()
    node.opType = type
    node.name = output
    node.input = inputs
    node.output = [output]
    node.attribute = attributes.map { Self.attribute($0.key, $0.value) }
    message.node.append(node)
    return output
  }

  private mutating func add(
    _ name: String, _ shape: [Int], _ type: Onnx_TensorProto.DataType, _ bytes: Data
  ) {
    var tensor = Onnx_TensorProto()
    tensor.name = name
    tensor.dims = shape.map(Int64.init)
    tensor.dataType = Int32(type.rawValue)
    tensor.rawData = bytes
    message.initializer.append(tensor)
  }

  private static func attribute(_ name: String, _ value: Attribute) -> Onnx_AttributeProto {
    var attribute = Onnx_AttributeProto()
    attribute.name = name
    switch value {
    case .integer(let number):
      attribute.type = .int
      attribute.i = Int64(number)
    case .integers(let numbers):
      attribute.type = .ints
      attribute.ints = numbers.map(Int64.init)
    }
    return attribute
  }

  private static func value(
    _ name: String, _ shape: [Extent], _ documentation: String
  ) -> Onnx_ValueInfoProto {
    var value = Onnx_ValueInfoProto()
    value.name = name
    value.docString = documentation
    value.type.tensorType.elemType = Int32(Onnx_TensorProto.DataType.float.rawValue)
    value.type.tensorType.shape.dim = shape.map { extent in
      var dimension = Onnx_TensorShapeProto.Dimension()
      switch extent {
      case .fixed(let number): dimension.dimValue = Int64(number)
      case .named(let name): dimension.dimParam = name
      }
      return dimension
    }
    return value
  }
}
