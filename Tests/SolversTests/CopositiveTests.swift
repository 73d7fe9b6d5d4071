import ConvexPrograms
import Convolutions
import Foundation
import Solvers
import Tensors
import TestSupport
import Testing

/// Identities of the copositive program, its two scalings, its bounds and its cuts.
struct CopositiveTests {
  /// A problem of filters of three entries with two outputs.
  private static func fixture() throws -> CertifiedOptimum {
    try #require(CertifiedOptimum.all.first { $0.seed == 111 })
  }

  /// Random positive semidefinite matrices in every seventh cone.
  private static func grams(_ program: CopositiveProgram, seed: UInt64) -> [Matrix] {
    var generator = SeededGenerator(seed: seed)
    let h = program.patchDimension
    return program.cones.indices.map { b in
      guard b % 7 == 0 else { return Matrix(rows: h, columns: h) }
      let root = Matrix(rows: h, columns: h, elements: (0..<h * h).map { _ in generator.normal() })
      return BLAS.product(root, .plain, root, .transposed)
    }
  }

  @Test(arguments: [105, 107, 108, 111])
  func scalingsConvertIntoEachOther(seed: Int) throws {
    let fixture = try #require(CertifiedOptimum.all.first { $0.seed == seed })
    let program = try CopositiveProgram(problem: fixture.problem())
    let grams = Self.grams(program, seed: 3)
    let point = try program.point(matrixFractional: grams)
    let value = try program.matrixFractionalObjective(at: grams)
    #expect(abs(program.objective(at: point) - value) <= 1e-10 * value)
    for (one, other) in zip(program.matrixFractional(of: point), grams) {
      for e in one.elements.indices {
        #expect(abs(one.elements[e] - other.elements[e]) <= 1e-12 * (1 + abs(other.elements[e])))
      }
    }
    // The point is best for its matrices: other weights are worse.
    var worse = point
    for b in worse.blocks.indices {
      for e in worse.blocks[b].elements.indices {
        worse.blocks[b].elements[e] *= 1.01
      }
    }
    #expect(program.objective(at: worse) > 0)
    let scaled = try program.matrixFractionalObjective(at: program.matrixFractional(of: worse))
    #expect(scaled <= program.objective(at: worse))
  }

  /// One neuron by hand: `S = u u' / (2 beta)` has `(1/2) tr Y' (I + phi phi' / beta)^-1 Y + (beta / 2) |u|^2`.
  @Test func matrixFractionalObjectiveOfOneNeuron() throws {
    let fixture = try #require(CertifiedOptimum.all.first { $0.seed == 105 })
    let problem = try fixture.problem()
    let program = try CopositiveProgram(problem: problem)
    let u = [0.7, -0.4]
    let b = try #require(program.cones.firstIndex { $0.contains(u) })
    var grams = [Matrix](repeating: Matrix(rows: 2, columns: 2), count: program.cones.count)
    for e in 0..<2 { for f in 0..<2 { grams[b][e, f] = u[e] * u[f] / (2 * fixture.beta) } }
    let features = problem.features(of: Matrix([u])).elements
    let squared = try #require(problem.loss as? SquaredLoss)
    let energy = features.reduce(0) { $0 + $1 * $1 }
    var expected = 0.5 * fixture.beta * (u[0] * u[0] + u[1] * u[1])
    for k in 0..<2 {
      var (square, product) = (0.0, 0.0)
      for i in 0..<6 {
        square += squared.targets[i, k] * squared.targets[i, k]
        product += squared.targets[i, k] * features[i]
      }
      expected += 0.5 * (square - product * product / (fixture.beta + energy))
    }
    let value = try program.matrixFractionalObjective(at: grams)
    #expect(abs(6 * value - expected) <= 1e-12 * expected)
  }

