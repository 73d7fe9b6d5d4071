import Arrangements
import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Networks as semi-nonnegative factorisations, and training by alternation.
struct AlternatingFactorizationTests {
  static let cases = ProblemCase.ungated.filter {
    $0.activation == .relu && !$0.pooling.hasPrefix("max")
  }

  private func network(_ problem: TrainingProblem, neurons: Int, seed: UInt64) throws -> Network {
    var generator = SeededGenerator(seed: 900 + seed)
    var filters = generator.normalMatrix(
      rows: neurons, columns: problem.geometry.patchDimension)
    // Two neurons of one pattern.
    for e in 0..<filters.columns { filters[neurons - 1, e] = 3 * filters[0, e] }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu, filters: filters,
      outputWeights: generator.normalMatrix(
        rows: neurons * problem.windowCount, columns: problem.outputCount))
  }

  private func patches(_ problem: TrainingProblem) -> Matrix {
    let parts = (0..<problem.sampleCount).map { problem.patches(ofSample: $0) }
    return Matrix(
      rows: parts.reduce(0) { $0 + $1.rows }, columns: problem.geometry.patchDimension,
      elements: parts.flatMap(\.elements))
  }

  @Test(arguments: cases)
  func networksAreSumsOfFactorisations(test: ProblemCase) throws {
    let problem = try test.problem()
    let network = try network(problem, neurons: 7, seed: 1)
    let parts = try PatternFactorization.factorizations(of: network, on: problem)
    #expect(parts.reduce(0) { $0 + $1.filters.rows } == 7)
    #expect(parts.count < 7)
    #expect(Set(parts.map(\.pattern)).count == parts.count)
    let rows = patches(problem)
    let (a, c) = (problem.windowCount, problem.outputCount)
    var predictions = Matrix(rows: problem.sampleCount, columns: c)
    for part in parts {
      let left = part.leftFactor(rows)
      #expect(left.elements.allSatisfy { $0 >= 0 })
      // The factor is what the filters respond with.
      let responses = BLAS.product(rows, .plain, part.filters, .transposed)
      for e in left.elements.indices { #expect(left.elements[e] == max(0, responses.elements[e])) }
      // D X V is the product of the factors.
      let direct = BLAS.product(left, .plain, part.weights, .plain)
      var masked = BLAS.product(rows, .plain, part.product, .plain)
      for r in 0..<rows.rows where !part.pattern[r] {
        for k in 0..<masked.columns { masked[r, k] = 0 }
      }
      #expect(masked.relativeDistance(to: direct) <= 1e-12)
      // Pooled, it is the part of the predictions.
      for r in 0..<rows.rows {
        let k = r % problem.geometry.patchesPerSample
        let (weight, window) = (problem.poolingMap.weights[k], problem.poolingMap.windows[k])
        for o in 0..<c {
          predictions[r / problem.geometry.patchesPerSample, o] +=
            weight * direct[r, window * c + o]
        }
      }
      #expect(part.weights.columns == a * c)
    }
    #expect(predictions.relativeDistance(to: problem.predictions(of: network)) <= 1e-12)
    let back = try PatternFactorization.network(of: parts, for: problem)
    let (first, second) = (problem.objective(of: network), problem.objective(of: back))
    #expect(abs(first.total - second.total) <= 1e-12 * first.total)
  }

  /// The objective never rises, and what is left is stationary: weights and filters cannot be improved in turn.
  @Test(arguments: cases)
  func alternationDescends(test: ProblemCase) throws {
    let problem = try test.problem(lambda: 0.05)
    let start = try network(problem, neurons: 6, seed: 2)
    var values: [Double] = []
    let run = try AlternatingFactorization().solve(
      problem, from: start, limits: SolveLimits(iterations: 40)
    ) { values.append($0.objective) }
    for (next, last) in zip(values.dropFirst(), values) { #expect(next <= last * (1 + 1e-14)) }
    #expect(run.objective.total <= problem.objective(of: start.balanced()).total)
    #expect(abs(run.objective.total - (values.last ?? 0)) <= 1e-9 * run.objective.total)
    #expect(run.objective.total < 0.9 * values[0])
    // Filters keep their patterns, or lie on the boundary.
    let before = try PatternFactorization.factorizations(of: start.balanced(), on: problem)
    let rows = patches(problem)
    let responses = BLAS.product(rows, .plain, run.network.filters, .transposed)
    for j in 0..<run.network.neuronCount {
      let fits = before.contains { part in
        (0..<rows.rows).allSatisfy { r in
          let slack = 1e-9 * (1 + abs(responses[r, j]))
          return part.pattern[r] ? responses[r, j] >= -slack : responses[r, j] <= slack
        }
      }
      #expect(fits)
    }
  }

  /// From a network with the patterns of an optimum it finds that optimum.
  @Test(arguments: CertifiedOptimum.all.filter { $0.h == 2 && !$0.pooling.hasPrefix("max") })
  func patternsOfAnOptimumLeadToIt(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let best = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600))
    var start = best.network
    for e in start.outputWeights.elements.indices { start.outputWeights.elements[e] *= 0.5 }
    let run = try AlternatingFactorization().solve(
      problem, from: start, limits: SolveLimits(iterations: 300))
    #expect(run.objective.total >= fixture.lowerBound * (1 - 1e-12))
    #expect(run.objective.total <= fixture.upperBound * (1 + 1e-3))
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let problem = try ProblemCase(.signal, "sum", .relu, .squared, outputs: 1).problem()
    let other = try ProblemCase(.signal, "average", .relu, .squared, outputs: 1).problem()
    let start = try network(other, neurons: 3, seed: 3)
    #expect(throws: ProgramError.self) {
      try AlternatingFactorization().solve(problem, from: start)
    }
    var free = problem
    free.lambda = 0
    #expect(throws: ProgramError.self) {
      try AlternatingFactorization().solve(free, from: network(problem, neurons: 3, seed: 3))
    }
  }
}
