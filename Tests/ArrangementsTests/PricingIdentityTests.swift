import Arrangements
import Tensors
import TestSupport
import Testing

/// The laws of `PricingOracle`: the sweep, branch and bound and brute force agree.
struct PricingIdentityTests {
  /// A tiny correlation, with the twin that knows its dual norm.
  private struct Instance {
    let correlation: PooledCorrelation
    let twin: PiecewiseLinearTwin
  }

  /// Rows of one of six families: normal, binary, of 0 to 16, repeated, collinear of both signs, with zeros.
  private func patches(
    _ generator: inout SeededGenerator, family: Int, rows: Int, columns h: Int
  ) -> Matrix {
    var result = generator.normalMatrix(rows: rows, columns: h)
    for r in 0..<rows {
      let scale = [2, -1, 0.5, -3][r % 4]
      for e in 0..<h {
        switch family {
        case 1: result[r, e] = Double(generator.integer(below: 2))
        case 2: result[r, e] = Double(generator.integer(below: 17))
        case 3 where r > 1: result[r, e] = result[r % 2, e]
        case 4 where r > 2: result[r, e] = scale * result[r % 3, e]
        case 5 where r % 3 == 1: result[r, e] = 0
        default: break
        }
      }
    }
    return result
  }

  private func instance(seed: Int, dimension h: Int, isMaximum: Bool) -> Instance {
    var generator = SeededGenerator(seed: UInt64(1000 * h + seed))
    let (samples, positions) = isMaximum ? (2, 3) : (3, h == 5 ? 2 : 1 + seed % 2 + seed % 3 / 2)
    let rows = patches(
      &generator, family: seed % 6, rows: samples * positions, columns: h)
    let dual = generator.normalMatrix(rows: samples, columns: 1 + seed % 3)
    if isMaximum {
      let weights = Matrix([[1, 0, 0], [0, 1, 1]])
      return Instance(
        correlation: PatchTerms(patches: rows, maximumOver: [0, 1, 1], windowCount: 2)
          .correlation(with: dual),
        twin: PiecewiseLinearTwin(patches: rows, weights: weights, isMaximum: true, dual: dual))
    }
    let windows = seed % 4 < 2 ? 1 : 2
    let weights = Matrix(
      (0..<windows).map { q in (0..<positions).map { $0 % windows == q ? 1 : 0.25 } })
    return Instance(
      correlation: PatchTerms(patches: rows, weights: weights).correlation(with: dual),
      twin: PiecewiseLinearTwin(patches: rows, weights: weights, isMaximum: false, dual: dual))
  }

  private func check(
    _ oracle: any PricingOracle, _ instance: Instance, exact: Double, tolerance: Double
  ) {
    let pricing = oracle.price(instance.correlation, PricingRequest(relativeTolerance: tolerance))
    // The twin's own sums are rounded, and `upperBound` bounds exact values.
    let rounding = 1e-14 * instance.correlation.mass
    #expect(pricing.upperBound >= exact - rounding)
    #expect(pricing.upperBound <= exact * (1 + tolerance) + 1e-10 * instance.correlation.mass)
    #expect(pricing.largestNorm <= exact + rounding)
    #expect(pricing.largestNorm >= exact * (1 - 2 * tolerance) - 1e-10 * instance.correlation.mass)
    for (j, norm) in pricing.norms.enumerated() {
      let filter = Array(pricing.filters.row(j))
      #expect(abs(BLAS.norm(filter) - 1) < 1e-14)
      #expect(abs(instance.twin.value(at: filter) - norm) <= rounding)
    }
    for threads in [2, 3] {
      let threaded = oracle.price(
        instance.correlation, PricingRequest(relativeTolerance: tolerance, threads: threads))
      #expect(threaded.upperBound == pricing.upperBound)
      #expect(threaded.filters == pricing.filters)
      #expect(threaded.nodeCount == pricing.nodeCount)
    }
  }

  @Test(arguments: 2...5, 0..<50)
  func sweepBruteForceAndConesAgree(dimension h: Int, seed: Int) {
    let instance = instance(seed: seed, dimension: h, isMaximum: false)
    let exact = instance.twin.largest()
    check(ConeSearch(), instance, exact: exact, tolerance: 1e-6)
    guard AngularSweep.supports(instance.correlation) else { return }
    check(AngularSweep(), instance, exact: exact, tolerance: 1e-9)
  }

