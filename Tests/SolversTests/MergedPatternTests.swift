import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Max pooling over patterns of winners: merged and unmerged programs, counts, and optima.
struct MergedPatternTests {
  /// Problems with one window and one output, whose programs over all cells exist.
  private static let single =
    CertifiedOptimum.all.filter { $0.pooling == "max" }
    + CertifiedOptimum.withMaxPooling.filter { $0.pooling == "max" && $0.outputs == 1 }

  private static let tight = SolveLimits(relativeGap: 1e-9, iterations: 200, seconds: 600)

  @Test(arguments: single)
  func mergedAndUnmergedProgramsHaveTheSameOptimum(fixture: CertifiedOptimum) throws {
    let problem = try fixture.problem()
    let merged = try ConeProgram(problem: problem)
    let twin = try UnmergedCells(problem)
    #expect(twin.program.cellCount == fixture.cellCount)
    #expect(merged.cellCount == fixture.cellCount)
    #expect(merged.cones.count == twin.patternCount)
    #expect(merged.cones.count < fixture.cellCount)
    let (one, other) = (
      AugmentedLagrangian().solve(merged, limits: Self.tight),
      AugmentedLagrangian().solve(twin.program, limits: Self.tight)
    )
    #expect(one.status == .solved && other.status == .solved)
    #expect(abs(one.objective - other.objective) <= 1e-8 * one.objective)
    #expect(abs(one.objective - fixture.upperBound) <= 1e-8 * fixture.upperBound)
    // Both allow the same dual points.
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<5 {
      let dual = generator.normalMatrix(rows: fixture.sampleCount, columns: 1)
      let norm = twin.program.dualNorm(of: dual)
      #expect(abs(merged.dualNorm(of: dual) - norm) <= 1e-12 * norm)
    }
  }

  /// 60 cells have 19 patterns and 120 cells 25, as in the mathematics notes, section 3.
  ///
  /// Data: numpy 2.4.6, `default_rng(1).standard_normal((5, 4))`, `default_rng(2).standard_normal((6, 5))`.
  @Test(arguments: [(small, 60, 19), (large, 120, 25)])
  func patternsAreAsManyAsInTheNotes(signals: Matrix, cells: Int, patterns: Int) throws {
    let problem = try TrainingProblem(
      images: Tensor(
        shape: [signals.rows, 1, 1, signals.columns], elements: signals.elements),
      geometry: PatchGeometry(length: signals.columns, filterLength: 2),
      pooling: Pooling(parsing: "max"), activation: .relu,
      loss: SquaredLoss(targets: Matrix(rows: signals.rows, columns: 1)), lambda: 1)
    let program = try ConeProgram(problem: problem)
    #expect(program.cellCount == cells)
    #expect(program.cones.count == patterns)
    let unmerged = try UnmergedCells(problem).patternCount
    #expect(unmerged == patterns)
  }

