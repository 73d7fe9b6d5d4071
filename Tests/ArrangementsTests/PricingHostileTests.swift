import Arrangements
import Tensors
import TestSupport
import Testing

/// Data made to break bounds.
struct PricingHostileTests {
  private func oracles(_ correlation: PooledCorrelation) -> [any PricingOracle] {
    AngularSweep.supports(correlation) ? [ConeSearch(), AngularSweep()] : [ConeSearch()]
  }

  private func unit(_ generator: inout SeededGenerator, _ h: Int) -> [Double] {
    let u = (0..<h).map { _ in generator.normal() }
    let length = BLAS.norm(u)
    return u.map { $0 / length }
  }

  /// Terms of coefficients `1e8` that cancel up to about 1.
  @Test(arguments: 2...4)
  func massesThatCancel(dimension h: Int) {
    var generator = SeededGenerator(seed: UInt64(h))
    var rows: [[Double]] = []
    var dual: [[Double]] = []
    for _ in 0..<4 {
      let row = unit(&generator, h)
      rows += [row, row.map { $0 + 1e-8 * generator.normal() }]
      dual += [[1e8], [-1e8]]
    }
    let correlation = PatchTerms(patches: Matrix(rows), weights: Matrix([[1]]))
      .correlation(with: Matrix(dual))
    for oracle in oracles(correlation) {
      let pricing = oracle.price(correlation, PricingRequest(relativeTolerance: 1e-3))
      #expect(pricing.largestNorm > 0.1)
      #expect(pricing.upperBound < 1.1 * pricing.largestNorm + 1e-9 * correlation.mass)
      for _ in 0..<2000 {
        #expect(correlation.norm(at: unit(&generator, h)) <= pricing.upperBound)
      }
    }
  }

  /// Patches of any finite size: the bound is finite and close, whatever the pooling.
  ///
  /// At `1e-300` the mass is taken for `2^-960` at least, which the bound shows.
  @Test(arguments: [1e-300, 1e-200, 1e-160, 1e160, 1e300], [false, true])
  func tinyAndHugePatches(size: Double, isMaximum: Bool) {
    var generator = SeededGenerator(seed: 5)
    for h in 1...3 {
      let patches = generator.normalMatrix(rows: 6, columns: h)
      let dual = generator.normalMatrix(rows: 3, columns: 2)
      func correlation(_ scale: Double) -> PooledCorrelation {
        let scaled = Matrix(rows: 6, columns: h, elements: patches.elements.map { $0 * scale })
        let terms =
          isMaximum
          ? PatchTerms(patches: scaled, maximumOver: [0, 0], windowCount: 1)
          : PatchTerms(patches: scaled, weights: Matrix([[1, 1]]))
        return terms.correlation(with: dual)
      }
      let (plain, scaled) = (correlation(1), correlation(size))
      for (first, second) in zip(oracles(plain), oracles(scaled)) {
        let expected = first.price(plain, PricingRequest()).largestNorm * size
        let pricing = second.price(scaled, PricingRequest())
        #expect(pricing.upperBound >= expected * (1 - 1e-6))
        #expect(pricing.upperBound <= expected * (size < 1e-290 ? 1.5 : 1 + 1e-5))
        #expect(pricing.largestNorm >= expected * (1 - 1e-5))
      }
    }
  }

  /// In one window: rows far smaller than others must not be lost where they win.
  @Test func windowsOfTinyPatches() {
    let patches = Matrix([[1e-200, 0], [0, 1e-200], [3, 4], [-1, 0]])
    let terms = PatchTerms(patches: patches, maximumOver: [0, 0], windowCount: 1)
    let correlation = terms.correlation(with: Matrix([[1e200], [0]]))
    for oracle in oracles(correlation) {
      let pricing = oracle.price(correlation, PricingRequest())
      #expect(pricing.upperBound >= 1)
      #expect(abs(pricing.largestNorm - 1) < 1e-9)
    }
  }

  /// Products that overflow have no finite bound, and are not given one.
  @Test func massesWithoutBound() {
    for value in [1e300, .infinity, .nan] {
      let correlation = PatchTerms(patches: Matrix([[1e300, 0], [0, 1]]), weights: Matrix([[1]]))
        .correlation(with: Matrix([[value], [1]]))
      for oracle in oracles(correlation) {
        let pricing = oracle.price(correlation, PricingRequest())
        #expect(pricing.upperBound == .infinity)
        #expect(pricing.ending == .rounding)
      }
    }
  }

