import Convolutions
public import Tensors

// Passes over the data. Each works by chunks of samples that depend on the shapes only, and sums over the chunks in pairs, so
// results have the same bits for any number of threads and ranks (`SamplePasses`).

extension TrainingProblem {
  /// The passes over all samples.
  var passes: SamplePasses {
    SamplePasses(
      layer: layer, poolingMap: poolingMap, activation: activation, loss: loss, threads: threads,
      blocks: SampleBlocks(sampleCount), samples: 0..<sampleCount, first: 0)
  }

  /// Bytes that each thread of a pass with `m` filters takes for responses and pooled activations.
  package func passBytes(filters m: Int) -> Int {
    let (count, a) = (geometry.patchesPerSample, windowCount)
    return 8 * passes.blocks.chunk(responsesPerSample: count * m) * m * (count + 2 * a)
  }

  /// Most samples whose rows of features one rank holds; all where this process does all passes.
  package var largestShare: Int {
    guard let shared else { return sampleCount }
    let count = shared.team.ranks.count
    return (0..<count).reduce(0) {
      max($0, shared.own.blocks.samples(ofRank: $1, of: count).count)
    }
  }

  /// The share of the ranks in passes with `m` filters; nil where there are none, or too little to do to involve them.
  package func shared(filters m: Int) -> SharedProblem? {
    let chunk = passes.blocks.chunk(responsesPerSample: geometry.patchesPerSample * m)
    return m > 0 && chunk == passes.blocks.passBlock ? shared : nil
  }

  /// Pooled activations of filters: feature `j * a + q` of sample `i` is `sum_k P[q, k] act(x_ik . u_j)`.
  ///
  /// - Parameter filters: Filters of shape `[m, h]`.
  /// - Returns: Features of shape `[n, m * a]`.
  /// - Precondition: The activation is not gated; see `gatedFeatures(of:)`.
  /// - Complexity: O(`n K h m`).
  public func features(of filters: Matrix) -> Matrix {
    precondition(activation != .gated, "features(of:): gated networks need gatedFeatures(of:)")
    return shared(filters: filters.rows)?.features(of: filters) ?? passes.features(of: filters)
  }

  /// Gradient by the filters of `<features(u), cotangent>`.
  ///
  /// - Parameters:
  ///   - filters: Filters `u` of shape `[m, h]`.
  ///   - cotangent: Shape `[n, m * a]`.
  /// - Returns: Gradient of shape `[m, h]`; at a kink the inactive side counts.
  /// - Complexity: O(`n K h m`).
  public func pullback(filters: Matrix, cotangent: Matrix) -> Matrix {
    let width = filters.rows * windowCount
    precondition(
      cotangent.rows == sampleCount && cotangent.columns == width,
      "pullback: expected [\(sampleCount), \(width)], found [\(cotangent.rows), \(cotangent.columns)]"
    )
    guard filters.rows > 0 else { return filters }
    let sum = passes.pullback(filters: filters, cotangent: cotangent)
    return Matrix(
      rows: filters.rows, columns: filters.columns,
      elements: sum.total(count: filters.elements.count))
  }

  /// Loss of a network and its gradients by filters and output weights, in one pass over the data.
  ///
  /// - Parameters:
  ///   - filters: Shape `[m, h]`.
  ///   - outputWeights: Shape `[m * a, c]`.
  /// - Returns: The loss without regularizer, the gradient by the filters `[m, h]` and by the weights `[m * a, c]`.
  /// - Complexity: O(`n K h m + n m a c`).
  public func lossAndGradient(
    filters: Matrix, outputWeights: Matrix
  ) -> (loss: Double, filters: Matrix, outputWeights: Matrix) {
    let result = lossAndGradient(
      filters: filters, outputWeights: outputWeights,
      outputBias: [Double](repeating: 0, count: outputCount))
    return (result.loss, result.filters, result.outputWeights)
  }

  /// Loss of a network with an output bias and its gradients by filters, output weights and bias.
  ///
  /// - Parameters:
  ///   - filters: Shape `[m, h]`.
  ///   - outputWeights: Shape `[m * a, c]`.
  ///   - outputBias: `c` numbers.
  /// - Returns: The loss without regularizer, the gradient by the filters `[m, h]`, by the weights `[m * a, c]` and by
  ///   the bias, `c` numbers.
  /// - Complexity: O(`n K h m + n m a c`).
  public func lossAndGradient(
    filters: Matrix, outputWeights: Matrix, outputBias: [Double]
  ) -> (loss: Double, filters: Matrix, outputWeights: Matrix, outputBias: [Double]) {
    let (m, c, h) = (filters.rows, outputCount, filters.columns)
    precondition(outputBias.count == c, "lossAndGradient: \(outputBias.count) biases, \(c) outputs")
    let width = m * windowCount
    guard m > 0 else {
      let (value, gradient) = loss.valueAndGradient(
        at: Matrix(rows: sampleCount, columns: c).adding(outputBias))
      return (value, filters, outputWeights, gradient.columnSums)
    }
    let sum =
      shared(filters: m)?.lossAndGradient(
        filters: filters, outputWeights: outputWeights, outputBias: outputBias)
      ?? passes.lossAndGradient(
        filters: filters, outputWeights: outputWeights, outputBias: outputBias)
    let total = sum.total(count: 1 + c + m * h + width * c)
    return (
      total[0], Matrix(rows: m, columns: h, elements: Array(total[1 + c..<1 + c + m * h])),
      Matrix(rows: width, columns: c, elements: Array(total[(1 + c + m * h)...])),
      Array(total[1...c])
    )
  }

  /// Pooled patches of each sample under each gate's mask, the features of the gated program.
  ///
  /// Feature `(g * a + q) * h + e` of sample `i` is `sum_k P[q, k] 1[x_ik . g >= 0] x_ik[e]`; without gates one block
  /// with all patches active, the features of the linear network.
  ///
  /// - Parameter gates: Gates of shape `[P, h]`, or nil for the block that is active everywhere.
  /// - Returns: Features of shape `[n, P * a * h]`.
  /// - Precondition: The pooling is linear.
  /// - Complexity: O(`n K h P`) time, O(`n P a h`) memory.
  public func gatedFeatures(of gates: Matrix?) -> Matrix {
    precondition(poolingMap.isLinear, "gatedFeatures(of:): expected a linear pooling, found max")
    return passes.gatedFeatures(of: gates)
  }

  /// The features of the gated program as a map, whose rows are on the ranks where the problem is shared.
  package func gatedMap(of gates: Matrix?) -> DenseFeatureMap {
    precondition(poolingMap.isLinear, "gatedMap(of:): expected a linear pooling, found max")
    let width = (gates?.rows ?? 1) * windowCount * geometry.patchDimension
    if let shared, sampleCount * width >= SharedFeatures.leastSize {
      return DenseFeatureMap(shared.gatedFeatures(of: gates))
    }
    return DenseFeatureMap(features: gatedFeatures(of: gates), threads: threads)
  }
}
