import Certificates
import TestSupport
import Testing

/// Distances and `beta` against those of an independent program that walks through all cells.
struct InverseStabilityOracleTests {
  @Test(arguments: StabilityFixture.all.indices)
  func numbersAgree(index: Int) throws {
    let fixture = StabilityFixture.all[index]
    let (f, g) = try fixture.networks()
    let result = try InverseStability(f, g)
    #expect(result.distance.isExact)
    #expect(abs(result.distance.upper - fixture.distance) <= 1e-12 * fixture.distance)
    #expect(result.distance.lineCount <= fixture.lineCount)
    #expect(result.asGiven.matching.distance == fixture.parameters)
    let beta = result.asGiven.incidence.beta
    #expect(abs(beta - fixture.beta) <= 1e-9 * fixture.beta)
    let form = try EvenOddForm(of: f, minus: g)
    #expect(form.lowerBound <= fixture.distance * (1 + 1e-12))
    #expect(fixture.distance <= form.upperBound * (1 + 1e-12))
    // Whatever the networks are, the neurons of their normal forms are in the stable space.
    #expect(result.canonical.verdict == .pass)
  }
}
