import ConvexPrograms
import Convolutions
import Formats
import Tensors

// The model file: safetensors whose bytes depend on the network and its flags only. No times, no number of threads.

extension Model {
  /// Writes the model as safetensors.
  ///
  /// `conv.weight` `[m, channels, height, width]` (`[m, channels, length]` for signals), `conv.bias` `[m]`,
  /// `head.weight` `[c, m * windows]` with column `j * windows + q`, `head.bias` `[c]`, gates likewise as `gates.weight` and `gates.bias`,
  /// `cells.gates` `[P, h]` (of gated networks, and of ReLU networks over given cells), `standardization.mean` and `standardization.scale`
  /// (`standardization.directions` for whitened patches, under filters of one pixel); flags and claim in the metadata.
  ///
  /// - Parameter path: Where the file is to be; it appears only when it is complete.
  /// - Throws: `FormatError` when it cannot be written.
  public func write(to path: String) throws {
    var tensors: [(name: String, tensor: Tensor)] = []
    let geometry = network.geometry
    func add(_ filters: Matrix, _ name: String) {
      let size = geometry.patchDimension - (geometry.hasBias ? 1 : 0)
      var weights: [Double] = []
      var biases: [Double] = []
      for j in 0..<filters.rows {
        weights.append(contentsOf: filters.row(j).prefix(size))
        if geometry.hasBias { biases.append(filters[j, size]) }
      }
      tensors.append(
        ("\(name).weight", Tensor(shape: [filters.rows] + filterShape, elements: weights)))
      if geometry.hasBias {
        tensors.append(("\(name).bias", Tensor(shape: [filters.rows], elements: biases)))
      }
    }
    func add(matrix: Matrix, _ name: String) {
      let shape = [matrix.rows, matrix.columns]
      tensors.append((name, Tensor(shape: shape, elements: matrix.elements)))
    }
    add(network.filters, "conv")
    add(matrix: network.outputWeights.transposed, "head.weight")
    if let bias = network.outputBias {
      tensors.append(("head.bias", Tensor(shape: [bias.count], elements: bias)))
    }
    if let own = network.gates { add(own, "gates") }
    if let all = gates ?? cellGates { add(matrix: all, "cells.gates") }
    if let whitening = standardization.whitening {
      let mean = Tensor(shape: [whitening.mean.count], elements: whitening.mean)
      tensors.append(("standardization.mean", mean))
      add(matrix: whitening.directions, "standardization.directions")
    } else if standardization.mode != .none {
      tensors.append(("standardization.mean", standardization.mean))
      tensors.append(("standardization.scale", standardization.scale))
    }
    try Safetensors(tensors: tensors, metadata: try metadata()).write(to: path)
  }

  private var filterShape: [Int] {
    let g = network.geometry
    return g.isSignal
      ? [g.channels, g.filterWidth] : [g.channels, g.filterHeight, g.filterWidth]
  }

  /// Flags, units and claim, as text by key.
  func metadata() throws -> [String: String] {
    var result = [
      "ccnn.schema": "\(Package.schema)", "ccnn.version": Package.version,
      "ccnn.configuration": try JSON.line(of: configuration), "ccnn.loss": lossName,
      "ccnn.lambda": "\(lambda)", "ccnn.labels": samples.labels.name,
      "ccnn.shape": try JSON.line(of: samples.shape),
      "ccnn.classes": try JSON.line(of: samples.classNames),
    ]
    for (key, value) in certificate { result["ccnn.certificate.\(key)"] = value }
    return result
  }

  /// Reads a model that `write(to:)` wrote.
  ///
  /// - Parameter path: The file.
  /// - Throws: `FormatError` when the file is damaged or unreadable, `InputError` when a tensor or an entry of the
  ///   metadata is missing, not finite or of another shape than the flags say, and for samples of more than `2^24`
  ///   positions or more than `2^20` channels or outputs, which a small file could claim.
  public init(contentsOf path: String) throws {
    var reader = ModelReader(path: path, file: try Safetensors.read(path))
    if reader.file.metadata["ccnn.schema"] == nil, reader.file["conv.weight"] != nil {
      reader.advice = "These are weights without a model; make one of them with ccnn import."
    }
    try self.init(reader)
  }

  private init(_ reader: ModelReader) throws {
    let schema = try reader.text("schema")
    guard schema == "\(Package.schema)" else {
      throw reader.error("ccnn.schema", "\(Package.schema)", schema)
    }
    configuration = try reader.json("configuration")
    lossName = try reader.text("loss")
    lambda = try reader.number("lambda")
    let name = try reader.text("labels")
    guard let labels = LabelKind(name: name) else {
      throw reader.error("ccnn.labels", "classes:N, signs or regression:N", name)
    }
    // The pooling of all positions is kept in memory, though nothing in the file is as long.
    let (most, mostPositions) = (1 << 20, 1 << 24)
    guard labels.outputCount(loss: "squared") <= most else {
      throw reader.error("ccnn.labels", "at most \(most) outputs", name)
    }
    let shape: [Int] = try reader.json("shape")
    guard shape.count == 3, shape.allSatisfy({ $0 >= 1 && $0 <= most }),
      shape[1] * shape[2] <= mostPositions
    else {
      throw reader.error(
        "ccnn.shape",
        "three positive numbers up to \(most), the last two with a product of at most \(mostPositions)",
        "\(shape.prefix(4))")
    }
    samples = SampleKind(shape: shape, labels: labels, classNames: try reader.json("classes"))
    let classCount = labels == .signs ? 2 : labels.outputCount(loss: "squared")
    if case .regression = labels {
    } else if samples.classNames.count != classCount {
      throw reader.error(
        "ccnn.classes", "\(classCount) names", "\(samples.classNames.count)")
    }
    guard ["squared", "logistic", "softmax"].contains(lossName) else {
      throw reader.error("ccnn.loss", "squared, logistic or softmax", lossName)
    }
    let source = try configuration.geometry(on: shape)
    standardization = try reader.standardization(
      configuration.standardize, shape: shape, geometry: source)
    let geometry = try standardization.geometry(of: source)
    let pooling = try Pooling(parsing: configuration.pooling)
    let filters = try reader.filters("conv", geometry)
    let windows = try pooling.map(for: geometry).outputCount
    let head = try reader.matrix(
      "head.weight", rows: labels.outputCount(loss: lossName), columns: filters.rows * windows)
    if !configuration.outputBias, let bias = reader.file["head.bias"] {
      throw reader.error("tensor head.bias", "none without an output bias", "shape \(bias.shape)")
    }
    let isGated = configuration.activation == .gated
    network = try Network(
      geometry: geometry, pooling: pooling, activation: configuration.activation, filters: filters,
      gates: isGated ? try reader.filters("gates", geometry, rows: filters.rows) : nil,
      outputWeights: head.transposed,
      outputBias: configuration.outputBias
        ? try reader.tensor("head.bias", shape: [head.rows]).elements : nil)
    gates =
      isGated
      ? try reader.matrix("cells.gates", rows: nil, columns: geometry.patchDimension) : nil
    // Networks made of one over given cells, as by pruning, may have left these.
    if network.activation == .relu, reader.file["cells.gates"] != nil {
      cellGates = try reader.matrix("cells.gates", rows: nil, columns: geometry.patchDimension)
    }
    certificate = reader.certificate
  }
}
