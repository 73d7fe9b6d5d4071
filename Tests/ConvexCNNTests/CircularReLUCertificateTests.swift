import ConvexCNN
import TestSupport
import Testing

/// Certificates of circular networks with one ReLU, and evidence that was tampered with.
struct CircularReLUCertificateTests {
  private static let target = 1e-6

  /// A solved problem; its optimum is within the target of its objective.
  private struct Solved {
    let images: Tensor
    let loss: SquaredLoss
    let lambda: Double
    let network: CircularReLUNetwork
    let evidence: CircularReLUDual
    let objective: Double
    let lowerBound: Double

    func certify(
      _ network: CircularReLUNetwork? = nil, evidence: CircularReLUDual? = nil,
      lambdaFactor: Double = 1
    ) throws -> CircularReLUCertificate {
      try Certifier(images: images, loss: loss, lambda: lambdaFactor * lambda)
        .certify(network ?? self.network, evidence: evidence ?? self.evidence)
    }
  }

  private static func solved(
    _ shape: [Int] = [4, 1, 1, 3], seed: UInt64 = 3, lambda: Double = 0.08
  ) throws -> Solved {
    var random = SeededGenerator(seed: seed)
    let images = random.normalTensor(shape: shape)
    let loss = SquaredLoss(targets: random.normalMatrix(rows: shape[0], columns: 1))
    let program = try CircularReLUProgram(images: images, loss: loss, lambda: lambda)
    let solution = try CircularReLUSolver().solve(
      program, limits: SolveLimits(relativeGap: 0.5 * target, iterations: 200_000, seconds: 600))
    #expect(solution.status == .solved)
    return Solved(
      images: images, loss: loss, lambda: lambda,
      network: CircularReLUNetwork(
        combined: solution.filters, signs: solution.outputSigns, spectrum: program.spectrum),
      evidence: solution.evidence, objective: solution.objective, lowerBound: solution.lowerBound)
  }

  /// `2 sum_{j < d} C(n - 1, j)` cells of samples in general position.
  @Test(arguments: [
    ([4, 1, 1, 3], 14), ([4, 1, 2, 2], 16), ([5, 1, 1, 3], 22), ([3, 1, 3, 2], 8),
  ])
  func optimaAreProven(shape: [Int], cells: Int) throws {
    let solved = try Self.solved(shape)
    let certificate = try solved.certify()
    #expect(certificate.relativeGap <= Self.target)
    #expect(certificate.cellCount == cells)
    #expect(abs(certificate.objective - solved.objective) <= 1e-12 * solved.objective)
    #expect(abs(certificate.lowerBound - solved.lowerBound) <= 1e-9 * solved.lowerBound)
    #expect(certificate.lowerBound < certificate.objective)
  }

  /// Samples that are zero belong to no cell.
  @Test func zeroSamplesAreLeftOut() throws {
    var solved = try Self.solved()
    var images = solved.images
    for p in 0..<3 { images.elements[p] = 0 }
    let program = try CircularReLUProgram(images: images, loss: solved.loss, lambda: solved.lambda)
    let solution = try CircularReLUSolver().solve(
      program,
      limits: SolveLimits(relativeGap: 0.5 * Self.target, iterations: 200_000, seconds: 600)
    )
    solved = Solved(
      images: images, loss: solved.loss, lambda: solved.lambda,
      network: CircularReLUNetwork(
        combined: solution.filters, signs: solution.outputSigns, spectrum: program.spectrum),
      evidence: solution.evidence, objective: solution.objective, lowerBound: solution.lowerBound)
    #expect(try solved.certify().relativeGap <= Self.target)
  }

