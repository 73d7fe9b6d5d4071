import Arrangements
import Tensors
import Testing

/// Branch and bound against plain sampling: what is claimed for all filters holds for the filters tried.
struct ConeSearchTests {
  private func draw(
    _ generator: inout SeededGenerator, _ rows: Int, _ columns: Int, integer: Bool
  ) -> Matrix {
    Matrix(
      rows: rows, columns: columns,
      elements: (0..<rows * columns).map { _ in
        integer ? Double(generator.integer(below: 5)) - 2 : generator.normal()
      })
  }

  @Test(arguments: 0..<120)
  func theBoundIsAboveEveryFilterAndCloseToTheBest(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let h = 1 + seed % 5
    let (samples, positions, outputs) = (3 + seed % 4, 3, 1 + seed % 3)
    let patches = draw(&generator, samples * positions, h, integer: seed % 2 == 0)
    let dual = draw(&generator, samples, outputs, integer: false)
    let terms =
      switch seed % 4 {
      case 0: PatchTerms(patches: patches, weights: Matrix([[1, 1, 1]]))
      case 1: PatchTerms(patches: patches, weights: Matrix([[0.5, 0.5, 0], [0, 0, 1]]))
      case 2: PatchTerms(patches: patches, weights: .identity(3))
      default: PatchTerms(patches: patches, maximumOver: [0, 1, 1], windowCount: 2)
      }
    let correlation = terms.correlation(with: dual)
    let pricing = ConeSearch().price(correlation, PricingRequest(relativeTolerance: 1e-6))
    #expect(pricing.upperBound >= pricing.largestNorm)
    #expect(pricing.upperBound <= pricing.largestNorm * (1 + 1.1e-6))
    for _ in 0..<300 {
      let u = (0..<h).map { _ in generator.normal() }
      let length = BLAS.norm(u)
      let norm = correlation.norm(at: u.map { $0 / length })
      #expect(norm <= pricing.upperBound)
    }
    let threaded = ConeSearch().price(
      correlation, PricingRequest(relativeTolerance: 1e-6, threads: 3))
    #expect(threaded.upperBound == pricing.upperBound)
    #expect(threaded.filters == pricing.filters)
    #expect(threaded.nodeCount == pricing.nodeCount)
  }

  @Test func endingsSayWhyTheSearchEnded() throws {
    var generator = SeededGenerator(seed: 9)
    let terms = PatchTerms(
      patches: draw(&generator, 200, 4, integer: false), weights: Matrix([[1]]))
    let correlation = terms.correlation(with: draw(&generator, 200, 1, integer: false))
    func price(_ request: PricingRequest) -> Pricing { ConeSearch().price(correlation, request) }
    let best = price(PricingRequest(relativeTolerance: 1e-6))
    #expect(best.ending == .tolerance)
    #expect(best.nodeCount < 3000)
    let target = price(PricingRequest(target: 1.5 * best.upperBound))
    #expect(target.ending == .target)
    #expect(target.upperBound <= 1.5 * best.upperBound)
    #expect(target.nodeCount < best.nodeCount)
    let sufficient = price(PricingRequest(sufficient: 0.5 * best.largestNorm))
    #expect(sufficient.ending == .sufficient)
    #expect(sufficient.largestNorm > 0.5 * best.largestNorm)
    let few = price(PricingRequest(nodeLimit: 100))
    #expect(few.ending == .nodeLimit)
    #expect(few.upperBound >= best.largestNorm)
    let stopped = price(PricingRequest(isInterrupted: { true }))
    #expect(stopped.ending == .interrupted)
    #expect(stopped.upperBound == .infinity)
  }

  /// Ascents from given filters may take longer than the search: none begins after the end.
  @Test func startsAreNotClimbedAfterTheEnd() throws {
    var generator = SeededGenerator(seed: 9)
    let starts = draw(&generator, 50, 3, integer: false)
    let terms = PatchTerms(
      patches: draw(&generator, 60, 3, integer: false), weights: Matrix([[1]]))
    let correlation = terms.correlation(with: draw(&generator, 60, 1, integer: false))
    let oracles: [any PricingOracle] = [ConeSearch(), AngularSweep()]
    for oracle in oracles {
      let stopped = oracle.price(
        correlation, PricingRequest(starts: starts, isInterrupted: { true }))
      #expect(stopped.ending == .interrupted && stopped.filters.rows == 0)
      let late = oracle.price(correlation, PricingRequest(starts: starts, seconds: 0))
      #expect(late.ending == .timeLimit && late.filters.rows == 0)
    }
  }

  @Test func cancellationOfLargeMassesEndsWithARoundedBound() {
    // Two rows that nearly coincide with opposite coefficients of 1e9: the value is about 1.
    let terms = PatchTerms(
      patches: Matrix([[1, 0, 0], [1, 1e-9, 0], [0, 0, 1]]), weights: Matrix([[1]]))
    let correlation = terms.correlation(with: Matrix([[1e9], [-1e9], [0.5]]))
    let pricing = ConeSearch().price(correlation, PricingRequest(relativeTolerance: 1e-15))
    #expect(pricing.upperBound >= 1)
    #expect(pricing.upperBound < 1.2)
  }
}
