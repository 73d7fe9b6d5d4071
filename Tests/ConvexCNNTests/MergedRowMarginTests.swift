import ConvexCNN
import TestSupport
import Testing

/// Proofs over rows that are merged because they stand for the same integers: the margin that this takes.
struct MergedRowMarginTests {
  /// Bytes of four signals; patches of three entries of which some are proportional as integers only.
  private static let bytes: [[Double]] = [
    [7, 21, 49, 200, 13], [1, 3, 7, 100, 250], [255, 9, 27, 63, 30], [90, 17, 10, 3, 9],
  ]

  /// How much smaller the checked dual point is than the solver's, and the check of the proof.
  private func proof(
    _ stored: (Double) -> Double
  ) throws -> (slack: Double, mass: Double, lambda: Double, certificate: Certificate) {
    let images = Tensor(
      shape: [4, 1, 1, 5], elements: Self.bytes.flatMap { $0.map(stored) })
    let problem = try TrainingProblem(
      images: images, geometry: PatchGeometry(length: 5, filterLength: 3),
      pooling: Pooling(parsing: "sum"), activation: .relu,
      loss: SquaredLoss(targets: Matrix([[1, -1], [-0.5, 0.3], [0.7, 0.9], [-1, -0.2]])),
      lambda: 0.02, threads: 2)
    let network = try CellGeneration(oracle: SweepOrSearch()).solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600)
    ).network
    let program = try CopositiveProgram(problem: problem)
    let solution = try CopositiveSolver().solve(
      program, network: network, limits: SolveLimits(relativeGap: 1e-6, iterations: 4000))
    let proof = try MultiplierCertificate.of(solution, program, network, images: images)
    let certificate = try Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
      .certify(network, multipliers: proof, targetGap: 1e-3)
    let largest = solution.dual.elements.indices.max {
      abs(solution.dual.elements[$0]) < abs(solution.dual.elements[$1])
    }
    let entry = try #require(largest)
    let rows = problem.stackedPatches
    let mass = (0..<rows.rows).reduce(0.0) { sum, r in
      sum + BLAS.norm(Array(rows.row(r))) * BLAS.norm(Array(solution.dual.row(r / 3)))
    }
    return (
      1 - proof.dual[entry] / solution.dual.elements[entry], mass, problem.lambda, certificate
    )
  }

  /// In double precision the margin is a few roundings; in single precision entries are off by up to `2^-23`, and the
  /// dual norm must stay below `lambda` by twice that of the mass.
  @Test func singlePrecisionBytesTakeTheirMargin() throws {
    let rows = EssentialRows(
      Matrix(Self.bytes.flatMap { signal in (0..<3).map { Array(signal[$0..<$0 + 3]) } }))
    #expect(rows.lineCount < 12)
    let double = try proof { $0 / 255 }
    let single = try proof { Double(Float($0) / 255) }
    #expect(double.slack <= 1e-9)
    #expect(single.slack >= 0x1p-22 * single.mass / single.lambda)
    #expect(single.certificate.isEstablished && double.certificate.isEstablished)
    #expect(single.certificate.lowerBound < double.certificate.lowerBound)
  }
}
