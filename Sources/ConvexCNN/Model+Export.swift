import ConvexPrograms
import Convolutions
public import Formats
import Tensors

// The model for other programs: ONNX with everything inside, or bare weights as PyTorch names them.

extension Model {
  /// Writes the network as an ONNX graph of operator set 13 from raw images to outputs.
  ///
  /// Input `images` is `[N, channels, height, width]` (`[N, channels, length]` for signals) in single precision, with
  /// unsigned bytes divided by 255 (the bundled digits by 16) and floats as they are; output `outputs` is `[N, c]`, as `predictions(of:)`. Standardization
  /// is part of the graph, whitening of patches part of the filters. Flags, strength and certificate are in
  /// `metadata_props`, under the keys of the model file. Every architecture of a model can be written.
  ///
  /// - Parameter path: Where the file is to be; it appears only when it is complete.
  /// - Throws: `InputError` when a weight has no finite single precision, `FormatError` when the file cannot be written.
  /// - Accuracy: Weights are rounded from double to single precision. `Tests/Interop` measures outputs of onnxruntime within
  ///   1e-5 of ours, relative to the largest. A gate whose response is within rounding of zero may decide otherwise.
  public func writeONNX(to path: String) throws {
    try onnxFile().write(to: path)
  }

  /// The ONNX file of the network.
  ///
  /// - Throws: `InputError` when a weight has no finite single precision.
  package func onnxFile() throws -> ONNXFile {
    ONNXFile(
      graph: try ModelGraph(self).graph, producer: ("ccnn", Package.version),
      metadata: try metadata())
  }

  /// Writes `conv.weight`, `conv.bias`, `head.weight` and `head.bias` as PyTorch orders them and `ccnn import` takes them.
  ///
  /// The weights are those of the same function of raw images: global standardization and whitening of patches are
  /// multiplied in, which may make a `conv.bias`. Pooling, padding and stride are flags in the metadata. With circular
  /// padding patches start at a pixel and go on to the right and below, which in PyTorch is
  /// `F.pad(x, (0, width - 1, 0, height - 1), mode="circular")`.
  ///
  /// - Parameters:
  ///   - path: Where the file is to be; it appears only when it is complete.
  ///   - type: Element type; `float64` keeps every bit.
  /// - Throws: `InputError` for networks that have no such weights: gated ones, ones without neurons, pixels with scales of
  ///   their own, zeros around standardized images; `FormatError` when the file cannot be written.
  public func writeWeights(
    to path: String, as type: Safetensors.ElementType = .float32
  ) throws {
    let filters = try rawFilters()
    let head = network.outputWeights.transposed
    var tensors = [
      ("conv.weight", filters.weights),
      ("head.weight", Tensor(shape: [head.rows, head.columns], elements: head.elements)),
    ]
    if let bias = filters.bias { tensors.append(("conv.bias", bias)) }
    if let bias = network.outputBias {
      tensors.append(("head.bias", Tensor(shape: [bias.count], elements: bias)))
    }
    if type == .float32 {
      for (name, tensor) in tensors { try requireSinglePrecision(tensor, name) }
    }
    // Without these keys nothing takes the file for a model.
    let modelOnly = ["ccnn.schema", "ccnn.shape", "ccnn.labels"]
    var text = try metadata().filter { !modelOnly.contains($0.key) }
    text["format"] = "pt"
    try Safetensors(tensors: tensors.map { (name: $0.0, tensor: $0.1) }, metadata: text)
      .write(to: path, as: type)
  }

  /// Filters on raw images, with the standardization multiplied in.
  private func rawFilters() throws -> PlainFilters {
    func refusal(_ expected: String, _ found: String) -> InputError {
      InputError(
        .data, "weights for PyTorch", expected: expected, found: found,
        advice: "Export to ONNX, which holds every network.")
    }
    guard network.neuronCount > 0 else {
      throw refusal("at least one neuron", "a network of none, which is a constant")
    }
    guard network.activation != .gated else {
      throw refusal("neurons without gates", "a gated network; there is no tensor for gates")
    }
    guard standardization.mode != .pixel else {
      throw refusal(
        "the same units in every pixel", "--standardize pixel; a convolution has no place for it")
    }
    var plain = plainFilters(network.filters)
    guard standardization.mode == .global else { return plain }
    guard network.geometry.padding != .zero else {
      throw refusal(
        "--padding valid or circular with --standardize global",
        "--padding zero, whose zeros are those of standardized images")
    }
    let (mean, scale) = (standardization.mean.elements[0], standardization.scale.elements[0])
    for e in plain.weights.elements.indices { plain.weights.elements[e] /= scale }
    let (m, size) = (network.neuronCount, plain.weights.strideOfFirstAxis)
    var bias = plain.bias ?? Tensor(shape: [m])
    for j in 0..<m {
      bias.elements[j] -= mean * plain.weights.elements[j * size..<(j + 1) * size].reduce(0, +)
    }
    plain.bias = bias
    return plain
  }
}

// Words in the ONNX file.
extension Model {
  /// Shape of one sample: `[channels, height, width]`, `[channels, length]` for signals.
  var inputShape: [Int] {
    isSignal ? [samples.shape[0], samples.shape[2]] : samples.shape
  }

  private var isSignal: Bool { network.geometry.isSignal }

  /// What the graph computes.
  var graphDocumentation: String {
    let claim = certificate["claim"] ?? "Nothing proven."
    return "Two-layer convolutional network (\(network.activation.rawValue), pooling "
      + "\(network.pooling), \(network.neuronCount) neurons) by ccnn \(Package.version). "
      + "\(inputDocumentation) \(outputDocumentation) Weights are rounded to single precision. \(claim)"
  }

  /// What goes in.
  var inputDocumentation: String {
    let shape = isSignal ? "[N, channels, length]" : "[N, channels, height, width]"
    return "Input: \(shape), \(inputUnits). "
      + "Standardization (\(standardization.mode.rawValue)) is inside the graph."
  }

  /// What the numbers that go in are.
  var inputUnits: String {
    configuration.dataset?.hasPrefix("digits") == true
      ? "pixels 0...16 of the bundled digits divided by 16"
      : "unsigned bytes divided by 255, floats as they are"
  }

  /// What comes out.
  var outputDocumentation: String {
    let meaning =
      switch (lossName, samples.labels) {
      case ("logistic", _): "the sign decides between the two classes, logits"
      case ("softmax", _): "one score per class, before the softmax"
      case (_, .regression): "the predicted targets"
      case (_, .signs): "the sign decides between the two classes"
      default: "one score per class, the largest decides"
      }
    return "Output: [N, \(network.outputCount)], \(meaning)."
  }
}
