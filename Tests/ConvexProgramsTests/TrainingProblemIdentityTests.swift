import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Passes over the data against loops over the definition, and derivatives against differences.
struct TrainingProblemIdentityTests {
  private func random(_ rows: Int, _ columns: Int, seed: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(seed))
    return generator.normalMatrix(rows: rows, columns: columns)
  }

  private func filters(_ problem: TrainingProblem, _ count: Int, seed: Int) -> Matrix {
    random(count, problem.geometry.patchDimension, seed: seed)
  }

  private func twin(_ test: ProblemCase, samples: Int = 12) throws -> FeatureTwin {
    try FeatureTwin(
      images: test.images(samples: samples), geometry: test.geometry(),
      pooling: Pooling(parsing: test.pooling))
  }

  @Test(arguments: ProblemCase.ungated)
  func featuresAreTheNaiveLoops(test: ProblemCase) throws {
    let problem = try test.problem()
    let filters = filters(problem, 4, seed: 5)
    let naive = try twin(test).features(of: filters, rectified: test.activation == .relu)
    #expect(problem.features(of: filters).relativeDistance(to: naive) <= 1e-13)
  }

  @Test(arguments: ProblemCase.ungated, [ConvolutionBackend.direct, .fft])
  func backendsAgree(test: ProblemCase, backend: ConvolutionBackend) throws {
    let first = try test.problem()
    let second = try test.problem(backend: backend)
    let filters = filters(first, 3, seed: 6)
    let features = first.features(of: filters)
    let distance = second.features(of: filters).relativeDistance(to: features)
    #expect(distance <= 1e-12)
  }

  @Test(arguments: ProblemCase.ungated, 1...3)
  func pullbackIsTheDerivativeOfTheFeatures(test: ProblemCase, seed: Int) throws {
    let problem = try test.problem(seed: seed)
    let filters = filters(problem, 3, seed: seed)
    let direction = self.filters(problem, 3, seed: seed + 10)
    let cotangent = random(12, 3 * problem.windowCount, seed: seed + 20)
    func value(_ step: Double) -> Double {
      var moved = filters
      BLAS.add(step, direction.elements, to: &moved.elements)
      return BLAS.dot(problem.features(of: moved).elements, cotangent.elements)
    }
    // Features are piecewise linear: away from kinks the difference is exact up to rounding.
    let difference = (value(1e-6) - value(-1e-6)) / 2e-6
    let gradient = problem.pullback(filters: filters, cotangent: cotangent)
    let slope = BLAS.dot(gradient.elements, direction.elements)
    #expect(abs(difference - slope) <= 1e-7)
    // Homogeneity: the value is its own derivative along the filters.
    let along = BLAS.dot(gradient.elements, filters.elements)
    #expect(abs(along - value(0)) <= 1e-11)
  }

  @Test(arguments: ProblemCase.ungated)
  func lossAndGradientIsTheCompositionOfThePasses(test: ProblemCase) throws {
    let problem = try test.problem()
    let filters = filters(problem, 4, seed: 7)
    let weights = random(4 * problem.windowCount, problem.outputCount, seed: 8)
    let features = problem.features(of: filters)
    let predictions = BLAS.product(features, .plain, weights, .plain)
    let (loss, dual) = problem.loss.valueAndGradient(at: predictions)
    let cotangent = BLAS.product(dual, .plain, weights, .transposed)
    let expected = problem.pullback(filters: filters, cotangent: cotangent)
    let outer = BLAS.product(features, .transposed, dual, .plain)
    let found = problem.lossAndGradient(filters: filters, outputWeights: weights)
    #expect(abs(found.loss - loss) <= 1e-13 * (1 + loss))
    #expect(found.filters.relativeDistance(to: expected) <= 1e-12)
    #expect(found.outputWeights.relativeDistance(to: outer) <= 1e-12)
  }

  @Test(arguments: ProblemCase.programs)
  func gatedFeaturesAreTheMaskedPatches(test: ProblemCase) throws {
    let problem = try test.problem()
    let gates = test.activation == .gated ? filters(problem, 5, seed: 9) : nil
    let naive = try twin(test).gatedFeatures(of: gates)
    let features = problem.gatedFeatures(of: gates)
    #expect(features.relativeDistance(to: naive) <= 1e-13)
  }

  @Test func patchesOnTheHyperplaneOfAGateCount() throws {
    let test = ProblemCase(.dense, "sum", .gated, .squared, outputs: 1)
    let problem = try TrainingProblem(
      images: Tensor(shape: [2, 1, 1, 3], elements: [1, 0, 2, -1, 0, 2]),
      geometry: test.geometry(), pooling: Pooling(.sum), activation: .gated,
      loss: SquaredLoss(targets: Matrix([[0], [0]])), lambda: 1)
    let features = problem.gatedFeatures(of: Matrix([[0, 1, 0], [1, 0, 0]]))
    let expected = Matrix([[1, 0, 2, 1, 0, 2], [-1, 0, 2, 0, 0, 0]])
    #expect(features == expected)
  }

  @Test(arguments: ProblemCase.ungated)
  func dualNormsAreNormsOfCorrelations(test: ProblemCase) throws {
    let problem = try test.problem()
    let filters = filters(problem, 4, seed: 10)
    let dual = random(12, problem.outputCount, seed: 11)
    let (norms, gradients) = problem.dualNorms(of: filters, dual: dual)
    let features = problem.features(of: filters)
    let correlations = BLAS.product(features, .transposed, dual, .plain)
    let size = problem.windowCount * problem.outputCount
    for j in 0..<4 {
      let norm = BLAS.norm(Array(correlations.elements[j * size..<(j + 1) * size]))
      #expect(abs(norms[j] - norm) <= 1e-12 * norm)
      let product = BLAS.dot(Array(filters.row(j)), Array(gradients.row(j)))
      #expect(abs(product - norm * norm) <= 1e-11 * norm * norm)
    }
    let direction = self.filters(problem, 4, seed: 12)
    func halfSquares(_ step: Double) -> Double {
      var moved = filters
      BLAS.add(step, direction.elements, to: &moved.elements)
      return problem.dualNorms(of: moved, dual: dual).norms.reduce(0) { $0 + 0.5 * $1 * $1 }
    }
    let difference = (halfSquares(1e-6) - halfSquares(-1e-6)) / 2e-6
    let slope = BLAS.dot(gradients.elements, direction.elements)
    // Quadratic between kinks: only rounding of the values over the step is left.
    #expect(abs(difference - slope) <= 1e-9 * (1 + halfSquares(0)))
  }

  @Test(arguments: ProblemCase.ungated + ProblemCase.programs)
  func threadsDoNotChangeTheBits(test: ProblemCase) throws {
    let (one, two) = (
      try test.problem(samples: 200), try test.problem(samples: 200, threads: 2)
    )
    guard test.activation != .gated else {
      let gates = filters(one, 40, seed: 13)
      #expect(one.gatedFeatures(of: gates) == two.gatedFeatures(of: gates))
      return
    }
    let filters = filters(one, 40, seed: 13)
    let weights = random(40 * one.windowCount, one.outputCount, seed: 14)
    let first = one.lossAndGradient(filters: filters, outputWeights: weights)
    let second = two.lossAndGradient(filters: filters, outputWeights: weights)
    #expect(first.loss == second.loss)
    #expect(first.filters == second.filters)
    #expect(first.outputWeights == second.outputWeights)
    let dual = random(200, one.outputCount, seed: 15)
    let (norms, gradients) = one.dualNorms(of: filters, dual: dual)
    let (others, otherGradients) = two.dualNorms(of: filters, dual: dual)
    #expect(norms == others)
    #expect(gradients == otherGradients)
  }

  @Test(arguments: ProblemCase.ungated)
  func selectingKeepsThePredictionsOfThoseSamples(test: ProblemCase) throws {
    let problem = try test.problem()
    let images = try test.images(samples: 12)
    let chosen = [11, 3, 3, 0]
    let part = try problem.selecting(chosen, images: images.selecting(chosen))
    let filters = filters(problem, 3, seed: 16)
    let whole = problem.features(of: filters).selectingRows(chosen)
    #expect(part.features(of: filters).relativeDistance(to: whole) <= 1e-14)
    #expect(part.sampleCount == 4)
    #expect(part.lambda == problem.lambda)
    let zero = Matrix(rows: 4, columns: problem.outputCount)
    let loss = problem.loss.selecting(chosen).value(at: zero)
    #expect(part.loss.value(at: zero) == loss)
  }

  @Test(arguments: ProblemCase.ungated)
  func patchesOfASampleAreTheNaivePatches(test: ProblemCase) throws {
    let problem = try test.problem()
    let naive = try NaiveConvolution(
      images: test.images(samples: 12), geometry: test.geometry()
    ).patches
    let k = problem.geometry.patchesPerSample
    let rows = Array(7 * k..<8 * k)
    #expect(problem.patches(ofSample: 7) == naive.selectingRows(rows))
  }

  @Test(arguments: [Activation.relu, .gated, .linear], ["sum", "average:1x3", "none", "max:1x2"])
  func predictionsOfNetworksAreTheNaiveLoops(activation: Activation, pooling: String) throws {
    guard activation == .relu || pooling != "max:1x2" else { return }
    let signals = random(5, 9, seed: 17)
    let twin = ObjectiveTwin(signals: signals)
    let problem = try TrainingProblem(
      images: twin.images, geometry: PatchGeometry(length: 9, filterLength: 3),
      pooling: Pooling(parsing: pooling), activation: activation,
      loss: SquaredLoss(targets: random(5, 2, seed: 18)), lambda: 0.3)
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: activation,
      filters: random(4, 3, seed: 19), gates: activation == .gated ? random(4, 3, seed: 20) : nil,
      outputWeights: random(4 * problem.windowCount, 2, seed: 21))
    let expected = twin.predictions(of: network)
    #expect(problem.predictions(of: network).relativeDistance(to: expected) <= 1e-13)
    let objective = problem.objective(of: network)
    let loss = problem.loss.value(at: expected)
    #expect(abs(objective.total - loss - 0.3 * network.regularization) <= 1e-13)
  }
}