  /// Optima over all cells for several windows, outputs and losses, by an independent program.
  @Test(arguments: CertifiedOptimum.withMaxPooling)
  func cellGenerationReachesTheOptimum(fixture: CertifiedOptimum) throws {
    #expect(fixture.upperBound - fixture.lowerBound <= 2e-11 * fixture.upperBound)
    let problem = try fixture.problem()
    let result = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600))
    let total = problem.objective(of: result.network).total
    #expect(total >= fixture.lowerBound * (1 - 1e-12))
    #expect(total <= fixture.upperBound * (1 + 1e-6))
    #expect(result.cellCount == Self.patternCount(of: result.network.filters, problem))
    #expect(result.cellCount <= result.network.neuronCount)
  }

  @Test(arguments: ["sum", "none", "max", "max:1x2"], [2, 3])
  func patternsOfRandomFiltersAreCountedAsByHand(pooling: String, h: Int) throws {
    var generator = SeededGenerator(seed: UInt64(40 + h))
    let problem = try TrainingProblem(
      images: generator.normalTensor(shape: [3, 1, 1, 6]),
      geometry: PatchGeometry(length: 6, filterLength: h), pooling: Pooling(parsing: pooling),
      activation: .relu, loss: SquaredLoss(targets: generator.normalMatrix(rows: 3, columns: 1)),
      lambda: 1, threads: 2)
    var filters = generator.normalMatrix(rows: 60, columns: h)
    // Multiples of a filter share its pattern, and those of its opposite do not.
    for e in 0..<h { (filters[1, e], filters[2, e]) = (3 * filters[0, e], -filters[0, e]) }
    let count = problem.patternCount(of: filters)
    #expect(count == Self.patternCount(of: filters, problem))
    #expect(1..<60 ~= count)
    #expect(problem.patternCount(of: filters.selectingRows([0, 1])) == 1)
    #expect(problem.patternCount(of: filters.selectingRows([0, 2])) == 2)
    #expect(problem.patternCount(of: filters.selectingRows([])) == 0)
  }

  /// A filter on a boundary has one pattern, whatever its length.
  @Test func filtersOnABoundaryCountOnce() throws {
    let problem = try TrainingProblem(
      images: Tensor(shape: [1, 1, 1, 3], elements: [0.1, 0.7, 0.3]),
      geometry: PatchGeometry(length: 3, filterLength: 2), pooling: Pooling(parsing: "max"),
      activation: .relu, loss: SquaredLoss(targets: Matrix([[1]])), lambda: 1)
    // (0.1, 0.7) . u = (0.7, 0.3) . u up to rounding.
    let filters = Matrix([[0.4, 0.6], [0.4 / 3, 0.6 / 3], [4e5, 6e5], [2, 1]])
    #expect(problem.patternCount(of: filters) == 2)
  }

  /// Sets of active patches, or lists of winners, one filter after the other.
  private static func patternCount(of filters: Matrix, _ problem: TrainingProblem) -> Int {
    let lists = (0..<filters.rows).map { j -> [Int] in
      (0..<problem.sampleCount).flatMap { i -> [Int] in
        let patches = problem.patches(ofSample: i)
        let products = (0..<patches.rows).map { k -> Double in
          let value = zip(patches.row(k), filters.row(j)).reduce(0) { $0 + $1.0 * $1.1 }
          let scale = BLAS.norm(Array(patches.row(k))) * BLAS.norm(Array(filters.row(j)))
          return abs(value) <= 1e-12 * scale ? 0 : value / BLAS.norm(Array(filters.row(j)))
        }
        if problem.poolingMap.isLinear { return products.map { $0 >= 0 ? 1 : 0 } }
        return (0..<problem.windowCount).map { q in
          let window = products.indices.filter { problem.poolingMap.windows[$0] == q }
          let largest = window.map { products[$0] }.max() ?? -1
          return largest < 0 ? -1 : window.first { products[$0] >= largest - 1e-12 } ?? -1
        }
      }
    }
    return Set(lists).count
  }

  private static let small = Matrix([
    [0.345584192064786, 0.8216181435011584, 0.33043707618338714, -1.303157231604361],
    [0.9053558666731177, 0.4463745723640113, -0.5369532353602852, 0.5811181041963531],
    [0.36457239618607573, 0.294132496655526, 0.02842224131579679, 0.5467129866124469],
    [-0.7364540870016669, -0.16290994799305278, -0.48211931267997826, 0.5988462126346276],
    [0.03972210748165899, -0.2924567509650886, -0.7819084623568421, -0.2571922406188707],
  ])

  /// Six signals of length 5, also those of `CellGenerationTests.optimumOfMaxPooling`.
  static let large = Matrix([
    [
      0.18905338179353307, -0.5227484414807474, -0.41306354339189344, -2.4414673826398556,
      1.799707382720902,
    ],
    [
      1.1441658720372287, -0.32542283686782436, 0.7738065867276614, 0.28121066979764925,
      -0.5538228364240524,
    ],
    [
      0.9775674511260357, -0.31055654665915255, -0.3288239040579627, -0.7921467553588982,
      0.45495807124085547,
    ],
    [
      -0.09919805171738795, 0.5452887139646817, -0.6071856998706371, 0.12682784711186987,
      -0.8922740434297903,
    ],
    [
      0.8414649723701431, 0.18803508698068597, 0.33057100813532614, 0.41050391297026284,
      -1.0107575001533344,
    ],
    [
      0.7831809961440773, 2.0567028183423686, -1.6384425032355252, -1.7294114671544816,
      -1.50483141386432,
    ],
  ])
}
