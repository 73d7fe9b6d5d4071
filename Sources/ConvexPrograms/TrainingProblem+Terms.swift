public import Arrangements
import Convolutions
package import Tensors

extension TrainingProblem {
  /// All patches, shape `[n K, h]`: row `i K + k` is patch `k` of sample `i`.
  ///
  /// - Complexity: O(`n K h`) time and memory.
  package var stackedPatches: Matrix {
    let (count, h) = (geometry.patchesPerSample, geometry.patchDimension)
    var elements: [Double] = []
    elements.reserveCapacity(sampleCount * count * h)
    for i in 0..<sampleCount { elements += patches(ofSample: i).elements }
    return Matrix(rows: sampleCount * count, columns: h, elements: elements)
  }

  /// The pooled responses of a filter as a sum of terms, for pricing over all cells.
  ///
  /// - Complexity: O(`n K h`) time and memory.
  public var patchTerms: PatchTerms {
    let rows = stackedPatches
    return poolingMap.isLinear
      ? PatchTerms(patches: rows, weights: poolingMap.matrix)
      : PatchTerms(
        patches: rows, maximumOver: poolingMap.windows, windowCount: poolingMap.outputCount)
  }
}
