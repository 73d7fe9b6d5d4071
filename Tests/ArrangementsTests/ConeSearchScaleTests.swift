import Arrangements
import Tensors
import Testing

/// Bounds do not depend on the units of the data.
struct ConeSearchScaleTests {
  @Test(arguments: [1e-40, 1e-20, 1e-16, 1e-8, 1, 1e12], [true, false])
  func theBoundScalesWithThePatches(scale: Double, isMaximum: Bool) {
    var generator = SeededGenerator(seed: 4)
    let entries = (0..<18 * 3).map { _ in scale * generator.normal() }
    let patches = Matrix(rows: 18, columns: 3, elements: entries)
    let dual = Matrix(rows: 6, columns: 2, elements: (0..<12).map { _ in generator.normal() })
    let terms =
      isMaximum
      ? PatchTerms(patches: patches, maximumOver: [0, 0, 1], windowCount: 2)
      : PatchTerms(patches: patches, weights: Matrix([[1, 1, 0], [0, 0, 1]]))
    let correlation = terms.correlation(with: dual)
    let pricing = ConeSearch().price(
      correlation, PricingRequest(relativeTolerance: 1e-6, nodeLimit: 20_000))
    for _ in 0..<500 {
      let u = (0..<3).map { _ in generator.normal() }
      let length = BLAS.norm(u)
      #expect(correlation.norm(at: u.map { $0 / length }) <= pricing.upperBound)
    }
    #expect(pricing.largestNorm > 0)
    #expect(pricing.upperBound <= pricing.largestNorm * (1 + 1.1e-6))
  }
}