  /// No evidence proves more than the optimum; what is wrong with it only makes the bound weaker.
  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func tamperedEvidenceProvesLessOrNothing(seed: UInt64) throws {
    let solved = try Self.solved(seed: seed)
    let honest = try solved.certify().lowerBound
    var random = SeededGenerator(seed: seed)
    let count = solved.evidence.multipliers.elements.count
    var versions = [CircularReLUDual](repeating: solved.evidence, count: 8)
    versions[0].multipliers.elements = [Double](repeating: 0, count: count)
    versions[1].multipliers.elements.reverse()
    versions[2].point = (0..<4).map { _ in random.normal() }
    versions[3].point = solved.evidence.point.map { -$0 }
    versions[4].signs.elements = solved.evidence.signs.elements.map { -$0 }
    versions[5].outputSigns = solved.evidence.outputSigns.map { -$0 }
    for e in 0..<count { versions[6].multipliers.elements[e] *= 1 + 0.5 * random.uniform() }
    versions[7].point = solved.evidence.point.map { 1.5 * $0 }
    for (index, version) in versions.enumerated() {
      let bound = try solved.certify(evidence: version).lowerBound
      #expect(bound >= 0)
      #expect(bound <= solved.objective, "version \(index)")
      #expect(bound <= honest * (1 + Self.target), "version \(index)")
    }
    #expect(try solved.certify(evidence: versions[0]).lowerBound < honest * (1 - 1e-3))
  }

  @Test func blocksLeftOutAreStillChecked() throws {
    let solved = try Self.solved()
    let honest = try solved.certify().lowerBound
    let all = solved.evidence
    var isWeaker = false
    for block in 0..<all.signs.rows {
      let kept = (0..<all.signs.rows).filter { $0 != block }
      let partial = CircularReLUDual(
        point: all.point, signs: all.signs.selectingRows(kept),
        outputSigns: kept.map { all.outputSigns[$0] },
        multipliers: all.multipliers.selectingRows(kept))
      let certificate = try solved.certify(evidence: partial)
      #expect(certificate.cellCount == 14)
      #expect(certificate.lowerBound <= honest)
      isWeaker = isWeaker || certificate.lowerBound < honest * (1 - 1e-6)
    }
    #expect(isWeaker)
  }

  /// Dual point and multipliers in other units are the same evidence.
  @Test(arguments: [0.5, 3, 1e-120, 1e120])
  func unitsOfEvidenceDoNotMatter(factor: Double) throws {
    let solved = try Self.solved()
    var scaled = solved.evidence
    for i in scaled.point.indices { scaled.point[i] *= factor }
    for e in scaled.multipliers.elements.indices { scaled.multipliers.elements[e] *= factor }
    let (plain, other) = (try solved.certify(), try solved.certify(evidence: scaled))
    #expect(other.lowerBound <= plain.objective)
    // Scales beyond those that the search for the best multiple covers prove less.
    if 0.1...10 ~= factor {
      #expect(abs(other.lowerBound - plain.lowerBound) <= 1e-6 * plain.lowerBound)
    }
  }

  @Test(arguments: [0.5, 0.9, 1.1, 2])
  func otherStrengthsAreRejected(factor: Double) throws {
    let solved = try Self.solved()
    let certificate = try solved.certify(lambdaFactor: factor)
    #expect(certificate.relativeGap > Self.target)
    let other = try Self.solved(lambda: factor * solved.lambda)
    #expect(certificate.lowerBound <= other.objective)
    #expect(certificate.objective >= other.lowerBound)
  }

  @Test func changedNetworksAreRejected() throws {
    let solved = try Self.solved()
    for e in solved.network.positionWeights.elements.indices {
      var weights = solved.network.positionWeights
      weights.elements[e] += 0.02
      let network = CircularReLUNetwork(
        height: 1, width: 3, filters: solved.network.filters, positionWeights: weights,
        outputWeights: solved.network.outputWeights)
      #expect(try solved.certify(network).relativeGap > Self.target)
    }
  }

  @Test func impossibleEvidenceIsRefused() throws {
    let solved = try Self.solved()
    var negative = solved.evidence
    negative.multipliers.elements[0] = -1e-9
    var infinite = solved.evidence
    infinite.point[0] = .infinity
    var short = solved.evidence
    short.point.removeLast()
    for evidence in [negative, infinite, short] {
      #expect(throws: CertificateError.self) { try solved.certify(evidence: evidence) }
    }
    var filters = solved.network.filters
    for e in filters.elements.indices { filters.elements[e] *= 1.001 }
    let long = CircularReLUNetwork(
      height: 1, width: 3, filters: filters, positionWeights: solved.network.positionWeights,
      outputWeights: solved.network.outputWeights)
    #expect(throws: CertificateError.self) { try solved.certify(long) }
  }
}
