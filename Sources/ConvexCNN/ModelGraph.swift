import ConvexPrograms
import Convolutions
import Formats
import Tensors

/// Builds the ONNX graph of a model, one method per stage from pixels to outputs.
///
/// Stages take the name of a value and return the name of the next. A stage that changes nothing adds no node.
struct ModelGraph {
  let model: Model
  /// How images, not whitened patches, are cut into patches.
  let geometry: PatchGeometry
  private(set) var graph: ONNXGraph

  private var network: Network { model.network }
  /// Numbers of the axes that are spatial: one for signals.
  private var spatialAxes: [Int] { geometry.isSignal ? [2] : [2, 3] }

  /// The graph of a model.
  ///
  /// - Throws: `InputError` when a number does not fit single precision.
  init(_ model: Model) throws {
    self.model = model
    geometry = model.standardization.whitening?.source ?? model.network.geometry
    graph = ONNXGraph(name: "ccnn", documentation: model.graphDocumentation)
    graph.addInput(
      "images", shape: [.named("N")] + model.inputShape.map { .fixed($0) },
      documentation: model.inputDocumentation)
    graph.addOutput(
      "outputs", shape: [.named("N"), .fixed(model.network.outputCount)],
      documentation: model.outputDocumentation)
    if network.neuronCount == 0 {
      try addConstant()
    } else {
      let images = try padded(try standardized("images"))
      let neurons = try activated(images)
      try addHead(try pooled(neurons))
    }
  }

  /// Numbers of the model, each of which has to fit single precision.
  private mutating func weights(_ name: String, _ tensor: Tensor) throws -> String {
    try model.requireSinglePrecision(tensor, name)
    return graph.weights(name, tensor)
  }

  private mutating func scalar(_ name: String, _ value: Double) throws -> String {
    try weights(name, Tensor(shape: [], elements: [value]))
  }

  /// Outputs of a network without neurons: its output bias, or zero, for every sample.
  private mutating func addConstant() throws {
    let count = network.outputCount
    let bias = network.outputBias ?? [Double](repeating: 0, count: count)
    let value = try weights("head.bias", Tensor(shape: [count], elements: bias))
    let shape = graph.node("Shape", ["images"], "images.shape")
    let first = graph.integers("first", [0])
    let samples = graph.node("Gather", [shape, first], "samples", ["axis": .integer(0)])
    let outputs = graph.integers("outputs.count", [count])
    let extents = graph.node(
      "Concat", [samples, outputs], "outputs.shape", ["axis": .integer(0)])
    _ = graph.node("Expand", [value, extents], "outputs")
  }

  /// `(x - mean) / scale`; whitening is part of the filters instead.
  private mutating func standardized(_ images: String) throws -> String {
    let standardization = model.standardization
    guard standardization.whitening == nil, standardization.mode != .none else { return images }
    let shape = standardization.mode == .pixel ? model.inputShape : [1]
    let mean = try weights("standardization.mean", standardization.mean.reshaped(shape))
    let scale = try weights("standardization.scale", standardization.scale.reshaped(shape))
    if let bad = standardization.scale.elements.first(where: { Float($0) == 0 }) {
      throw InputError(
        .data, "standardization.scale", expected: "numbers that single precision tells from 0",
        found: "\(bad)", advice: "Multiply the images by a constant and train again.")
    }
    let centered = graph.node("Sub", [images, mean], "centered")
    return graph.node("Div", [centered, scale], "standardized")
  }

  /// Circular padding, where the start of an axis follows its end.
  ///
  /// The convolution itself pads zeros.
  private mutating func padded(_ images: String) throws -> String {
    guard geometry.padding == .circular else { return images }
    let spans =
      geometry.isSignal ? [geometry.spanWidth] : [geometry.spanHeight, geometry.spanWidth]
    var result = images
    for (axis, span) in zip(spatialAxes, spans) where span > 1 {
      let name = "circular.\(axis)"
      let start = graph.integers("\(name).start", [0])
      let end = graph.integers("\(name).end", [span - 1])
      let axes = graph.integers("\(name).axis", [axis])
      let wrapped = graph.node("Slice", [result, start, end, axes], "\(name).slice")
      result = graph.node("Concat", [result, wrapped], name, ["axis": .integer(axis)])
    }
    return result
  }

  /// Responses `x . u` of some filters, shape `[N, m, positions]`.
  private mutating func responses(
    _ images: String, _ filters: Matrix, _ name: String, _ output: String
  ) throws -> String {
    let plain = model.plainFilters(filters)
    var inputs = [images, try weights("\(name).weight", plain.weights)]
    if let bias = plain.bias { inputs.append(try weights("\(name).bias", bias)) }
    func both(_ rows: Int, _ columns: Int) -> [Int] {
      geometry.isSignal ? [columns] : [rows, columns]
    }
    var pads = both(0, 0) + both(0, 0)
    if geometry.padding == .zero {
      let (height, width) = (geometry.spanHeight - 1, geometry.spanWidth - 1)
      pads = both(height / 2, width / 2) + both(height - height / 2, width - width / 2)
    }
    return graph.node(
      "Conv", inputs, output,
      [
        "kernel_shape": .integers(both(geometry.filterHeight, geometry.filterWidth)),
        "strides": .integers(both(geometry.strideRows, geometry.strideColumns)),
        "dilations": .integers(both(geometry.dilationRows, geometry.dilationColumns)),
        "pads": .integers(pads),
      ])
  }

