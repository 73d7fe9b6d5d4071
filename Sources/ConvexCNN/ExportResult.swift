/// What `export` reports, in the keys of its JSON.
public struct ExportResult: Sendable, Equatable, Codable {
  /// Version of these keys.
  public var schema = Package.schema
  /// Version of the package.
  public var version = Package.version
  /// `onnx` or `safetensors`.
  public let format: String
  /// `float32` or `float64`.
  public let precision: String
  /// Shape of one sample as the file takes it, without the batch.
  public let inputShape: [Int]
  /// What the numbers are that the file takes.
  public let inputUnits: String
  /// Number of outputs.
  public let outputCount: Int
  /// Number of neurons.
  public let neuronCount: Int
  /// Regularization strength.
  public let lambda: Finite
  /// What was proven of the network before its weights were rounded.
  public let claim: String
  /// The model flags.
  public let model: TrainingConfiguration

  /// What is to be said about a file of a model.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - format: `onnx` or `safetensors`.
  ///   - precision: `float32` or `float64`.
  public init(_ model: Model, format: String, precision: String) {
    self.format = format
    self.precision = precision
    inputShape = model.inputShape
    inputUnits = model.inputUnits
    outputCount = model.network.outputCount
    neuronCount = model.network.neuronCount
    lambda = Finite(model.lambda)
    claim = model.certificate["claim"] ?? "Nothing proven."
    self.model = model.configuration
  }
}
