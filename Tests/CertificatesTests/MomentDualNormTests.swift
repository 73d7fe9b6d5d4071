import Arrangements
import Certificates
import Tensors
import TestSupport
import Testing

/// The bound by moments against the exact dual norm.
struct MomentDualNormTests {
  /// Patches of one window with one output, and what is known of their dual norm.
  private struct Instance {
    let patches: PooledPatches
    let weights: Matrix
    let dual: Matrix

    init(rows: Matrix, positions: Int, dual: [Double], outputs: Int = 1) {
      let samples = rows.rows / positions
      patches = PooledPatches(rows: rows, sampleCount: samples, threads: 2)
      weights = Matrix(rows: 1, columns: positions, repeating: 1)
      self.dual = Matrix(rows: samples, columns: outputs, elements: dual)
    }

    /// The largest norm that exact pricing found, which is attained by a filter.
    var largestNorm: Double {
      let terms = PatchTerms(patches: patches.rows, weights: weights)
      let correlation = terms.correlation(with: dual)
      let request = PricingRequest(relativeTolerance: 1e-6, nodeLimit: 20_000)
      return patches.rows.columns <= 3
        ? AngularSweep().price(correlation, request).largestNorm
        : ConeSearch().price(correlation, request).largestNorm
    }

    func bound(seconds: Double = .infinity) throws -> Double {
      try MomentDualNorm.upperBound(
        patches, weights: weights, dual: dual, target: 0,
        effort: BoundEffort(method: .sdp, seconds: seconds))
    }
  }

  /// Rows of five kinds: Gaussian, few integers, nearly opposite pairs, nearly equal pairs, and rows of wild lengths.
  private func instance(_ seed: Int) -> Instance {
    var generator = SeededGenerator(seed: UInt64(seed))
    let (h, samples, positions) = (2 + seed % 3, 3 + seed % 4, 1 + seed % 3)
    let count = samples * positions
    var rows = Matrix(rows: count, columns: h)
    for e in rows.elements.indices {
      rows.elements[e] =
        seed % 5 == 1 ? Double(generator.integer(below: 4)) : generator.normal()
    }
    var dual = (0..<samples).map { _ in generator.normal() }
    if seed % 5 == 2 || seed % 5 == 3 {
      // Sample 1 repeats sample 0 up to rounding, with the opposite dual: all but a rest cancels.
      let sign = seed % 5 == 2 ? -1.0 : 1
      for e in 0..<positions * h {
        rows.elements[positions * h + e] = sign * rows.elements[e] * (1 + 1e-13)
      }
      dual[0] *= 1e6
      dual[1] = -dual[0] * (1 + 1e-12)
    }
    if seed % 5 == 4 {
      for r in 0..<count {
        let scale = [1e-9, 1, 1e7][generator.integer(below: 3)]
        for e in 0..<h { rows[r, e] *= scale }
      }
    }
    return Instance(rows: rows, positions: positions, dual: dual)
  }

  @Test(arguments: 0..<20)
  func boundIsNeverBelowTheExactNorm(block: Int) throws {
    for seed in block * 10..<block * 10 + 10 {
      let instance = instance(seed)
      let exact = instance.largestNorm
      let bound = try instance.bound()
      #expect(bound >= exact * (1 - 1e-12), "seed \(seed)")
      #expect(bound <= 1.6 * exact + 1e-7, "seed \(seed): \(bound) for \(exact)")
    }
  }

  /// `N`, `h` and the committed threshold of bound over norm.
  @Test(arguments: [(30, 2, 1.15), (30, 3, 1.08), (100, 3, 1.06), (30, 4, 1.08), (100, 4, 1.15)])
  func boundIsSharpOnGaussianRows(_ count: Int, _ h: Int, _ threshold: Double) throws {
    for seed in 0..<3 {
      var generator = SeededGenerator(seed: UInt64(1000 * h + count + seed))
      let rows = Matrix(
        rows: count, columns: h, elements: (0..<count * h).map { _ in generator.normal() })
      let instance = Instance(
        rows: rows, positions: 1, dual: (0..<count).map { _ in generator.normal() })
      let ratio = try instance.bound() / instance.largestNorm
      #expect(ratio >= 1 - 1e-9)
      #expect(ratio <= threshold, "seed \(seed)")
    }
  }

