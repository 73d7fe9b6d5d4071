import ConvexCNN
import TestSupport
import Testing

/// Files whose header and lower bound are right, so that cells and multipliers alone are judged.
struct FacetPairForgeryTests {
  /// One problem for each loss, filters of three entries and of four.
  static let fixtures: [CertifiedOptimum] = {
    let wanted = ["scalar, h 4", "logistic, h 3", "softmax, h 3", "two outputs, h 3"]
    return wanted.compactMap { name in
      var fixture = (CertifiedOptimum.all + CertifiedOptimum.withOutputBias).first {
        $0.name == name
      }
      fixture?.hasOutputBias = false
      return fixture
    }
  }()

  private struct Proven {
    let problem: TrainingProblem
    let network: Network
    let relaxed: Double
    let proof: MultiplierCertificate
    let certifier: Certifier

    init(_ fixture: CertifiedOptimum, images: Tensor? = nil) throws {
      let known = try fixture.problem()
      let images = images ?? fixture.images
      problem = try TrainingProblem(
        images: images, geometry: known.geometry, pooling: known.pooling, activation: .relu,
        loss: known.loss, lambda: known.lambda, threads: 1)
      network = try CellGeneration(oracle: SweepOrSearch()).solve(
        problem, limits: SolveLimits(relativeGap: 1e-6, iterations: 200, seconds: 600)
      ).network
      let program = try CopositiveProgram(problem: problem)
      let solution = try CopositiveSolver().solve(
        program, network: network, limits: SolveLimits(relativeGap: 1e-6, iterations: 2000))
      relaxed = solution.lowerBound
      certifier = Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
      proof = try MultiplierCertificate.of(solution, program, network, images: images)
    }

    /// The place of the refusal, nil when the changed file is accepted.
    func refusal(_ change: (inout MultiplierCertificate) -> Void) -> String? {
      var changed = proof
      change(&changed)
      let dual = Matrix(
        rows: problem.sampleCount, columns: problem.outputCount, elements: changed.dual)
      changed.lowerBound = max(0, -problem.loss.conjugate(at: dual))
      do {
        _ = try certifier.certify(network, multipliers: changed, targetGap: 1e-4)
        return nil
      } catch { return (error as? CertificateError)?.place ?? "\(error)" }
    }

    /// Largest `|Phi(u)' dual| / |u|` over random filters and the network's own, from the definition.
    func sampledNorm(_ dual: [Double]) -> Double {
      var generator = SeededGenerator(seed: 9)
      let h = problem.geometry.patchDimension
      var filters = (0..<network.neuronCount).map { Array(network.filters.row($0)) }
      filters += (0..<4000).map { _ in (0..<h).map { _ in generator.normal() } }
      let patches = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
      let c = problem.outputCount
      return filters.reduce(0) { most, u in
        var sums = [Double](repeating: 0, count: c)
        for (i, rows) in patches.enumerated() {
          for k in 0..<rows.rows {
            let value = (0..<h).reduce(0) { $0 + rows[k, $1] * u[$1] }
            for j in 0..<c { sums[j] += max(0, value) * dual[i * c + j] }
          }
        }
        let length = u.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return max(most, sums.reduce(0) { $0 + $1 * $1 }.squareRoot() / length)
      }
    }
  }

  /// One test, because the proofs take most of the time.
  @Test(arguments: fixtures)
  func onlyTheProofItselfIsJudged(fixture: CertifiedOptimum) throws {
    let proven = try Proven(fixture)
    checkDualPoint(proven)
    checkCells(proven, count: fixture.cellCount)
    try checkOtherData(fixture, proven.proof)
  }

  private func checkDualPoint(_ proven: Proven) {
    let proof = proven.proof
    #expect(proven.refusal { _ in } == nil)
    // Making the file costs next to nothing of the solver's bound.
    #expect(proof.lowerBound <= proven.relaxed)
    #expect(proof.lowerBound >= proven.relaxed * (1 - 1e-10))
    // The dual point is feasible by the definition, and so close to the limit that no larger one is.
    let norm = proven.sampledNorm(proof.dual) / proven.problem.lambda
    #expect(norm <= 1)
    #expect(norm >= 1 - 1e-6)
    for factor in [1.001, 1.00001] {
      let place = proven.refusal { changed in
        for e in changed.dual.indices { changed.dual[e] *= factor }
      }
      #expect(place?.contains("pattern") ?? false, "\(factor): \(place ?? "accepted")")
    }
    // A cell without facets speaks about all patterns, and proves only those that need no multipliers.
    let vacuous = MultiplierCertificate.Cell(facets: [], multipliers: [])
    #expect(proven.refusal { $0.cells = [vacuous] }?.contains("pattern") ?? false)
    #expect(proven.refusal { $0.cells.insert(vacuous, at: 0) } == nil)
  }

  private func checkCells(_ proven: Proven, count: Int) {
    let proof = proven.proof
    #expect(proof.cells.count == count)
    var halved = 0
    for b in stride(from: 0, to: proof.cells.count, by: 3) {
      #expect(proven.refusal { $0.cells.remove(at: b) }?.contains("pattern") ?? false)
      #expect(proven.refusal { $0.cells[b].facets[0].sign *= -1 }?.contains("pattern") ?? false)
      guard !proof.cells[b].multipliers.isEmpty else { continue }
      #expect(
        proven.refusal { $0.cells[b].multipliers[0].value *= -1 }?.contains("cell \(b)") ?? false)
      let place = proven.refusal { changed in
        for m in changed.cells[b].multipliers.indices {
          changed.cells[b].multipliers[m].value *= 0.5
        }
      }
      if let place {
        #expect(place.contains("pattern"))
        halved += 1
      }
    }
    // Where the bound is far from tight, half of the multipliers still prove it; elsewhere they do not.
    #expect(halved > 0)
  }

  private func checkOtherData(_ fixture: CertifiedOptimum, _ proof: MultiplierCertificate) throws {
    var images = fixture.images
    for e in images.elements.indices { images.elements[e] *= e % 2 == 0 ? 1.05 : 0.97 }
    let other = try Proven(fixture, images: images)
    // By the definition the dual point is not feasible there.
    #expect(other.sampledNorm(proof.dual) > 1.01 * other.problem.lambda)
    let place = other.refusal { changed in
      let fingerprint = changed.fingerprint
      changed = proof
      changed.fingerprint = fingerprint
    }
    #expect(place?.contains("pattern") ?? false, "\(place ?? "accepted")")
  }
}
