import ConvexPrograms
import Convolutions
import Tensors

extension CellGenerationRun {
  /// Solves the group lasso over the filters of the network and drops neurons without weight.
  mutating func optimizeWeights(gap: Double, iterations: Int) throws {
    guard network.neuronCount > 0 else { return }
    let clock = Stopwatch()
    let norms = network.filterNorms
    var weights = network.outputWeights
    let size = network.windowCount * network.outputCount
    for (j, norm) in norms.enumerated() {
      for e in j * size..<(j + 1) * size { weights.elements[e] *= norm }
    }
    let master = FixedFilterProgram(problem: problem, filters: network.filters)
    var inner = limits
    inner.relativeGap = gap
    inner.iterations = iterations
    inner.seconds = limits.seconds - watch.seconds
    let solution = GroupLassoSolver().solve(master.composite, from: weights, limits: inner)
    try accept(master.network(from: solution.point))
    if network.filterNorms.contains(0) || network.outputNorms.contains(0) {
      network = network.balanced()
    }
    seconds["master", default: 0] += clock.seconds
  }

  /// Descends over filters and output weights together: freely, then with equal neurons joined, then along the faces
  /// of the arrangement on which filters lie.
  mutating func polish(iterations: Int) {
    guard network.neuronCount > 0 else { return }
    let clock = Stopwatch()
    accept(descended(from: network, iterations: iterations))
    for cosine in [1 - 1e-6, 1 - 1e-9, 1 - 1e-12] {
      let merged = network.joiningEqualNeurons(cosine: cosine)
      guard merged.neuronCount < network.neuronCount else { break }
      if accept(descended(from: merged, iterations: iterations / 4), allowing: 1e-12) { break }
    }
    // The program over cells finds the faces of all filters at once; far from the optimum they are others anyway.
    let isEarly = parts.isLarge(problem) && estimatedGap > 10 * limits.relativeGap
    for tolerance in optimizesOverCells || isEarly || problem.isStreamed ? [] : [1e-4, 1e-6] {
      let faces = ActivationFaces(of: network.filters, in: problem, tolerance: tolerance)
      guard !faces.isTrivial else { break }
      if accept(descended(from: network, iterations: iterations, faces: faces)) { break }
    }
    seconds["polish", default: 0] += clock.seconds
  }

  func descended(
    from start: Network, iterations: Int, faces: ActivationFaces? = nil
  ) -> Network {
    var descent = JointDescent(problem: problem)
    descent.faces = faces
    return descent.minimize(from: start.balanced(), iterations: iterations) { _, _ in
      limits.interruption(since: watch) != nil
    }.balanced()
  }

  /// Takes a network when its objective is no higher, up to a relative slack.
  @discardableResult
  mutating func accept(_ candidate: Network, allowing slack: Double = 0) -> Bool {
    let value = problem.objective(of: candidate)
    guard value.total <= objective.total * (1 + slack) else { return false }
    network = candidate
    objective = value
    return true
  }

  /// The last digits: Newton steps inside the faces of the filters, neurons that others can replace dropped, and the
  /// weights over what is left.
  ///
  /// Networks that `FaceNewton` does not support stay as they are.
  mutating func sharpen() throws {
    // The lines of all patches are kept for these steps.
    guard !problem.isStreamed else { return }
    let clock = Stopwatch()
    for _ in 0..<4 {
      guard FaceNewton.supports(network, in: problem) else { break }
      let count = network.neuronCount
      let lines = self.lines ?? PatchLines(problem)
      self.lines = lines
      let newton = FaceNewton(problem: problem, lines: lines)
      let sharp = newton.minimize(from: network.balanced()) {
        limits.interruption(since: watch) != nil
      }
      // Near the optimum a step that improves the gradient leaves the value as it is, up to rounding.
      accept(sharp.balanced(), allowing: 2 * FaceNewton.roundingOfValues)
      accept(network.joiningEqualNeurons(cosine: 1 - 1e-14), allowing: 0x1p-49)
      accept(network.droppingDependentNeurons(in: problem), allowing: 0x1p-49)
      guard network.neuronCount < count, limits.interruption(since: watch) == nil else { break }
    }
    seconds["newton", default: 0] += clock.seconds
  }
}
