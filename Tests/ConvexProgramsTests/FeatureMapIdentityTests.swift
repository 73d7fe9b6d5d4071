import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// The laws of feature maps.
struct FeatureMapIdentityTests {
  /// Number of samples, features and outputs.
  struct Size: Sendable {
    let n: Int
    let d: Int
    let c: Int
    static let all = [
      Size(n: 5, d: 3, c: 2), Size(n: 700, d: 40, c: 1), Size(n: 90, d: 410, c: 3),
      Size(n: 1, d: 1, c: 1),
    ]
  }

  private func map(_ size: Size, threads: Int = 1) -> DenseFeatureMap {
    var generator = SeededGenerator(seed: 3)
    return DenseFeatureMap(
      features: generator.normalMatrix(rows: size.n, columns: size.d), threads: threads)
  }

  private func random(_ rows: Int, _ columns: Int) -> Matrix {
    var generator = SeededGenerator(seed: 4)
    return generator.normalMatrix(rows: rows, columns: columns)
  }

  @Test(arguments: Size.all)
  func adjointMovesToTheOtherSide(size: Size) {
    let map = map(size)
    let (v, g) = (random(size.d, size.c), random(size.n, size.c))
    let left = BLAS.dot(map.predictions(of: v).elements, g.elements)
    let right = BLAS.dot(v.elements, map.adjoint(g).elements)
    let scale = BLAS.norm(map.predictions(of: v).elements) * BLAS.norm(g.elements)
    #expect(abs(left - right) <= 1e-13 * scale)
  }

  @Test(arguments: Size.all)
  func productsAreThoseOfTheMatrix(size: Size) {
    let map = map(size)
    let (v, g) = (random(size.d, size.c), random(size.n, size.c))
    let predictions = BLAS.product(map.features, .plain, v, .plain)
    let adjoint = BLAS.product(map.features, .transposed, g, .plain)
    #expect(map.predictions(of: v).relativeDistance(to: predictions) <= 1e-13)
    #expect(map.adjoint(g).relativeDistance(to: adjoint) <= 1e-13)
  }

  @Test(arguments: Size.all, [2, 3])
  func threadsDoNotChangeTheBits(size: Size, threads: Int) {
    let (one, several) = (map(size), map(size, threads: threads))
    let (v, g) = (random(size.d, size.c), random(size.n, size.c))
    #expect(one.predictions(of: v) == several.predictions(of: v))
    #expect(one.adjoint(g) == several.adjoint(g))
  }
}
