import Arrangements
import ConvexPrograms
import Convolutions
import Tensors

extension CellGenerationRun {
  /// Looks for the filters of largest dual norm.
  ///
  /// - Parameters:
  ///   - starts: Directions tried besides the filters of the network.
  ///   - isBrief: Whether short ascent will do.
  /// - Returns: Unit filters above lambda, most violated first.
  mutating func price(starts: Int, isBrief: Bool = false) -> Matrix {
    let clock = Stopwatch()
    let gradient = problem.reducedLoss.gradient(at: problem.predictions(of: network))
    let ascent = DualNormAscent(
      starts: starts, kept: max(24, mostFilters), isBrief: isBrief,
      hopsBelow: Self.clearRatio * problem.lambda, parts: parts,
      seed: settings.seed &+ UInt64(round) &* 0x9E37_79B9)
    let (filters, norms) = ascent.maximizers(
      of: problem, dual: gradient, known: network.neuronCount > 0 ? network.filters : nil)
    let largest = norms.first ?? 0
    ratio = largest / problem.lambda
    estimatedGap = relativeGap(gradient, dualNorm: largest)
    let violated = norms.indices.filter { norms[$0] > problem.lambda * (1 + 1e-9) }
    seconds["pricing", default: 0] += clock.seconds
    return filters.selectingRows(Array(violated.prefix(mostFilters)))
  }

  /// Prices all cells at the present network: sets the proven gap, and returns the filters above lambda.
  ///
  /// - Returns: Filters that ascent missed, largest norm first; nil without an oracle or when it cannot help.
  mutating func priceAllCells() -> Matrix? {
    guard let oracle, problem.geometry.patchDimension <= oracle.maximumDimension else { return nil }
    let clock = Stopwatch()
    let terms = self.terms ?? problem.patchTerms
    self.terms = terms
    let gradient = problem.reducedLoss.gradient(at: problem.predictions(of: network))
    let isInterrupted = limits.isInterrupted
    let request = PricingRequest(
      target: sufficientNorm(gradient), relativeTolerance: 1e-9,
      // A sweep of the plane passes all maxima anyway.
      starts: network.neuronCount > 0 && problem.geometry.patchDimension > 2
        ? network.filters : nil,
      seconds: max(0, limits.seconds - watch.seconds), threads: problem.threads,
      isInterrupted: isInterrupted)
    let pricing = oracle.price(terms.correlation(with: gradient), request)
    pricedNodeCount += pricing.nodeCount
    isPricingExact = pricing.isExact
    provenGap =
      pricing.upperBound.isFinite ? relativeGap(gradient, dualNorm: pricing.upperBound) : nil
    ratio = max(ratio, pricing.largestNorm / problem.lambda)
    estimatedGap = max(estimatedGap, relativeGap(gradient, dualNorm: pricing.largestNorm))
    seconds["all cells", default: 0] += clock.seconds
    let violated = pricing.norms.indices.filter { pricing.norms[$0] > problem.lambda * (1 + 1e-9) }
    return pricing.filters.selectingRows(Array(violated.prefix(mostFilters)))
  }

  /// A largest norm over lambda that is reason enough to go on with what ascent found.
  private static let clearRatio = 1.1

  /// Filters added in this round, at most; the program over cells is quick to choose among many.
  private var mostFilters: Int { (optimizesOverCells ? 4 : 1) * settings.filtersPerRound }

  /// Relative gap of the network if a number bounds the dual norm of the gradient.
  private func relativeGap(_ gradient: Matrix, dualNorm: Double) -> Double {
    let scale = dualNorm > 0 ? problem.lambda / dualNorm : .infinity
    let bound = max(
      0, bestScaledDual(loss: problem.reducedLoss, gradient: gradient, largestScale: scale).value)
    return objective.total > 0 ? max(0, objective.total - bound) / objective.total : 0
  }

  /// The largest dual norm that proves the gap asked for, a little less for the certifier's margins; 0 when none does.
  private func sufficientNorm(_ gradient: Matrix) -> Double {
    var (low, high) = (0.5, 1e3)
    let proves: (Double) -> Bool = {
      relativeGap(gradient, dualNorm: $0 * problem.lambda) <= 0.99 * limits.relativeGap
    }
    guard proves(low) else { return 0 }
    for _ in 0..<50 {
      let middle = (low * high).squareRoot()
      if proves(middle) { low = middle } else { high = middle }
    }
    return low * problem.lambda
  }
}
