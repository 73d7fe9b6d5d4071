import Convolutions
package import Tensors

/// A problem whose samples are shared by several ranks, seen from rank 0.
///
/// Each rank holds the images of a run of blocks of samples and does the passes over them. What goes between ranks in a pass is
/// filters and weights out, and sums of gradients or rows of predictions back; rows of features stay where they are, but for
/// `features(of:)`.
package final class SharedProblem: Sendable {
  let team: RankTeam
  let name: Int
  /// The passes over the samples of rank 0.
  let own: SamplePasses

  /// Shares a problem; nil where there is no other rank, too few samples to share, or a loss that cannot be sent.
  ///
  /// - Parameters:
  ///   - problem: The problem.
  ///   - images: Its images, `[n, channels, height, width]`.
  ///   - team: Rank 0 and the others.
  package init?(_ problem: TrainingProblem, images: Tensor, team: RankTeam) {
    let all = problem.passes
    let count = team.ranks.count
    var message = RankMessage()
    guard count > 1, all.blocks.featureBlockCount > 1, message.append(problem.loss) else {
      return nil
    }
    message.append(problem.geometry)
    message.append(problem.pooling.description)
    message.append(problem.activation.rawValue)
    message.append(problem.layer.backend.rawValue)
    message.append(problem.layer.stackedPatches == nil ? 0 : 1)
    message.append(problem.threads)
    let size = images.shape.dropFirst().reduce(1, *)
    self.team = team
    name = team.make(SharedProblemService.kind, message) { rank in
      let samples = all.blocks.samples(ofRank: rank, of: count)
      return Array(images.elements[samples.lowerBound * size..<samples.upperBound * size])
    }
    own = all.restricted(to: all.blocks.samples(ofRank: 0, of: count))
  }

  deinit { team.release(name) }

  /// The features of filters, brought to rank 0.
  func features(of filters: Matrix) -> Matrix {
    var message = RankMessage()
    message.append(filters)
    team.call(name, SharedProblemService.Operation.features.rawValue, message)
    let rows = team.ranks.gather(own.features(of: filters).elements)
    return Matrix(
      rows: own.blocks.sampleCount, columns: filters.rows * own.windowCount, elements: rows)
  }

  /// The predictions of filters and output weights, brought to rank 0.
  func predictions(filters: Matrix, outputWeights: Matrix) -> Matrix {
    var message = RankMessage()
    message.append(filters)
    message.append(outputWeights)
    team.call(name, SharedProblemService.Operation.predictions.rawValue, message)
    let rows = team.ranks.gather(
      own.predictions(filters: filters, outputWeights: outputWeights).elements)
    return Matrix(rows: own.blocks.sampleCount, columns: outputWeights.columns, elements: rows)
  }

  /// The sum of `SamplePasses.lossAndGradient` over all samples.
  func lossAndGradient(
    filters: Matrix, outputWeights: Matrix, outputBias: [Double]
  ) -> PairwiseSum {
    var message = RankMessage()
    message.append(filters)
    message.append(outputWeights)
    message.append(outputBias)
    team.call(name, SharedProblemService.Operation.lossAndGradient.rawValue, message)
    return team.ranks.reduce(
      own.lossAndGradient(filters: filters, outputWeights: outputWeights, outputBias: outputBias))
  }

  /// Correlations `[m * a, c]` of filters with a dual point, and the gradient of half their squares by the filters.
  func correlations(of filters: Matrix, dual: Matrix) -> (Matrix, PairwiseSum) {
    var message = RankMessage()
    message.append(filters)
    message.append(dual)
    team.call(name, SharedProblemService.Operation.correlations.rawValue, message)
    return own.correlations(of: filters, dual: dual, on: team.ranks)
  }

  /// The features of the gated program, whose rows stay on their ranks.
  func gatedFeatures(of gates: Matrix?) -> SharedFeatures {
    let features = team.nextName()
    var message = RankMessage()
    message.append(features)
    message.append(gates ?? Matrix(rows: 0, columns: 0))
    team.call(name, SharedProblemService.Operation.gatedFeatures.rawValue, message)
    return SharedFeatures(
      team, name: features,
      own: FeatureRows(
        own.gatedFeatures(of: gates), samples: own.samples, of: own.blocks, threads: own.threads))
  }
}

extension SamplePasses {
  /// The passes over the first samples of the layer only.
  func restricted(to samples: Range<Int>) -> SamplePasses {
    SamplePasses(
      layer: layer, poolingMap: poolingMap, activation: activation, loss: loss, threads: threads,
      blocks: blocks, samples: samples, first: first)
  }

  /// Predictions of filters and output weights on the samples, without output bias, `[samples.count, c]`.
  func predictions(filters: Matrix, outputWeights: Matrix) -> Matrix {
    FeatureRows(features(of: filters), samples: samples, of: blocks, threads: threads)
      .predictions(of: outputWeights)
  }

  /// Correlations of filters with a dual point, and the gradient of half their squares; whole on rank 0 alone.
  ///
  /// - Parameters:
  ///   - filters: Filters of shape `[m, h]`.
  ///   - dual: Dual point of all samples, `[n, c]`.
  ///   - ranks: All that hold samples; nil where this process has them all.
  /// - Returns: Correlations `[m * a, c]`, and the sum of `pullback`.
  func correlations(
    of filters: Matrix, dual: Matrix, on ranks: (any Ranks)? = nil
  ) -> (Matrix, PairwiseSum) {
    let c = dual.columns
    let part = FeatureRows(
      features(of: filters), samples: samples, of: blocks, threads: threads
    ).adjoint(dual)
    let size = filters.rows * windowCount * c
    var total = (ranks?.reduce(part) ?? part).total(count: size)
    if let ranks { total = ranks.broadcast(total) }
    let correlations = Matrix(rows: filters.rows * windowCount, columns: c, elements: total)
    let own = Matrix(
      rows: samples.count, columns: c,
      elements: Array(dual.elements[samples.lowerBound * c..<samples.upperBound * c]))
    let cotangent = FeatureRows(own, samples: samples, of: blocks, threads: threads)
      .predictions(of: correlations.transposed)
    let gradient = pullback(filters: filters, cotangent: cotangent)
    return (correlations, ranks?.reduce(gradient) ?? gradient)
  }
}
