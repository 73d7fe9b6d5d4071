import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// Masked rows against the dense features that they stand for.
struct MaskedFeatureMapTests {
  private let n = 300
  private let h = 5
  private let count = 70

  /// Features of random gates over random rows; some rows are zero.
  private func features(changing change: (inout Matrix) -> Void = { _ in }) -> Matrix {
    var generator = SeededGenerator(seed: 11)
    let rows = generator.normalMatrix(rows: n, columns: h)
    let gates = generator.normalMatrix(rows: count, columns: h)
    let correlations = BLAS.product(rows, .plain, gates, .transposed)
    var features = Matrix(rows: n, columns: count * h)
    for i in 0..<n where i % 17 != 0 {
      for b in 0..<count where correlations[i, b] >= 0 {
        for e in 0..<h { features[i, b * h + e] = rows[i, e] }
      }
    }
    change(&features)
    return features
  }

  private func random(_ rows: Int, _ columns: Int) -> Matrix {
    var generator = SeededGenerator(seed: 4)
    return generator.normalMatrix(rows: rows, columns: columns)
  }

  @Test(arguments: [1, 3])
  func productsAreThoseOfTheDenseFeatures(outputs: Int) throws {
    let dense = DenseFeatureMap(features: features())
    let masked = try #require(MaskedFeatureMap(dense, blockCount: count))
    #expect((masked.sampleCount, masked.featureCount) == (n, count * h))
    var weights = random(count * h, outputs)
    for e in 0..<20 * h * outputs { weights.elements[e] = 0 }
    let dual = random(n, outputs)
    #expect(
      masked.predictions(of: weights).relativeDistance(to: dense.predictions(of: weights)) <= 1e-13)
    #expect(masked.adjoint(dual).relativeDistance(to: dense.adjoint(dual)) <= 1e-13)
  }

  @Test func someBlocksAreThoseColumns() throws {
    let dense = features()
    let masked = try #require(MaskedFeatureMap(DenseFeatureMap(features: dense), blockCount: count))
    let blocks = [3, 8, 9, 60]
    let dual = random(n, 1)
    let part = masked.restricted(to: blocks).adjoint(dual)
    let all = BLAS.product(dense, .transposed, dual)
    let expected = all.selectingRows(blocks.flatMap { Array($0 * h..<($0 + 1) * h) })
    #expect(part.relativeDistance(to: expected) <= 1e-13)
    let vectors = random(blocks.count, h)
    let images = masked.images(of: vectors, in: blocks)
    for (k, b) in blocks.enumerated() {
      var weights = Matrix(rows: count * h, columns: 1)
      for e in 0..<h { weights[b * h + e, 0] = vectors[k, e] }
      let image = BLAS.product(dense, .plain, weights)
      for i in 0..<n { #expect(abs(images[i, k] - image[i, 0]) <= 1e-13) }
    }
  }

  @Test func featuresOfAnotherFormHaveNone() {
    let changed = features { features in
      // A row of one block is twice that of the others.
      let b = (0..<count).first { features[1, $0 * h] != 0 } ?? 0
      for e in 0..<h { features[1, b * h + e] *= 2 }
    }
    #expect(MaskedFeatureMap(DenseFeatureMap(features: changed), blockCount: count) == nil)
    #expect(MaskedFeatureMap(DenseFeatureMap(features: random(4, 7)), blockCount: 2) == nil)
  }

  @Test(arguments: [2, 3])
  func threadsDoNotChangeTheBits(threads: Int) throws {
    let one = try #require(
      MaskedFeatureMap(DenseFeatureMap(features: features()), blockCount: count))
    let several = try #require(
      MaskedFeatureMap(
        DenseFeatureMap(features: features(), threads: threads), blockCount: count))
    let (v, g) = (random(count * h, 2), random(n, 2))
    #expect(one.predictions(of: v) == several.predictions(of: v))
    #expect(one.adjoint(g) == several.adjoint(g))
  }
}
