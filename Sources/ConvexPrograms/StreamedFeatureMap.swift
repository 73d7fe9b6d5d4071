import Convolutions
public import Tensors

/// Masked pooled patches of a gated or linear network that are made anew, by blocks of samples, in every product.
///
/// - Complexity: A product costs O(`n K h P`) for the features beside its own O(`n d c`), and the memory of a block.
public struct StreamedFeatureMap: FeatureMap, BlockedFeatureMap {
  private let problem: TrainingProblem
  private let gates: Matrix?
  /// Means of the features over the samples that are taken from every row; nil for none.
  private let means: [Double]?
  /// Number of features `d`.
  public let featureCount: Int
  private let blockSamples: Int

  /// The features of a problem over gates.
  ///
  /// - Parameters:
  ///   - problem: A problem with linear pooling.
  ///   - gates: Gates of shape `[P, h]`, or nil for the block that is active everywhere.
  ///   - isCentered: Whether features lose their means over the samples, which takes a pass.
  ///   - blockBytes: About the memory of a block of features.
  public init(
    problem: TrainingProblem, gates: Matrix?, isCentered: Bool = false,
    blockBytes: Int = 32 << 20
  ) {
    let d = (gates?.rows ?? 1) * problem.windowCount * problem.geometry.patchDimension
    let plain = StreamedFeatureMap(
      problem: problem, gates: gates, means: nil, featureCount: d,
      blockSamples: Self.samples(perBlockOf: blockBytes, featureCount: d))
    guard isCentered else {
      self = plain
      return
    }
    let share = 1 / Double(max(1, problem.sampleCount))
    let ones = Matrix(rows: problem.sampleCount, columns: 1, repeating: share)
    self.init(
      problem: problem, gates: gates, means: plain.adjoint(ones).elements, featureCount: d,
      blockSamples: plain.blockSamples)
  }

  private init(
    problem: TrainingProblem, gates: Matrix?, means: [Double]?, featureCount: Int,
    blockSamples: Int
  ) {
    self.problem = problem
    self.gates = gates
    self.means = means
    self.featureCount = featureCount
    self.blockSamples = blockSamples
  }

  /// Number of samples `n`.
  public var sampleCount: Int { problem.sampleCount }
  /// Threads the products use.
  public var threads: Int { problem.threads }

  /// Makes the features block after block.
  public func forEachBlock(_ body: (Range<Int>, UnsafePointer<Double>) -> Void) {
    let d = featureCount
    var block = [Double](repeating: 0, count: min(blockSamples, sampleCount) * d)
    block.withUnsafeMutableBufferPointer { block in
      guard let base = block.baseAddress else { return }
      for lower in stride(from: 0, to: sampleCount, by: blockSamples) {
        let samples = lower..<min(lower + blockSamples, sampleCount)
        Parallel.forEachChunk(of: samples.count, chunk: 64, threads: threads) { _, rows in
          (base + rows.lowerBound * d).update(repeating: 0, count: rows.count * d)
        }
        problem.addGatedFeatures(of: gates, samples: samples, into: base)
        if let means {
          Parallel.forEachChunk(of: samples.count, chunk: 64, threads: threads) { _, rows in
            for i in rows { for e in 0..<d { base[i * d + e] -= means[e] } }
          }
        }
        body(samples, base)
      }
    }
  }
}
