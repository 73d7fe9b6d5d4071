import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The literal sentences of certificates.
struct ClaimTests {
  /// One signal of one patch, one output: `min (1/2) (w (u x)_+ - y)^2 + lambda |u| |w|` has the optimum
  /// `lambda y / |x| - (lambda / |x|)^2 / 2` when `lambda < y |x|`; here `x = 2`, `y = 3`.
  private func certificate(
    _ activation: Activation, output: Double, lambda: Double = 1, target: Double,
    effort: BoundEffort = BoundEffort()
  ) throws -> Certificate {
    let network = try Network(
      geometry: PatchGeometry(length: 1, filterLength: 1), pooling: Pooling(.sum),
      activation: activation, filters: Matrix([[1]]),
      gates: activation == .gated ? Matrix([[1]]) : nil, outputWeights: Matrix([[output / 2]]))
    let certifier = Certifier(
      images: Tensor(shape: [1, 1, 1, 1], elements: [2]), loss: SquaredLoss(targets: Matrix([[3]])),
      lambda: lambda, threads: 1)
    let gates = activation == .gated ? Matrix([[1], [-1]]) : nil
    return try certifier.certify(network, gates: gates, targetGap: target, effort: effort)
  }

  @Test(arguments: [Activation.relu, .gated, .linear])
  func closedFormOptimumIsEstablished(activation: Activation) throws {
    // Soft threshold: f = y - lambda / |x| = 2.5, value 1.375.
    let optimal = try certificate(activation, output: 2.5, target: 1e-6)
    #expect(optimal.isEstablished)
    #expect(abs(optimal.objective - 1.375) < 1e-14)
    #expect(optimal.lowerBound <= 1.375)
    #expect(optimal.lowerBound > 1.375 * (1 - 1e-5))
  }

  @Test func boundOfAnotherNetworkHoldsToo() throws {
    // The optimal network's bound without search is 9e-10 below the optimum 1.375; a network far from it, searched,
    // proves 2e-12, since one sample has one dual direction.
    let optimal = try certificate(.relu, output: 2.5, target: 1e-10, effort: .withoutSearch)
    let other = try certificate(
      .relu, output: 0.5, target: 1e-3, effort: BoundEffort(method: .branch, nodeLimit: 1000))
    #expect(other.objective == 3.375)
    #expect(!optimal.isEstablished)
    #expect(optimal.lowerBound < other.lowerBound)
    #expect(other.lowerBound <= 1.375)
    let shared = optimal.sharingBound(of: other)
    #expect(shared.isEstablished)
    #expect(shared.lowerBound == other.lowerBound)
    #expect(shared.bound == .branch)
    #expect(shared.objective == optimal.objective)
    #expect(shared.dualNormUpperBound == optimal.dualNormUpperBound)
    // The weaker bound changes nothing, and no bound makes a network optimal that is not.
    #expect(other.sharingBound(of: optimal) == other)
    #expect(!other.sharingBound(of: shared).isEstablished)
  }

  @Test func gatedClaimNamesTheCellsGiven() throws {
    // Output 2: loss 1/2, penalty 1, G = -1; s = 1/2, lower bound s <R, Y> - s^2 R^2 / 2 = 3/2 - 1/8 = 1.375.
    let missed = try certificate(.gated, output: 2, target: 1e-3)
    #expect(
      missed.claim
        == "Proven: within 8.4e-02 (relative) of the best gated network over the 2 cells given, "
        + "any width. The target 1.0e-03 was not reached. Other cells and ReLU networks are not "
        + "covered.")
    let reached = try certificate(.gated, output: 2, target: 0.1)
    #expect(
      reached.claim
        == "Proven: within 8.4e-02 (relative) of the best gated network over the 2 cells given, "
        + "any width. Other cells and ReLU networks are not covered.")
  }

  @Test func linearClaimNamesAllCells() throws {
    let reached = try certificate(.linear, output: 2, target: 0.1)
    #expect(
      reached.claim
        == "Proven: within 8.4e-02 (relative) of the best linear network over all cells, any width."
    )
  }

  @Test func reluClaimNamesTheBoundAndWhatIsNotProven() throws {
    let missed = try certificate(.relu, output: 2, target: 1e-3)
    #expect(
      missed.claim
        == "Proven over all cells: the objective is at most 1.09091 times the global optimum "
        + "(lower bound 1.37, exact). Global optimality is not proven.")
    let reached = try certificate(.relu, output: 2, target: 0.1)
    #expect(
      reached.claim
        == "Proven over all cells: within 8.4e-02 (relative) of the global optimum, any width "
        + "(lower bound 1.37, exact).")
  }

  @Test func descriptionsOfScopesAreThoseOfTheResultFile() {
    #expect(Certificate.Scope.allCells.description == "all cells")
    #expect(Certificate.Scope.givenCells(64).description == "the 64 cells given")
    #expect(
      Certificate.BoundKind.allCases.map(\.rawValue)
        == ["exact", "branch", "sdp", "spectral", "multipliers", "none"])
  }

  /// Five digits of a factor would say 1e-5 where 1e-9 is proven.
  @Test func aSmallGapAboveTheTargetKeepsItsDigits() throws {
    let optimal = try certificate(.relu, output: 2.5, target: 1e-10, effort: .withoutSearch)
    #expect(!optimal.isEstablished)
    #expect(optimal.relativeGap < 1e-8)
    let claim = optimal.claim
    #expect(claim.hasPrefix("Proven over all cells: within "))
    let gap = try #require(claim.split(separator: " ").compactMap { Double($0) }.first)
    #expect(gap >= optimal.relativeGap && gap <= 1.1 * optimal.relativeGap)
    #expect(claim.contains(" (relative) of the global optimum (lower bound 1.37"))
    let ending = "The target 1.0e-10 was not reached. Global optimality to that gap is not proven."
    #expect(claim.hasSuffix(ending))
  }
}
