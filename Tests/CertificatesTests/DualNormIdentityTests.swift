import Certificates
import Tensors
import TestSupport
import Testing

/// Upper bounds on dual norms against filters that were found and against the exact maximum.
struct DualNormIdentityTests {
  /// Data and a dual point drawn from a seed.
  struct Instance {
    let patches: PooledPatches
    let weights: Matrix
    let dual: Matrix
    var twin: DualNormTwin {
      DualNormTwin(rows: patches.rows, weights: weights, dual: dual)
    }

    init(seed: UInt64, samples n: Int, positions: Int, h: Int, windows a: Int, outputs c: Int) {
      var generator = SeededGenerator(seed: seed)
      // Every third seed draws from a few values, so that rows repeat, oppose each other and vanish.
      let isCoarse = seed % 3 == 0
      patches = PooledPatches(
        rows: Matrix(
          rows: n * positions, columns: h,
          elements: (0..<n * positions * h).map { _ in
            isCoarse ? Double(generator.integer(below: 3)) - 1 : generator.normal()
          }), sampleCount: n, threads: 1)
      weights = Matrix(
        rows: a, columns: positions,
        elements: (0..<a * positions).map { e in
          e % positions * a / positions == e / positions ? 1 : 0
        })
      dual = Matrix(
        rows: n, columns: c, elements: (0..<n * c).map { _ in generator.normal() })
    }
  }

  @Test(arguments: 1...24)
  func spectralBoundIsAboveTheExactPlanarMaximum(seed: Int) throws {
    let instance = Instance(
      seed: UInt64(seed), samples: 6, positions: 5, h: 2, windows: seed % 2 + 1,
      outputs: seed % 3 + 1)
    let exact = instance.twin.exactPlanar()
    let bound = try SpectralDualNorm.upperBound(
      instance.patches, weights: instance.weights, dual: instance.dual)
    #expect(exact > 0)
    #expect(bound >= exact)
  }

  /// Orthonormal stacked patches and a dual point `psi r'` with `psi >= 0`: the dual norm is `|psi| |r| |p|`.
  @Test(arguments: [1, 2, 3])
  func productBoundIsSharpForWhitenedPatches(windows: Int) throws {
    var generator = SeededGenerator(seed: UInt64(windows))
    let (n, positions, outputs) = (4, 6, 3)
    let rows = WhitenedProblems.orthonormalRows(n * positions, 30, seed: 5)
    let patches = PooledPatches(rows: rows, sampleCount: n, threads: 1)
    let weights = Matrix(
      rows: windows, columns: positions,
      elements: (0..<windows * positions).map { e in
        e % positions * windows / positions == e / positions ? 1 : 0
      })
    let psi = Matrix(rows: n, columns: 1, elements: (0..<n).map { _ in generator.uniform() })
    let r = generator.normalMatrix(rows: 1, columns: outputs)
    let dual = BLAS.product(psi, .plain, r)
    let exact =
      BLAS.norm(psi.elements) * BLAS.norm(r.elements)
      * (Double(positions) / Double(windows)).squareRoot()
    let bound = try SpectralDualNorm.upperBound(patches, weights: weights, dual: dual)
    #expect(bound >= exact)
    #expect(bound <= exact * (1 + 1e-8))
  }

  @Test(arguments: 1...16)
  func spectralBoundIsAboveEveryFilterFound(seed: Int) throws {
    let instance = Instance(
      seed: UInt64(seed), samples: 7, positions: 4, h: seed % 4 + 3, windows: seed % 2 + 1,
      outputs: seed % 3 + 1)
    var generator = SeededGenerator(seed: UInt64(seed))
    let found = instance.twin.bestFound(starts: 60, generator: &generator)
    let bound = try SpectralDualNorm.upperBound(
      instance.patches, weights: instance.weights, dual: instance.dual)
    #expect(bound >= found)
  }

  @Test(arguments: 1...6)
  func boundsWithManyWindowsAreAboveEveryFilterFound(seed: Int) throws {
    // 70 coordinates: too many to bound one by one over all windows together.
    let instance = Instance(
      seed: UInt64(seed), samples: 5, positions: 10, h: 3, windows: 10, outputs: 7)
    var generator = SeededGenerator(seed: UInt64(seed))
    let found = instance.twin.bestFound(starts: 20, generator: &generator)
    let bound = try SpectralDualNorm.upperBound(
      instance.patches, weights: instance.weights, dual: instance.dual)
    #expect(bound >= found)
    #expect(bound <= 4 * found)
  }

  @Test(arguments: 1...8)
  func planarTwinAgreesWithManyStarts(seed: Int) {
    let instance = Instance(
      seed: UInt64(seed), samples: 5, positions: 3, h: 2, windows: 1, outputs: 2)
    var generator = SeededGenerator(seed: 5)
    let found = instance.twin.bestFound(starts: 400, generator: &generator)
    let exact = instance.twin.exactPlanar()
    #expect(found <= exact * (1 + 1e-12))
    #expect(found >= exact * 0.999)
  }

