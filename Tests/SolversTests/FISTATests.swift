import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// The accelerated proximal gradient method: what it claims is true at the point it returns.
struct FISTATests {
  private func program(
    _ test: ProblemCase, ratio: Double = 0.1, threads: Int = 1
  ) throws -> GatedProgram {
    var generator = SeededGenerator(seed: 3)
    var problem = try test.problem(threads: threads)
    let gates = generator.normalMatrix(rows: 5, columns: problem.geometry.patchDimension)
    let own = test.activation == .gated ? gates : nil
    problem.lambda = ratio * (try GatedProgram(problem: problem, gates: own)).composite.lambdaMax
    return try GatedProgram(problem: problem, gates: own)
  }

  @Test func momentumSatisfiesTheInequalityOfTheProof() {
    var t = 1.0
    for _ in 0..<10_000 {
      let next = FISTA.nextMomentum(t)
      #expect(next * next - next <= t * t * (1 + 1e-15))
      #expect(next >= t + 0.5)
      t = next
    }
  }

  /// Objective and dual bound from loops over the definition and full decompositions.
  @Test(arguments: ProblemCase.programs)
  func gapHoldsAtThePointReturned(test: ProblemCase) throws {
    let program = try program(test)
    let problem = program.problem
    let limits = SolveLimits(relativeGap: 1e-6)
    let solution = FISTA().solve(program.composite, limits: limits)
    #expect(solution.status == .solved)
    #expect(solution.relativeGap <= 1e-6)
    let network = try program.network(from: solution.point)
    let objective = problem.objective(of: network).total
    #expect(abs(objective - solution.objective) <= 1e-12 * objective)

    let features = FeatureTwin(
      images: try test.images(samples: 12), geometry: problem.geometry, pooling: problem.pooling
    ).gatedFeatures(of: program.gates)
    let gradient = problem.loss.gradient(at: problem.predictions(of: network))
    let correlation = BLAS.product(features, .transposed, gradient, .plain)
    let blocks = BlockNuclearNorm(
      blockCount: program.gates?.rows ?? 1, patchDimension: problem.geometry.patchDimension,
      windowCount: problem.windowCount)
    var dualNorm = 0.0
    for b in 0..<blocks.blockCount {
      let values = try LAPACK.singularValues(blocks.block(b, of: correlation)).values
      dualNorm = max(dualNorm, values[0])
    }
    let end = min(problem.lambda / dualNorm, problem.loss.largestDualScale(gradient: gradient))
    let best = (0...20_000).map { step in
      var dual = gradient
      for e in dual.elements.indices { dual.elements[e] *= end * Double(step) / 20_000 }
      return -problem.loss.conjugate(at: dual)
    }.max()
    let bound = try #require(best)
    #expect(abs(solution.lowerBound - bound) <= 1e-7 * objective)
    #expect(objective - bound <= 1.2e-6 * objective)
  }

