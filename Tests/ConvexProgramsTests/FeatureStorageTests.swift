import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Features kept in other ways than a dense matrix give the same program.
struct FeatureStorageTests {
  private func gates(_ problem: TrainingProblem) -> Matrix? {
    guard problem.activation == .gated else { return nil }
    var generator = SeededGenerator(seed: 8)
    return generator.normalMatrix(rows: 5, columns: problem.geometry.patchDimension)
  }

  private func normal(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Matrix {
    var generator = SeededGenerator(seed: seed)
    return generator.normalMatrix(rows: rows, columns: columns)
  }

  private func distance(_ a: Matrix, _ b: Matrix) -> Double {
    var difference = a
    BLAS.add(-1, b.elements, to: &difference.elements)
    return BLAS.norm(difference.elements) / max(1e-300, BLAS.norm(b.elements))
  }

  @Test(arguments: ProblemCase.programs, FeatureStorage.allCases)
  func productsAreThoseOfTheDenseMatrix(which: ProblemCase, storage: FeatureStorage) throws {
    let problem = try which.problem(samples: 23)
    guard storage != .gram || problem.loss is SquaredLoss else { return }
    let dense = try GatedProgram(problem: problem, gates: gates(problem)).composite
    // Blocks of two or three samples.
    let program = try GatedProgram(
      problem: problem, gates: gates(problem), storage: storage,
      blockBytes: 20 * dense.map.featureCount)
    let map = program.composite.map
    let (d, c) = (map.featureCount, problem.outputCount)
    let tolerance = storage == .float ? 1e-7 : 1e-14
    let weights = normal(d, c, 4)
    let dual = normal(23, c, 5)
    let forward = distance(map.predictions(of: weights), dense.map.predictions(of: weights))
    let back = distance(map.adjoint(dual), dense.map.adjoint(dual))
    #expect(program.storage == storage)
    #expect(forward <= tolerance)
    #expect(back <= tolerance)
    let inner = BLAS.dot(map.predictions(of: weights).elements, dual.elements)
    let outer = BLAS.dot(weights.elements, map.adjoint(dual).elements)
    #expect(abs(inner - outer) <= 1e-12 * (BLAS.norm(weights.elements) + abs(inner)))
    let lambdaMax = abs(program.composite.lambdaMax - dense.lambdaMax)
    #expect(lambdaMax <= tolerance * dense.lambdaMax)
  }

  @Test(arguments: [FeatureStorage.streamed, .float, .gram])
  func centeredFeaturesAreThoseOfTheDenseMatrix(storage: FeatureStorage) throws {
    let problem = try ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
      .problem(samples: 17, hasOutputBias: true)
    let dense = try GatedProgram(problem: problem, gates: gates(problem)).composite
    let other = try GatedProgram(
      problem: problem, gates: gates(problem), storage: storage, blockBytes: 1
    ).composite
    let weights = normal(dense.map.featureCount, 2, 6)
    let tolerance = storage == .float ? 1e-6 : 1e-13
    let (a, b) = (other.objective(at: weights), dense.objective(at: weights))
    #expect(abs(a - b) <= tolerance * b)
  }

  @Test func gramIsTheProductOfTheFeatures() throws {
    let problem = try ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
      .problem(samples: 40)
    let features = problem.gatedFeatures(of: gates(problem))
    let program = try GatedProgram(
      problem: problem, gates: gates(problem), storage: .gram, blockBytes: 1 << 14)
    let map = try #require(program.composite.map as? GramFeatureMap)
    let loss = try #require(problem.loss as? SquaredLoss)
    let gram = distance(map.gram, BLAS.product(features, .transposed, features))
    let correlation = distance(
      map.correlation, BLAS.product(features, .transposed, loss.targets))
    #expect(gram <= 1e-14)
    #expect(correlation <= 1e-14)
    #expect(map.gram == map.gram.transposed)
    let weights = normal(map.featureCount, 2, 7)
    let residual = map.residual(at: weights, product: map.normalProduct(weights))
    let value = loss.value(at: map.predictions(of: weights))
    #expect(abs(residual.energy / 80 - value) <= 1e-12 * value)
  }

  @Test(arguments: [FeatureStorage.streamed, .float, .gram])
  func bitsDoNotDependOnThreads(storage: FeatureStorage) throws {
    let which = ProblemCase(.image, "average:2x2", .gated, .squared, outputs: 2)
    let results = try [1, 2, 3].map { threads in
      let problem = try which.problem(samples: 50, threads: threads)
      let map = try GatedProgram(
        problem: problem, gates: gates(problem), storage: storage, blockBytes: 9000
      ).composite.map
      let gram = (map as? GramFeatureMap)?.gram.elements ?? []
      return [
        map.predictions(of: normal(map.featureCount, 2, 9)).elements,
        map.adjoint(normal(50, 2, 10)).elements, gram,
      ]
    }
    #expect(results[1] == results[0])
    #expect(results[2] == results[0])
  }

  @Test func gramNeedsTheSquaredLoss() throws {
    let problem = try ProblemCase(.signal, "sum:1x2", .gated, .softmax, outputs: 3).problem()
    #expect(throws: ProgramError.self) {
      _ = try GatedProgram(problem: problem, gates: gates(problem), storage: .gram)
    }
  }
}
