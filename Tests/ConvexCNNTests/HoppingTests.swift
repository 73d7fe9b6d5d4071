import ConvexCNN
import ConvexPrograms
import Solvers
import Tensors
import Testing

/// Pricing that hops on from the maxima it found, on threes and eights.
@Suite struct HoppingTests {
  /// A problem of 60 digits, and the gradient at a network a few rounds from nothing.
  static func priced() throws -> (problem: TrainingProblem, network: Network, dual: Matrix) {
    let (train, _) = try BundledDataset.digits.load()
    guard case .classes(let classes, _) = train.labels else { throw NoDigits() }
    let samples = Array(classes.indices.filter { classes[$0] == 3 || classes[$0] == 8 }.prefix(60))
    let problem = try TrainingProblem(
      images: train.images.selecting(samples),
      geometry: PatchGeometry(
        imageHeight: 8, imageWidth: 8, filterHeight: 3, filterWidth: 3),
      pooling: Pooling(parsing: "sum"), activation: .relu,
      loss: SquaredLoss(
        targets: Matrix(
          rows: samples.count, columns: 1, elements: samples.map { classes[$0] == 3 ? -1 : 1 })),
      lambda: 1e-2)
    let network = try CellGeneration(settings: .init(starts: 16)).solve(
      problem, limits: SolveLimits(relativeGap: 1e-4, iterations: 6, seconds: 600)
    ).network
    return (problem, network, problem.loss.gradient(at: problem.predictions(of: network)))
  }

  struct NoDigits: Error {}

  /// With the same 16 directions, hops find filters that ascent misses near an optimum, and lose none.
  @Test func hopsFindLargerNorms() throws {
    let (problem, network, dual) = try Self.priced()
    var gains: [Double] = []
    for seed in 1...4 as ClosedRange<UInt64> {
      let plain = DualNormAscent(starts: 16, seed: seed)
        .maximizers(of: problem, dual: dual, known: network.filters)
      let hopped = DualNormAscent(starts: 16, hopsBelow: .infinity, seed: seed)
        .maximizers(of: problem, dual: dual, known: network.filters)
      let (first, second) = (try #require(plain.norms.first), try #require(hopped.norms.first))
      gains.append(second / first - 1)
      // Norms belong to the unit filters, in falling order.
      let exact = problem.dualNorms(of: hopped.filters, dual: dual).norms
      for (norm, other) in zip(hopped.norms, exact) { #expect(abs(norm - other) <= 1e-13 * norm) }
      #expect(zip(hopped.norms, hopped.norms.dropFirst()).allSatisfy { $0 >= $1 })
    }
    #expect(gains.allSatisfy { $0 >= 0 })
    #expect(gains.filter { $0 > 1e-3 }.count >= 2)
  }

  /// A norm above the one that is asked for ends the search as without hops.
  @Test func clearViolationsNeedNoHops() throws {
    let (problem, _, dual) = try Self.priced()
    let plain = DualNormAscent(starts: 16, seed: 1).maximizers(of: problem, dual: dual)
    let largest = try #require(plain.norms.first)
    let content = DualNormAscent(starts: 16, hopsBelow: largest, seed: 1)
      .maximizers(of: problem, dual: dual)
    #expect(content.filters == plain.filters && content.norms == plain.norms)
  }
}
