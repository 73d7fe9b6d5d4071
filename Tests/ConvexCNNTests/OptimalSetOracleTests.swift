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
      problem, limits: SolveLimits(relativeGap: gap, iterations: 40, seconds: 600))
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

  @Test(arguments: [DigitProfile.all[0], DigitProfile.all[2]])
  func rangesOfPredictionsAreThoseOfTheVertices(profile: DigitProfile) throws {
    let problem = try profile.problem()
    let set = try Self.optimalSet(profile)
    var generator = SeededGenerator(seed: 12)
    let images = generator.normalTensor(shape: [20, 1, 1, 8])
    let range = try set.predictionRange(on: images)
    let fresh = try problem.selecting(
      (0..<20).map { $0 % profile.sampleCount }, images: images)
    let values = try set.vertices().masses.map {
      fresh.predictions(of: try set.network(masses: $0)).elements
    }
    for i in 0..<20 {
      let own = values.map { $0[i] }
      let (low, high) = (own.min() ?? .nan, own.max() ?? .nan)
      let scale = 1 + abs(low) + abs(high)
      #expect(abs(range.lowest[i, 0] - low) <= 1e-5 * scale)
      #expect(abs(range.highest[i, 0] - high) <= 1e-5 * scale)
      #expect(range.isAmbiguous[i] == (low < -1e-6 * scale && high > 1e-6 * scale))
    }
    // On the training data all optima agree.
    let own = try set.predictionRange(on: profile.images)
    #expect(own.widest <= 1e-6)
  }

  @Test func networksThatAreNoOptimaAreRefusedWithTheReason() throws {
    let profile = DigitProfile.all[2]
    let set = try Self.optimalSet(profile)
    let member = try set.network(masses: set.givenMasses)
    func reason(_ network: Network) -> String? {
      guard case .no(let reason) = set.membership(of: network) else { return nil }
      return reason
    }
    #expect(reason(member) == nil)
    var scaled = member
    for e in scaled.outputWeights.elements.indices { scaled.outputWeights.elements[e] *= 1.01 }
    #expect(reason(scaled)?.contains("predictions") == true)
    var turned = member
    turned.filters[0, 0] += 0.1 * member.filterNorms[0]
    #expect(reason(turned)?.contains("directions") == true)
    let other = try Self.optimum(of: DigitProfile.all[6].problem())
    #expect(reason(other)?.contains("architecture") == true)
    // Split and shuffled it is the same.
    #expect(reason(PruningTests.split(member, into: 40, seed: 3)) == nil)
  }

  @Test func vertexesAreJoinedWhereTheWidthAllows() throws {
    let profile = DigitProfile.all[2]
    let set = try Self.optimalSet(profile)
    let vertices = try set.vertices().masses
    try #require(vertices.count > 2)
    let (first, last) = (
      try set.network(masses: vertices[0]), try set.network(masses: vertices[vertices.count - 1])
    )
    // Together they have at most all directions; alone each has only its own.
    let wide = try set.connection(from: first, to: last, width: set.neurons.count)
    guard case .joined(let path) = wide else {
      Issue.record("expected a path, found \(wide)")
      return
    }
    let problem = try profile.problem()
    let optimum = profile.optimum / Double(profile.sampleCount)
    for (a, b) in zip(path, path.dropFirst()) {
      for share in [0.25, 0.5, 0.75] {
        let masses = zip(a, b).map { (1 - share) * $0 + share * $1 }
        let total = problem.objective(of: try set.network(masses: masses)).total
        #expect(abs(total - optimum) <= 2e-8 * optimum)
      }
    }
    // At the width of a vertex no neuron can change: vertices are isolated.
    let width = max(first.neuronCount, last.neuronCount)
    let fewest = vertices.map { x in x.filter { $0 > set.negligible }.count }.min() ?? 0
    if width == fewest {
      #expect(try set.connection(from: first, to: last, width: width) == .separate)
    }
    #expect(try set.connection(from: first, to: first, width: width) != .separate)
    var broken = first
    broken.outputWeights.elements[0] *= 2
    guard case .notOptimal = try set.connection(from: broken, to: last, width: 20) else {
      Issue.record("a network that is no optimum was accepted")
      return
    }
  }
}
