import Arrangements
import Tensors
import TestSupport
import Testing

/// The norm of a correlation and its gradient, in one pass where rows are short and values are numbers.
struct PooledCorrelationIdentityTests {
  /// A correlation of eight samples of three patches, some of them zero or opposite to others.
  private func correlation(_ h: Int, outputs: Int, seed: UInt64) -> PooledCorrelation {
    var generator = SeededGenerator(seed: seed)
    var patches = generator.normalMatrix(rows: 24, columns: h)
    for e in 0..<h {
      patches[3, e] = 0
      patches[7, e] = -2 * patches[5, e]
    }
    let terms = PatchTerms(patches: patches, weights: Matrix([[1, 0.5, 2]]))
    return terms.correlation(with: generator.normalMatrix(rows: 8, columns: outputs))
  }

  @Test(arguments: [1, 2, 3, 4, 5, 9], [1, 2])
  func normAndGradientBelongToTheValue(h: Int, outputs: Int) {
    for seed in UInt64(0)..<20 {
      let correlation = correlation(h, outputs: outputs, seed: seed)
      var generator = SeededGenerator(seed: 100 + seed)
      var u = generator.normalMatrix(rows: 1, columns: h).elements
      let length = BLAS.norm(u)
      for e in 0..<h { u[e] /= length }
      let (norm, gradient) = correlation.normAndGradient(at: u)
      #expect(abs(norm - correlation.norm(at: u)) <= 1e-14 * correlation.mass)
      // The norm is positively homogeneous.
      #expect(abs(norm - BLAS.dot(gradient, u)) <= 1e-14 * correlation.mass)
      let step = 1e-6
      for e in 0..<h {
        var (plus, minus) = (u, u)
        plus[e] += step
        minus[e] -= step
        let slope = (correlation.norm(at: plus) - correlation.norm(at: minus)) / (2 * step)
        #expect(abs(slope - gradient[e]) <= 1e-7 * correlation.mass)
      }
    }
  }

  @Test func whereAllRowsAreInactiveNormAndGradientVanish() {
    let terms = PatchTerms(patches: Matrix([[1, 0], [0, 1]]), weights: Matrix([[1]]))
    let correlation = terms.correlation(with: Matrix([[1], [1]]))
    let (norm, gradient) = correlation.normAndGradient(at: [-0.6, -0.8])
    #expect(norm == 0)
    #expect(gradient == [0, 0])
  }
}
