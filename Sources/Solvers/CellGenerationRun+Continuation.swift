import ConvexPrograms
import Tensors

extension CellGenerationRun {
  /// Follows a solution from a strength nearby: short descent over all directions, from the second round on also along
  /// the faces of the filters, and short ascent for what is missing, until the estimated gap is reached.
  ///
  /// Most neurons stay and turn a little. `FaceNewton` was tried in place of descent: a filter that turns crosses many of
  /// the patches' hyperplanes, one per step, and the path took twice as long.
  ///
  /// - Returns: `converged` after one long ascent that finds no more, a limit, or `stalled`, where the rounds of a
  ///   solve from nothing must take over.
  mutating func follow(_ observer: TraceObserver) throws -> SolveStatus {
    while true {
      defer { round += 1 }
      let before = objective.total
      if network.neuronCount > 0 {
        try optimizeWeights(gap: min(1e-4, 0.1 * estimatedGap), iterations: 80)
        report("master", observer)
        polishBriefly(alongFaces: round > 0)
        report("polish", observer)
      }
      var found = price(starts: settings.starts, isBrief: true)
      if estimatedGap <= limits.relativeGap { found = price(starts: settings.starts) }
      report("pricing", observer)
      if estimatedGap <= limits.relativeGap { return .converged }
      if let interruption = limits.interruption(since: watch) { return interruption }
      if round >= limits.iterations { return .iterationLimit }
      let progress = before - objective.total
      guard found.rows > 0, round == 0 || progress > 1e-3 * limits.relativeGap * before else {
        return .stalled
      }
      try extend(by: found)
    }
  }

  /// Descends over filters and output weights once, joins equal neurons, and descends along the faces of the filters.
  private mutating func polishBriefly(alongFaces: Bool) {
    let clock = Stopwatch()
    accept(descended(from: network, iterations: settings.polishIterations))
    accept(network.joiningEqualNeurons(cosine: 1 - 1e-6), allowing: 0.01 * limits.relativeGap)
    if alongFaces, !problem.isStreamed {
      let faces = ActivationFaces(of: network.filters, in: problem, tolerance: 1e-4)
      if !faces.isTrivial {
        accept(descended(from: network, iterations: settings.polishIterations, faces: faces))
      }
    }
    seconds["polish", default: 0] += clock.seconds
  }
}
