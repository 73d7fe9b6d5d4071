import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Cell generation: known optima, repeatability, limits, and what it refuses.
struct CellGenerationTests {
  private static let limits = SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600)

  @Test(arguments: PlanarFixture.all)
  func optimumOfPlanarProblemsIsReached(fixture: PlanarFixture) throws {
    let problem = try fixture.problem()
    let result = try CellGeneration().solve(problem, limits: Self.limits)
    let optimum = fixture.optimum / Double(fixture.signals.rows)
    #expect(result.status == .converged)
    // The recorded optima carry seven or eight digits.
    #expect(result.objective.total >= optimum * (1 - 2e-7))
    #expect(result.objective.total <= optimum * (1 + 1e-6))
    // Balancing the returned network may round the last digit.
    let total = problem.objective(of: result.network).total
    #expect(abs(total - result.objective.total) <= 1e-14 * total)
    #expect(result.dualNormRatio <= 1.001)
  }

  /// A problem of the mathematics notes.
  ///
  /// Data: numpy 2.4.6, `rng = default_rng(0); x = rng.standard_normal((n, d)); y = rng.standard_normal((n, 1))`.
  /// Optima of the un-normalised objectives: Clarabel and column generation, the mathematics notes, section 8.
  @Test func optimumOverFiltersOfLengthThree() throws {
    let x = Matrix([
      [
        0.1257302210933933, -0.1321048632913019, 0.6404226504432821, 0.10490011715303971,
        -0.535669373161111,
      ],
      [
        0.36159505490948474, 1.3040000451301372, 0.9470809631292422, -0.7037352358069926,
        -1.2654214710460525,
      ],
      [
        -0.6232744625373522, 0.0413259793472436, -2.3250307746388343, -0.21879166393254573,
        -1.2459109472530652,
      ],
      [
        -0.7322673547034516, -0.5442589828573099, -0.31630015636915454, 0.4116305363741328,
        1.0425133694426776,
      ],
      [
        -0.12853466294403426, 1.3664634705496859, -0.6651946734866135, 0.3515100700930197,
        0.9034701816518086,
      ],
    ])
    let y = [
      0.09401229776087457, -0.7434992493538084, -0.9217253762584194, -0.45772582566733916,
      0.2201951234700494,
    ]
    let problem = try problem(x, y, h: 3, pooling: "sum", beta: 0.1)
    let result = try CellGeneration().solve(problem, limits: Self.limits)
    let total = 5 * result.objective.total
    #expect(abs(total - 0.08594865) <= 1e-6 * 0.08594865 + 5e-9)
  }

  @Test func optimumOfMaxPooling() throws {
    let y = [
      0.8414588934539998, 0.12871565747406846, 1.078342440739298, 0.722430872307499,
      0.21057181237528058, 0.28403814525037085,
    ]
    let problem = try problem(
      MergedPatternTests.large, y, h: 2, pooling: "max", beta: 0.2)
    let result = try CellGeneration().solve(problem, limits: Self.limits)
    let total = 6 * result.objective.total
    #expect(abs(total - 0.44386890) <= 1e-6 * 0.44386890)
  }

  private func problem(
    _ x: Matrix, _ y: [Double], h: Int, pooling: String, beta: Double
  ) throws -> TrainingProblem {
    try TrainingProblem(
      images: Tensor(shape: [x.rows, 1, 1, x.columns], elements: x.elements),
      geometry: PatchGeometry(length: x.columns, filterLength: h),
      pooling: Pooling(parsing: pooling), activation: .relu,
      loss: SquaredLoss(targets: Matrix(rows: y.count, columns: 1, elements: y)),
      lambda: beta / Double(y.count))
  }

  private static let quick = CellGeneration(
    settings: CellGeneration.Settings(seed: 5, starts: 24, polishIterations: 60))
  private static let coarse = SolveLimits(relativeGap: 1e-2, iterations: 4)

  private func scaled(_ test: ProblemCase, threads: Int = 1) throws -> TrainingProblem {
    var problem = try test.problem(threads: threads)
    problem.lambda = 0.2 * estimatedLambdaMax(problem)
    return problem
  }

  @Test(arguments: ProblemCase.ungated)
  func seedDecidesTheBitsAndThreadsDoNot(test: ProblemCase) throws {
    let first = try Self.quick.solve(scaled(test), limits: Self.coarse)
    let second = try Self.quick.solve(scaled(test, threads: 2), limits: Self.coarse)
    #expect(first.network == second.network)
    #expect(first.objective == second.objective)
    #expect(first.dualNormRatio == second.dualNormRatio)
    #expect(first.rounds == second.rounds)
    let problem = try scaled(test)
    let empty = try problem.emptyNetwork()
    #expect(first.objective.total < problem.objective(of: empty).total)
  }

  @Test func noTimeLeftReturnsAUsableNetwork() throws {
    let problem = try scaled(ProblemCase.ungated[1])
    let result = try CellGeneration().solve(problem, limits: SolveLimits(seconds: 0))
    #expect(result.status == .timeLimit)
    #expect(problem.objective(of: result.network) == result.objective)
    let stopped = try CellGeneration().solve(problem, limits: SolveLimits(isInterrupted: { true }))
    #expect(stopped.status == .interrupted)
  }

  @Test func roundLimitIsKept() throws {
    let problem = try scaled(ProblemCase.ungated[1])
    let result = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-12, iterations: 2))
    #expect(result.status == .iterationLimit)
    #expect(result.rounds <= 3)
    let small = CellGeneration(settings: CellGeneration.Settings(maximumNeurons: 3))
    let narrow = try small.solve(problem, limits: SolveLimits(relativeGap: 1e-12, iterations: 4))
    #expect(narrow.network.neuronCount <= 3)
  }

  @Test(arguments: PlanarFixture.all)
  func networkIsEmptyAboveLambdaMaxAndNotBelow(fixture: PlanarFixture) throws {
    let original = try fixture.problem()
    let zero = Matrix(rows: original.sampleCount, columns: original.outputCount)
    let exact = try fixture.exactDualNorm(of: original.loss.gradient(at: zero))
    let above = try CellGeneration().solve(
      fixture.problem(lambda: 1.0001 * exact), limits: Self.limits)
    #expect(above.network.neuronCount == 0)
    #expect(above.status == .converged)
    #expect(above.objective.total == original.loss.value(at: zero))
    let below = try CellGeneration().solve(
      fixture.problem(lambda: 0.99 * exact), limits: Self.limits)
    #expect(below.network.neuronCount > 0)
    #expect(below.objective.total < original.loss.value(at: zero))
  }

  @Test(arguments: ProblemCase.ungated, 1...2)
  func objectiveNeverExceedsThatOfTheStart(test: ProblemCase, seed: Int) throws {
    let problem = try scaled(test)
    var generator = SeededGenerator(seed: UInt64(seed))
    let size = seed == 1 ? 0.05 : 1
    func matrix(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        elements: (0..<rows * columns).map { _ in size * generator.normal() })
    }
    let start = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: matrix(5, problem.geometry.patchDimension),
      outputWeights: matrix(5 * problem.windowCount, problem.outputCount))
    let bound = problem.objective(of: start).total
    for limits in [SolveLimits(seconds: 0), SolveLimits(iterations: 1), Self.coarse] {
      let result = try Self.quick.solve(problem, start: start, limits: limits)
      #expect(result.objective.total <= bound * (1 + 1e-15))
    }
  }

  @Test func optimumStartIsKept() throws {
    let fixture = PlanarFixture.all[3]
    let problem = try fixture.problem()
    let first = try CellGeneration().solve(problem, limits: Self.limits)
    let second = try CellGeneration().solve(
      problem, start: first.network, limits: SolveLimits(relativeGap: 1e-6))
    #expect(second.objective.total <= first.objective.total)
    #expect(second.rounds <= 3)
  }

  @Test func averagePoolingIsSumPoolingWithKTimesTheStrength() throws {
    func objective(_ pooling: String, _ factor: Double) throws -> Double {
      let fixture = PlanarFixture.all[3]
      let problem = try TrainingProblem(
        images: Tensor(shape: [6, 1, 1, 6], elements: fixture.signals.elements),
        geometry: PatchGeometry(length: 6, filterLength: 2), pooling: Pooling(parsing: pooling),
        activation: .relu, loss: SquaredLoss(targets: fixture.targets),
        lambda: factor * fixture.beta / 6)
      return try CellGeneration().solve(
        problem, limits: SolveLimits(relativeGap: 1e-10, iterations: 200, seconds: 600)
      ).objective.total
    }
    // Signals of length 6 and filters of length 2 have 5 positions.
    let sum = try objective("sum", 1)
    let average = try objective("average", 0.2)
    #expect(abs(sum - average) <= 1e-9 * sum)
  }

  @Test func observerSeesTheObjectiveFall() throws {
    var rows: [TraceRow] = []
    let result = try Self.quick.solve(scaled(ProblemCase.ungated[0]), limits: Self.coarse) {
      rows.append($0)
    }
    // Joining equal neurons may cost a relative 1e-12.
    #expect(zip(rows, rows.dropFirst()).allSatisfy { $1.objective <= (1 + 1e-12) * $0.objective })
    #expect(rows.last?.objective == result.objective.total)
    let phases = Set(rows.map(\.phase))
    #expect(phases.isSuperset(of: ["pricing", "master", "polish"]))
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func problemsAndStartsThatDoNotFitAreRefused() throws {
    let fixture = PlanarFixture.all[0]
    let free = message { _ = try CellGeneration().solve(fixture.problem(lambda: 0)) }
    #expect(
      free
        == "lambda: expected a positive strength for cell generation, found 0.0. Give a positive --lambda or --lambda-ratio."
    )
    let stranger = try PlanarFixture.all[5].problem().emptyNetwork()
    let foreign = message {
      _ = try CellGeneration().solve(fixture.problem(), start: stranger)
    }
    #expect(
      foreign
        == "starting network: expected the architecture of the problem, found another geometry, pooling, activation, number of outputs or output bias. Start from a network trained with the same model flags."
    )
  }

  /// With one start per round only the last pricing, with four, finds what rounds missed; the search must go on then.
  @Test(arguments: ProblemCase.ungated.prefix(5), [4, 5, 7, 10])
  func convergedMeansTheEstimatedGapIsReached(test: ProblemCase, seed: Int) throws {
    var problem = try test.problem(samples: 8, seed: seed, lambda: 1)
    problem.lambda = 0.3 * estimatedLambdaMax(problem)
    let result = try CellGeneration(settings: .init(starts: 1)).solve(
      problem, limits: SolveLimits(relativeGap: 1e-3))
    let isConsistent = result.status != .converged || result.estimatedGap <= 1e-3
    #expect(isConsistent)
  }

  @Test(arguments: [
    CellGeneration.Settings(starts: 0), .init(starts: -1), .init(filtersPerRound: 0),
    .init(filtersPerRound: -1), .init(polishIterations: -1), .init(maximumNeurons: 0),
  ])
  func settingsThatLeaveNothingToSearchAreRefused(settings: CellGeneration.Settings) throws {
    let problem = try ProblemCase.ungated[0].problem()
    #expect(throws: ProgramError.self) { try CellGeneration(settings: settings).solve(problem) }
  }

  @Test(arguments: [0, -1, Double.nan, .infinity])
  func strengthMustBePositiveAndFinite(lambda: Double) throws {
    var problem = try ProblemCase.ungated[0].problem()
    problem.lambda = lambda
    #expect(throws: ProgramError.self) { try CellGeneration().solve(problem) }
  }
}