  @Test(arguments: CertifiedOptimum.all.filter { $0.h <= 3 })
  func networksArePointsOfTheSameObjective(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    var generator = SeededGenerator(seed: 9)
    let (h, a, c) = (fixture.h, problem.windowCount, fixture.outputs)
    let network = try Network(
      geometry: problem.geometry, pooling: problem.pooling, activation: .relu,
      filters: Matrix(rows: 5, columns: h, elements: (0..<5 * h).map { _ in generator.normal() }),
      outputWeights: Matrix(
        rows: 5 * a, columns: c, elements: (0..<5 * a * c).map { _ in generator.normal() }))
    let program = try CopositiveProgram(problem: problem)
    let point = try program.point(from: network)
    let expected = problem.objective(of: network).total
    #expect(abs(program.objective(at: point) - expected) <= 1e-12 * expected)
  }

  @Test(arguments: CertifiedOptimum.all.filter { $0.h <= 3 })
  func dualNormBoundsHoldForEveryFilter(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let program = try CopositiveProgram(problem: problem)
    var generator = SeededGenerator(seed: 17)
    let dual = Matrix(
      rows: fixture.sampleCount, columns: fixture.outputs,
      elements: (0..<fixture.sampleCount * fixture.outputs).map { _ in generator.normal() })
    let filters = Matrix(
      rows: 4000, columns: fixture.h,
      elements: (0..<4000).flatMap { _ -> [Double] in
        let u = (0..<fixture.h).map { _ in generator.normal() }
        let norm = BLAS.norm(u)
        return u.map { $0 / norm }
      })
    let found = problem.dualNorms(of: filters, dual: dual).norms.max() ?? 0
    let relaxed = try program.dualNormBound(dual).norm
    let nuclear = try program.nuclear.dualNormBound(dual).norm
    #expect(found <= relaxed && relaxed <= nuclear * (1 + 1e-12))
    // In the plane the bound is the dual norm, which many filters come close to.
    if fixture.h == 2 { #expect(relaxed <= found * (1 + 2e-3)) }
  }

  @Test func cutConesCoverAndHaveFourFacets() throws {
    var generator = SeededGenerator(seed: 4)
    for cone in [Self.pentagon] + (try CopositiveProgram(problem: Self.fixture().problem()).cones) {
      let pieces = cone.pieces()
      #expect(pieces.allSatisfy { $0.cone.facets.rows <= 4 })
      for _ in 0..<50 {
        let u = cone.projection(of: (0..<3).map { _ in generator.normal() })
        #expect(pieces.contains { $0.cone.contains(u, tolerance: 1e-9) })
      }
    }
    let program = try CopositiveProgram(problem: Self.fixture().problem())
    #expect(!program.isExact && program.splittingCones().isExact)
    #expect(!program.nuclear.isExact)
  }

  /// Filters of four entries: every cone of cells ends in simplicial ones, which cover it and overlap in planes only.
  @Test(arguments: [118, 406, 408, 413])
  func conesOfFourEntriesAreCutIntoSimplicialOnes(seed: Int) throws {
    let fixture = try #require(
      (CertifiedOptimum.all + CertifiedOptimum.withInexactRelaxation).first { $0.seed == seed })
    let program = try CopositiveProgram(problem: fixture.problem())
    #expect(program.splittingCones().isExact)
    var generator = SeededGenerator(seed: 8)
    for cone in program.cones where cone.facets.rows > 4 {
      let pieces = cone.pieces()
      #expect(pieces.allSatisfy { $0.cone.facets.rows == 4 })
      for _ in 0..<20 {
        let u = cone.projection(of: (0..<4).map { _ in generator.normal() })
        #expect(pieces.contains { $0.cone.contains(u, tolerance: 1e-9) })
      }
      for piece in pieces {
        let inside = try #require(piece.interior)
        #expect(cone.contains(inside))
        #expect(pieces.count { $0.cone.contains(inside) } == 1)
      }
    }
  }

