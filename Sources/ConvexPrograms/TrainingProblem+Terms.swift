public import Arrangements
import Convolutions
import Tensors

extension TrainingProblem {
  /// The pooled responses of a filter as a sum of terms, for pricing over all cells.
  ///
  /// - Complexity: O(`n K h`) time and memory.
  public var patchTerms: PatchTerms {
    let (count, h) = (geometry.patchesPerSample, geometry.patchDimension)
    var elements: [Double] = []
    elements.reserveCapacity(sampleCount * count * h)
    for i in 0..<sampleCount { elements += patches(ofSample: i).elements }
    let rows = Matrix(rows: sampleCount * count, columns: h, elements: elements)
    return poolingMap.isLinear
      ? PatchTerms(patches: rows, weights: poolingMap.matrix)
      : PatchTerms(
        patches: rows, maximumOver: poolingMap.windows, windowCount: poolingMap.outputCount)
  }
}
