package import ConvexPrograms
import Tensors

extension Network {
  /// The network with each set of neurons whose filters point the same way replaced by one neuron.
  ///
  /// - Parameter cosine: Least cosine of two filters that count as pointing the same way.
  /// - Returns: The balanced network of what is left.
  package func joiningEqualNeurons(cosine: Double) -> Network {
    let unit = filters.withUnitRows
    let cosines = BLAS.product(unit, .plain, unit, .transposed)
    let (norms, outer) = (filterNorms, outputNorms)
    let size = windowCount * outputCount
    var result = self
    var isJoined = [Bool](repeating: false, count: neuronCount)
    for j in 0..<neuronCount where !isJoined[j] {
      let equal = (j..<neuronCount).filter { !isJoined[$0] && cosines[j, $0] >= cosine }
      guard equal.count > 1 else { continue }
      // Output weights per unit filter add up; the direction is the mean weighted by mass.
      for e in 0..<size {
        result.outputWeights.elements[j * size + e] = equal.reduce(0) {
          $0 + norms[$1] * outputWeights.elements[$1 * size + e]
        }
      }
      for e in 0..<unit.columns {
        result.filters[j, e] = equal.reduce(0) { $0 + norms[$1] * outer[$1] * unit[$1, e] }
      }
      let length = BLAS.norm(Array(result.filters.row(j)))
      for e in 0..<unit.columns { result.filters[j, e] /= max(length, .leastNormalMagnitude) }
      for other in equal.dropFirst() {
        isJoined[other] = true
        for e in 0..<size { result.outputWeights.elements[other * size + e] = 0 }
      }
    }
    return result.balanced()
  }
}
