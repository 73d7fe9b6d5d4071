import ConvexPrograms
public import Solvers
import Tensors

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension RunDetails {
  /// Details of a run without a single network.
  ///
  /// - Parameters:
  ///   - data: The samples.
  ///   - standardize: How they were standardized.
  ///   - trace: Rows of the trace; empty for none.
  /// - Throws: What the source of the samples throws.
  public init(data: StreamedData, standardize: Standardization.Mode, trace: [TraceRow]) throws {
    self.data = try DataCard(data, standardize)
    self.trace = trace.isEmpty ? nil : Trace(trace)
  }

  /// Details of a model.
  ///
  /// - Parameters:
  ///   - model: The model.
  ///   - data: The samples it was trained and is judged on.
  ///   - trace: Rows of the trace; empty for none.
  ///   - memory: Bytes that predictions may use; nil for no limit.
  ///   - threads: Threads to use.
  /// - Throws: `InputError` when data and model do not go together; what the source of the samples throws.
  /// - Complexity: Two passes over the samples and one over the predicted ones.
  public init(
    of model: Model, on data: StreamedData, trace: [TraceRow], memory: Int? = nil, threads: Int = 1
  ) throws {
    try self.init(data: data, standardize: model.configuration.standardize, trace: trace)
    weights = Weights(model.network)
    predictions = try Predictions(
      model, on: data.test ?? data.train, part: data.test == nil ? "train" : "test",
      memory: memory, threads: threads)
  }
}

extension RunDetails.Trace {
  /// Rows, thinned to `Limit.traceRows` of them; first and last are kept.
  init(_ rows: [TraceRow]) {
    let kept = RunDetails.evenly(rows.count, atMost: RunDetails.Limit.traceRows).map { rows[$0] }
    rowCount = rows.count
    phase = kept.map(\.phase)
    iteration = kept.map(\.iteration)
    seconds = kept.map(\.seconds)
    objective = kept.map { Finite($0.objective) }
    lowerBound = kept.map { Finite($0.lowerBound) }
    dualNormRatio = kept.map { Finite($0.dualNormRatio) }
    neuronCount = kept.map(\.neuronCount)
  }
}

extension RunDetails {
  /// At most `limit` of `count` indices, first and last among them, in equal steps.
  package static func evenly(_ count: Int, atMost limit: Int) -> [Int] {
    guard count > limit, limit > 1 else { return Array(0..<min(count, max(0, limit))) }
    return (0..<limit).map { $0 * (count - 1) / (limit - 1) }
  }
}

extension RunDetails.Weights {
  /// The neurons of largest mass.
  init(_ network: Network) {
    let (windows, outputs) = (network.windowCount, network.outputCount)
    let masses = zip(network.filterNorms, network.outputNorms).map { $0 * $1 }
    let size = windows * outputs
    let limit = min(
      RunDetails.Limit.neurons,
      max(1, RunDetails.Limit.weights / max(1, size + network.filters.columns)))
    let order = masses.indices.sorted { (masses[$0], $1) > (masses[$1], $0) }
    let geometry = network.geometry
    neuronCount = network.neuronCount
    filterShape = [geometry.channels, geometry.filterHeight, geometry.filterWidth]
    hasBias = geometry.hasBias
    windowCount = windows
    outputCount = outputs
    outputBias = network.outputBias
    neurons = order.prefix(limit).map { j in
      RunDetails.Neuron(
        index: j, mass: masses[j], filter: Array(network.filters.row(j)),
        outputWeights: Array(network.outputWeights.elements[j * size..<(j + 1) * size]))
    }
  }
}

