package import ConvexPrograms
import Tensors

extension Network {
  /// The network with neurons removed that the others can replace at no higher objective.
  ///
  /// Neuron `j` adds `t_j p_j` to the predictions, at the price `lambda t_j` with `t_j = |u_j| |W_j|_F`. Where
  /// `sum_j s_j p_j = 0`, moving `t` along `s`, with the sign that makes `sum_j s_j <= 0`, keeps the predictions and
  /// does not raise the price, until some `t_j` is zero. What is left is a vertex of the set of all such `t`: no more
  /// neurons than entries of the predictions, `n c`.
  ///
  /// - Returns: A network whose predictions differ by rounding only; this network when nothing can be dropped.
  /// - Complexity: O(`n c m^2`) per neuron dropped.
  package func droppingDependentNeurons(in problem: TrainingProblem) -> Network {
    var result = balanced()
    while let next = result.droppingOneNeuron(in: problem) { result = next }
    return result.neuronCount < neuronCount ? result : self
  }

  private func droppingOneNeuron(in problem: TrainingProblem) -> Network? {
    let masses = zip(filterNorms, outputNorms).map { $0 * $1 }
    guard let s = dependence(problem, masses) else { return nil }
    let sign = s.reduce(0, +) <= 0 ? 1.0 : -1.0
    var (step, dropped) = (Double.infinity, 0)
    for j in masses.indices where sign * s[j] < 0 {
      let length = -masses[j] / (sign * s[j])
      if length < step { (step, dropped) = (length, j) }
    }
    guard step.isFinite else { return nil }
    var result = self
    let size = windowCount * outputCount
    for j in masses.indices {
      let factor = max(0, 1 + step * sign * s[j] / masses[j])
      for e in j * size..<(j + 1) * size {
        result.outputWeights.elements[e] *= j == dropped ? 0 : factor
      }
    }
    return result.balanced()
  }

  /// Largest number of entries of a matrix of predictions that is factorised.
  private static let entryLimit = 4_000_000

  /// Unit coefficients `s` with `sum_j s_j p_j = 0` up to rounding; nil when the `p_j` are independent.
  private func dependence(_ problem: TrainingProblem, _ masses: [Double]) -> [Double]? {
    let (n, m, a, c) = (problem.sampleCount, neuronCount, windowCount, outputCount)
    let rows = max(n * c, m)
    guard m > 1, rows * m <= Network.entryLimit else { return nil }
    let features = problem.features(of: filters)
    // Rows of zeros, where there are fewer predictions than neurons, leave room for the null space.
    var predictions = Matrix(rows: rows, columns: m)
    for i in 0..<n {
      for f in 0..<m * a {
        for o in 0..<c {
          predictions[i * c + o, f / a] += features[i, f] * outputWeights[f, o] / masses[f / a]
        }
      }
    }
    guard let factors = try? LAPACK.singularValues(predictions), let largest = factors.values.first,
      let least = factors.values.last, least <= 1e-14 * largest
    else { return nil }
    return Array(factors.vt.row(m - 1))
  }
}
