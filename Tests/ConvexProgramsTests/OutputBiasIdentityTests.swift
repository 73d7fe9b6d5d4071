import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Problems and programs with an output bias.
struct OutputBiasIdentityTests {
  private func network(
    _ problem: TrainingProblem, gates: Matrix? = nil, seed: Int = 3
  ) throws -> Network {
    var generator = SeededGenerator(seed: UInt64(seed))
    let count = gates?.rows ?? 4
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: generator.normalMatrix(rows: count, columns: problem.geometry.patchDimension),
      gates: gates,
      outputWeights: generator.normalMatrix(
        rows: count * problem.windowCount, columns: problem.outputCount),
      outputBias: (0..<problem.outputCount).map { _ in generator.normal() })
  }

  @Test(arguments: ProblemCase.ungated)
  func lossAndGradientIncludeTheBias(test: ProblemCase) throws {
    let problem = try test.problem(hasOutputBias: true)
    let network = try network(problem)
    let bias = try #require(network.outputBias)
    let (loss, filters, weights, slope) = problem.lossAndGradient(
      filters: network.filters, outputWeights: network.outputWeights, outputBias: bias)
    let (value, gradient) = problem.loss.valueAndGradient(at: problem.predictions(of: network))
    #expect(abs(loss - value) <= 1e-13 * value)
    for (k, sum) in gradient.columnSums.enumerated() { #expect(abs(slope[k] - sum) <= 1e-13) }
    // By homogeneity the derivatives along filters and along weights are equal.
    let inner = BLAS.dot(filters.elements, network.filters.elements)
    let outer = BLAS.dot(weights.elements, network.outputWeights.elements)
    #expect(abs(inner - outer) <= 1e-11 * (1 + abs(inner)))
  }

  @Test(arguments: ["sum", "average", "max"])
  func predictionsAreTheDefinition(pooling: String) throws {
    let test = ProblemCase(.signal, pooling, .relu, .squared, outputs: 2)
    let problem = try test.problem(hasOutputBias: true)
    let network = try network(problem)
    let images = try test.images(samples: 12)
    let twin = ObjectiveTwin(signals: Matrix(rows: 12, columns: 9, elements: images.elements))
    let expected = twin.predictions(of: network)
    #expect(problem.predictions(of: network).relativeDistance(to: expected) <= 1e-13)
    let constant = network.selecting(neurons: [])
    #expect(problem.predictions(of: constant) == twin.predictions(of: constant))
  }

  @Test(arguments: ProblemCase.programs)
  func gatedProgramHasTheObjectiveOfItsNetwork(test: ProblemCase) throws {
    let problem = try test.problem(hasOutputBias: true)
    var generator = SeededGenerator(seed: 5)
    let gates =
      test.activation == .gated
      ? generator.normalMatrix(rows: 3, columns: problem.geometry.patchDimension) : nil
    let program = try GatedProgram(problem: problem, gates: gates)
    let zero = program.composite.zero
    let point = generator.normalMatrix(rows: zero.rows, columns: zero.columns)
    let network = try program.network(from: point)
    let total = problem.objective(of: network).total
    #expect(abs(program.composite.objective(at: point) - total) <= 1e-11 * total)
    // And back: the bias is the best one, so no other network with these filters is better.
    let back = try program.point(from: network)
    #expect(back.relativeDistance(to: point) <= 1e-12)
    #expect(problem.withBestOutputBias(network).outputBias == network.outputBias)
  }

  @Test(arguments: ProblemCase.ungated.filter { $0.activation == .relu })
  func fixedFilterProgramHasTheObjectiveOfItsNetwork(test: ProblemCase) throws {
    let problem = try test.problem(hasOutputBias: true)
    var generator = SeededGenerator(seed: 6)
    let program = FixedFilterProgram(
      problem: problem,
      filters: generator.normalMatrix(rows: 4, columns: problem.geometry.patchDimension))
    let zero = program.composite.zero
    let point = generator.normalMatrix(rows: zero.rows, columns: zero.columns)
    let total = problem.objective(of: try program.network(from: point)).total
    #expect(abs(program.composite.objective(at: point) - total) <= 1e-11 * total)
  }

  @Test func emptyNetworkIsTheBestConstant() throws {
    let targets = Matrix([[1, 5], [2, 9], [6, 4]])
    let problem = try TrainingProblem(
      images: Tensor(shape: [3, 1, 1, 4], elements: (0..<12).map(Double.init)),
      geometry: PatchGeometry(length: 4, filterLength: 2), pooling: Pooling(.sum),
      activation: .relu, loss: SquaredLoss(targets: targets), lambda: 1, hasOutputBias: true)
    #expect(try problem.emptyNetwork().outputBias == [3, 6])
    let part = try problem.selecting(
      [0, 1], images: Tensor(shape: [2, 1, 1, 4], elements: (0..<8).map(Double.init)))
    #expect(!part.hasOutputBias)
  }

  @Test func biasOfAnotherLengthAndTheProgramOverAllCellsAreRefused() throws {
    let test = ProblemCase(.signal, "sum", .relu, .squared, outputs: 1)
    let problem = try test.problem(hasOutputBias: true)
    var error = #expect(throws: ProgramError.self) { try ConeProgram(problem: problem) }
    #expect(error?.description.contains("without an output bias") == true)
    error = #expect(throws: ProgramError.self) {
      try Network(
        geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
        filters: Matrix([[1, 2, 3]]), outputWeights: Matrix([[1]]), outputBias: [1, 2])
    }
    #expect(error?.place == "network output bias")
  }
}
