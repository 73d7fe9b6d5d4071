import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// Points of programs and networks stand for each other.
struct ProgramIdentityTests {
  private func random(_ rows: Int, _ columns: Int, seed: Int) -> Matrix {
    var generator = SeededGenerator(seed: UInt64(seed))
    return generator.normalMatrix(rows: rows, columns: columns)
  }

  private func program(_ test: ProblemCase, gates count: Int = 4) throws -> GatedProgram {
    let problem = try test.problem()
    let gates = random(count, problem.geometry.patchDimension, seed: 2)
    return try GatedProgram(problem: problem, gates: test.activation == .gated ? gates : nil)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test(arguments: ProblemCase.programs, 1...3)
  func networkOfAPointHasItsObjectiveAndLeadsBack(test: ProblemCase, seed: Int) throws {
    let program = try program(test)
    let zero = program.composite.zero
    let point = random(zero.rows, zero.columns, seed: seed)
    let network = try program.network(from: point)
    let objective = program.composite.objective(at: point)
    let total = program.problem.objective(of: network).total
    #expect(abs(total - objective) <= 1e-12 * objective)
    #expect(try program.point(from: network).relativeDistance(to: point) <= 1e-13)
    #expect(abs(network.weightDecay - network.regularization) <= 1e-11)
    let predictions = program.composite.map.predictions(of: point)
    let found = program.problem.predictions(of: network)
    #expect(found.relativeDistance(to: predictions) <= 1e-12)
  }

  @Test(arguments: ProblemCase.programs)
  func pointOfANetworkNeverHasAHigherObjective(test: ProblemCase) throws {
    let program = try program(test)
    let problem = program.problem
    let own = program.gates.map { $0.selectingRows([3, 1, 1, 1, 0]) }
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: problem.activation,
      filters: random(5, problem.geometry.patchDimension, seed: 3), gates: own,
      outputWeights: random(5 * problem.windowCount, problem.outputCount, seed: 4))
    let point = try program.point(from: network)
    let total = problem.objective(of: network).total
    #expect(program.composite.objective(at: point) <= total * (1 + 1e-13))
  }

  @Test(arguments: ProblemCase.programs)
  func zeroPointIsTheEmptyNetwork(test: ProblemCase) throws {
    let program = try program(test)
    let network = try program.network(from: program.composite.zero)
    #expect(network.neuronCount == 0)
    let total = program.problem.objective(of: network).total
    #expect(abs(total - program.composite.objective(at: program.composite.zero)) <= 1e-15)
  }

  @Test(arguments: ProblemCase.ungated)
  func fixedFilterProgramHasTheObjectiveOfTheNetwork(test: ProblemCase) throws {
    let problem = try test.problem()
    let filters = random(5, problem.geometry.patchDimension, seed: 5)
    let program = FixedFilterProgram(problem: problem, filters: filters)
    let point = random(5 * problem.windowCount, problem.outputCount, seed: 6)
    let network = try program.network(from: point)
    let objective = program.composite.objective(at: point)
    #expect(abs(problem.objective(of: network).total - objective) <= 1e-12 * objective)
    let (back, weights) = FixedFilterProgram.program(of: network, in: problem)
    #expect(weights.relativeDistance(to: point) <= 1e-13)
    #expect(back.filters.relativeDistance(to: program.filters) <= 1e-14)
    #expect(abs(back.composite.objective(at: weights) - objective) <= 1e-12 * objective)
  }

  @Test(arguments: ProblemCase.programs, 1...3)
  func dualValueIsALowerBoundOfEveryObjective(test: ProblemCase, seed: Int) throws {
    let program = try program(test).composite
    let point = random(program.zero.rows, program.zero.columns, seed: seed)
    let gradient = program.loss.gradient(at: program.map.predictions(of: point))
    let dualNorm = program.regularizer.dualNorm(program.map.adjoint(gradient))
    let bound = program.dualValue(gradient: gradient, dualNorm: dualNorm)
    #expect(bound >= 0)
    for size in [0, 1e-3, 0.01, 0.1, 1] {
      var other = random(program.zero.rows, program.zero.columns, seed: seed + 7)
      for e in other.elements.indices { other.elements[e] *= size }
      #expect(bound <= program.objective(at: other))
    }
  }

