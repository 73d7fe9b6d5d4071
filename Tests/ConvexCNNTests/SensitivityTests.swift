import ConvexCNN
import TestSupport
import Testing

/// Derivatives of optimal networks against an independent program and against networks trained anew.
struct SensitivityTests {
  /// Profiles whose optimal network is unique.
  static let unique = DigitProfile.all.filter { $0.neuronCount == $0.rank }

  private func sensitivity(
    of problem: TrainingProblem, images: Tensor
  ) throws -> (Sensitivity, Network) {
    let certifier = Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
    let network = try certifier.prune(
      try OptimalSetOracleTests.optimum(of: problem), tolerance: 1e-10
    ).network
    let set = try certifier.optimalSet(of: network)
    return (try certifier.sensitivity(of: network, set: set), network)
  }

  private func predictions(_ problem: TrainingProblem) throws -> [Double] {
    problem.predictions(of: try OptimalSetOracleTests.optimum(of: problem)).elements
  }

  /// Length of a difference, relative to the second vector.
  private func error(_ x: [Double], _ y: [Double]) -> Double {
    BLAS.norm(zip(x, y).map { $0 - $1 }) / BLAS.norm(y)
  }

  @Test(arguments: unique)
  func degreesOfFreedomAndSlopeAgreeWithTheConvexProgram(profile: DigitProfile) throws {
    let (sensitivity, _) = try sensitivity(of: profile.problem(), images: profile.images)
    #expect(sensitivity.isDifferentiable, "\(sensitivity.obstacles)")
    #expect(abs(sensitivity.degreesOfFreedom - profile.degreesOfFreedom) <= 1e-5)
    // By beta = n lambda the slope is the n-th part.
    let slope = BLAS.norm(sensitivity.predictionSlopes.elements) / Double(profile.sampleCount)
    #expect(abs(slope - profile.fitSlopeNorm) <= 1e-4 * profile.fitSlopeNorm)
    let mass = profile.totalMass
    #expect(abs(sensitivity.objectiveSlope - mass) <= 1e-6 * mass)
  }

  @Test(arguments: unique)
  func slopesInLambdaAreThoseOfNetworksTrainedAnew(profile: DigitProfile) throws {
    let problem = try profile.problem()
    let (sensitivity, _) = try sensitivity(of: problem, images: profile.images)
    let step = 1e-4 * profile.beta
    let ends = try [1.0, -1].map { try profile.problem(beta: profile.beta + $0 * step) }
    let networks = try ends.map { try OptimalSetOracleTests.optimum(of: $0) }
    let width = 2 * step / Double(profile.sampleCount)
    func slope(_ values: [Double]) -> Double { (values[0] - values[1]) / width }
    let fits = zip(ends, networks).map { $0.predictions(of: $1).elements }
    let numeric = zip(fits[0], fits[1]).map { ($0 - $1) / width }
    #expect(error(sensitivity.predictionSlopes.elements, numeric) <= 1e-3)
    let objectives = zip(ends, networks).map { $0.objective(of: $1) }
    let value = slope(objectives.map(\.total))
    #expect(abs(sensitivity.objectiveSlope - value) <= 1e-5 * value)
    let loss = slope(objectives.map(\.loss))
    #expect(abs(sensitivity.lossSlope - loss) <= 1e-2 * loss)
    let mass = slope(networks.map(\.regularization))
    #expect(abs(sensitivity.massSlope - mass) <= 1e-2 * abs(mass))
    // The objective is concave in lambda: the mass falls.
    #expect(sensitivity.massSlope < 0)
  }

  @Test(arguments: unique)
  func slopesInTheTargetsAreThoseOfNetworksTrainedAnew(profile: DigitProfile) throws {
    let (sensitivity, _) = try sensitivity(of: profile.problem(), images: profile.images)
    var generator = SeededGenerator(seed: 5)
    let direction = generator.normalMatrix(rows: profile.sampleCount, columns: 1)
    let step = 1e-4
    let fits = try [step, -step].map { step in
      try predictions(
        profile.problem(
          targets: zip(profile.labels, direction.elements).map { Double($0) + step * $1 }))
    }
    let numeric = zip(fits[0], fits[1]).map { ($0 - $1) / (2 * step) }
    let derivative = try #require(sensitivity.derivative(targets: direction))
    #expect(error(derivative.predictions.elements, numeric) <= 2e-3)
  }

  @Test func aNetworkWithADuplicateIsNotDifferentiable() throws {
    let profile = DigitProfile.all[1]
    let problem = try profile.problem()
    let network = try OptimalSetOracleTests.optimum(of: problem)
    let twice = network.selecting(neurons: Array(0..<network.neuronCount) + [0])
    var halved = twice
    for j in [0, twice.neuronCount - 1] {
      for e in 0..<halved.filters.columns { halved.filters[j, e] *= 0.5.squareRoot() }
      halved.outputWeights[j, 0] *= 0.5.squareRoot()
    }
    let certifier = Certifier(images: profile.images, loss: problem.loss, lambda: problem.lambda)
    let sensitivity = try certifier.sensitivity(of: halved)
    #expect(sensitivity.obstacles.contains { $0.contains("prune first") })
    #expect(sensitivity.obstacles.contains { $0.contains("not looked at") })
  }