  /// What neurons make of their responses.
  private mutating func activated(_ images: String) throws -> String {
    let responses = try responses(images, network.filters, "conv", "responses")
    switch network.activation {
    case .linear: return responses
    case .relu: return graph.node("Relu", [responses], "neurons")
    case .quadratic: return graph.node("Mul", [responses, responses], "neurons")
    case .polynomial(let p):
      // (a z + b) z + c, as predictions are computed.
      let (a, b, c) = (
        try scalar("polynomial.a", p.a), try scalar("polynomial.b", p.b),
        try scalar("polynomial.c", p.c)
      )
      let slope = graph.node("Mul", [responses, a], "polynomial.slope")
      let sum = graph.node("Add", [slope, b], "polynomial.sum")
      let product = graph.node("Mul", [sum, responses], "polynomial.product")
      return graph.node("Add", [product, c], "neurons")
    case .gated:
      let gates = try self.responses(
        images, network.gates ?? network.filters, "gates", "gates.responses")
      let zero = try scalar("zero", 0)
      let isActive = graph.node("GreaterOrEqual", [gates, zero], "gates.active")
      let mask = graph.node("Cast", [isActive], "gates.mask", ["to": .integer(1)])
      return graph.node("Mul", [responses, mask], "neurons")
    }
  }

  /// Features `[N, m a]`, feature `j a + q` of neuron `j` and window `q`.
  private mutating func pooled(_ neurons: String) throws -> String {
    let windows = PoolingWindows(network.pooling, geometry)
    let pooled: String
    if network.pooling.kind == .none {
      pooled = neurons
    } else if network.pooling.kind == .max {
      pooled = largest(neurons, windows)
    } else if let size = windows.commonSize {
      pooled = try mean(neurons, windows, size)
    } else {
      // Positions in a row, times the transposed pooling matrix.
      let rows = graph.node(
        "Reshape", [neurons, graph.integers("positions.shape", [0, 0, -1])], "positions")
      let matrix = try network.pooling.map(for: geometry).matrix.transposed
      let weights = try weights(
        "pooling.weight",
        Tensor(shape: [matrix.rows, matrix.columns], elements: matrix.elements))
      pooled = graph.node("MatMul", [rows, weights], "pooled")
    }
    return graph.node("Flatten", [pooled], "features", ["axis": .integer(1)])
  }

  /// Means or sums over windows of one size.
  private mutating func mean(
    _ neurons: String, _ windows: PoolingWindows, _ size: [Int]
  ) throws -> String {
    let means =
      windows.count == 1
      ? graph.node("GlobalAveragePool", [neurons], "means")
      : graph.node(
        "AveragePool", [neurons], "means",
        ["kernel_shape": .integers(size), "strides": .integers(size)])
    guard network.pooling.kind == .sum else { return means }
    let count = try scalar("window.size", Double(size.reduce(1, *)))
    return graph.node("Mul", [means, count], "pooled")
  }

  /// Largest entries of windows: of ReLU networks only, whose neurons are at least 0.
  private mutating func largest(_ neurons: String, _ windows: PoolingWindows) -> String {
    if windows.count == 1 { return graph.node("GlobalMaxPool", [neurons], "pooled") }
    if let size = windows.commonSize {
      return graph.node(
        "MaxPool", [neurons], "pooled",
        ["kernel_shape": .integers(size), "strides": .integers(size)])
    }
    let axes = graph.integers("window.axes", spatialAxes)
    var parts: [String] = []
    for (number, window) in windows.ranges.enumerated() {
      let start = graph.integers("window.\(number).start", window.map(\.lowerBound))
      let end = graph.integers("window.\(number).end", window.map(\.upperBound))
      let part = graph.node("Slice", [neurons, start, end, axes], "window.\(number)")
      parts.append(
        graph.node(
          "ReduceMax", [part], "window.\(number).largest",
          ["axes": .integers(spatialAxes), "keepdims": .integer(1)]))
    }
    return graph.node("Concat", parts, "pooled", ["axis": .integer(2)])
  }

  private mutating func addHead(_ features: String) throws {
    let matrix = network.outputWeights.transposed
    var inputs = [
      features,
      try weights(
        "head.weight", Tensor(shape: [matrix.rows, matrix.columns], elements: matrix.elements)),
    ]
    if let bias = network.outputBias {
      inputs.append(try weights("head.bias", Tensor(shape: [bias.count], elements: bias)))
    }
    _ = graph.node("Gemm", inputs, "outputs", ["transB": .integer(1)])
  }
}

/// The windows of a pooling as ranges along the spatial axes.
struct PoolingWindows {
  /// Ranges of rows and columns (of positions, for signals) of each window.
  let ranges: [[Range<Int>]]

  /// The windows of a pooling on the outputs of a geometry, as `Pooling.map(for:)` has them.
  init(_ pooling: Pooling, _ geometry: PatchGeometry) {
    func ranges(_ count: Int, _ size: Int) -> [Range<Int>] {
      (0..<count).map { $0 * size / count..<($0 + 1) * size / count }
    }
    let columns = ranges(pooling.windowColumns, geometry.outputWidth)
    self.ranges =
      geometry.isSignal
      ? columns.map { [$0] }
      : ranges(pooling.windowRows, geometry.outputHeight).flatMap { row in
        columns.map { [row, $0] }
      }
  }

  /// Number of windows.
  var count: Int { ranges.count }

  /// The size of all windows along each axis; nil when they differ.
  var commonSize: [Int]? {
    let sizes = ranges.map { $0.map(\.count) }
    guard let first = sizes.first, sizes.allSatisfy({ $0 == first }) else { return nil }
    return first
  }
}
