import ConvexCNN
import TestSupport
import Testing

/// The landscape of quadratic networks with fixed output signs: Hessian, escapes, what curvature alone proves.
struct QuadraticLandscapeTests {
  /// One window and one output, so that `h` entries are filters of every sign.
  private func single(lambda: Double, samples: Int = 12, seed: Int) throws -> TrainingProblem {
    try DegreeTwoProblem.random(
      .quadratic, samples: samples, outputs: 1, pooling: "sum", lambda: lambda, seed: seed)
  }

  private func images(_ problem: TrainingProblem, seed: Int) -> Tensor {
    var generator = SeededGenerator(seed: UInt64(seed))
    return generator.normalTensor(shape: [problem.sampleCount, 1, 1, 6])
  }

  private func landscape(
    _ network: Network, _ problem: TrainingProblem, seed: Int
  ) throws -> QuadraticLandscape {
    try Certifier(
      images: images(problem, seed: seed), loss: problem.loss, lambda: problem.lambda
    ).quadraticLandscape(of: network)
  }

  /// A network with random filters and given output weights, one window and output.
  private func network(
    _ problem: TrainingProblem, weights: [Double], size: Double = 1, seed: Int
  ) throws -> Network {
    var generator = SeededGenerator(seed: UInt64(seed) &+ 500)
    var filters = generator.normalMatrix(
      rows: weights.count, columns: problem.geometry.patchDimension)
    for e in filters.elements.indices { filters.elements[e] *= size }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .quadratic,
      filters: filters,
      outputWeights: Matrix(rows: weights.count, columns: 1, elements: weights))
  }

  /// The gradient of the objective by the filters.
  private func gradient(_ network: Network, _ problem: TrainingProblem) -> [Double] {
    var result = problem.lossAndGradient(
      filters: network.filters, outputWeights: network.outputWeights
    ).filters.elements
    let h = network.filters.columns
    for (e, value) in network.filters.elements.enumerated() {
      result[e] += 2 * problem.lambda * network.outputSums[e / h] * value
    }
    return result
  }

  /// The spectral norms of the gradients by the matrices.
  private func residual(_ network: Network, _ problem: TrainingProblem) throws -> [Double] {
    let program = try QuadraticProgram(problem: problem)
    let slope = program.composite.map.adjoint(
      problem.loss.gradient(at: problem.predictions(of: network)))
    return try LAPACK.symmetricEigen(
      SymmetricNuclearNorm(blockCount: 1, order: 3).matrix(block: 0, column: 0, of: slope)
    ).values
  }

  /// The optimum over all symmetric matrices without a penalty, by normal equations.
  private func leastSquares(_ problem: TrainingProblem) throws -> Double {
    let map = try QuadraticProgram(problem: problem).composite.map
    guard let dense = map as? DenseFeatureMap, let loss = problem.loss as? SquaredLoss else {
      return .nan
    }
    let gram = BLAS.product(dense.features, .transposed, dense.features)
    let right = BLAS.product(dense.features, .transposed, loss.targets)
    let weights = try LAPACK.solve(gram, right)
    return loss.value(at: map.predictions(of: weights))
  }

  /// B1: smallest eigenvalue and gradient against central differences of the gradient.
  @Test(arguments: 1...4)
  func hessianIsTheDerivativeOfTheGradient(seed: Int) throws {
    let problem = try DegreeTwoProblem.random(.quadratic, lambda: 0.1, seed: seed)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 4, seed: seed)
    let count = network.filters.elements.count
    var hessian = Matrix(rows: count, columns: count)
    for e in 0..<count {
      var (up, down) = (network, network)
      up.filters.elements[e] += 1e-5
      down.filters.elements[e] -= 1e-5
      let (above, below) = (gradient(up, problem), gradient(down, problem))
      for f in 0..<count { hessian[e, f] = (above[f] - below[f]) / 2e-5 }
    }
    let expected = try LAPACK.symmetricEigen(hessian).values[0]
    let found = try Certifier(
      images: images(problem, seed: seed), loss: problem.loss, lambda: 0.1
    ).quadraticLandscape(of: network)
    #expect(found.isDense)
    #expect(abs(found.smallestEigenvalue - expected) < 1e-7 * (1 + abs(expected)) * 10)
    let slope = gradient(network, problem)
    #expect(abs(found.gradientNorm - BLAS.norm(slope)) < 1e-11 * BLAS.norm(slope))
    #expect(
      abs(found.radialSlope - 0.5 * BLAS.dot(slope, network.filters.elements)) < 1e-11
        * BLAS.norm(slope))
  }

  /// B2: with `h` neurons of each sign every start reaches the optimum over all matrices.
  @Test(arguments: 1...20)
  func everyStartReachesLeastSquares(seed: Int) throws {
    let problem = try single(lambda: 0, seed: 3)
    let best = try leastSquares(problem)
    #expect(best > 1e-3)
    var search = QuadraticDescent(filtersPerSign: 3, seed: UInt64(seed))
    search.startSize = 0.5
    let solution = try search.solve(
      QuadraticProgram(problem: problem), lambda: 0, limits: SolveLimits(iterations: 5000))
    #expect(abs(solution.objective - best) < 1e-12)
    #expect(abs(problem.objective(of: solution.network).loss - solution.objective) < 1e-13)
  }

  /// B3: at stationary points with unused neurons of both signs the smallest eigenvalue is the escape curvature.
  @Test(arguments: 1...5)
  func escapeCurvatureAtSaddles(seed: Int) throws {
    let problem = try single(lambda: 0, seed: seed)
    let empty = try network(problem, weights: [1, 1, -1], size: 0, seed: 1)
    let values = try residual(empty, problem)
    let predicted = 2 * min(values[0], -values[2])
    let zero = try landscape(empty, problem, seed: seed)
    #expect(zero.gradientNorm == 0)
    #expect(abs(zero.smallestEigenvalue - predicted) < 1e-12 * abs(predicted))
    // One neuron trained alone, with an unused one of each sign and weights of their own.
    var search = QuadraticDescent(filtersPerSign: 1, seed: UInt64(seed))
    search.startSize = 0.7
    let trained = try search.solve(
      QuadraticProgram(problem: problem), lambda: 0, limits: SolveLimits(iterations: 3000)
    ).network
    var saddle = try network(problem, weights: [1, -1, 1.5, -0.5], size: 0, seed: 1)
    for e in 0..<6 { saddle.filters.elements[e] = trained.filters.elements[e] }
    let spectrum = try residual(saddle, problem)
    let escape = min(2 * 1.5 * spectrum[0], -2 * 0.5 * spectrum[2])
    let found = try landscape(saddle, problem, seed: seed)
    #expect(found.gradientNorm < 1e-5)
    #expect(escape < -1e-2)
    #expect(abs(found.smallestEigenvalue - escape) < 1e-5 * abs(escape))
    #expect(found.suboptimality(nuclearNorm: 10) == nil)
  }

  /// B4: at every point the smallest eigenvalue is below `-2 w (|R| - lambda)`, and the bound on the gap holds.
  @Test(arguments: 1...60)
  func curvatureBoundsTheResidual(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let lambda = seed % 3 == 0 ? 0 : 0.2
    let problem = try single(lambda: lambda, seed: seed % 7)
    let weights = (0..<8).map { ($0 < 4 ? 1 : -1) * (0.5 + generator.uniform()) }
    let network = try network(
      problem, weights: weights, size: 0.2 + generator.uniform(), seed: seed)
    let found = try landscape(network, problem, seed: seed % 7)
    let values = try residual(network, problem)
    let norm = max(abs(values[0]), abs(values[2]))
    #expect(abs(found.residualNorm - norm) < 1e-11 * norm)
    #expect((found.positiveCount, found.negativeCount) == (4, 4))
    let smallest = weights.map { abs($0) }.min() ?? 0
    #expect(found.smallestWeight == smallest)
    let bound = min(0, -2 * smallest * (norm - lambda))
    #expect(found.smallestEigenvalue <= bound + 1e-10)
    if lambda > 0 {
      let optimum = FISTA().solve(
        try QuadraticProgram(problem: problem).composite, limits: SolveLimits(relativeGap: 1e-9)
      ).objective
      let proven = try #require(found.suboptimality())
      #expect(proven >= found.objective - optimum)
    } else {
      #expect(found.suboptimality() == nil)
      let proven = try #require(found.suboptimality(nuclearNorm: 100))
      #expect(proven >= found.objective - (try leastSquares(problem)))
    }
  }

  /// (a) = (b): local search ends at the optimum of the convex program, and curvature alone proves it there.
  @Test(arguments: 1...8)
  func localSearchSolvesTheConvexProgram(seed: Int) throws {
    let lambda = 0.05
    let problem = try DegreeTwoProblem.random(.quadratic, lambda: lambda, seed: seed % 4)
    let program = try QuadraticProgram(problem: problem)
    let convex = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-11, iterations: 50_000))
    // The gap is of first order in the gradient and the objective of second: descent on values ends near 1e-8 to 1e-7.
    let local = try QuadraticDescent(seed: UInt64(seed)).solve(
      program, lambda: lambda, limits: SolveLimits(relativeGap: 1e-6, iterations: 20_000))
    #expect(local.status == .solved)
    #expect(local.lowerBound <= convex.objective)
    #expect(abs(local.objective - convex.objective) < 1e-6 * convex.objective)
    let network = try program.network(from: program.point(from: local.network))
    #expect(network.neuronCount <= 12)
    #expect(problem.objective(of: network).total <= local.objective * (1 + 1e-12))
    let found = try landscape(local.network, problem, seed: seed % 4)
    #expect(found.hasEnoughNeurons)
    let proven = try #require(found.suboptimality())
    #expect(proven >= local.objective - convex.objective)
    #expect(proven < 1e-3 * local.objective)
  }

  /// From the saddle of the network without neurons the search leaves along negative curvature.
  @Test(arguments: [QuadraticDescent.Method.lbfgs, .gradientDescent])
  func saddleOfTheEmptyNetworkIsLeft(method: QuadraticDescent.Method) throws {
    let problem = try single(lambda: 0.3, seed: 2)
    let program = try QuadraticProgram(problem: problem)
    var search = QuadraticDescent(method: method, seed: 1)
    search.startSize = 0
    let solution = try search.solve(
      program, lambda: 0.3, limits: SolveLimits(relativeGap: 1e-6, iterations: 20_000))
    #expect(solution.status == .solved)
    #expect(solution.escapeCount > 0)
    // Above lambdaMax there is no negative curvature, and nothing to leave.
    let strong = 1.01 * program.composite.lambdaMax
    let rest = try search.solve(program, lambda: strong, limits: SolveLimits(relativeGap: 1e-6))
    #expect(rest.status == .solved)
    #expect(rest.escapeCount == 0)
  }

  /// B5: one neuron of each sign has two strict local minima, one of them spurious; two of each sign have none.
  @Test func fewNeuronTrap() throws {
    let images = Tensor(shape: [4, 1, 1, 2], elements: [1, 0, 0, 1, 3, 3, 3, -3])
    let problem = try TrainingProblem(
      images: images, geometry: PatchGeometry(length: 2, filterLength: 2), pooling: Pooling(.sum),
      activation: .quadratic,
      loss: SquaredLoss(targets: Matrix(rows: 4, columns: 1, elements: [1, 1.1, 18.9, 18.9])),
      lambda: 0)
    let program = try QuadraticProgram(problem: problem)
    let limits = SolveLimits(iterations: 3000)
    var losses: Set<Double> = []
    for seed in 0..<30 {
      let few = try QuadraticDescent(filtersPerSign: 1, seed: UInt64(seed)).solve(
        program, lambda: 0, limits: limits)
      losses.insert((few.objective * 1e6).rounded() / 1e6)
      let found = try Certifier(images: images, loss: problem.loss, lambda: 0)
        .quadraticLandscape(of: few.network)
      #expect(!found.hasEnoughNeurons)
      #expect(found.suboptimality(nuclearNorm: 10) == nil)
      let enough = try QuadraticDescent(filtersPerSign: 2, seed: UInt64(seed)).solve(
        program, lambda: 0, limits: limits)
      #expect(enough.objective < 1e-15)
    }
    #expect(losses == [0.249233, 0.301572])
  }

  @Test func otherActivationsAreRefused() throws {
    let problem = try DegreeTwoProblem.random(.polynomial(Polynomial(1, 0, 0)), seed: 1)
    let network = try DegreeTwoProblem.network(for: problem, neurons: 2, seed: 1)
    #expect(throws: CertificateError.self) { try landscape(network, problem, seed: 1) }
  }
}
