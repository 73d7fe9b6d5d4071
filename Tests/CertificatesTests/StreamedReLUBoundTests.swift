import Certificates
import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The bound of ReLU networks over blocks of samples.
@Suite struct StreamedReLUBoundTests {
  /// The bound with samples added in blocks of a size.
  private func bound(
    _ problem: TrainingProblem, dual: Matrix, block: Int
  ) throws -> Double {
    let count = problem.geometry.patchesPerSample
    var bound = StreamedReLUBound(
      weights: problem.poolingMap.matrix, patchDimension: problem.geometry.patchDimension,
      outputCount: dual.columns)
    for lower in stride(from: 0, to: problem.sampleCount, by: block) {
      let samples = Array(lower..<min(lower + block, problem.sampleCount))
      let rows = samples.map { problem.patches(ofSample: $0) }
      bound.add(
        PooledPatches(
          rows: Matrix(
            rows: samples.count * count, columns: problem.geometry.patchDimension,
            elements: rows.flatMap(\.elements)),
          sampleCount: samples.count, threads: 1),
        dual: dual.selectingRows(samples))
    }
    return try bound.value()
  }

  /// Ascent finds nothing above the bound, and the bound is at most the mass and close to that of all samples at once.
  @Test(arguments: ProblemCase.ungated.filter { $0.activation == .relu }, [1, 5, 100])
  func boundHoldsForEveryFilterFound(test: ProblemCase, block: Int) throws {
    let problem = try test.problem()
    guard problem.poolingMap.isLinear else { return }
    var generator = SeededGenerator(seed: 5)
    for scale in [1.0, 1e-100] {
      var dual = generator.normalMatrix(rows: problem.sampleCount, columns: problem.outputCount)
      for e in dual.elements.indices { dual.elements[e] *= scale }
      let value = try bound(problem, dual: dual, block: block)
      let filters = generator.normalMatrix(
        rows: 4000, columns: problem.geometry.patchDimension
      ).withUnitRows
      let found = problem.dualNorms(of: filters, dual: dual).norms.max() ?? 0
      #expect(found > 0 && found <= value)
      let whole = try bound(problem, dual: dual, block: problem.sampleCount)
      #expect(abs(whole - value) <= 1e-9 * value)
    }
  }

  /// One patch with a filter along it: the bound is the norm.
  @Test func boundOfOnePatchIsItsNorm() throws {
    var bound = StreamedReLUBound(
      weights: Matrix([[2.0]]), patchDimension: 2, outputCount: 1)
    bound.add(
      PooledPatches(rows: Matrix([[3.0, 4.0]]), sampleCount: 1, threads: 1), dual: Matrix([[0.5]]))
    // |b| |x| = 2 * 0.5 * 5.
    #expect(abs(try bound.value() - 5) <= 1e-7)
  }

  /// Opposite rows whose linear part cancels, of a size at which products of eigenvalues vanish.
  @Test func smallRowsAreNotLost() throws {
    var bound = StreamedReLUBound(
      weights: Matrix([[1.0]]), patchDimension: 1, outputCount: 1)
    bound.add(
      PooledPatches(rows: Matrix([[1e-100], [-1e-100]]), sampleCount: 2, threads: 1),
      dual: Matrix([[1e-100], [1e-100]]))
    #expect(try bound.value() >= 1e-200)
  }

  /// What overflows bounds nothing.
  @Test func overflowIsInfinite() throws {
    var bound = StreamedReLUBound(
      weights: Matrix([[1.0, 0.0]]), patchDimension: 2, outputCount: 1)
    bound.add(
      PooledPatches(
        rows: Matrix([[1, 1], [1.7e308, 1.7e308]]), sampleCount: 1, threads: 1),
      dual: Matrix([[1.0]]))
    #expect(try bound.value() == .infinity)
  }

  /// Rows that are zero or whose squares vanish add next to nothing, and nothing is infinite or not a number.
  @Test func vanishingRowsAreCounted() throws {
    var bound = StreamedReLUBound(
      weights: Matrix([[1.0, 0.0]]), patchDimension: 2, outputCount: 1)
    bound.add(
      PooledPatches(
        rows: Matrix([[0, 0], [1, 1], [1e-200, 0], [1, 0], [2, 0], [1, 1]]), sampleCount: 3,
        threads: 1),
      dual: Matrix([[1.0], [1.0], [1e-180]]))
    let value = try bound.value()
    #expect(value > 0 && value < 1e-60)
  }
}
