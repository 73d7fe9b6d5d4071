import ConvexPrograms
import Convolutions
import Solvers
import Tensors
import TestSupport
import Testing

/// Optimal values against CVXPY 1.9.3 with Clarabel 0.11.1 (tolerances 1e-11), 21 November 2026.
///
/// Command: `python Tests/Oracles/convex_programs.py`, which draws the same numbers as `OracleNumbers`.
struct ProgramOracleTests {
  /// A gated program on signals and its optimal value.
  struct GatedCase: Sendable, CustomTestStringConvertible {
    let seed: Int
    let loss: String
    let n: Int
    let length: Int
    let h: Int
    let windows: Int
    let outputs: Int
    let gateCount: Int
    let lambda: Double
    let optimum: Double
    var testDescription: String { "\(loss), a \(windows), c \(outputs), optimum \(optimum)" }

    static let all = [
      // Filters as long as the signals: dense networks.
      GatedCase(
        seed: 4, loss: "squared", n: 8, length: 3, h: 3, windows: 1, outputs: 2, gateCount: 6,
        lambda: 0.05, optimum: 0.5832040362261188),
      GatedCase(
        seed: 5, loss: "squared", n: 8, length: 4, h: 4, windows: 1, outputs: 1, gateCount: 8,
        lambda: 0.1, optimum: 0.3339755025381026),
      // Convolutional networks with windows.
      GatedCase(
        seed: 6, loss: "softmax", n: 8, length: 6, h: 3, windows: 2, outputs: 3, gateCount: 4,
        lambda: 0.05, optimum: 0.2624256841085879),
      GatedCase(
        seed: 7, loss: "logistic", n: 8, length: 6, h: 3, windows: 2, outputs: 1, gateCount: 5,
        lambda: 0.05, optimum: 0.25427658251143626),
      GatedCase(
        seed: 8, loss: "squared", n: 8, length: 6, h: 3, windows: 2, outputs: 3, gateCount: 4,
        lambda: 0.05, optimum: 0.2478607116673101),
      GatedCase(
        seed: 9, loss: "softmax", n: 10, length: 7, h: 2, windows: 3, outputs: 3, gateCount: 6,
        lambda: 0.02, optimum: 0.1451933283715882),
    ]
  }

  /// A ReLU problem and its optimal value over all cells.
  struct ReLUCase: Sendable, CustomTestStringConvertible {
    let seed: Int
    let n: Int
    let length: Int
    let h: Int
    let pooling: String
    let lambda: Double
    let cellCount: Int
    let optimum: Double
    var testDescription: String { "\(pooling), h \(h), \(cellCount) cells, optimum \(optimum)" }

    static let all = [
      // Filters as long as the signals: dense networks.
      ReLUCase(
        seed: 1, n: 6, length: 3, h: 3, pooling: "sum", lambda: 0.05, cellCount: 32,
        optimum: 0.22622461742706843),
      ReLUCase(
        seed: 2, n: 8, length: 3, h: 3, pooling: "sum", lambda: 0.02, cellCount: 58,
        optimum: 0.05202396282127822),
      ReLUCase(
        seed: 3, n: 6, length: 4, h: 4, pooling: "sum", lambda: 0.1, cellCount: 52,
        optimum: 0.17395805885769486),
      // Max pooling over all positions.
      ReLUCase(
        seed: 10, n: 6, length: 5, h: 2, pooling: "max", lambda: 0.05, cellCount: 118,
        optimum: 0.3662602539393627),
      ReLUCase(
        seed: 11, n: 6, length: 5, h: 2, pooling: "max", lambda: 0.02, cellCount: 120,
        optimum: 0.046818796080320996),
    ]
  }

  private func largest(_ row: ArraySlice<Double>) -> Int {
    row.indices.reduce(row.startIndex) { row[$1] > row[$0] ? $1 : $0 } - row.startIndex
  }

  private func loss(_ name: String, _ targets: Matrix) -> any Loss {
    switch name {
    case "squared": SquaredLoss(targets: targets)
    case "logistic": LogisticLoss(labels: targets.elements.map { $0 >= 0 ? 1 : -1 })
    default:
      SoftmaxLoss(
        classes: (0..<targets.rows).map { largest(targets.row($0)) }, count: targets.columns)
    }
  }

  @Test(arguments: GatedCase.all)
  func gatedOptimumIsThatOfClarabel(test: GatedCase) throws {
    var numbers = OracleNumbers(seed: test.seed)
    let x = numbers.matrix(rows: test.n, columns: test.length)
    let gates = numbers.matrix(rows: test.gateCount, columns: test.h)
    let targets = numbers.matrix(rows: test.n, columns: test.outputs)
    let problem = try TrainingProblem(
      images: Tensor(shape: [test.n, 1, 1, test.length], elements: x.elements),
      geometry: PatchGeometry(length: test.length, filterLength: test.h),
      pooling: Pooling(.sum, windowColumns: test.windows), activation: .gated,
      loss: loss(test.loss, targets), lambda: test.lambda)
    let program = try GatedProgram(problem: problem, gates: gates)
    let solution = FISTA().solve(
      program.composite, limits: SolveLimits(relativeGap: 1e-9))
    #expect(solution.status == .solved)
    #expect(abs(solution.objective - test.optimum) <= 1e-7 * test.optimum)
    #expect(solution.lowerBound <= test.optimum * (1 + 1e-7))
    let network = try program.network(from: solution.point)
    let total = problem.objective(of: network).total
    #expect(abs(total - test.optimum) <= 1e-7 * test.optimum)
  }

  @Test(arguments: ReLUCase.all)
  func cellGenerationReachesTheOptimumOverAllCells(test: ReLUCase) throws {
    var numbers = OracleNumbers(seed: test.seed)
    let x = numbers.matrix(rows: test.n, columns: test.length)
    let targets = numbers.matrix(rows: test.n, columns: 1)
    let problem = try TrainingProblem(
      images: Tensor(shape: [test.n, 1, 1, test.length], elements: x.elements),
      geometry: PatchGeometry(length: test.length, filterLength: test.h),
      pooling: Pooling(parsing: test.pooling), activation: .relu,
      loss: SquaredLoss(targets: targets), lambda: test.lambda)
    let result = try CellGeneration().solve(
      problem, limits: SolveLimits(relativeGap: 1e-7, iterations: 200, seconds: 600))
    #expect(result.status == .converged)
    #expect(result.objective.total >= test.optimum * (1 - 1e-7))
    #expect(result.objective.total <= test.optimum * (1 + 1e-6))
  }
}
