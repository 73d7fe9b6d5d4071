import ConvexCNN
import TestSupport
import Testing

/// Optimal sets against those of an independent program that looks into every cell.
struct OptimalSetOracleTests {
  /// The certified optimum of a problem, to about `1e-11`.
  static func optimum(
    of problem: TrainingProblem, gap: Double = 1e-11
  ) throws -> Network {
    let run = try CellGeneration(oracle: SweepOrSearch()).solve(
      problem, limits: SolveLimits(relativeGap: gap, iterations: 40, seconds: 10))
    return run.network
  }

  static func optimalSet(_ profile: DigitProfile) throws -> OptimalSet {
    let problem = try profile.problem()
    let network = try optimum(of: problem)
    return try Certifier(images: profile.images, loss: problem.loss, lambda: problem.lambda)
      .optimalSet(of: network)
  }

  @Test(arguments: DigitProfile.all)
  func directionsRankAndRangesAgree(profile: DigitProfile) throws {
    let set = try Self.optimalSet(profile)
    #expect(set.coverage != .incomplete)
    #expect(set.flatCount == 0)
    #expect(set.neurons.count == profile.neuronCount)
    #expect(set.rank == profile.rank)
    #expect(abs(set.totalMass - profile.totalMass) <= 1e-6 * profile.totalMass)
    let shares = set.ranges.map { ($0.lowerBound / set.totalMass, $0.upperBound / set.totalMass) }
      .sorted { ($0.1, $0.0) < ($1.1, $1.0) }
    for (own, known) in zip(shares, profile.shares) {
      #expect(abs(own.0 - known.0) <= 1e-4, "\(shares) \(profile.shares)")
      #expect(abs(own.1 - known.1) <= 1e-4)
    }
    #expect(set.isUnique == (profile.neuronCount == profile.rank))
  }

  @Test(arguments: DigitProfile.all)
  func everyMemberIsOptimal(profile: DigitProfile) throws {
    let problem = try profile.problem()
    let set = try Self.optimalSet(profile)
    let optimum = profile.optimum / Double(profile.sampleCount)
    let (vertices, isComplete) = try set.vertices()
    #expect(isComplete)
    var members = vertices
    members += try set.sample(5, seed: 3)
    members.append(try set.leastNormMasses())
    members.append(try set.sparsestMasses().masses)
    for masses in members {
      let network = try set.network(masses: masses)
      let total = problem.objective(of: network).total
      #expect(abs(total - optimum) <= 2e-8 * optimum)
      guard case .yes(let found) = set.membership(of: network) else {
        Issue.record("a member is not recognized: \(set.membership(of: network))")
        continue
      }
      for (x, y) in zip(found, masses) { #expect(abs(x - y) <= 1e-7 * set.totalMass) }
    }
  }
}
