import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Optima do not depend on how features are kept.
struct FeatureStorageSolverTests {
  private func program(
    _ which: ProblemCase, _ storage: FeatureStorage, hasOutputBias: Bool = false, threads: Int = 1
  ) throws -> CompositeProgram {
    let problem = try which.problem(samples: 60, threads: threads, hasOutputBias: hasOutputBias)
    var generator = SeededGenerator(seed: 21)
    let gates =
      problem.activation == .gated
      ? generator.normalMatrix(rows: 6, columns: problem.geometry.patchDimension) : nil
    let program = try GatedProgram(
      problem: problem, gates: gates, storage: storage, blockBytes: 1 << 13
    ).composite
    return program.with(lambda: 0.05 * program.lambdaMax)
  }

  @Test(
    arguments: [
      ProblemCase(.signal, "sum", .gated, .squared, outputs: 1),
      ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2),
      ProblemCase(.signal, "average:1x2", .linear, .squared, outputs: 2),
      ProblemCase(.signal, "sum:1x2", .gated, .softmax, outputs: 3),
    ], FeatureStorage.allCases)
  func objectivesAgree(which: ProblemCase, storage: FeatureStorage) throws {
    guard storage != .gram || which.loss == .squared else { return }
    let limits = SolveLimits(relativeGap: 1e-10, iterations: 200_000)
    let dense = try program(which, .dense)
    let other = try program(which, storage)
    let expected = GatedSolver().solve(dense, limits: limits)
    let found = GatedSolver().solve(other, limits: limits)
    // The point is a point of the dense program, whose objective is recomputed there.
    let recomputed = dense.objective(at: found.point)
    let tolerance = storage == .float ? 1e-6 : 2e-10
    #expect(expected.status == .solved)
    #expect(found.status == .solved)
    #expect(abs(recomputed - expected.objective) <= tolerance * expected.objective)
    #expect(abs(found.objective - recomputed) <= tolerance * expected.objective)
    #expect(found.lowerBound <= expected.objective * (1 + tolerance))
  }

  @Test func outputBiasIsReducedAlike() throws {
    let which = ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
    let limits = SolveLimits(relativeGap: 1e-9, iterations: 100_000)
    let dense = GatedSolver().solve(try program(which, .dense, hasOutputBias: true), limits: limits)
    let gram = GatedSolver().solve(try program(which, .gram, hasOutputBias: true), limits: limits)
    #expect(abs(gram.objective - dense.objective) <= 2e-9 * dense.objective)
  }

  @Test func descentFromProductsIsTheDescentFromFeatures() throws {
    let which = ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
    let (dense, gram) = (try program(which, .dense), try program(which, .gram))
    let rough = FISTA().solve(dense, limits: SolveLimits(iterations: 30)).point
    let slow = try #require(FactoredDescent(dense, point: rough))
    let fast = try #require(FactoredDescent(gram, point: rough))
    #expect(fast.width == slow.width)
    #expect(fast.filterCount == slow.filterCount)
    var generator = SeededGenerator(seed: 2)
    let size = fast.filterCount * 13
    let filters = (0..<size).map { _ in generator.normal() }
    let targets = try #require(dense.loss as? SquaredLoss).targets
    let (a, b) = (
      slow.evaluate(filters, targets: targets), fast.evaluate(filters, targets: targets)
    )
    let gradient = zip(a.gradient, b.gradient).map { $0 - $1 }
    #expect(abs(a.value - b.value) <= 1e-12 * a.value)
    #expect(BLAS.norm(gradient) <= 1e-10 * BLAS.norm(a.gradient))
  }

  @Test func measuredBoundsAreThoseOfTheFeatures() throws {
    let which = ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
    let limits = SolveLimits(relativeGap: 0, iterations: 40)
    let dense = FISTA(measureInterval: 40).solve(try program(which, .dense), limits: limits)
    let gram = FISTA(measureInterval: 40).solve(try program(which, .gram), limits: limits)
    #expect(abs(gram.objective - dense.objective) <= 1e-11 * dense.objective)
    #expect(abs(gram.lowerBound - dense.lowerBound) <= 1e-9 * dense.lowerBound)
  }

  @Test(arguments: [FeatureStorage.float, .streamed, .gram])
  func bitsDoNotDependOnThreads(storage: FeatureStorage) throws {
    let which = ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
    let limits = SolveLimits(relativeGap: 1e-6, iterations: 2000)
    let one = GatedSolver().solve(try program(which, storage), limits: limits)
    let two = GatedSolver().solve(try program(which, storage, threads: 2), limits: limits)
    #expect(one.point == two.point)
    #expect(one.lowerBound == two.lowerBound)
  }
}
