import ConvexCNN
import TestSupport
import Testing

/// Linear rates are promised only where they hold, and refused for narrow networks.
struct LinearRateTests {
  /// Five signals of two or three patches; targets are the predictions and a little noise.
  private struct Case {
    let images: Tensor
    let targets: Matrix
    let network: SmoothNetwork

    init(
      _ activation: SmoothActivation, width: Int, pooling: String = "sum", outputs: Int = 1,
      noise: Double = 0.2, seed: UInt64 = 1
    ) throws {
      var generator = SeededGenerator(seed: seed)
      let geometry = try PatchGeometry(channels: 1, length: 6, filterLength: 4)
      images = Tensor(
        shape: [5, 1, 1, 6], elements: (0..<30).map { _ in 0.5 * generator.normal() })
      network = try SmoothNetwork.pairedStart(
        geometry: geometry, pooling: Pooling(parsing: pooling), activation: activation,
        width: width, outputs: outputs, seed: 3)
      targets = Matrix(
        rows: 5, columns: outputs,
        elements: (0..<5 * outputs).map { _ in noise * generator.normal() })
    }

    func certificate() throws -> LinearRateCertificate {
      try LinearRateCertificate(for: network, images: images, targets: targets)
    }
  }

  /// The Jacobian by the filters, from its definition, `[n c, m h]`.
  private func jacobian(_ network: SmoothNetwork, _ images: Tensor) throws -> Matrix {
    let patches = try PatchSet(images: images, geometry: network.geometry).patches
    let pooling = try network.pooling.map(for: network.geometry).matrix
    let (n, c, h, m) = (
      images.shape[0], network.outputCount, patches.columns, network.neuronCount
    )
    var result = Matrix(rows: n * c, columns: m * h)
    for i in 0..<n {
      for k in 0..<pooling.columns {
        let row = Array(patches.row(i * pooling.columns + k))
        for j in 0..<m {
          let slope = network.activation.derivative(BLAS.dot(row, Array(network.filters.row(j))))
          for q in 0..<pooling.rows {
            for t in 0..<c {
              let weight = pooling[q, k] * network.outputWeights[j * pooling.rows + q, t] * slope
              for e in 0..<h { result[i * c + t, j * h + e] += weight * row[e] }
            }
          }
        }
      }
    }
    return result
  }

  @Test(arguments: SmoothActivation.allCases)
  func derivativesAndBound(activation: SmoothActivation) {
    var largest = 0.0
    for step in -4000...4000 {
      let x = Double(step) / 400
      let d = 1e-5
      let slope = (activation.value(x + d) - activation.value(x - d)) / (2 * d)
      let bend = (activation.derivative(x + d) - activation.derivative(x - d)) / (2 * d)
      #expect(abs(activation.derivative(x) - slope) < 1e-9)
      #expect(abs(activation.secondDerivative(x) - bend) < 1e-9)
      largest = max(largest, abs(activation.secondDerivative(x)))
    }
    #expect(largest <= activation.secondDerivativeBound)
    #expect(largest > 0.9999 * activation.secondDerivativeBound)
  }

  @Test func boundsAreTheKnownNumbers() {
    #expect(SmoothActivation.softplus.secondDerivativeBound == 0.25)
    #expect(abs(SmoothActivation.tanh.secondDerivativeBound - 0.769800358919501) < 1e-15)
    #expect(abs(SmoothActivation.gelu.secondDerivativeBound - 0.797884560802865) < 1e-15)
  }