  @Test(arguments: ProblemCase.LossKind.allCases, 1...5)
  func bestScaledDualIsTheBestOnAGrid(kind: ProblemCase.LossKind, seed: Int) {
    let loss = ProblemCase.loss(kind, samples: 6, outputs: kind == .logistic ? 1 : 3, seed: seed)
    let gradient = loss.gradient(at: random(6, loss.outputCount, seed: seed))
    for limit in [0.1, 1, Double.infinity] {
      let (scale, value) = bestScaledDual(loss: loss, gradient: gradient, largestScale: limit)
      #expect(scale >= 0 && scale <= limit)
      let end = min(limit, loss.largestDualScale(gradient: gradient), 20)
      for step in 0...200 {
        var dual = gradient
        for e in dual.elements.indices { dual.elements[e] *= end * Double(step) / 200 }
        #expect(value >= -loss.conjugate(at: dual) - 1e-12)
      }
    }
  }

  @Test func lambdaMaxIsTheLargestSingularValueOfTheCorrelation() throws {
    let test = ProblemCase(.dense, "sum", .linear, .squared, outputs: 2)
    let program = try program(test)
    let loss = program.problem.loss
    let zero = Matrix(rows: 12, columns: 2)
    let patches = try test.images(samples: 12).elements
    let x = Matrix(rows: 12, columns: 3, elements: patches)
    let correlation = BLAS.product(x, .transposed, loss.gradient(at: zero), .plain)
    let largest = try LAPACK.singularValues(correlation).values[0]
    #expect(abs(program.composite.lambdaMax - largest) <= 1e-13 * largest)
  }

  @Test func programsThatDoNotFitAreRefused() throws {
    let gated = try ProblemCase(.signal, "sum", .gated, .squared, outputs: 1).problem()
    let relu = try ProblemCase(.signal, "sum", .relu, .squared, outputs: 1).problem()
    let missing = message { _ = try GatedProgram(problem: gated, gates: nil) }
    #expect(
      missing
        == "gates: expected gates for a gated network, found none. A gated network needs gates, a linear one has none."
    )
    let unsuitable = message {
      _ = try GatedProgram(problem: relu, gates: Matrix(rows: 2, columns: 3))
    }
    #expect(
      unsuitable
        == "activation: expected gated or linear, found relu. Use CellGeneration for ReLU networks."
    )
    let narrow = message {
      _ = try GatedProgram(problem: gated, gates: Matrix(rows: 2, columns: 4))
    }
    #expect(
      narrow
        == "gates: expected at least one gate of 3 entries, found 2 of 4. Sample gates from the same patches."
    )
    let linear = try ProblemCase(.signal, "sum", .linear, .squared, outputs: 1).problem()
    let needless = message {
      _ = try GatedProgram(problem: linear, gates: Matrix(rows: 2, columns: 3))
    }
    #expect(
      needless
        == "gates: expected no gates for a linear network, found 2 gates. A gated network needs gates, a linear one has none."
    )
    let program = try GatedProgram(problem: gated, gates: Matrix([[1, 0, 0]]))
    let stranger = try Network(
      geometry: gated.geometry, pooling: gated.pooling, activation: .gated,
      filters: Matrix([[1, 1, 1]]), gates: Matrix([[0, 1, 0]]), outputWeights: Matrix([[1]]))
    let foreign = message { _ = try program.point(from: stranger) }
    #expect(
      foreign
        == "network gate 0: expected one of the 1 gates of the program, found another vector. Build the program over the network's gates."
    )
  }
}
