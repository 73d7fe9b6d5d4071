import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// ADMM against other solvers, on programs of gates and of cones.
struct ADMMTests {
  private static let scalar = CertifiedOptimum.all.filter {
    $0.outputs == 1 && $0.pooling != "none"
  }

  /// Over all cells the optimum is that of the training problem.
  @Test(arguments: scalar)
  func optimumOverConesIsReached(fixture: CertifiedOptimum) throws {
    let program = try ConeProgram(problem: fixture.problem())
    let solution = try ADMM().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-4, iterations: 30_000, seconds: 600))
    #expect(solution.status == .solved, "\(fixture): gap \(solution.relativeGap)")
    #expect(solution.objective >= fixture.lowerBound * (1 - 1e-9))
    #expect(solution.objective <= fixture.upperBound * (1 + 1e-4))
    #expect(solution.lowerBound <= fixture.upperBound * (1 + 1e-12))
    // The point lies in the cones, so it is a network with that objective.
    let network = try program.network(from: solution.point)
    let total = program.problem.objective(of: network).total
    #expect(abs(total - solution.objective) <= 1e-9 * total)
  }

  @Test(arguments: ProblemCase.programs.filter { $0.activation == .gated })
  func gatedProgramsAgreeWithFISTA(example: ProblemCase) throws {
    let problem = try example.problem()
    var generator = SeededGenerator(seed: 5)
    let gates = generator.normalMatrix(rows: 4, columns: problem.geometry.patchDimension)
    let program = try GatedProgram(problem: problem, gates: gates).composite
    let composite = CompositeProgram(
      map: program.map, loss: program.loss, regularizer: program.regularizer,
      lambda: 0.1 * program.lambdaMax)
    let limits = SolveLimits(relativeGap: 1e-6, iterations: 50_000, seconds: 600)
    let fista = FISTA().solve(composite, limits: limits)
    let admm = try ADMM().solve(composite, limits: limits)
    #expect(admm.status == .solved)
    #expect(abs(admm.objective - fista.objective) <= 2e-6 * fista.objective)
  }

  /// FISTA takes the same regularizer.
  @Test func coneNormServesOtherSolvers() throws {
    let fixture = Self.scalar[3]
    let program = try ConeProgram(problem: fixture.problem())
    let solution = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-6, iterations: 50_000, seconds: 600))
    #expect(solution.objective <= fixture.upperBound * (1 + 1e-5))
    #expect(
      abs(program.composite.lambdaMax - program.lambdaMax) <= 1e-12 * program.lambdaMax)
  }

  @Test(arguments: ["logistic", "softmax", "squared"])
  func proximalPointOfTheLossIsStationary(name: String) throws {
    var generator = SeededGenerator(seed: 9)
    let c = name == "logistic" ? 1 : 3
    let n = 20
    let targets = generator.normalMatrix(rows: n, columns: 3)
    let losses: [String: any Loss] = [
      "logistic": LogisticLoss(labels: (0..<n).map { $0 % 3 == 0 ? -1 : 1 }),
      "softmax": SoftmaxLoss(classes: (0..<n).map { $0 % 3 }, count: 3),
      "squared": SquaredLoss(targets: targets),
    ]
    let loss = try #require(losses[name])
    for penalty in [1e-6, 1e-2, 1e3] {
      var center = generator.normalMatrix(rows: n, columns: c)
      for e in center.elements.indices { center.elements[e] *= 20 }
      let point = loss.proximalPoint(
        of: center, penalty: penalty, from: Matrix(rows: n, columns: c))
      let gradient = loss.gradient(at: point)
      for e in point.elements.indices {
        let residual = gradient.elements[e] + penalty * (point.elements[e] - center.elements[e])
        #expect(abs(residual) <= 1e-11 * max(1 / Double(n), penalty * 60))
      }
    }
  }

  @Test func solutionStopsAtOnce() throws {
    let fixture = Self.scalar[3]
    let program = try ConeProgram(problem: fixture.problem())
    let limits = SolveLimits(relativeGap: 1e-5, iterations: 30_000, seconds: 600)
    let solution = try ADMM().solve(program.composite, limits: limits)
    let again = try ADMM().solve(program.composite, from: solution.point, limits: limits)
    #expect(again.iterations == 0)
    #expect(again.status == .solved)
  }
}
