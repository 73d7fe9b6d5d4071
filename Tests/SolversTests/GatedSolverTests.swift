import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import Testing

struct GatedSolverTests {
  /// A gated program on random images: 5 gates, 2 x 2 filters.
  private func program(
    outputs: Int, pooling: Pooling, ratio: Double, isSoftmax: Bool = false, threads: Int = 1
  ) throws -> CompositeProgram {
    var generator = SeededGenerator(seed: 31)
    let n = 40
    let images = Tensor(
      shape: [n, 1, 4, 4], elements: (0..<n * 16).map { _ in generator.normal() })
    let targets = Matrix(
      rows: n, columns: outputs, elements: (0..<n * outputs).map { _ in generator.normal() })
    let gates = Matrix(rows: 5, columns: 4, elements: (0..<20).map { _ in generator.normal() })
    let problem = try TrainingProblem(
      images: images,
      geometry: try PatchGeometry(
        channels: 1, imageHeight: 4, imageWidth: 4, filterHeight: 2, filterWidth: 2),
      pooling: pooling, activation: .gated,
      loss: isSoftmax
        ? SoftmaxLoss(classes: (0..<n).map { targets.row($0).indexOfLargest }, count: outputs)
        : SquaredLoss(targets: targets),
      lambda: 0, threads: threads)
    let base = try GatedProgram(problem: problem, gates: gates).composite
    return CompositeProgram(
      map: base.map, loss: base.loss, regularizer: base.regularizer,
      lambda: ratio * base.lambdaMax)
  }

  @Test(arguments: [(1, "sum"), (3, "average"), (2, "average:2x2")], [0.3, 0.01])
  func descentsReachTheOptimumOfProximalSteps(shape: (Int, String), ratio: Double) throws {
    let program = try program(
      outputs: shape.0, pooling: try Pooling(parsing: shape.1), ratio: ratio)
    var quick = GatedSolver()
    quick.proximalSteps = 20
    quick.maximumCost = .infinity
    let limits = SolveLimits(relativeGap: 1e-7)
    let fast = quick.solve(program, limits: limits)
    let slow = FISTA().solve(program, limits: limits)
    let recomputed = program.objective(at: fast.point)
    #expect(fast.status == .solved)
    #expect(fast.relativeGap <= 1e-7)
    #expect(abs(fast.objective - slow.objective) <= 2e-7 * slow.objective)
    #expect(abs(recomputed - fast.objective) <= 1e-7 * fast.objective)
  }

  @Test(arguments: ["sum", "average:2x2"], [0.3, 0.01])
  func descentsReachTheOptimumOfSoftmaxPrograms(pooling: String, ratio: Double) throws {
    let program = try program(
      outputs: 4, pooling: try Pooling(parsing: pooling), ratio: ratio, isSoftmax: true)
    var quick = GatedSolver()
    quick.proximalSteps = 20
    quick.maximumCost = .infinity
    let limits = SolveLimits(relativeGap: 1e-6)
    var descentCount = 0
    let fast = quick.solve(program, limits: limits) { row in
      if row.phase == "descent" { descentCount += 1 }
    }
    let slow = FISTA().solve(program, limits: limits)
    #expect(descentCount > 0)
    #expect(fast.status == .solved)
    #expect(abs(fast.objective - slow.objective) <= 2e-6 * slow.objective)
    #expect(fast.iterations < slow.iterations)
  }

  @Test func descentFromAPointNeverRaisesTheObjective() throws {
    let program = try program(outputs: 3, pooling: try Pooling(parsing: "average"), ratio: 0.02)
    let rough = FISTA().solve(program, limits: SolveLimits(iterations: 20))
    let descent = try #require(FactoredDescent(program, point: rough.point))
    let point = try #require(descent.minimize(iterations: 40) { _, _ in false })
    let before = program.objective(at: rough.point)
    let after = program.objective(at: point)
    #expect(after < before)
  }

  @Test func gradientIsTheDifferenceQuotientOfTheValue() throws {
    let program = try program(outputs: 2, pooling: try Pooling(parsing: "sum:2x2"), ratio: 0.05)
    let rough = FISTA().solve(program, limits: SolveLimits(iterations: 5))
    let descent = try #require(FactoredDescent(program, point: rough.point))
    var generator = SeededGenerator(seed: 7)
    let targets = try #require(program.loss as? SquaredLoss).targets
    let filters = (0..<descent.filterCount * 4).map { _ in generator.normal() }
    let gradient = descent.evaluate(filters, targets: targets).gradient
    let step = 1e-5
    for i in stride(from: 0, to: filters.count, by: 3) {
      var (up, down) = (filters, filters)
      up[i] += step
      down[i] -= step
      let quotient =
        (descent.evaluate(up, targets: targets).value
          - descent.evaluate(down, targets: targets).value) / (2 * step)
      #expect(abs(quotient - gradient[i]) <= 1e-6 * (1 + abs(gradient[i])))
    }
  }

  @Test func jointGradientIsTheDifferenceQuotientOfTheValue() throws {
    let program = try program(
      outputs: 3, pooling: try Pooling(parsing: "sum:2x2"), ratio: 0.05, isSoftmax: true)
    let rough = FISTA().solve(program, limits: SolveLimits(iterations: 5))
    let descent = try #require(FactoredDescent(program, point: rough.point))
    var generator = SeededGenerator(seed: 7)
    let count = descent.filterCount * (4 + 4 * 3)
    let parameters = (0..<count).map { _ in 0.3 * generator.normal() }
    let gradient = descent.evaluateJointly(parameters).1
    let step = 1e-5
    for i in stride(from: 0, to: count, by: 5) {
      var (up, down) = (parameters, parameters)
      up[i] += step
      down[i] -= step
      let difference = descent.evaluateJointly(up).0 - descent.evaluateJointly(down).0
      #expect(abs(difference / (2 * step) - gradient[i]) <= 1e-7 * (1 + abs(gradient[i])))
    }
  }

  @Test(arguments: [false, true])
  func threadsChangeNothing(isSoftmax: Bool) throws {
    let pooling = try Pooling(parsing: "average:2x2")
    let points = try [1, 2].map { threads in
      var solver = GatedSolver()
      solver.proximalSteps = 20
      solver.maximumCost = .infinity
      let program = try program(
        outputs: 3, pooling: pooling, ratio: 0.02, isSoftmax: isSoftmax, threads: threads)
      return solver.solve(program, limits: SolveLimits(relativeGap: 1e-8)).point
    }
    #expect(points[0] == points[1])
  }

  @Test func aSolutionStopsAtOnceAndLimitsHold() throws {
    let program = try program(outputs: 3, pooling: try Pooling(parsing: "average"), ratio: 0.05)
    let solution = GatedSolver().solve(program, limits: SolveLimits(relativeGap: 1e-6))
    let again = GatedSolver().solve(
      program, from: solution.point, limits: SolveLimits(relativeGap: 1e-6))
    let short = GatedSolver().solve(
      program, limits: SolveLimits(relativeGap: 1e-12, iterations: 30))
    let stopped = GatedSolver().solve(
      program, limits: SolveLimits(relativeGap: 1e-12, isInterrupted: { true }))
    #expect(solution.status == .solved)
    #expect(again.status == .solved)
    #expect(again.iterations == 0)
    #expect(short.status == .iterationLimit)
    #expect(short.iterations == 30)
    #expect(stopped.status == .interrupted)
  }
}