  @Test(arguments: SmoothActivation.allCases)
  func wideNetworkKeepsItsPromise(activation: SmoothActivation) throws {
    let problem = try Case(activation, width: 20_000)
    let certificate = try problem.certificate()
    #expect(certificate.isIssued)
    let size = try #require(certificate.stepSize)
    var descent = try SmoothDescent(
      from: problem.network, images: problem.images, targets: problem.targets)
    #expect(abs(descent.residualNorm - certificate.residualNorm) < 1e-12)
    for _ in 0..<25 {
      descent.step(size)
      #expect(
        certificate.holds(
          steps: descent.steps, residual: descent.residualNorm, distance: descent.distance))
    }
    #expect(descent.residualNorm < certificate.residualNorm)
    #expect(try descent.distance <= #require(certificate.distanceBound))
  }

  @Test(arguments: SmoothActivation.allCases)
  func narrowNetworkIsRefused(activation: SmoothActivation) throws {
    let certificate = try Case(activation, width: 200).certificate()
    #expect(!certificate.isIssued)
    #expect(certificate.threshold > 0 && certificate.threshold < certificate.residualNorm)
    #expect(certificate.stepSize == nil && certificate.rate == nil)
    #expect(!certificate.holds(steps: 0, residual: 0, distance: 0))
  }

  @Test(arguments: SmoothActivation.allCases, ["sum", "average:1x2", "none"])
  func numbersAreThoseOfTheJacobian(activation: SmoothActivation, pooling: String) throws {
    let problem = try Case(activation, width: 30, pooling: pooling, outputs: 2)
    let certificate = try problem.certificate()
    let start = try jacobian(problem.network, problem.images)
    let values = try LAPACK.singularValues(start).values
    #expect(abs(certificate.largestSingularValue - values[0]) < 1e-12 * values[0])
    #expect(certificate.smallestSingularValue <= values[9] * (1 + 1e-12))
    #expect(certificate.smallestSingularValue > values[9] * (1 - 1e-6))
    // The Lipschitz constant bounds what moving the filters changes.
    var generator = SeededGenerator(seed: 5)
    for scale in [0.01, 0.1, 1, 3] {
      var moved = problem.network
      let step = generator.normalMatrix(rows: 30, columns: 4)
      BLAS.add(scale, step.elements, to: &moved.filters.elements)
      var change = try jacobian(moved, problem.images)
      BLAS.add(-1, start.elements, to: &change.elements)
      let norm = try LAPACK.singularValues(change).values[0]
      #expect(norm <= certificate.lipschitzConstant * scale * BLAS.norm(step.elements))
    }
    // A step goes against the gradient.
    var descent = try SmoothDescent(
      from: problem.network, images: problem.images, targets: problem.targets)
    descent.step(0.1)
    var gradient = problem.targets.elements.map { -$0 }
    gradient =
      BLAS.product(
        start, .transposed, Matrix(rows: 10, columns: 1, elements: gradient), .plain
      ).elements
    for e in gradient.indices {
      let expected = problem.network.filters.elements[e] - 0.1 * gradient[e]
      #expect(abs(descent.network.filters.elements[e] - expected) < 1e-13)
    }
  }

  /// A sample given twice has one prediction with two targets: no rate.
  @Test func dependentPredictionsAreRefused() throws {
    let problem = try Case(.softplus, width: 2000)
    var images = problem.images
    for e in 0..<6 { images.elements[e] = images.elements[6 + e] }
    let certificate = try LinearRateCertificate(
      for: problem.network, images: images, targets: problem.targets)
    #expect(certificate.smallestSingularValue < 1e-5)
    #expect(!certificate.isIssued)
  }

  @Test func brokenPromisesAreSeen() throws {
    let certificate = try Case(.softplus, width: 20_000).certificate()
    let (start, rate) = (certificate.residualNorm, try #require(certificate.rate))
    #expect(certificate.holds(steps: 1, residual: start * rate, distance: 0))
    #expect(!certificate.holds(steps: 1, residual: start, distance: 0))
    #expect(!certificate.holds(steps: 10, residual: start * rate, distance: 0))
    let far = try #require(certificate.distanceBound)
    #expect(!certificate.holds(steps: 1, residual: start * rate, distance: far))
    #expect(!certificate.holds(steps: 1, residual: .nan, distance: 0))
  }

  @Test func unusableInputIsRefused() throws {
    let problem = try Case(.softplus, width: 4)
    var images = problem.images
    images.elements[3] = .nan
    #expect(throws: CertificateError.self) {
      try LinearRateCertificate(for: problem.network, images: images, targets: problem.targets)
    }
    let other = Matrix(rows: 4, columns: 1)
    #expect(throws: CertificateError.self) {
      try LinearRateCertificate(for: problem.network, images: problem.images, targets: other)
    }
    #expect(throws: ProgramError.self) {
      try SmoothDescent(from: problem.network, images: problem.images, targets: other)
    }
    #expect(throws: ProgramError.self) { try Case(.tanh, width: 3) }
    #expect(throws: ProgramError.self) { try Case(.tanh, width: 2, pooling: "max") }
  }
}
