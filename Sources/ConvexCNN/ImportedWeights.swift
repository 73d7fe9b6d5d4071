public import ConvexPrograms
public import Convolutions
import Formats
import Tensors

/// Weights of a two-layer convolutional network that another program trained, as a safetensors file holds them.
///
/// `conv.weight` `[m, channels, height, width]` (`[m, channels, length]` for signals), `conv.bias` `[m]` if there is
/// one, `head.weight` `[c, m]` or, with `a` windows, `[c, m * a]` with column `j * a + q` for filter `j` and window
/// `q`, `head.bias` `[c]` if there is one: the names and orders of PyTorch's `Conv2d`, `flatten` and `Linear`. Elements are
/// F32 or F64.
///
/// The bias of filters becomes the last entry of each, which the objective penalizes like the others; that of outputs is
/// not penalized.
public struct ImportedWeights: Sendable {
  private let reader: ModelReader
  /// Shape of `conv.weight`.
  public let filterShape: [Int]

  /// Whether every filter has a bias.
  public var hasBias: Bool { reader.file["conv.bias"] != nil }

  /// Whether every output has a bias.
  public var hasOutputBias: Bool { reader.file["head.bias"] != nil }

  /// Size of the filters: two numbers for images, one for signals.
  public var filterSize: FilterSize? {
    FilterSize(rawValue: filterShape.dropFirst(2).map(String.init).joined(separator: "x"))
  }

  /// Reads the file and checks that it holds such weights and nothing else.
  ///
  /// - Parameter path: The safetensors file.
  /// - Throws: `FormatError` when the file is damaged or unreadable; `InputError` when a tensor is missing, is one
  ///   that this network has no place for, or has another rank or element type than named above.
  public init(contentsOf path: String) throws {
    let file = try Safetensors.read(path)
    reader = ModelReader(path: path, file: file, advice: Self.layout)
    for entry in file.entries {
      try Self.requireKnown(entry.name, path)
      guard ["F32", "F64"].contains(entry.dtype) else {
        throw reader.error(
          "tensor \(entry.name)", "elements of type F32 or F64", entry.dtype)
      }
    }
    guard let shape = file["conv.weight"]?.shape else {
      throw reader.error(
        "tensor conv.weight", "shape [m, channels, height, width] or [m, channels, length]",
        "no such tensor")
    }
    guard (3...4).contains(shape.count), !shape.contains(0) else {
      throw reader.error(
        "tensor conv.weight",
        "shape [m, channels, height, width] or [m, channels, length], nowhere 0", "shape \(shape)")
    }
    filterShape = shape
  }

  private static let layout =
    "Store conv.weight and head.weight, and conv.bias and head.bias if there are any, as ccnn import --help says."

  private static func requireKnown(_ name: String, _ path: String) throws {
    guard !["conv.weight", "conv.bias", "head.weight", "head.bias"].contains(name) else {
      return
    }
    throw InputError(
      .data, "\(path): tensor \(name)",
      expected: "only conv.weight, conv.bias, head.weight and head.bias", found: name,
      advice: "Networks have one convolution and one linear layer; a file with other tensors is of "
        + "another network.")
  }

  /// The network of the weights.
  ///
  /// - Parameters:
  ///   - geometry: How images are cut into patches, of patch dimension `h`.
  ///   - pooling: Pooling with `a` outputs per filter.
  ///   - activation: `relu` or `linear`.
  ///   - outputCount: Number `c` of outputs that the labels ask for.
  ///   - hasOutputBias: Whether every output has a bias; the file's is not looked at otherwise.
  /// - Returns: The network with `[m, h]` filters and `[m * a, c]` output weights.
  /// - Throws: `InputError` when a tensor has another shape or is not finite, `GeometryError` when the windows do
  ///   not fit.
  public func network(
    geometry: PatchGeometry, pooling: Pooling, activation: Activation, outputCount: Int,
    hasOutputBias: Bool = false
  ) throws -> Network {
    let filters = try reader.filters("conv", geometry)
    let windows = try pooling.map(for: geometry).outputCount
    let head = try reader.matrix(
      "head.weight", rows: outputCount, columns: filters.rows * windows)
    return try Network(
      geometry: geometry, pooling: pooling, activation: activation, filters: filters,
      outputWeights: head.transposed,
      outputBias: hasOutputBias
        ? try reader.tensor("head.bias", shape: [outputCount]).elements : nil)
  }
}

extension Trainer {
  /// Makes a model of weights that another program trained on the same data.
  ///
  /// The configuration's biases have to be the weights'. Standardization is fitted to the training samples.
  ///
  /// - Parameters:
  ///   - weights: The weights.
  ///   - data: Training samples, which fix shape, labels, standardization and a strength that is given as a ratio.
  /// - Returns: The model, and its objective on the training samples.
  /// - Throws: `InputError` or `GeometryError` when weights, flags and data do not go together.
  public func model(of weights: ImportedWeights, on data: Dataset) throws -> (
    model: Model, result: ImportResult
  ) {
    let task = try PreparedTask(configuration, data.train, threads)
    let lambda =
      switch configuration.strength {
      case .lambda(let lambda): lambda
      case .ratio: try task.cells(configuration).lambda
      }
    let network = try weights.network(
      geometry: task.geometry, pooling: task.pooling, activation: configuration.activation,
      outputCount: task.loss.outputCount, hasOutputBias: configuration.outputBias)
    let objective = task.problem(lambda: lambda).objective(of: network)
    guard objective.total.isFinite else {
      throw InputError(
        .data, "objective", expected: "a finite number", found: "\(objective.total)",
        advice: "The weights are too large for this data; check the scale of the images.")
    }
    let model = Model(
      configuration: configuration, samples: data.train.kind,
      standardization: task.standardization, lossName: task.loss.name, lambda: lambda,
      network: network, gates: nil,
      certificate: ["claim": ImportResult.nothingProven, "bound": "none"])
    let train = try model.evaluation(on: data.train, backend: .im2col, threads: threads)
    let test = try data.test.map {
      try model.evaluation(on: $0, backend: .im2col, threads: threads)
    }
    let result = ImportResult(
      objective: Finite(objective.total), loss: Finite(objective.loss),
      regularization: Finite(objective.lambda * objective.regularization), lambda: Finite(lambda),
      neuronCount: network.neuronCount, trainAccuracy: train.accuracy,
      testAccuracy: test?.accuracy ?? Finite(nil), model: configuration)
    return (model, result)
  }
}

/// What `import` reports, in the keys of its JSON.
public struct ImportResult: Sendable, Equatable, Codable {
  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// Objective of the network on the training data.
  public let objective: Finite
  /// Mean loss.
  public let loss: Finite
  /// `lambda sum_j |u_j| |W_j|_F`, so that `objective = loss + regularization`.
  public let regularization: Finite
  /// Regularization strength.
  public let lambda: Finite
  /// Number of neurons.
  public let neuronCount: Int
  /// Share of training samples classified correctly; null for regression.
  public let trainAccuracy: Finite
  /// Share of held-out samples classified correctly; null without any.
  public let testAccuracy: Finite
  /// What is proven.
  public var claim = ImportResult.nothingProven
  /// The model flags.
  public let model: TrainingConfiguration

  static let nothingProven = "Nothing proven: imported weights; ccnn certify measures them."
}
