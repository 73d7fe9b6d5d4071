import ConvexPrograms
import Convolutions
import Tensors
import TestSupport
import Testing

/// The program over all cells: its cones, features, networks and dual norm.
struct ConeProgramIdentityTests {
  private func problem(
    n: Int, length: Int, h: Int, pooling: String, seed: Int = 1
  ) throws -> TrainingProblem {
    var generator = SeededGenerator(seed: UInt64(seed))
    let images = generator.normalTensor(shape: [n, 1, 1, length])
    return try TrainingProblem(
      images: images, geometry: PatchGeometry(length: length, filterLength: h),
      pooling: Pooling(parsing: pooling), activation: .relu,
      loss: SquaredLoss(targets: generator.normalMatrix(rows: n, columns: 1)), lambda: 0.02)
  }

  /// In general position `N` planes in dimension `h` have `2 N sum_{j < h - 1} C(N - 2, j)` facets, each of two cells.
  @Test(arguments: [(6, 6, 2, 60, 60), (5, 5, 3, 212, 420), (4, 6, 4, 464, 1344)])
  func cellsAndFacetsAreAsManyAsInGeneralPosition(
    n: Int, length: Int, h: Int, cells: Int, facets: Int
  ) throws {
    let program = try ConeProgram(
      problem: problem(n: n, length: length, h: h, pooling: "sum"))
    #expect(program.cellCount == cells)
    #expect(program.cones.count == cells)
    let sum = program.cones.reduce(0) { $0 + $1.facets.rows }
    #expect(sum == 2 * facets)
  }

  @Test(arguments: ["sum", "average", "max"], [(6, 6, 2), (5, 6, 3)])
  func everyFilterLiesInOneConeWhoseFeaturesAreItsOwn(
    pooling: String, shape: (n: Int, length: Int, h: Int)
  ) throws {
    let problem = try problem(n: shape.n, length: shape.length, h: shape.h, pooling: pooling)
    let program = try ConeProgram(problem: problem)
    var generator = SeededGenerator(seed: 4)
    let filters = generator.normalMatrix(rows: 200, columns: shape.h)
    let features = problem.features(of: filters)
    for j in 0..<filters.rows {
      let filter = Array(filters.row(j))
      let homes = program.cones.indices.filter { program.cones[$0].contains(filter) }
      #expect(homes.count == 1)
      let home = try #require(homes.first)
      for i in 0..<shape.n {
        let own = program.map.features.row(i)[
          (i * program.map.featureCount + home * shape.h)...
        ].prefix(shape.h)
        let product = zip(own, filter).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(product - features[i, j]) <= 1e-13)
      }
    }
  }

  /// Under max pooling a filter without active patch has no winner, so there is a block of its own for it.
  @Test func cellsWithTheSameWinnersShareABlock() throws {
    let problem = try problem(n: 6, length: 6, h: 2, pooling: "max")
    let program = try ConeProgram(problem: problem)
    var generator = SeededGenerator(seed: 11)
    var winners: Set<[Int]> = []
    let patches = (0..<6).map { problem.patches(ofSample: $0) }
    for _ in 0..<20_000 {
      let u = [generator.normal(), generator.normal()]
      winners.insert(
        patches.map { sample in
          let products = (0..<5).map { sample[$0, 0] * u[0] + sample[$0, 1] * u[1] }
          let best = products.indices.reduce(0) { products[$1] > products[$0] ? $1 : $0 }
          return products[best] > 0 ? best : -1
        })
    }
    #expect(program.cones.count == winners.count)
    #expect(program.cones.count < program.cellCount / 2)
    #expect(program.cones.allSatisfy { $0.facets.rows == 2 })
  }

  @Test(arguments: ["sum", "max"])
  func networksAndPointsHaveTheSameObjective(pooling: String) throws {
    let problem = try problem(n: 5, length: 5, h: 3, pooling: pooling)
    let program = try ConeProgram(problem: problem)
    var generator = SeededGenerator(seed: 6)
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: generator.normalMatrix(rows: 7, columns: 3),
      outputWeights: generator.normalMatrix(rows: 7, columns: 1))
    let point = try program.point(from: network)
    let total = problem.objective(of: network).total
    #expect(program.objective(at: point) <= total * (1 + 1e-14))
    let back = try program.network(from: point)
    let same = problem.objective(of: back).total
    #expect(abs(same - program.objective(at: point)) <= 1e-14 * same)
    #expect(back.neuronCount <= 7)
    #expect(abs(back.regularization - back.weightDecay) <= 1e-13 * back.weightDecay)
  }

  @Test(arguments: PlanarFixture.all.filter { $0.pooling == "sum" && $0.targets.columns == 1 })
  func dualNormIsThatOfEveryCell(fixture: PlanarFixture) throws {
    let program = try ConeProgram(problem: fixture.problem())
    var generator = SeededGenerator(seed: 8)
    for _ in 0..<10 {
      let dual = generator.normalMatrix(rows: fixture.signals.rows, columns: 1)
      let exact = try fixture.exactDualNorm(of: dual)
      #expect(abs(program.dualNorm(of: dual) - exact) <= 1e-12 * exact)
    }
  }

  @Test func otherProblemsAreRefused() throws {
    let windows = try problem(n: 4, length: 5, h: 2, pooling: "sum:1x2")
    let several = #expect(throws: ProgramError.self) { try ConeProgram(problem: windows) }
    #expect(
      several?.description
        == "program over all cells: expected a ReLU network with one output and one window, found relu, 1 outputs, 2 windows. Use cell generation, --cells generate."
    )
    let whole = try problem(n: 6, length: 6, h: 2, pooling: "sum")
    let many = #expect(throws: ProgramError.self) {
      try ConeProgram(problem: whole, maximumCells: 59)
    }
    #expect(
      many?.description
        == "cells: expected at most 59 cells, found more. Raise --max-cells, or use --cells generate."
    )
    let count = try ConeProgram(problem: whole, maximumCells: 60).cellCount
    #expect(count == 60)
  }

  @Test func networksOutsideTheConesAreRefused() throws {
    let problem = try problem(n: 6, length: 6, h: 2, pooling: "sum")
    let all = try ConeProgram(problem: problem)
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: Matrix([[1, 0.5]]), outputWeights: Matrix([[1]]))
    #expect(throws: Never.self) { try all.point(from: network) }
    // A filter with NaN lies nowhere.
    var broken = network
    broken.filters[0, 0] = .nan
    let error = #expect(throws: ProgramError.self) { try all.point(from: broken) }
    #expect(error?.place == "network filter 0")
  }
}