  /// Maxima over 400,000 angles (numpy 2.4.6) of `|Phi(u)' Y|_F` with sum pooling; the grid misses at most `1e-10` relative.
  @Test(arguments: [(0, 4.915957162522089), (3, 15.68532416582231)])
  func planarTwinAgreesWithAnotherProgram(index: Int, expected: Double) throws {
    let fixture = PlanarFixture.all[index]
    let (n, count) = (fixture.signals.rows, fixture.signals.columns - 1)
    let rows = (0..<n * count).map { r in
      [fixture.signals[r / count, r % count], fixture.signals[r / count, r % count + 1]]
    }
    let patches = PooledPatches(rows: Matrix(rows), sampleCount: n, threads: 1)
    let weights = Matrix(rows: 1, columns: count, repeating: 1)
    let twin = DualNormTwin(rows: patches.rows, weights: weights, dual: fixture.targets)
    let exact = twin.exactPlanar()
    let bound = try SpectralDualNorm.upperBound(patches, weights: weights, dual: fixture.targets)
    #expect(abs(exact - expected) <= 1e-9 * expected)
    #expect(bound >= exact)
    #expect(bound <= 1.2 * exact)
  }

  @Test(arguments: 1...12)
  func bothBoundsAreAtMostTheMass(seed: Int) throws {
    let instance = Instance(
      seed: UInt64(seed), samples: 6, positions: 4, h: 4, windows: 2, outputs: 2)
    let mass = instance.patches.massBound(weights: instance.weights, dual: instance.dual)
    let spectral = try SpectralDualNorm.upperBound(
      instance.patches, weights: instance.weights, dual: instance.dual)
    let linear = try MaskedDualNorm.upperBound(
      instance.patches, weights: instance.weights, masks: nil, dual: instance.dual)
    #expect(spectral <= mass * (1 + 1e-8))
    #expect(linear <= mass * (1 + 1e-8))
  }

  @Test func positiveCoefficientsGiveTheLinearNormOnNonnegativePatches() throws {
    // Nonnegative rows, coefficients and hence a maximiser with nonnegative entries: every row is active there.
    var generator = SeededGenerator(seed: 3)
    let patches = PooledPatches(
      rows: Matrix(
        rows: 24, columns: 3, elements: (0..<72).map { _ in 1 + generator.uniform() }),
      sampleCount: 6, threads: 1)
    let weights = Matrix(rows: 1, columns: 4, repeating: 1)
    let dual = Matrix(rows: 6, columns: 1, repeating: 0.5)
    let linear = try MaskedDualNorm.upperBound(patches, weights: weights, masks: nil, dual: dual)
    let spectral = try SpectralDualNorm.upperBound(patches, weights: weights, dual: dual)
    #expect(spectral >= linear * (1 - 1e-9))
    #expect(spectral <= linear * 1.05)
  }

  @Test(arguments: 1...8)
  func maskedBoundIsAttainedUpToItsMargin(seed: Int) throws {
    let instance = Instance(
      seed: UInt64(seed), samples: 6, positions: 4, h: 3, windows: 2, outputs: 2)
    var generator = SeededGenerator(seed: 11)
    let gates = Matrix(
      rows: 5, columns: 3, elements: (0..<15).map { _ in generator.normal() })
    let masks = instance.patches.patterns(of: gates)
    let bound = try MaskedDualNorm.upperBound(
      instance.patches, weights: instance.weights, masks: masks, dual: instance.dual)
    let exact =
      try (0..<5).map { g in
        try maskedNorm(instance, gate: Array(gates.row(g)))
      }.max() ?? 0
    #expect(bound >= exact)
    #expect(bound <= exact * (1 + 1e-8))
  }

  @Test func oppositeRowsWithEqualCoefficientsOfBothSignsCancel() throws {
    // b (x . u)_+ - b (-x . u)_+ = b x . u, so merging leaves the linear norm.
    let patches = PooledPatches(
      rows: Matrix([[1, 2], [-1, -2]]), sampleCount: 2, threads: 1)
    let bound = try SpectralDualNorm.upperBound(
      patches, weights: Matrix([[1]]), dual: Matrix([[1], [-1]]))
    #expect(abs(bound - 5.0.squareRoot()) < 1e-7)
  }

  @Test func zeroPatchesAndZeroDualsHaveNormZero() throws {
    let blank = PooledPatches(rows: Matrix(rows: 4, columns: 2), sampleCount: 2, threads: 1)
    let weights = Matrix(rows: 1, columns: 2, repeating: 1)
    let dual = Matrix(rows: 2, columns: 1, repeating: 1)
    let ofBlank = try SpectralDualNorm.upperBound(blank, weights: weights, dual: dual)
    let linear = try MaskedDualNorm.upperBound(blank, weights: weights, masks: nil, dual: dual)
    #expect(ofBlank == 0)
    #expect(linear == 0)
  }

  /// Largest singular value of the map of one gate, from its definition.
  private func maskedNorm(_ instance: Instance, gate: [Double]) throws -> Double {
    let (rows, weights, dual) = (instance.patches.rows, instance.weights, instance.dual)
    var t = Matrix(rows: weights.rows * dual.columns, columns: rows.columns)
    for r in 0..<rows.rows {
      let response = zip(rows.row(r), gate).reduce(0) { $0 + $1.0 * $1.1 }
      guard response >= 0 else { continue }
      for q in 0..<weights.rows {
        for j in 0..<dual.columns {
          let b = weights[q, r % weights.columns] * dual[r / weights.columns, j]
          for e in 0..<rows.columns { t[q * dual.columns + j, e] += b * rows[r, e] }
        }
      }
    }
    return try LAPACK.singularValues(t).values.first ?? 0
  }
}
