package import ConvexPrograms
import Tensors

/// L-BFGS on filters and output weights together.
///
/// Minimizes `(1/n) sum loss + (lambda/2) sum_j |u_j|^2 + |W_j|_F^2`, whose value at a balanced network is the objective.
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
      from: filters.elements + network.outputWeights.elements,
      shouldStop: { iteration, value, _ in shouldStop(iteration, value) },
      evaluate: { evaluate($0, like: network) })
    return network.withParameters(result.point)
  }

  /// Value and gradient at concatenated filters and output weights.
  package func evaluate(_ parameters: [Double], like network: Network) -> (Double, [Double]) {
    let current = network.withParameters(parameters)
    let (loss, filters, weights) = problem.lossAndGradient(
      filters: current.filters, outputWeights: current.outputWeights)
    let along = faces?.projected(filters) ?? filters
    var gradient = along.elements + weights.elements
    BLAS.add(problem.lambda, parameters, to: &gradient)
    return (loss + 0.5 * problem.lambda * BLAS.dot(parameters, parameters), gradient)
  }
}

extension Network {
  /// The network with concatenated filters and output weights put in place of its own.
  package func withParameters(_ parameters: [Double]) -> Network {
    var result = self
    let count = filters.elements.count
    result.filters.elements = Array(parameters[..<count])
    result.outputWeights.elements = Array(parameters[count...])
    return result
  }
}
