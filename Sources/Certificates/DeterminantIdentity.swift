import ConvexPrograms
import Tensors

/// The outputs of a ReLU network as determinants, evaluated by elimination.
///
/// With the stacked patches `x` of a sample, `[K h]`, the block-diagonal matrix `V = I_K (x) U`, `[K m, K h]`, the activation
/// mask `D` of all responses, pooled output weights `v_t[(k, j)] = sum_q P[q, k] W_j[q, t]` and the output bias `b_t`,
///
///     f_t = det [[I, 0, -x], [-D V, I, 0], [0, v_t, b_t]]
///
/// since the determinant of the leading blocks is 1. The elimination has pivots and knows nothing of the blocks, so agreement
/// with the forward pass checks both.
///
/// - Source: In the manner of Milne, *Piecewise strong convexity of neural networks*, NeurIPS 2019; this identity is derived
///   here.
public struct DeterminantIdentity: Sendable, Equatable {
  /// Samples evaluated, from the first; of each the first three outputs.
  public let sampleCount: Int
  /// Order of the determinants, `K (h + m) + 1`.
  public let order: Int
  /// Largest difference of determinant and prediction, over the largest of 1 and the sizes of the predictions.
  public let largestError: Double

  /// Largest order that is evaluated.
  public static let largestOrder = 1500
}

extension DeterminantIdentity {
  /// The identity at the first samples of a network's data; nil above `largestOrder`.
  ///
  /// - Complexity: O(`order^3`) for each sample.
  init?(
    _ network: Network, _ patches: PooledPatches, weights: Matrix, predictions: Matrix,
    sampleLimit: Int = 2, outputLimit: Int = 3
  ) {
    let (k, h, m) = (patches.patchesPerSample, patches.patchDimension, network.neuronCount)
    order = k * (h + m) + 1
    guard order <= Self.largestOrder else { return nil }
    sampleCount = min(sampleLimit, patches.sampleCount)
    var (error, scale) = (0.0, 1.0)
    for i in 0..<sampleCount {
      for t in 0..<min(outputLimit, network.outputCount) {
        let value = Self.determinant(
          Self.matrix(network, patches, weights: weights, sample: i, output: t))
        error = max(error, abs(value - predictions[i, t]))
        scale = max(scale, abs(predictions[i, t]))
      }
    }
    largestError = error / scale
  }

  private static func matrix(
    _ network: Network, _ patches: PooledPatches, weights: Matrix, sample i: Int, output t: Int
  ) -> Matrix {
    let (count, h, m) = (patches.patchesPerSample, patches.patchDimension, network.neuronCount)
    let inputs = count * h
    var result = Matrix.identity(count * (h + m) + 1)
    let last = result.rows - 1
    result[last, last] = network.outputBias?[t] ?? 0
    for k in 0..<count {
      let row = Array(patches.rows.row(i * count + k))
      for e in 0..<h { result[k * h + e, last] = -row[e] }
      for j in 0..<m {
        let filter = Array(network.filters.row(j))
        let neuron = inputs + k * m + j
        if BLAS.dot(row, filter) > 0 {
          for e in 0..<h { result[neuron, k * h + e] = -filter[e] }
        }
        for q in 0..<weights.rows {
          result[last, neuron] += weights[q, k] * network.outputWeights[j * weights.rows + q, t]
        }
      }
    }
    return result
  }

  /// The determinant by elimination with the largest entry of a column as pivot.
  private static func determinant(_ matrix: Matrix) -> Double {
    var rows = (0..<matrix.rows).map { Array(matrix.row($0)) }
    var result = 1.0
    for c in rows.indices {
      var pivot = c
      for r in c..<rows.count where abs(rows[r][c]) > abs(rows[pivot][c]) { pivot = r }
      guard rows[pivot][c] != 0 else { return 0 }
      if pivot != c {
        rows.swapAt(pivot, c)
        result = -result
      }
      result *= rows[c][c]
      for r in c + 1..<max(rows.count, c + 1) where rows[r][c] != 0 {
        BLAS.add(-rows[r][c] / rows[c][c], rows[c], to: &rows[r])
      }
    }
    return result
  }
}