  @Test func idleFiltersOfLargestCorrelationAreAnObstacle() throws {
    // The third problem has 20 directions of rank 12: some idle ones may enter.
    let profile = DigitProfile.all[2]
    let (sensitivity, _) = try sensitivity(of: profile.problem(), images: profile.images)
    #expect(sensitivity.obstacles.contains { $0.contains("may enter") })
  }

  @Test func maxPoolingIsRefused() throws {
    let problem = try ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2).problem()
    let run = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-3, iterations: 20, seconds: 600))
    let images = try ProblemCase(.signal, "max:1x3", .relu, .squared, outputs: 2)
      .images(samples: 12)
    #expect(throws: CertificateError.self) {
      try Certifier(images: images, loss: problem.loss, lambda: problem.lambda)
        .sensitivity(of: run.network)
    }
  }

  /// Windows, several outputs, losses and the output bias; ReLU on signals with filters of two entries.
  static let cases: [(pooling: String, loss: ProblemCase.LossKind, outputs: Int, bias: Bool)] = [
    ("sum", .squared, 2, false), ("average:1x2", .softmax, 3, false), ("none", .logistic, 1, false),
    ("average:1x2", .softmax, 3, true), ("sum", .logistic, 1, true), ("sum", .squared, 2, true),
  ]

  private func problem(
    _ index: Int, lambda: Double, count n: Int = 24, without sample: Int? = nil
  ) throws -> (TrainingProblem, Tensor) {
    let choice = Self.cases[index]
    var generator = SeededGenerator(seed: UInt64(60 + index))
    let images = generator.normalTensor(shape: [n, 1, 1, 5])
    let kept = (0..<n).filter { $0 != sample }
    let loss = ProblemCase.loss(choice.loss, samples: n, outputs: choice.outputs, seed: index)
    let factor = Double(n) / Double(kept.count)
    let problem = try TrainingProblem(
      images: images.selecting(kept), geometry: PatchGeometry(length: 5, filterLength: 2),
      pooling: Pooling(parsing: choice.pooling), activation: .relu, loss: loss.selecting(kept),
      lambda: lambda * factor, hasOutputBias: choice.bias)
    return (problem, images)
  }

  @Test(arguments: 0..<6)
  func slopesOfOtherArchitecturesAreThoseOfNetworksTrainedAnew(index: Int) throws {
    // The last one has opposite filters that can replace each other where lambda is small.
    let lambda = index == 5 ? 0.15 : 0.04
    let (problem, images) = try problem(index, lambda: lambda)
    let (sensitivity, _) = try sensitivity(of: problem, images: images)
    try #require(sensitivity.isDifferentiable, "\(sensitivity.obstacles)")
    let step = 1e-4 * lambda
    let fits = try [step, -step].map { try predictions(self.problem(index, lambda: lambda + $0).0) }
    let numeric = zip(fits[0], fits[1]).map { ($0 - $1) / (2 * step) }
    #expect(error(sensitivity.predictionSlopes.elements, numeric) <= 2e-3)
    // The change by lambda is that of weighting all samples less, but for the scale.
    let weights = [Double](repeating: -1 / lambda, count: problem.sampleCount)
    let weighted = sensitivity.derivative(weights: weights)
    #expect(error(weighted.predictions.elements, sensitivity.predictionSlopes.elements) <= 1e-6)
  }

  @Test(arguments: [0, 2])
  func leavingASampleOutIsEstimated(index: Int) throws {
    let lambda = 0.04
    let (problem, images) = try problem(index, lambda: lambda, count: 80)
    let (sensitivity, network) = try sensitivity(of: problem, images: images)
    let before = problem.predictions(of: network)
    let order = sensitivity.leverages.indices.sorted {
      sensitivity.leverages[$0] < sensitivity.leverages[$1]
    }
    // The estimate is of first order: where a neuron comes or goes without the sample, it is off.
    let shares = try (1...3).map { k -> Double in
      let i = order[k * order.count / 4]
      let refitted = try OptimalSetOracleTests.optimum(
        of: self.problem(index, lambda: lambda, count: 80, without: i).0, gap: 1e-9)
      let after = Array(problem.predictions(of: refitted).row(i))
      let estimate = Array(sensitivity.leaveOneOutPredictions.row(i))
      let change = BLAS.norm(zip(after, before.row(i)).map { $0 - $1 })
      return BLAS.norm(zip(after, estimate).map { $0 - $1 }) / change
    }
    #expect(shares.sorted()[1] <= 0.25, "\(shares)")
  }
}
