import BenchmarkSupport
import Foundation
import Testing

struct ScalingFitTests {
  @Test func powerIsFoundExactly() throws {
    let points = [1.0, 2, 4, 8].map { (x: $0, y: 3 * pow($0, 1.7)) }
    let fit = try #require(ScalingFit(.power, points))
    #expect(abs(fit.slope - 1.7) < 1e-12)
    #expect(abs(fit.value(at: 16) - 3 * pow(16, 1.7)) < 1e-9)
    #expect(try #require(fit.halfWidth) < 1e-12)
    #expect(fit.residual < 1e-12)
  }

  @Test func exponentialIsFoundExactly() throws {
    let points = [2.0, 3, 4, 5].map { (x: $0, y: 0.1 * exp(2.5 * $0)) }
    let fit = try #require(ScalingFit(.exponential, points))
    #expect(abs(fit.slope - 2.5) < 1e-12)
    // The other law does not fit.
    #expect(try #require(ScalingFit(.power, points)).residual > 0.1)
  }

  /// Three points 0, 0, 3 at 0, 1, 2: slope 3/2, residuals 1/2, -1, 1/2, so s^2 = 1.5 and the half width is
  /// 12.706 sqrt(1.5 / 2).
  @Test func intervalIsStudents() throws {
    let points = [(x: 0.0, y: 1.0), (x: 1, y: 1), (x: 2, y: exp(3))]
    let fit = try #require(ScalingFit(.exponential, points))
    #expect(abs(fit.slope - 1.5) < 1e-12)
    #expect(abs(try #require(fit.halfWidth) - 12.706 * 0.75.squareRoot()) < 1e-9)
  }

  @Test func twoPointsHaveNoInterval() throws {
    let fit = try #require(ScalingFit(.power, [(x: 1, y: 1), (x: 10, y: 100)]))
    #expect(fit.halfWidth == nil)
    #expect(fit.text == "2.00")
  }

  @Test func whatHasNoLawIsRefused() {
    #expect(ScalingFit(.power, [(x: 1, y: 1)]) == nil)
    #expect(ScalingFit(.power, [(x: 1, y: 0), (x: 2, y: 1)]) == nil)
    #expect(ScalingFit(.power, [(x: 0, y: 1), (x: 2, y: 1)]) == nil)
    #expect(ScalingFit(.exponential, [(x: 2, y: 1), (x: 2, y: 3)]) == nil)
  }
}