extension RunDetails.Predictions {
  fileprivate init(
    _ model: Model, on data: StreamedDataset, part: String, memory: Int?, threads: Int
  ) throws {
    let values: Matrix
    if let images = (data.source as? TensorSource)?.images {
      values = try model.predictions(of: images, backend: .im2col, threads: threads)
    } else {
      values = try model.predictions(of: data.source, memory: memory, threads: threads)
    }
    let all = Evaluation(
      predictions: values, labels: data.labels, classNames: model.samples.classNames,
      loss: try data.labels.loss(named: model.lossName))
    self.part = part
    evaluation = all.classes.count > RunDetails.Limit.classes ? all.withoutClasses : all
    let wrong = Self.mistakes(values, data.labels)
    mistakeCount = wrong.count
    let worst = wrong.sorted { ($0.margin, $1.sample) > ($1.margin, $0.sample) }
    mistakes = try worst.prefix(RunDetails.Limit.mistakes).map { sample, margin in
      let image = data.source.batch(sample..<sample + 1)
      try data.source.requireReadable()
      return RunDetails.Mistake(
        index: sample, actual: Self.actual(data.labels, sample, model.samples.classNames),
        predicted: Self.predicted(values, data.labels, sample, model.samples.classNames),
        margin: margin, picture: RunDetails.Thumbnail(image))
    }
  }

  /// Samples of another class than the network names; for regression all samples with their residuals.
  private static func mistakes(
    _ values: Matrix, _ labels: Labels
  ) -> [(sample: Int, margin: Double)] {
    if case .regression(let targets) = labels {
      return (0..<values.rows).map { i in
        let squares = (0..<values.columns).reduce(0.0) { sum, c in
          let residual = values[i, c] - targets[i, c]
          return sum + residual * residual
        }
        return (i, squares.squareRoot())
      }
    }
    let named = values.classIndices
    return (labels.classIndices ?? []).enumerated().compactMap { i, actual in
      guard named[i] != actual else { return nil }
      return (
        i, values.columns == 1 ? abs(values[i, 0]) : values[i, named[i]] - values[i, actual]
      )
    }
  }

  private static func actual(_ labels: Labels, _ sample: Int, _ names: [String]) -> String {
    if case .regression(let targets) = labels { return numbers(targets.row(sample)) }
    return name(labels.classIndices?[sample] ?? 0, names)
  }

  private static func predicted(
    _ values: Matrix, _ labels: Labels, _ sample: Int, _ names: [String]
  ) -> String {
    if case .regression = labels { return numbers(values.row(sample)) }
    return name(
      Matrix(rows: 1, columns: values.columns, elements: Array(values.row(sample)))
        .classIndices[0], names)
  }

  private static func name(_ index: Int, _ names: [String]) -> String {
    index < names.count ? names[index] : "\(index)"
  }

  /// At most four numbers.
  private static func numbers(_ values: some Collection<Double>) -> String {
    values.prefix(4).map { "\($0)" }.joined(separator: ", ") + (values.count > 4 ? ", ..." : "")
  }
}

extension RunDetails.Thumbnail {
  /// A sample of shape `[1, channels, height, width]`: means of equal boxes of pixels; three channels stay, others are averaged.
  init(_ sample: Tensor) {
    let (channels, height, width) = (sample.shape[1], sample.shape[2], sample.shape[3])
    let limit = RunDetails.Limit.pixels
    let (rows, columns) = (min(height, limit), min(width, limit))
    let kept = channels == 3 ? 3 : 1
    var means = [Double](repeating: 0, count: kept * rows * columns)
    for c in 0..<kept {
      let planes = kept == channels ? c..<c + 1 : 0..<channels
      for r in 0..<rows {
        let ys = r * height / rows..<(r + 1) * height / rows
        for s in 0..<columns {
          let xs = s * width / columns..<(s + 1) * width / columns
          var sum = 0.0
          for plane in planes {
            for y in ys {
              for x in xs { sum += sample.elements[(plane * height + y) * width + x] }
            }
          }
          means[(c * rows + r) * columns + s] = sum / Double(planes.count * ys.count * xs.count)
        }
      }
    }
    let (low, high) = (means.min() ?? 0, means.max() ?? 0)
    shape = [kept, rows, columns]
    (self.low, self.high) = (low, high)
    bytes = Data(
      means.map { high > low ? UInt8((255 * ($0 - low) / (high - low)).rounded()) : 0 }
    ).base64EncodedString()
  }
}
