import Convolutions
package import Tensors

/// The share of a rank in the samples of a problem.
package final class SharedProblemService: RankService {
  /// The kind of object that `SharedProblem` makes.
  package static let kind = 1

  /// What `SharedProblem` calls for.
  enum Operation: Int {
    case features
    case predictions
    case lossAndGradient
    case correlations
    case gatedFeatures
  }

  private let passes: SamplePasses

  /// The share that rank 0 describes and then sends.
  ///
  /// - Throws: `GeometryError` or `ProgramError`, which rank 0 would have thrown before.
  package init(_ message: inout RankMessage, in server: RankServer) throws {
    let loss = message.loss()
    let geometry = try message.geometry()
    let pooling = try Pooling(parsing: message.text())
    let activation = Activation(rawValue: message.text()) ?? .relu
    let backend = ConvolutionBackend(rawValue: message.text()) ?? .im2col
    let isCached = message.integer() == 1
    let threads = message.integer()
    let blocks = SampleBlocks(loss.sampleCount)
    let samples = blocks.samples(ofRank: server.ranks.index, of: server.ranks.count)
    let images = Tensor(
      shape: [samples.count, geometry.channels, geometry.imageHeight, geometry.imageWidth],
      elements: server.ranks.receive(from: 0))
    // Products of cached patches may differ in the last bits from those of others.
    let layer = try ConvolutionLayer(
      images: images, geometry: geometry, backend: backend, threads: threads,
      patchCacheBytes: isCached ? .max : 0)
    passes = SamplePasses(
      layer: layer, poolingMap: try pooling.map(for: geometry), activation: activation, loss: loss,
      threads: threads, blocks: blocks, samples: samples, first: samples.lowerBound)
  }

  /// Does the part of this rank in a pass.
  package func serve(_ operation: Int, _ arguments: inout RankMessage, in server: RankServer) {
    switch Operation(rawValue: operation) {
    case .features:
      _ = server.ranks.gather(passes.features(of: arguments.matrix()).elements)
    case .predictions:
      let (filters, weights) = (arguments.matrix(), arguments.matrix())
      _ = server.ranks.gather(passes.predictions(filters: filters, outputWeights: weights).elements)
    case .lossAndGradient:
      let (filters, weights) = (arguments.matrix(), arguments.matrix())
      _ = server.ranks.reduce(
        passes.lossAndGradient(
          filters: filters, outputWeights: weights, outputBias: arguments.numbers()))
    case .correlations:
      let (filters, dual) = (arguments.matrix(), arguments.matrix())
      _ = passes.correlations(of: filters, dual: dual, on: server.ranks)
    case .gatedFeatures:
      let (name, gates) = (arguments.integer(), arguments.matrix())
      server[name] = SharedFeaturesService(
        FeatureRows(
          passes.gatedFeatures(of: gates.rows == 0 ? nil : gates), samples: passes.samples,
          of: passes.blocks, threads: passes.threads))
    case nil: break
    }
  }
}

extension RankMessage {
  /// Appends a loss with its targets.
  ///
  /// - Returns: Whether it is one of those that can be sent.
  mutating func append(_ loss: any Loss) -> Bool {
    append(loss.name)
    switch loss {
    case let loss as SquaredLoss:
      append(loss.isClassification ? 1 : 0)
      append(loss.targets)
    case let loss as SoftmaxLoss:
      append(loss.outputCount)
      append(loss.classes)
    case let loss as LogisticLoss: append(loss.labels)
    default: return false
    }
    return true
  }

  /// Reads a loss.
  mutating func loss() -> any Loss {
    switch text() {
    case "softmax":
      let count = integer()
      return SoftmaxLoss(classes: integers(), count: count)
    case "logistic": return LogisticLoss(labels: numbers())
    default:
      let isClassification = integer() == 1
      return SquaredLoss(targets: matrix(), isClassification: isClassification)
    }
  }

  /// Appends how images are cut into patches.
  mutating func append(_ geometry: PatchGeometry) {
    for number in [
      geometry.channels, geometry.imageHeight, geometry.imageWidth, geometry.filterHeight,
      geometry.filterWidth, geometry.strideRows, geometry.strideColumns, geometry.dilationRows,
      geometry.dilationColumns, geometry.hasBias ? 1 : 0, geometry.isSignal ? 1 : 0,
    ] { append(number) }
    append(geometry.padding.rawValue)
  }
  /// Reads how images are cut into patches.
  ///
  /// - Throws: `GeometryError` when the numbers are of no geometry.
  mutating func geometry() throws -> PatchGeometry {
    let numbers = (0..<11).map { _ in integer() }
    let padding = PatchGeometry.Padding(rawValue: text()) ?? .valid
    if numbers[10] == 1 {
      return try PatchGeometry(
        channels: numbers[0], length: numbers[2], filterLength: numbers[4], stride: numbers[6],
        dilation: numbers[8], padding: padding, hasBias: numbers[9] == 1)
    }
    return try PatchGeometry(
      channels: numbers[0], imageHeight: numbers[1], imageWidth: numbers[2],
      filterHeight: numbers[3], filterWidth: numbers[4], stride: numbers[5], dilation: numbers[7],
      padding: padding, hasBias: numbers[9] == 1)
  }
}