  @Test func nothingToPrice() {
    for dual in [Matrix(rows: 2, columns: 1), Matrix(rows: 2, columns: 0)] {
      let correlation = PatchTerms(patches: Matrix([[1, 2], [0, 1]]), weights: Matrix([[1]]))
        .correlation(with: dual)
      for oracle in oracles(correlation) {
        let pricing = oracle.price(correlation, PricingRequest())
        #expect(pricing.upperBound == 0)
        #expect(pricing.norms.isEmpty)
      }
    }
  }

  /// `b (x . u)_+` is largest at `x`, also when `x` comes a thousand times.
  @Test(arguments: 1...4)
  func rowsThatAreAllEqual(dimension h: Int) {
    let row = (0..<h).map { Double($0 + 1) }
    let correlation = PatchTerms(
      patches: Matrix([[Double]](repeating: row, count: 1000)), weights: Matrix([[1]])
    ).correlation(with: Matrix([[Double]](repeating: [0.5, -0.1], count: 1000)))
    let expected = 1000 * BLAS.norm(row) * BLAS.norm([0.5, -0.1])
    for oracle in oracles(correlation) {
      let pricing = oracle.price(correlation, PricingRequest())
      #expect(abs(pricing.largestNorm - expected) <= 1e-9 * expected)
      #expect(pricing.upperBound >= expected)
      #expect(pricing.upperBound <= expected * (1 + 1.1e-6))
    }
  }

  /// Rows within a few roundings of each other, and pencils of planes that nearly share a line.
  @Test(arguments: 2...3, 0..<20)
  func rowsThatAreNearlyParallel(dimension h: Int, seed: Int) {
    var generator = SeededGenerator(seed: UInt64(seed))
    let bases = (0..<3).map { _ in unit(&generator, h) }
    let size = [1e-16, 1e-15, 1e-13, 1e-12, 1e-8][seed % 5]
    let rows = (0..<9).map { r -> [Double] in
      let sign: Double = generator.integer(below: 2) == 0 ? 1 : -1
      let mixed = r < 6 ? bases[r % 3] : zip(bases[0], bases[1]).map { $0 + Double(r) * $1 }
      return mixed.map { sign * ($0 + size * generator.normal()) }
    }
    let correlation = PatchTerms(patches: Matrix(rows), weights: Matrix([[1]]))
      .correlation(with: generator.normalMatrix(rows: 9, columns: 1 + seed % 2))
    let found = oracles(correlation).map {
      $0.price(correlation, PricingRequest(relativeTolerance: 1e-5))
    }
    #expect(found[0].largestNorm <= found[1].upperBound)
    #expect(found[1].largestNorm <= found[0].upperBound)
    #expect(found[1].upperBound <= found[1].largestNorm * (1 + 1e-8))
  }

  /// Every direction has coordinates of one sign in some cone.
  @Test(arguments: 1...9)
  func rootConesCoverTheSpace(dimension h: Int) throws {
    var generator = SeededGenerator(seed: UInt64(h))
    let cones = ConeSearch.rootCones(dimension: h)
    #expect(cones.count == (h > 6 ? h + 1 : 1 << h))
    let inverses = try cones.map { rays in
      let gram = BLAS.product(
        Matrix(rows: h, columns: h, elements: rays), .plain,
        Matrix(rows: h, columns: h, elements: rays), .transposed)
      // u = R' tau, so tau = (R R')^-1 R u.
      let eigen = try LAPACK.symmetricEigen(gram)
      var scaled = eigen.vectors
      for i in 0..<h { for j in 0..<h { scaled[i, j] /= eigen.values[i] } }
      let inverse = BLAS.product(eigen.vectors, .transposed, scaled)
      return BLAS.product(inverse, .plain, Matrix(rows: h, columns: h, elements: rays))
    }
    for _ in 0..<10_000 {
      let u = Matrix(rows: h, columns: 1, elements: unit(&generator, h))
      let isCovered = inverses.contains { inverse in
        BLAS.product(inverse, .plain, u).elements.allSatisfy { $0 >= -1e-12 }
      }
      #expect(isCovered)
    }
  }

  @Test(arguments: [1, 7, 8, 9])
  func unusualDimensions(dimension h: Int) {
    var generator = SeededGenerator(seed: UInt64(h))
    let correlation = PatchTerms(
      patches: generator.normalMatrix(rows: 4, columns: h), weights: Matrix([[1]])
    ).correlation(with: generator.normalMatrix(rows: 4, columns: 1))
    for oracle in oracles(correlation) {
      let pricing = oracle.price(
        correlation, PricingRequest(relativeTolerance: 1e-2, nodeLimit: 2000))
      #expect(pricing.upperBound.isFinite)
      #expect(pricing.largestNorm > 0)
      for _ in 0..<1000 {
        #expect(correlation.norm(at: unit(&generator, h)) <= pricing.upperBound)
      }
    }
  }
}
