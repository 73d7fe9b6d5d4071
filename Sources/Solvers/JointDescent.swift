package import ConvexPrograms
import Tensors

/// L-BFGS on filters and output weights together.
///
/// Minimizes `(1/n) sum loss + (lambda/2) sum_j |u_j|^2 + |W_j|_F^2` by them and the output bias if there is one, whose value at a balanced network is the objective.
/// At kinks of the ReLU the derivative of the inactive side is used.
package struct JointDescent {
  package let problem: TrainingProblem
  /// Faces that the filters must stay on; nil for free descent.
  var faces: ActivationFaces?
  package var relativeDecrease = 1e-13

  package init(problem: TrainingProblem) { self.problem = problem }

  /// Descends from a network; the value never rises.
  ///
  /// - Parameters:
  ///   - network: Network to start from, with the problem's architecture and no gates.
  ///   - iterations: Most L-BFGS iterations.
  ///   - shouldStop: Asked after each iteration with its number and the value.
  /// - Returns: The network where descent ended.
  package func minimize(
    from network: Network, iterations: Int, shouldStop: (Int, Double) -> Bool = { _, _ in false }
  ) -> Network {
    let solver = LBFGS(iterations: iterations, relativeDecrease: relativeDecrease)
    let filters = faces?.projected(network.filters) ?? network.filters
    let result = solver.minimize(
      from: filters.elements + network.outputWeights.elements + (network.outputBias ?? []),
      shouldStop: { iteration, value, _ in shouldStop(iteration, value) },
      evaluate: { evaluate($0, like: network) })
    return network.withParameters(result.point)
  }

  /// Value and gradient at concatenated filters, output weights and output bias, if there is one.
  package func evaluate(_ parameters: [Double], like network: Network) -> (Double, [Double]) {
    let current = network.withParameters(parameters)
    let (loss, filters, weights, bias) = problem.lossAndGradient(
      filters: current.filters, outputWeights: current.outputWeights,
      outputBias: current.outputBias ?? [Double](repeating: 0, count: problem.outputCount))
    let along = faces?.projected(filters) ?? filters
    var gradient = along.elements + weights.elements
    let penalized = current.outputBias == nil ? parameters : Array(parameters[..<gradient.count])
    BLAS.add(problem.lambda, penalized, to: &gradient)
    if current.outputBias != nil { gradient += bias }
    return (loss + 0.5 * problem.lambda * BLAS.dot(penalized, penalized), gradient)
  }
}

extension Network {
  /// The network with concatenated filters, output weights and output bias, if it has one, put in place of its own.
  package func withParameters(_ parameters: [Double]) -> Network {
    var result = self
    let count = filters.elements.count
    result.filters.elements = Array(parameters[..<count])
    let end = count + outputWeights.elements.count
    result.outputWeights.elements = Array(parameters[count..<end])
    if outputBias != nil { result.outputBias = Array(parameters[end...]) }
    return result
  }
}
