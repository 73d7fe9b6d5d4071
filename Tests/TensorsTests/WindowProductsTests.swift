import Tensors
import Testing

struct WindowProductsTests {
  /// Rows of `a` windows of `h` numbers, two numbers in front and one behind; `m` filters.
  private struct Instance {
    let rows = 5
    let (a, h, m): (Int, Int, Int)
    let lda: Int
    let x: [Double]
    let filters: [Double]
    let cotangent: [Double]

    init(_ a: Int, _ h: Int, _ m: Int) {
      var generator = SeededGenerator(seed: 3)
      (self.a, self.h, self.m, lda) = (a, h, m, a * h + 3)
      x = (0..<rows * lda).map { _ in generator.normal() }
      filters = (0..<m * h).map { _ in generator.normal() }
      cotangent = (0..<rows * a * m).map { _ in generator.normal() }
    }

    func entry(_ i: Int, _ q: Int, _ e: Int) -> Double { x[i * lda + 2 + q * h + e] }
  }

  @Test(arguments: [1, 3, 8, 9, 17], [(1, 1), (7, 3), (8, 8), (25, 11), (26, 17)])
  func productsAndAdjointAreTheSumsWrittenOut(a: Int, shape: (h: Int, m: Int)) {
    let (h, m) = shape
    let instance = Instance(a, h, m)
    let windows = WindowProducts(height: h, windowCount: a)
    // One column in front and one behind must stay as they are.
    let ldc = a * m + 2
    var out = [Double](repeating: -7, count: instance.rows * ldc)
    var gradient = [Double](repeating: 1, count: m * h)
    instance.x.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress.map({ $0 + 2 }) else { return }
      out.withUnsafeMutableBufferPointer { out in
        guard let out = out.baseAddress.map({ $0 + 1 }) else { return }
        windows.products(
          rows: instance.rows, x, lda: instance.lda, filters: instance.filters,
          count: m, out, ldc: ldc)
      }
      windows.addAdjoint(
        rows: instance.rows, x, lda: instance.lda,
        cotangent: instance.cotangent, ldb: a * m, count: m, to: &gradient)
    }
    var expected = [Double](repeating: -7, count: instance.rows * ldc)
    var expectedGradient = [Double](repeating: 1, count: m * h)
    for i in 0..<instance.rows {
      for q in 0..<a {
        for r in 0..<m {
          var sum = 0.0
          for e in 0..<h {
            sum += instance.entry(i, q, e) * instance.filters[r * h + e]
            expectedGradient[r * h + e] +=
              instance.entry(i, q, e) * instance.cotangent[(i * a + q) * m + r]
          }
          expected[i * ldc + 1 + q * m + r] = sum
        }
      }
    }
    let error = zip(out, expected).map { abs($0 - $1) }.max() ?? .infinity
    let gradientError = zip(gradient, expectedGradient).map { abs($0 - $1) }.max() ?? .infinity
    #expect(error <= 1e-13)
    #expect(gradientError <= 1e-12)
  }
}
