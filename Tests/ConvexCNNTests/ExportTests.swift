import ConvexCNN
import Foundation
import TestSupport
import Testing

/// Models as ONNX graphs and as PyTorch weights; `Tests/Interop` runs the files in the programs they are for.
struct ExportTests {
  /// A model of random weights.
  private static func model(
    activation: Activation = .relu, padding: PatchGeometry.Padding = .valid,
    pooling: String = "average", neurons: Int = 3, filterScale: Double = 1,
    standardization: Standardization = .identity, isSignal: Bool = false, dataset: String? = nil
  ) throws -> Model {
    let geometry =
      isSignal
      ? try PatchGeometry(
        channels: 2, length: 7, filterLength: 4, padding: padding, hasBias: true)
      : try PatchGeometry(
        channels: 2, imageHeight: 5, imageWidth: 6, filterHeight: 2, filterWidth: 3,
        padding: padding, hasBias: true)
    var generator = SeededGenerator(seed: 3)
    var filters = generator.normalMatrix(rows: neurons, columns: geometry.patchDimension)
    for e in filters.elements.indices { filters.elements[e] *= filterScale }
    let gates = generator.normalMatrix(rows: neurons, columns: geometry.patchDimension)
    let pooling = try Pooling(parsing: pooling)
    let windows = try pooling.map(for: geometry).outputCount
    let network = try Network(
      geometry: geometry, pooling: pooling, activation: activation, filters: filters,
      gates: activation == .gated ? gates : nil,
      outputWeights: generator.normalMatrix(rows: neurons * windows, columns: 3))
    var flags = TrainingConfiguration(filter: FilterSize(height: 2, width: 3))
    flags.dataset = dataset
    return Model(
      configuration: flags,
      samples: SampleKind(
        shape: isSignal ? [2, 1, 7] : [2, 5, 6], labels: .classes(count: 3),
        classNames: ["a", "b", "c"]),
      standardization: standardization, lossName: "softmax", lambda: 0.25, network: network,
      gates: activation == .gated ? gates : nil, certificate: ["claim": "Proven."])
  }

  private static func standardization(_ mode: Standardization.Mode) -> Standardization {
    let shape = mode == .global ? [1] : [2, 5, 6]
    return Standardization(
      mode: mode, mean: Tensor(shape: shape, repeating: 0.5),
      scale: Tensor(shape: shape, repeating: 2))
  }

  private static func path(_ name: String) -> String {
    FileManager.default.temporaryDirectory
      .appendingPathComponent("ccnn-\(UUID().uuidString)-\(name)").path
  }