  @Test func resultsDoNotDependOnThreads() throws {
    let values = try [1, 2].map { threads in
      let program = try CopositiveProgram(problem: Self.fixture().problem(threads: threads))
      let solution = try CopositiveSolver().solve(
        program, limits: SolveLimits(relativeGap: 1e-9, iterations: 100))
      #expect(solution.status == .iterationLimit)
      return [solution.lowerBound, solution.objective] + solution.dual.elements
    }
    #expect(values[0] == values[1])
  }

  @Test func otherProblemsAreRefused() throws {
    let logistic = try #require(CertifiedOptimum.all.first { $0.loss == "logistic" })
    let program = try CopositiveProgram(problem: logistic.problem())
    #expect(throws: ProgramError.self) {
      try program.matrixFractionalObjective(at: program.cones.map { _ in .identity(2) })
    }
    let biased = try #require(CertifiedOptimum.withOutputBias.first).problem()
    #expect(throws: ProgramError.self) { try CopositiveProgram(problem: biased) }
    let problem = try Self.fixture().problem()
    #expect(throws: ProgramError.self) {
      try CopositiveProgram(problem: problem, maximumCells: 100)
    }
    #expect(throws: ProgramError.self) {
      try CopositiveSolver().solve(CopositiveProgram(problem: problem).with(lambda: 0))
    }
  }

  // MARK: The five-facet counterexample

  /// The cone over a regular pentagon with rays `(cos t, sin t, 0.9)`, whose normals are `(cos t, sin t, cos(pi / 5) / 0.9)`.
  private static let pentagon = ActivationCone(
    normals: Matrix(
      (0..<5).map { k in
        let angle = 2 * Double.pi * Double(k) / 5
        return [cos(angle), sin(angle), cos(Double.pi / 5) / 0.9]
      }))

  /// `-G' H G` with the Horn matrix `H`, which is copositive: not positive anywhere on the cone `G u >= 0`.
  private static var hornForm: Matrix {
    let horn = Matrix(
      (0..<5).map { f in (0..<5).map { [1, 4].contains(abs(f - $0)) ? -1.0 : 1 } })
    let facets = pentagon.facets
    var form = BLAS.product(BLAS.product(facets, .transposed, horn), .plain, facets)
    for e in form.elements.indices { form.elements[e] *= -1 }
    return form
  }

  /// The largest value on a fine grid: rays from the center of the pentagon to its rim, all of which is on it.
  private static var hornMaximum: Double {
    let form = hornForm
    let corners = (0..<5).map { k in
      let angle = 2 * Double.pi * Double(k) / 5
      return [cos(angle), sin(angle), 0.9]
    }
    var best = -Double.infinity
    for k in 0..<5 {
      for i in 0...400 {
        for j in 0...50 {
          let (along, out) = (Double(i) / 400, Double(j) / 50)
          let u = (0..<3).map { e in
            let rim = (1 - along) * corners[k][e] + along * corners[(k + 1) % 5][e]
            return e == 2 ? 0.9 : out * rim
          }
          var value = 0.0
          for e in 0..<3 { for f in 0..<3 { value += form[e, f] * u[e] * u[f] } }
          best = max(best, value / BLAS.dot(u, u))
        }
      }
    }
    return best
  }

  @Test func fiveFacetsAreInexactAndCutsRepairIt() throws {
    let whole = try ConeMaximum(
      form: Self.hornForm, facets: Self.pentagon.facets, interior: [0, 0, 1]
    ).solve()
    #expect(abs(whole.upperBound - 0.3935) <= 5e-5)
    #expect(whole.upperBound - whole.lowerBound <= 1e-8)
    let exact = Self.hornMaximum
    #expect(abs(exact - -0.0557) <= 5e-5)
    let pieces = Self.pentagon.pieces()
    #expect(pieces.count >= 2)
    let parts = try pieces.map {
      try ConeMaximum(form: Self.hornForm, facets: $0.cone.facets, interior: $0.interior).solve()
    }
    let largest = try #require(parts.map(\.upperBound).max())
    #expect(largest >= exact - 1e-9)
    #expect(largest <= exact + 1e-6)
  }
}
