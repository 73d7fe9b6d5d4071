import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// What cell generation does on harder and on larger problems: programs over cells, and parts of the samples.
struct CellGenerationScaleTests {
  private func problem(
    samples: Int, extent: Int, filter: Int, lambdaRatio: Double, planted: Int
  ) throws -> TrainingProblem {
    var generator = SeededGenerator(seed: 11)
    let images = generator.normalTensor(shape: [samples, 1, extent, extent])
    let geometry = try PatchGeometry(
      imageHeight: extent, imageWidth: extent, filterHeight: filter, filterWidth: filter)
    func make(_ targets: Matrix, _ lambda: Double) throws -> TrainingProblem {
      try TrainingProblem(
        images: images, geometry: geometry, pooling: Pooling(parsing: "average"), activation: .relu,
        loss: SquaredLoss(targets: targets), lambda: lambda, threads: 2)
    }
    let zero = Matrix(rows: samples, columns: 1)
    let teacher = try Network(
      geometry: geometry, pooling: Pooling(parsing: "average"), activation: .relu,
      filters: generator.normalMatrix(rows: planted, columns: filter * filter),
      outputWeights: generator.normalMatrix(rows: planted, columns: 1))
    var targets = try make(zero, 1).predictions(of: teacher)
    let noise = generator.normalMatrix(rows: samples, columns: 1)
    BLAS.add(0.1, noise.elements, to: &targets.elements)
    let plain = try make(targets, 1)
    return try make(targets, lambdaRatio * estimatedLambdaMax(plain))
  }

  @Test func programsOverCellsImproveWhatDescentReached() throws {
    let problem = try problem(samples: 40, extent: 6, filter: 3, lambdaRatio: 0.002, planted: 12)
    var rows: [TraceRow] = []
    let result = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-4, iterations: 12, seconds: 600),
      observer: { rows.append($0) })
    let first = try #require(rows.firstIndex { $0.phase == "cells" })
    #expect(rows[first].objective < rows[first - 1].objective * (1 - 1e-4))
    for (before, after) in zip(rows, rows.dropFirst()) {
      #expect(after.objective <= before.objective * (1 + 1e-11))
    }
    #expect(result.phases.contains { $0.name == "cells" && $0.seconds > 0 })
    let total = problem.objective(of: result.network).total
    #expect(abs(total - result.objective.total) <= 1e-13 * total)
  }

  @Test func partsAreProblemsOfTheirSamples() throws {
    let whole = try problem(samples: 30, extent: 6, filter: 3, lambdaRatio: 0.1, planted: 3)
    let samples = [3, 4, 17, 29]
    let part = try whole.part(samples)
    var generator = SeededGenerator(seed: 2)
    let filters = generator.normalMatrix(rows: 5, columns: 9)
    let network = try Network(
      geometry: whole.geometry, pooling: Pooling(parsing: "average"), activation: .relu,
      filters: filters,
      outputWeights: generator.normalMatrix(rows: 5, columns: 1))
    #expect(
      part.predictions(of: network) == whole.predictions(of: network).selectingRows(samples))
    #expect(part.lambda == whole.lambda && part.sampleCount == 4)
  }

  /// Search starts on 50 of 400 samples where their number counts as large; values are those of all.
  @Test func largeProblemsStartOnAPartOfTheSamples() throws {
    let problem = try problem(samples: 400, extent: 8, filter: 3, lambdaRatio: 0.05, planted: 3)
    var rows: [TraceRow] = []
    let result = try CellGeneration(settings: .init(starts: 12, largeEntryCount: 100_000)).solve(
      problem, limits: SolveLimits(relativeGap: 1e-2, iterations: 20, seconds: 600),
      observer: { rows.append($0) })
    let last = try #require(rows.lastIndex { $0.phase == "part" })
    #expect(last > 1)
    #expect(rows[0].objective == problem.objective(of: try problem.emptyNetwork()).total)
    #expect(rows[last].objective < rows[0].objective)
    #expect(result.objective.total <= rows[last].objective)
    #expect(result.objective.total == problem.objective(of: result.network).total)
    #expect(result.estimatedGap <= 1e-2)
    // What ascent on a part suggests is a norm over all samples.
    let dual = problem.loss.gradient(at: problem.predictions(of: result.network))
    let (filters, norms) = DualNormAscent(starts: 12, seed: 3).maximizers(
      of: problem, dual: dual, known: result.network.filters)
    let exact = problem.dualNorms(of: filters, dual: dual).norms
    for (norm, other) in zip(norms, exact) { #expect(abs(norm - other) <= 1e-12 * other) }
    #expect(try #require(norms.first) >= problem.lambda * 0.99)
  }
}