  @Test(arguments: 2...3, 0..<18)
  func maximumPoolingAgrees(dimension h: Int, seed: Int) {
    let instance = instance(seed: seed, dimension: h, isMaximum: true)
    let exact = instance.twin.largest()
    check(ConeSearch(), instance, exact: exact, tolerance: 1e-6)
    // Windows of one patch are no maxima, so three entries are supported for some seeds.
    let isSupported = AngularSweep.supports(instance.correlation)
    #expect(h == 3 || isSupported)
    if isSupported { check(AngularSweep(), instance, exact: exact, tolerance: 1e-9) }
  }

  /// Many more rows than brute force takes: no filter tried exceeds the sweep's bound, and the two agree.
  @Test(arguments: 1...3)
  func boundsAreAboveTenThousandFilters(dimension h: Int) {
    var generator = SeededGenerator(seed: UInt64(h))
    let patches = Matrix(
      rows: 120, columns: h,
      elements: (0..<120 * h).map { _ in Double(generator.integer(below: 17)) - 6 })
    let dual = generator.normalMatrix(rows: 30, columns: 2)
    let correlation = PatchTerms(patches: patches, weights: Matrix([[1, 1, 0, 0], [0, 0, 1, 1]]))
      .correlation(with: dual)
    let sweep = AngularSweep().price(correlation, PricingRequest(relativeTolerance: 1e-9))
    let search = ConeSearch().price(correlation, PricingRequest(relativeTolerance: 1e-5))
    #expect(sweep.ending == .tolerance)
    #expect(sweep.largestNorm <= search.upperBound)
    #expect(search.largestNorm <= sweep.upperBound)
    #expect(search.upperBound <= sweep.upperBound * (1 + 1.1e-5))
    for _ in 0..<10_000 {
      let u = (0..<h).map { _ in generator.normal() }
      let length = BLAS.norm(u)
      #expect(correlation.norm(at: u.map { $0 / length }) <= sweep.upperBound)
    }
  }

  private func large(_ h: Int) -> PooledCorrelation {
    var generator = SeededGenerator(seed: 77)
    return PatchTerms(
      patches: generator.normalMatrix(rows: 300, columns: h), weights: Matrix([[1]])
    ).correlation(with: generator.normalMatrix(rows: 300, columns: 1))
  }

  /// Two arcs for every row on the circle, and on each circle two for every other row.
  @Test func sweepsCountTheirArcs() {
    let request = PricingRequest(relativeTolerance: 1e-9)
    #expect(AngularSweep().price(large(1), request).nodeCount == 2)
    #expect(AngularSweep().price(large(2), request).nodeCount == 601)
    #expect(AngularSweep().price(large(3), request).nodeCount == 300 * 2 * 299)
  }

  @Test func sweepEndingsSayWhyItEnded() {
    let correlation = large(3)
    func price(_ request: PricingRequest) -> Pricing { AngularSweep().price(correlation, request) }
    let best = price(PricingRequest(relativeTolerance: 1e-9))
    #expect(best.ending == .tolerance)
    let target = price(PricingRequest(target: 2 * correlation.mass))
    #expect(target.ending == .target)
    #expect(target.upperBound <= 2 * correlation.mass)
    #expect(target.nodeCount == 0)
    let sufficient = price(
      PricingRequest(sufficient: 0.9 * best.largestNorm, starts: best.filters))
    #expect(sufficient.ending == .sufficient)
    #expect(sufficient.largestNorm > 0.9 * best.largestNorm)
    let few = price(PricingRequest(nodeLimit: 1000))
    #expect(few.ending == .nodeLimit)
    #expect(few.nodeCount < best.nodeCount)
    let stopped = price(PricingRequest(isInterrupted: { true }))
    #expect(stopped.ending == .interrupted)
    let late = price(PricingRequest(seconds: 0))
    #expect(late.ending == .timeLimit)
    for ended in [sufficient, few, stopped, late] {
      #expect(ended.upperBound >= best.largestNorm)
      #expect(ended.upperBound <= correlation.mass * (1 + 1e-10))
    }
    let rounded = price(PricingRequest(relativeTolerance: 0))
    #expect(rounded.ending == .rounding)
  }
}