  @Test(arguments: [
    (Activation.relu, "average", ["Conv", "Relu", "GlobalAveragePool", "Flatten", "Gemm"]),
    (.linear, "none", ["Conv", "Flatten", "Gemm"]),
    (.relu, "max:2x2", ["Conv", "Relu", "MaxPool", "Flatten", "Gemm"]),
    (.quadratic, "sum:2x2", ["Conv", "Mul", "AveragePool", "Mul", "Flatten", "Gemm"]),
    (
      .gated, "average:3x1",
      [
        "Conv", "Conv", "GreaterOrEqual", "Cast", "Mul", "Reshape", "MatMul", "Flatten", "Gemm",
      ]
    ),
    (
      .relu, "max:1x3",
      ["Conv", "Relu"] + (0..<3).flatMap { _ in ["Slice", "ReduceMax"] } + [
        "Concat", "Flatten", "Gemm",
      ]
    ),
  ])
  func stagesAreTheOperatorsOfTheArchitecture(
    activation: Activation, pooling: String, operators: [String]
  ) throws {
    let graph = try Self.model(activation: activation, pooling: pooling).onnxFile().message.graph
    #expect(graph.node.map(\.opType) == operators)
    let conv = graph.node[0].attribute.first { $0.name == "kernel_shape" }
    #expect(conv?.ints == [2, 3])
    #expect(graph.initializer[0].dims == [3, 2, 2, 3])
    // Every value is made before it is used.
    var known = Set(graph.input.map(\.name) + graph.initializer.map(\.name))
    #expect(known.count == graph.input.count + graph.initializer.count)
    for node in graph.node {
      let isOrdered = node.input.allSatisfy { known.contains($0) }
      #expect(isOrdered, "\(node.name)")
      for output in node.output { #expect(known.insert(output).inserted, "\(output)") }
    }
    #expect(known.contains("outputs"))
  }

  @Test func zerosAreMostlyAfterAndCircularPixelsAllAfter() throws {
    let zero = try Self.model(padding: .zero).onnxFile().message.graph
    let pads = zero.node[0].attribute.first { $0.name == "pads" }
    // 2 x 3 filters: no row and one column before, one of each after.
    #expect(pads?.ints == [0, 1, 1, 1])
    let circular = try Self.model(padding: .circular, isSignal: true).onnxFile().message.graph
    #expect(circular.node.prefix(3).map(\.opType) == ["Slice", "Concat", "Conv"])
    let end = circular.initializer.first { $0.name == "circular.2.end" }
    #expect(end.map { Array($0.rawData) } == [3, 0, 0, 0, 0, 0, 0, 0])
    #expect(circular.input[0].type.tensorType.shape.dim.map(\.dimValue) == [0, 2, 7])
  }

  @Test func textSaysWhatGoesInAndWhatIsProven() throws {
    let message = try Self.model(standardization: Self.standardization(.pixel)).onnxFile().message
    let text = Dictionary(
      uniqueKeysWithValues: message.metadataProps.map { ($0.key, $0.value) })
    #expect(text["ccnn.lambda"] == "0.25")
    #expect(text["ccnn.version"] == Package.version)
    #expect(text["ccnn.certificate.claim"] == "Proven.")
    #expect(text["ccnn.classes"] == #"["a","b","c"]"#)
    #expect(message.graph.docString.contains("bytes divided by 255"))
    #expect(message.graph.docString.hasSuffix("Proven."))
    #expect(message.graph.node.prefix(2).map(\.opType) == ["Sub", "Div"])
    let digits = try Self.model(dataset: "digits").onnxFile()
    #expect(digits.message.graph.docString.contains("divided by 16"))
    let bytes = try digits.bytes(path: "m")
    let again = try Self.model(dataset: "digits").onnxFile().bytes(path: "m")
    #expect(bytes == again)
  }

  @Test func networkOfNoNeuronsIsAConstant() throws {
    let graph = try Self.model(neurons: 0).onnxFile().message.graph
    #expect(graph.node.map(\.opType) == ["Shape", "Gather", "Concat", "Expand"])
    #expect(graph.initializer[0].rawData.allSatisfy { $0 == 0 })
  }

  @Test func numbersBeyondSinglePrecisionAreRefused() throws {
    let path = Self.path("m.onnx")
    let large = try Self.model(filterScale: 1e40)
    let error = #expect(throws: InputError.self) { try large.writeONNX(to: path) }
    #expect(error?.place.hasPrefix("tensor conv.weight[0, 0, 0, 0]") == true)
    #expect(throws: InputError.self) { try large.writeWeights(to: path) }
    let tiny = Standardization(
      mode: .global, mean: Tensor(shape: [1]), scale: Tensor(shape: [1], elements: [1e-60]))
    #expect(throws: InputError.self) {
      try Self.model(standardization: tiny).writeONNX(to: path)
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    // Double precision has room for them.
    try large.writeWeights(to: path, as: .float64)
    let written = try Safetensors.read(path)
    try FileManager.default.removeItem(atPath: path)
    #expect(written["conv.weight"]?.elements[0] == large.network.filters[0, 0])
  }

  @Test(arguments: [
    ("gates", "there is no tensor for gates"), ("pixel", "--standardize pixel"),
    ("zero", "zeros are those of standardized images"), ("none", "a network of none"),
  ])
  func weightsThatWouldNotBeTheFunctionAreRefused(kind: String, words: String) throws {
    let model =
      switch kind {
      case "gates": try Self.model(activation: .gated)
      case "pixel": try Self.model(standardization: Self.standardization(.pixel))
      case "zero":
        try Self.model(padding: .zero, standardization: Self.standardization(.global))
      default: try Self.model(neurons: 0)
      }
    let path = Self.path("w.safetensors")
    let error = #expect(throws: InputError.self) { try model.writeWeights(to: path) }
    #expect(error?.description.contains(words) == true)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func globalStandardizationIsMultipliedIn() throws {
    let model = try Self.model(
      padding: .circular, pooling: "sum:2x2", standardization: Self.standardization(.global))
    let path = Self.path("w.safetensors")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.writeWeights(to: path, as: .float64)
    let weights = try ImportedWeights(contentsOf: path)
    let raw = try weights.network(
      geometry: model.network.geometry, pooling: model.network.pooling, activation: .relu,
      outputCount: 3)
    var generator = SeededGenerator(seed: 8)
    let images = generator.normalTensor(shape: [9, 2, 5, 6])
    let plain = Model(
      configuration: model.configuration, samples: model.samples, standardization: .identity,
      lossName: "softmax", lambda: 0.25, network: raw, gates: nil, certificate: [:])
    let distance = try plain.predictions(of: images)
      .relativeDistance(to: model.predictions(of: images))
    #expect(distance <= 1e-13)
    // The file is no model: its flags are those of standardized images.
    #expect(throws: InputError.self) { try Model(contentsOf: path) }
  }
}
