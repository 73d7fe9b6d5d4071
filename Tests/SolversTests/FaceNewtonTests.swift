import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Newton's method inside faces: derivatives, multipliers of kinks, known optima on kinks.
struct FaceNewtonTests {
  private static let cases = ProblemCase.ungated.filter {
    $0.activation == .relu && !$0.pooling.hasPrefix("max")
  }

  /// A random network whose first filter lies on one hyperplane of a patch and whose second lies on two, where there is room.
  private func networkOnKinks(_ problem: TrainingProblem, seed: UInt64) throws -> Network {
    // Not a seed of the data: filters must not be patches.
    var generator = SeededGenerator(seed: 4000 + seed)
    let h = problem.geometry.patchDimension
    var filters = generator.normalMatrix(rows: 4, columns: h)
    for (j, count) in [(0, 1), (1, min(2, h - 1))] {
      var basis: [[Double]] = []
      for k in 0..<count {
        var row = Array(problem.patches(ofSample: k).row(0))
        for b in basis { BLAS.add(-BLAS.dot(b, row), b, to: &row) }
        let length = BLAS.norm(row)
        basis.append(row.map { $0 / length })
      }
      for _ in 0..<2 {
        for b in basis {
          var filter = Array(filters.row(j))
          BLAS.add(-BLAS.dot(b, filter), b, to: &filter)
          for e in 0..<h { filters[j, e] = filter[e] }
        }
      }
    }
    return try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu, filters: filters,
      outputWeights: generator.normalMatrix(
        rows: 4 * problem.windowCount, columns: problem.outputCount))
  }

  /// A direction along which no filter leaves a hyperplane it lies on.
  private func directionAlongFaces(
    _ model: FaceModel, lines: PatchLines, generator: inout SeededGenerator
  ) -> [Double] {
    let network = model.network
    let h = network.filters.columns
    var result: [Double] = []
    for j in 0..<network.neuronCount {
      var own = (0..<h).map { _ in generator.normal() }
      let normals = (model.faces[j] + model.leaving[j]).map { Array(lines.normals.row($0)) }
      for _ in 0..<200 {
        for normal in normals { BLAS.add(-BLAS.dot(normal, own), normal, to: &own) }
      }
      result += own
    }
    return result + network.outputWeights.elements.map { _ in generator.normal() }
  }

  private func moved(_ network: Network, by step: Double, _ direction: [Double]) -> Network {
    var parameters = network.filters.elements + network.outputWeights.elements
    BLAS.add(step, direction, to: &parameters)
    return network.withParameters(parameters)
  }

  private func value(_ problem: TrainingProblem, _ network: Network) -> Double {
    problem.loss.value(at: problem.predictions(of: network)) + problem.lambda * network.weightDecay
  }

  @Test(arguments: cases, 1...3)
  func derivativesAreThoseOfDifferences(test: ProblemCase, seed: Int) throws {
    let problem = try test.problem(lambda: 0.1)
    let lines = PatchLines(problem)
    let network = try networkOnKinks(problem, seed: UInt64(seed))
    let model = FaceModel(problem, lines: lines, network: network)
    #expect(model.faces[0].count + model.leaving[0].count >= 1)
    #expect(abs(model.value - value(problem, network)) <= 1e-13 * model.value)
    var generator = SeededGenerator(seed: 77)
    let direction = directionAlongFaces(model, lines: lines, generator: &generator)
    let other = directionAlongFaces(model, lines: lines, generator: &generator)
    let step = 1e-6
    let (ahead, behind) = (
      moved(network, by: step, direction), moved(network, by: -step, direction)
    )
    let slope = (value(problem, ahead) - value(problem, behind)) / (2 * step)
    #expect(abs(slope - BLAS.dot(model.gradient, direction)) <= 1e-6 * (1 + abs(slope)))
    let hessian = model.hessian().hessian
    let image = BLAS.product(
      hessian, .plain, Matrix(rows: direction.count, columns: 1, elements: direction))
    func gradient(_ network: Network) -> [Double] {
      FaceModel(problem, lines: lines, network: network).gradient
    }
    let change =
      (BLAS.dot(gradient(ahead), other) - BLAS.dot(gradient(behind), other)) / (2 * step)
    #expect(abs(change - BLAS.dot(image.elements, other)) <= 1e-5 * (1 + abs(change)))
  }

  @Test(arguments: cases, 1...3)
  func valueNeverRises(test: ProblemCase, seed: Int) throws {
    let problem = try test.problem(lambda: 0.1)
    let lines = PatchLines(problem)
    var network = try networkOnKinks(problem, seed: UInt64(seed)).balanced()
    let newton = FaceNewton(problem: problem, lines: lines)
    #expect(FaceNewton.supports(network, in: problem))
    var last = value(problem, network)
    for _ in 0..<12 {
      let model = FaceModel(problem, lines: lines, network: network)
      guard let next = newton.step(from: model) else { break }
      network = next.network
      let now = value(problem, network)
      #expect(now <= last * (1 + 1e-14))
      last = now
    }
    #expect(last < value(problem, try networkOnKinks(problem, seed: UInt64(seed)).balanced()))
  }

  /// The local minimum with two kinks among four neurons of the mathematics notes, `landscape.md`, check C8, which is global.
  @Test func theOptimumOnTwoKinksAndItsMultipliersAreFound() throws {
    let signals = Matrix([[1, 2, -1, 1], [2, -1, 0, 1], [-1, -3, 1, 0], [3, 1, -3, 2]])
    let targets = Matrix(rows: 4, columns: 1, elements: [1, -2, 1.5, 0.5])
    let problem = try TrainingProblem(
      images: Tensor(shape: [4, 1, 1, 4], elements: signals.elements),
      geometry: PatchGeometry(length: 4, filterLength: 2, stride: 2),
      pooling: Pooling(parsing: "sum"),
      activation: .relu, loss: SquaredLoss(targets: targets), lambda: 0.1)
    let run = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-10, iterations: 200, seconds: 600))
    #expect(abs(run.objective.total - 0.2181526835) <= 1e-10)
    let model = FaceModel(problem, lines: PatchLines(problem), network: run.network)
    #expect(model.faces.count { $0.count == 1 } == 2)
    #expect(model.stationarity <= 1e-10)
  }

  @Test(arguments: 1...200)
  func boundedLeastSquaresIsStationary(seed: Int) throws {
    var generator = SeededGenerator(seed: UInt64(seed))
    let (h, k) = (1 + seed % 5, seed % 9)
    let target = (0..<h).map { _ in generator.normal() }
    let vectors = generator.normalMatrix(rows: k, columns: h).selectingRows(Array(0..<k))
    let unit = Matrix(
      rows: k, columns: h,
      elements: (0..<k).flatMap { l -> [Double] in
        let row = Array(vectors.row(l))
        return row.map { $0 / BLAS.norm(row) }
      })
    let bounds = (0..<k).map { _ in
      let (x, y) = (generator.normal(), generator.normal())
      return min(x, y)...max(x, y)
    }
    let solution = BoundedLeastSquares(target, vectors: unit, bounds: bounds)
    var residual = target
    for l in 0..<k {
      #expect(bounds[l].contains(solution.multipliers[l]))
      BLAS.add(solution.multipliers[l], Array(unit.row(l)), to: &residual)
    }
    for l in 0..<k {
      let slope = BLAS.dot(Array(unit.row(l)), residual)
      // The conditions of a convex program: no slope inside the bounds, outward slopes on them.
      if solution.multipliers[l] > bounds[l].lowerBound { #expect(slope <= 1e-10) }
      if solution.multipliers[l] < bounds[l].upperBound { #expect(slope >= -1e-10) }
    }
    #expect(zip(residual, solution.residual).allSatisfy { abs($0 - $1) <= 1e-12 })
  }

  @Test(arguments: cases.prefix(3))
  func dependentNeuronsAreDroppedAtNoCost(test: ProblemCase) throws {
    let problem = try test.problem(samples: 3, lambda: 0.1)
    var generator = SeededGenerator(seed: 9)
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: generator.normalMatrix(rows: 30, columns: problem.geometry.patchDimension),
      outputWeights: generator.normalMatrix(
        rows: 30 * problem.windowCount, columns: problem.outputCount)
    ).balanced()
    let small = network.droppingDependentNeurons(in: problem)
    #expect(small.neuronCount <= problem.sampleCount * problem.outputCount)
    let (before, after) = (problem.objective(of: network), problem.objective(of: small))
    #expect(after.total <= before.total * (1 + 1e-11))
    #expect(abs(after.loss - before.loss) <= 1e-10 * before.loss)
  }
}
