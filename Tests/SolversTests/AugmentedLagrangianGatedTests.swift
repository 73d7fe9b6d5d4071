import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// The Newton solver over free gates, against proximal steps on the same programs.
struct AugmentedLagrangianGatedTests {
  private func program(_ one: ProblemCase, hasOutputBias: Bool = false) throws -> GatedProgram {
    let problem = try one.problem(samples: 20, lambda: 0.05, hasOutputBias: hasOutputBias)
    var generator = SeededGenerator(seed: 3)
    let gates =
      problem.activation == .gated
      ? generator.normalMatrix(rows: 24, columns: problem.geometry.patchDimension) : nil
    return try GatedProgram(problem: problem, gates: gates)
  }

  private static let supported = [
    ProblemCase(.signal, "sum", .gated, .squared, outputs: 1),
    ProblemCase(.signal, "average", .gated, .logistic, outputs: 1),
    ProblemCase(.dense, "sum", .gated, .squared, outputs: 1),
    ProblemCase(.image, "sum", .gated, .logistic, outputs: 1),
    ProblemCase(.image, "sum", .linear, .logistic, outputs: 1),
  ]

  @Test(arguments: supported, [0.9, 0.3, 0.03])
  func objectivesEqualThoseOfProximalSteps(one: ProblemCase, share: Double) throws {
    let program = try program(one)
    #expect(AugmentedLagrangian.supports(program))
    let lambda = share * program.composite.lambdaMax
    let limits = SolveLimits(relativeGap: 1e-9, iterations: 200)
    let newton = AugmentedLagrangian().solve(program, lambda: lambda, limits: limits)
    #expect(newton.status == .solved)
    #expect(newton.iterations <= 40)
    let composite = CompositeProgram(
      map: program.composite.map, loss: program.composite.loss,
      regularizer: program.composite.regularizer, lambda: lambda)
    let proximal = GatedSolver().solve(
      composite, limits: SolveLimits(relativeGap: 1e-8, iterations: 1_000_000))
    #expect(abs(newton.objective - proximal.objective) <= 2e-8 * proximal.objective)
    // Positive and negative parts do not overlap, so the point has the objective that was reported.
    let own = composite.objective(at: newton.point)
    #expect(abs(own - newton.objective) <= 1e-12 * own)
    #expect(newton.lowerBound <= proximal.objective)
  }

  @Test func aSolutionStopsAtOnceAndLargeStrengthsGiveZero() throws {
    let program = try program(Self.supported[0])
    let largest = program.composite.lambdaMax
    let limits = SolveLimits(relativeGap: 1e-9, iterations: 200)
    let zero = AugmentedLagrangian().solve(program, lambda: 1.01 * largest, limits: limits)
    #expect(zero.point.elements.allSatisfy { $0 == 0 })
    let first = AugmentedLagrangian().solve(program, lambda: 0.2 * largest, limits: limits)
    let again = AugmentedLagrangian().solve(
      program, lambda: 0.2 * largest, from: first.point, limits: limits)
    #expect(again.iterations == 0)
    #expect(again.point == first.point)
  }

  @Test func severalOutputsWindowsAndBiasesAreNotSupported() throws {
    for one in [
      ProblemCase(.signal, "sum:1x2", .gated, .softmax, outputs: 3),
      ProblemCase(.signal, "none", .gated, .logistic, outputs: 1),
    ] {
      #expect(!AugmentedLagrangian.supports(try program(one)))
    }
    #expect(
      !AugmentedLagrangian.supports(try program(Self.supported[0], hasOutputBias: true)))
  }
}