  @Test(arguments: [Activation.gated, .linear], 1...4)
  func plantedOptimumIsFound(activation: Activation, seed: Int) throws {
    let planted = try PlantedProblem(
      activation: activation, gateCount: 5, outputs: 1 + seed % 2, seed: UInt64(seed))
    let problem = try TrainingProblem(
      images: ObjectiveTwin(signals: planted.signals).images, geometry: planted.network.geometry,
      pooling: planted.network.pooling, activation: activation,
      loss: SquaredLoss(targets: planted.targets), lambda: planted.lambda)
    let program = try GatedProgram(problem: problem, gates: planted.gates)
    let solution = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-10))
    let optimum = problem.objective(of: planted.network).total
    #expect(solution.status == .solved)
    #expect(abs(solution.objective - optimum) <= 1e-9 * optimum)
    let start = try program.point(from: planted.network)
    let warm = FISTA().solve(
      program.composite, from: start, limits: SolveLimits(relativeGap: 1e-10))
    #expect(warm.iterations == 0)
    #expect(warm.status == .solved)
  }

  @Test(arguments: ProblemCase.programs)
  func warmStartFromASolutionStopsAtOnce(test: ProblemCase) throws {
    let program = try program(test).composite
    let limits = SolveLimits(relativeGap: 1e-9)
    let first = FISTA().solve(program, limits: limits)
    let second = FISTA().solve(program, from: first.point, limits: limits)
    #expect(first.status == .solved)
    #expect(second.status == .solved)
    #expect(second.iterations == 0)
    #expect(second.point == first.point)
  }

  @Test(arguments: ProblemCase.programs)
  func solutionIsZeroAboveLambdaMaxAndNotBelow(test: ProblemCase) throws {
    let limits = SolveLimits(relativeGap: 1e-9)
    let above = try program(test, ratio: 1.0001).composite
    var generator = SeededGenerator(seed: 8)
    let start = generator.normalMatrix(rows: above.zero.rows, columns: above.zero.columns)
    let zero = FISTA().solve(above, from: start, limits: limits)
    #expect(zero.point.elements.allSatisfy { $0 == 0 })
    let atZero = above.objective(at: above.zero)
    #expect(abs(zero.lowerBound - atZero) <= 1e-9 * atZero)
    let below = try program(test, ratio: 0.99).composite
    let solution = FISTA().solve(below, limits: limits)
    #expect(solution.point.elements.contains { $0 != 0 })
    #expect(solution.objective < atZero)
  }

  @Test(arguments: ProblemCase.programs)
  func threadsDoNotChangeTheBits(test: ProblemCase) throws {
    let limits = SolveLimits(relativeGap: 1e-5, iterations: 200)
    let one = FISTA().solve(try program(test).composite, limits: limits)
    let two = FISTA().solve(try program(test, threads: 2).composite, limits: limits)
    #expect(one.point == two.point)
    #expect(one.objective == two.objective)
    #expect(one.lowerBound == two.lowerBound)
    #expect(one.iterations == two.iterations)
  }

  @Test func limitsEndTheSolveWithAUsablePoint() throws {
    let program = try program(ProblemCase.programs[1], ratio: 0.01).composite
    let atZero = program.objective(at: program.zero)
    let few = FISTA().solve(program, limits: SolveLimits(relativeGap: 1e-12, iterations: 7))
    #expect(few.status == .iterationLimit)
    #expect(few.iterations == 7)
    #expect(few.objective < atZero)
    let late = FISTA().solve(program, limits: SolveLimits(relativeGap: 1e-12, seconds: 0))
    #expect(late.status == .timeLimit)
    #expect(late.objective == atZero)
    let stopped = FISTA().solve(
      program, limits: SolveLimits(relativeGap: 1e-12, isInterrupted: { true }))
    #expect(stopped.status == .interrupted)
    #expect(stopped.iterations == 0)
  }

  @Test func observerSeesTheObjectiveFallAndTheIntervalKept() throws {
    let program = try program(ProblemCase.programs[1]).composite
    var rows: [TraceRow] = []
    let solution = FISTA(measureInterval: 5).solve(
      program, limits: SolveLimits(relativeGap: 1e-6)
    ) { rows.append($0) }
    #expect(rows.map(\.iteration) == (0..<rows.count).map { 5 * $0 })
    #expect(rows.allSatisfy { $0.phase == "fista" })
    #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.objective >= $1.objective })
    #expect(rows.last?.objective == solution.objective)
    #expect(rows.first?.neuronCount == 0)
  }

  @Test(arguments: [Double.nan, .infinity])
  func dataThatIsNotFiniteNeverCountsAsSolved(bad: Double) throws {
    var targets = Matrix(rows: 4, columns: 1, repeating: 1)
    targets[2, 0] = bad
    let map = DenseFeatureMap(features: Matrix([[1, 2], [0, 1], [1, 0], [2, 2]]))
    let program = CompositeProgram(
      map: map, loss: SquaredLoss(targets: targets), regularizer: GroupNorm(blockCount: 1),
      lambda: 0.1)
    let solution = FISTA().solve(program)
    #expect(solution.status == .stalled)
    #expect(!solution.objective.isFinite)
    #expect(!(solution.relativeGap <= 1))
  }

  @Test(arguments: ProblemCase.programs.filter { $0.activation == .gated })
  func orderOfSamplesAndGatesDoesNotMatter(test: ProblemCase) throws {
    let program = try program(test)
    let problem = program.problem
    let limits = SolveLimits(relativeGap: 1e-9)
    let objective = FISTA().solve(program.composite, limits: limits).objective
    var generator = SeededGenerator(seed: 9)
    let order = generator.permutation(12)
    let shuffled = try problem.selecting(order, images: test.images(samples: 12).selecting(order))
    let bySamples = FISTA().solve(
      try GatedProgram(problem: shuffled, gates: program.gates).composite, limits: limits)
    #expect(abs(bySamples.objective - objective) <= 1e-9 * objective)
    let gates = try #require(program.gates).selectingRows([4, 2, 0, 1, 3])
    let byGates = FISTA().solve(
      try GatedProgram(problem: problem, gates: gates).composite, limits: limits)
    #expect(abs(byGates.objective - objective) <= 1e-9 * objective)
  }

  @Test(arguments: [Activation.gated, .linear])
  func averagePoolingIsSumPoolingWithKTimesTheStrength(activation: Activation) throws {
    func objective(_ pooling: String, lambda: Double) throws -> Double {
      let test = ProblemCase(.signal, pooling, activation, .squared, outputs: 2)
      let problem = try test.problem(lambda: lambda)
      var generator = SeededGenerator(seed: 10)
      let gates = activation == .gated ? generator.normalMatrix(rows: 4, columns: 3) : nil
      return FISTA().solve(
        try GatedProgram(problem: problem, gates: gates).composite,
        limits: SolveLimits(relativeGap: 1e-10)
      ).objective
    }
    // Signals of length 9 and filters of length 3 have 7 positions.
    let average = try objective("average", lambda: 0.01)
    let sum = try objective("sum", lambda: 0.07)
    #expect(abs(average - sum) <= 1e-9 * sum)
  }
}