  @Test func severalOutputsAndWindowsAreBounded() throws {
    for seed in 0..<6 {
      let instance = DualNormIdentityTests.Instance(
        seed: UInt64(seed), samples: 6, positions: 4, h: 2, windows: seed % 2 + 1,
        outputs: seed % 3 + 1)
      let exact = instance.twin.exactPlanar()
      let bound = try MomentDualNorm.upperBound(
        instance.patches, weights: instance.weights, dual: instance.dual, target: 0,
        effort: BoundEffort(method: .sdp))
      #expect(bound >= exact)
    }
  }

  @Test func everyStepIsValidAndNoneLosesGround() throws {
    var generator = SeededGenerator(seed: 7)
    let rows = Matrix(rows: 40, columns: 4, elements: (0..<160).map { _ in generator.normal() })
    var units = rows
    for r in 0..<rows.rows {
      let length = BLAS.norm(Array(rows.row(r)))
      for e in 0..<4 { units[r, e] /= length }
    }
    let b = (0..<40).map { _ in generator.normal() }
    var largest = 0.0
    for _ in 0..<4000 {
      let u = (0..<4).map { _ in generator.normal() }
      let products = (0..<40).map { abs(BLAS.dot(Array(units.row($0)), u)) / BLAS.norm(u) }
      largest = max(largest, BLAS.dot(b, products))
    }
    for order in 1...4 {
      var relaxation = MomentRelaxation(
        SphereForms(dimension: 4, order: order), directions: units, coefficients: b, threads: 1)
      var last = Double.infinity
      for _ in 0..<8 {
        try relaxation.step()
        #expect(relaxation.bound >= largest)
        #expect(relaxation.bound <= last)
        last = relaxation.bound
      }
      #expect(relaxation.stepCount == 8)
    }
  }

  @Test func resultsDoNotDependOnThreads() throws {
    let instance = instance(15)
    let alone = try MomentDualNorm.upperBound(
      PooledPatches(
        rows: instance.patches.rows, sampleCount: instance.patches.sampleCount, threads: 1),
      weights: instance.weights, dual: instance.dual, target: 0, effort: BoundEffort(method: .sdp))
    #expect(try instance.bound() == alone)
  }

  @Test func noTimeMeansNoBound() throws {
    #expect(try instance(0).bound(seconds: 0) == .infinity)
  }

  @Test func tamperedCertificateDoesNotLowerTheBound() throws {
    var generator = SeededGenerator(seed: 3)
    let forms = SphereForms(dimension: 3, order: 2)
    func symmetric(_ size: Double) -> Matrix {
      var result = Matrix(rows: forms.size, columns: forms.size)
      for i in 0..<forms.size {
        for j in 0...i {
          let x = size * generator.normal()
          (result[i, j], result[j, i]) = (x, x)
        }
      }
      return result
    }
    for _ in 0..<20 {
      let honest = symmetric(1)
      let polynomial = forms.coefficients(of: honest, degree: 2)
      var largest = -Double.infinity
      for _ in 0..<500 {
        let u = (0..<3).map { _ in generator.normal() }
        let length = BLAS.norm(u)
        var powers = [Double](repeating: 0, count: forms.size)
        forms.powers(u.map { $0 / length }, count: 1, degree: 2, into: &powers)
        let column = Matrix(rows: forms.size, columns: 1, elements: powers)
        let image = BLAS.product(honest, .plain, column)
        largest = max(largest, BLAS.dot(image.elements, powers))
      }
      var tampered = honest
      BLAS.add(1, symmetric(0.3).elements, to: &tampered.elements)
      for e in tampered.elements.indices { tampered.elements[e] *= 0.5 }
      for certificate in [honest, tampered, Matrix(rows: forms.size, columns: forms.size)] {
        let proven = try MomentRelaxation.provenMaximum(of: polynomial, by: certificate, forms)
        #expect(proven >= largest)
      }
    }
  }
}
