import ConvexCNN
import TestSupport
import Testing

/// Multipliers of facet pairs: written from the relaxation, checked by enumeration without its solver.
struct FacetPairTests {
  /// Problems of three entries over all cells, one output and two.
  static let fixtures = Array(
    CertifiedOptimum.all.filter { $0.h == 3 && $0.cellCount <= 212 && !$0.hasOutputBias }.prefix(3))

  private struct Proven {
    let problem: TrainingProblem
    let network: Network
    let proof: MultiplierCertificate
    let certifier: Certifier

    init(_ fixture: CertifiedOptimum) throws {
      problem = try fixture.problem()
      network = try CellGeneration(oracle: SweepOrSearch()).solve(
        problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600)
      ).network
      let program = try CopositiveProgram(problem: problem)
      let solution = try CopositiveSolver().solve(
        program, network: network, limits: SolveLimits(relativeGap: 1e-6, iterations: 4000))
      certifier = Certifier(
        images: fixture.images, loss: problem.loss, lambda: problem.lambda)
      proof = try MultiplierCertificate.of(solution, program, network, images: fixture.images)
    }

    func refuses(_ change: (inout MultiplierCertificate) -> Void) -> Bool {
      var changed = proof
      change(&changed)
      do {
        _ = try certifier.certify(network, multipliers: changed, targetGap: 1e-4)
        return false
      } catch {
        return true
      }
    }
  }

  @Test(arguments: fixtures)
  func proofIsAcceptedAndEveryChangeRefused(fixture: CertifiedOptimum) throws {
    let proven = try Proven(fixture)
    let proof = proven.proof
    let certificate = try proven.certifier.certify(
      proven.network, multipliers: proof, targetGap: 1e-4)
    #expect(certificate.isEstablished)
    #expect(certificate.bound == .multipliers)
    #expect(certificate.lowerBound <= fixture.upperBound)
    #expect(certificate.lowerBound >= fixture.lowerBound * (1 - 1e-5))
    // Cells in another order, and cells twice, prove the same.
    #expect(!proven.refuses { $0.cells.reverse() })
    #expect(!proven.refuses { $0.cells += $0.cells })
    for index in stride(from: 0, to: proof.cells.count, by: 17) {
      #expect(proven.refuses { $0.cells.remove(at: index) })
      #expect(proven.refuses { $0.cells[index].facets[0].sign *= -1 })
      #expect(proven.refuses { $0.cells[index].facets[0].row = 1_000_000 })
    }
    #expect(proven.refuses { $0.cells = [] })
    // Multipliers matter where cells have some; without any, or with negative ones, nothing is proven.
    #expect(proof.cells.contains { !$0.multipliers.isEmpty })
    #expect(
      proven.refuses { changed in
        for b in changed.cells.indices { changed.cells[b].multipliers = [] }
      })
    let named = try #require(proof.cells.indices.first { !proof.cells[$0].multipliers.isEmpty })
    for value in [-1.0, .nan, .infinity, 1e9] {
      #expect(proven.refuses { $0.cells[named].multipliers[0].value = value })
    }
    #expect(proven.refuses { $0.cells[named].multipliers[0].second = 99 })
    // Another dual point, strength or shape.
    #expect(
      proven.refuses { changed in
        for e in changed.dual.indices { changed.dual[e] *= 1.001 }
      })
    #expect(proven.refuses { $0.lambda *= 1.001 })
    #expect(proven.refuses { $0.lowerBound *= 1.001 })
    #expect(proven.refuses { $0.patchDimension = 2 })
  }

  @Test func otherDataAndStrengthAreRefused() throws {
    let fixture = Self.fixtures[0]
    let proven = try Proven(fixture)
    var images = fixture.images
    images.elements[0] += 1e-3
    let other = Certifier(images: images, loss: proven.problem.loss, lambda: proven.problem.lambda)
    #expect(throws: CertificateError.self) {
      try other.certify(proven.network, multipliers: proven.proof, targetGap: 1e-4)
    }
    let weaker = Certifier(
      images: fixture.images, loss: proven.problem.loss, lambda: 0.99 * proven.problem.lambda)
    #expect(throws: CertificateError.self) {
      try weaker.certify(proven.network, multipliers: proven.proof, targetGap: 1e-4)
    }
    var lambda = proven.proof
    lambda.lambda = 0.99 * proven.problem.lambda
    #expect(throws: CertificateError.self) {
      try weaker.certify(proven.network, multipliers: lambda, targetGap: 1e-4)
    }
  }
}
