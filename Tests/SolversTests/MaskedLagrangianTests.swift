import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Newton steps over masked rows, against Newton steps over the same features without their structure.
struct MaskedLagrangianTests {
  /// Number of samples, gates and entries, and the share of lambdaMax.
  struct Size: Sendable {
    let n: Int
    let count: Int
    let h: Int
    let share: Double
    var loss = ProblemCase.LossKind.squared
    var threads = 1
    /// Systems of the order of the samples, of the order of active coordinates, and without a stored product of the rows.
    static let all = [
      Size(n: 60, count: 40, h: 12, share: 0.02), Size(n: 60, count: 40, h: 12, share: 0.6),
      Size(n: 60, count: 40, h: 12, share: 0.05, loss: .logistic),
      Size(n: 300, count: 40, h: 12, share: 0.02, loss: .logistic, threads: 2),
      Size(n: 2100, count: 30, h: 60, share: 0.1),
    ]
  }

  private func program(_ size: Size) throws -> GatedProgram {
    var generator = SeededGenerator(seed: 5)
    let problem = try TrainingProblem(
      images: generator.normalTensor(shape: [size.n, 1, 1, size.h]),
      geometry: PatchGeometry(length: size.h, filterLength: size.h),
      pooling: Pooling(parsing: "sum"),
      activation: .gated,
      loss: ProblemCase.loss(size.loss, samples: size.n, outputs: 1, seed: 2), lambda: 1,
      threads: size.threads)
    return try GatedProgram(
      problem: problem, gates: generator.normalMatrix(rows: size.count, columns: size.h))
  }

  @Test(arguments: Size.all)
  func objectivesAreThoseOfFreeCones(size: Size) throws {
    let program = try program(size)
    let lambda = size.share * program.composite.lambdaMax
    let limits = SolveLimits(relativeGap: size.n > 1000 ? 1e-2 : 1e-10, iterations: 60)
    let masked = AugmentedLagrangian().solve(program, lambda: lambda, limits: limits)
    #expect(masked.status == .solved)
    let map = try #require(program.composite.map as? DenseFeatureMap)
    var problem = program.problem
    problem.lambda = lambda
    let free = ActivationCone(normals: Matrix(rows: 0, columns: size.h))
    let cones = ConeProgram(
      problem: problem, cones: [ActivationCone](repeating: free, count: size.count),
      features: map.features, cellCount: size.count)
    let twin = AugmentedLagrangian().solve(cones, limits: limits)
    #expect(twin.status == .solved)
    #expect(abs(masked.objective - twin.objective) <= limits.relativeGap * twin.objective)
    #expect(masked.lowerBound <= twin.objective && twin.lowerBound <= masked.objective)
    // What the solver reports is recomputed from the dense features.
    let own = program.composite.with(lambda: lambda).objective(at: masked.point)
    #expect(abs(own - masked.objective) <= 1e-12 * own)
  }

  @Test func threadsDoNotChangeTheBits() throws {
    let points = try [1, 2].map { threads in
      let program = try program(
        Size(n: 300, count: 40, h: 12, share: 0, loss: .squared, threads: threads))
      return AugmentedLagrangian().solve(
        program, lambda: 0.02 * program.composite.lambdaMax,
        limits: SolveLimits(relativeGap: 1e-8, iterations: 60)
      ).point
    }
    #expect(points[0] == points[1])
  }

  /// Systems are a deterministic counter of what a path costs.
  @Test func aPathTakesFewNewtonSystems() throws {
    let program = try program(Size(n: 80, count: 200, h: 12, share: 0))
    #expect(AugmentedLagrangian.isPreferred(for: program))
    let path = RegularizationPath(problem: program.problem, program: program)
    let largest = program.composite.lambdaMax
    let limits = SolveLimits(relativeGap: 1e-4, iterations: 100)
    var last = try path.emptyPoint(at: largest)
    var systems = 0
    for lambda in RegularizationPath.strengths(from: largest, count: 30, ratio: 1e-2).dropFirst() {
      last = try path.point(at: lambda, from: last, limits: limits)
      #expect(last.status == .solved)
      systems += last.progress?.systemCount ?? 0
      let cold = AugmentedLagrangian().solve(
        program, lambda: lambda, limits: SolveLimits(relativeGap: 1e-9, iterations: 100))
      let objective = last.objective.total
      #expect(objective >= cold.lowerBound * (1 - 1e-12))
      #expect(objective <= cold.objective * (1 + 2e-4))
    }
    // 319 when measured; first steps as long as the last ones of the neighbor took more.
    #expect(systems <= 400, "\(systems) systems")
  }
}
