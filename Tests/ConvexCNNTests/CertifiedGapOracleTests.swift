import Arrangements
import ConvexCNN
import TestSupport
import Testing

/// Training to a proven gap of `1e-6` over all cells, on problems whose optimum an independent program knows.
struct CertifiedGapOracleTests {
  @Test(arguments: CertifiedOptimum.all)
  func theGapIsProvenAndTheBoundIsBelowTheOptimum(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let run = try CellGeneration(oracle: ConeSearch()).solve(
      problem, limits: SolveLimits(relativeGap: 1e-6, iterations: 200, seconds: 600))
    #expect(run.status == .solved)
    let proven = try #require(run.provenGap)
    #expect(proven <= 1e-6)
    let certifier = Certifier(
      images: fixture.images, loss: problem.loss, lambda: problem.lambda)
    let certificate = try certifier.certify(run.network, gates: nil, targetGap: 1e-6)
    #expect(certificate.isEstablished)
    // Few rows of up to three entries are swept; the bound without search is never that sharp.
    #expect(certificate.bound == (fixture.h <= 3 ? .exact : .branch))
    #expect(certificate.scope == .allCells)
    #expect(certificate.lowerBound <= fixture.upperBound * (1 + 1e-12))
    #expect(certificate.objective >= fixture.lowerBound * (1 - 1e-12))
    #expect(certificate.objective <= fixture.upperBound * (1 + 1e-6))
  }

  @Test func aFilterThatAscentCannotMissIsPricedByAllCells() throws {
    // Without rounds of ascent the oracle alone has to find what is missing.
    let fixture = try #require(CertifiedOptimum.all.first)
    let problem = try fixture.problem()
    let empty = CellGeneration(settings: CellGeneration.Settings(starts: 1), oracle: ConeSearch())
    let run = try empty.solve(
      problem, limits: SolveLimits(relativeGap: 1e-6, iterations: 200, seconds: 600))
    #expect(run.status == .solved)
    #expect(run.pricedNodeCount > 0)
    #expect(run.objective.total <= fixture.upperBound * (1 + 1e-6))
  }

  /// Newton steps inside the faces give the digits that descent across kinks does not.
  @Test(arguments: CertifiedOptimum.all.filter { $0.h <= 3 && !$0.pooling.hasPrefix("max") })
  func exactPricingProvesAGapOfABillionth(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let run = try CellGeneration(oracle: AngularSweep()).solve(
      problem, limits: SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600))
    #expect(run.status == .solved)
    let proven = try #require(run.provenGap)
    #expect(proven <= 1e-9)
  }
}
