import ConvexPrograms
import Solvers
import Tensors
import TestSupport
import Testing

/// Circular networks with one ReLU against CVXPY and local descent (`Tests/Oracles/circular_relu.py`).
struct CircularReLUTests {
  /// A problem of the oracle script and its optimum for the loss that is a sum over samples.
  struct Case: Sendable {
    let seed: Int
    let n: Int
    let rows: Int
    let columns: Int
    let beta: Double
    let optimum: Double
    let descent: Double

    func program(lambdaFactor: Double = 1) throws -> CircularReLUProgram {
      var numbers = OracleNumbers(seed: seed)
      let x = numbers.matrix(rows: n, columns: rows * columns)
      let y = numbers.matrix(rows: n, columns: 1)
      return try CircularReLUProgram(
        images: Tensor(shape: [n, 1, rows, columns], elements: x.elements),
        loss: SquaredLoss(targets: y), lambda: lambdaFactor * beta / Double(n))
    }
  }

  // CVXPY 1.x with Clarabel, circular_relu.py, 2026-11-27; descent: the best of 24 L-BFGS starts, 8 neurons.
  static let cases = [
    Case(
      seed: 1, n: 4, rows: 1, columns: 3, beta: 0.3, optimum: 0.3714017262, descent: 0.3740322119),
    Case(
      seed: 2, n: 5, rows: 1, columns: 3, beta: 0.2, optimum: 0.7110221682, descent: 0.7130511480),
    Case(
      seed: 3, n: 4, rows: 2, columns: 2, beta: 0.3, optimum: 0.3214938312, descent: 0.3291147154),
    Case(
      seed: 4, n: 4, rows: 1, columns: 4, beta: 0.1, optimum: 0.0232268381, descent: 0.0239679007),
  ]

  private static let limits = SolveLimits(relativeGap: 1e-7, iterations: 100_000, seconds: 600)

  @Test(arguments: cases)
  func optimumIsThatOfTheOracle(test: Case) throws {
    let solution = try CircularReLUSolver().solve(test.program(), limits: Self.limits)
    let scale = Double(test.n)
    #expect(solution.status == .solved)
    #expect(abs(scale * solution.objective - test.optimum) <= 2e-7 * test.optimum)
    #expect(scale * solution.lowerBound <= test.optimum * (1 + 1e-8))
    // Local descent approaches the optimum from above and never passes it.
    #expect(test.descent >= test.optimum * (1 - 1e-8))
    #expect(test.descent <= test.optimum * 1.04)
  }

  @Test func optimumGrowsWithTheStrengthAndEndsAtTheLossOfZero() throws {
    let test = Self.cases[0]
    let objectives = try [0.5, 1, 2, 1000].map {
      try CircularReLUSolver().solve(test.program(lambdaFactor: $0), limits: Self.limits)
    }
    for (weak, strong) in zip(objectives, objectives.dropFirst()) {
      #expect(strong.objective >= weak.objective * (1 - 1e-7))
    }
    let zero = try test.program().loss
    #expect(objectives[3].filters.rows == 0)
    #expect(
      objectives[3].objective == zero.value(at: Matrix(rows: test.n, columns: 1)))
  }

  /// The norm is the least of `|u| |w|` over `u * w = v`: no random factor beats it, the closed one attains it.
  @Test(arguments: [(1, 5), (2, 3), (4, 4)])
  func normIsTheCheapestFactorization(rows: Int, columns: Int) throws {
    var random = SeededGenerator(seed: UInt64(rows + columns))
    let d = rows * columns
    let program = try CircularReLUProgram(
      images: random.normalTensor(shape: [2, 1, rows, columns]),
      loss: SquaredLoss(targets: random.normalMatrix(rows: 2, columns: 1)), lambda: 1)
    for _ in 0..<50 {
      let (u, w) = (
        random.normalMatrix(rows: 1, columns: d), random.normalMatrix(rows: 1, columns: d)
      )
      var v = Matrix(rows: 1, columns: d)
      for (a, b) in (0..<d * d).map({ $0.quotientAndRemainder(dividingBy: d) }) {
        let row = (a / columns + b / columns) % rows
        let column = (a % columns + b % columns) % columns
        v[0, row * columns + column] += u[0, a] * w[0, b]
      }
      let cost = BLAS.norm(u.elements) * BLAS.norm(w.elements)
      #expect(program.norms(of: v)[0] <= cost * (1 + 1e-12))
      // Duality of the norm and its dual.
      let g = random.normalMatrix(rows: 1, columns: d)
      let product = abs(BLAS.dot(g.elements, v.elements))
      #expect(product <= program.norms(of: v)[0] * program.dualNorms(of: g)[0] * (1 + 1e-12))
      // Moreau: what shrinking takes away lies on the sphere of the dual norm or is all there was.
      var point = g
      program.shrink(&point, step: 0.7)
      let rest = Matrix(
        rows: 1, columns: d, elements: zip(g.elements, point.elements).map { $0 - $1 })
      #expect(program.dualNorms(of: rest)[0] <= 0.7 * (1 + 1e-12))
    }
  }

  /// `2 sum_{j < d} C(n - 1, j)` cells of samples in general position, each with two signs of the output.
  @Test func everyCellHasTwoBlocks() throws {
    let counts = try Self.cases.map { try $0.program().blockCount }
    #expect(counts == [28, 44, 32, 32])
  }

  @Test func otherShapesAreRefused() throws {
    var random = SeededGenerator(seed: 2)
    let loss = SquaredLoss(targets: random.normalMatrix(rows: 3, columns: 1))
    #expect(throws: ProgramError.self) {
      try CircularReLUProgram(
        images: random.normalTensor(shape: [3, 2, 1, 4]), loss: loss, lambda: 1)
    }
    let two = SquaredLoss(targets: random.normalMatrix(rows: 3, columns: 2))
    #expect(throws: ProgramError.self) {
      try CircularReLUProgram(
        images: random.normalTensor(shape: [3, 1, 1, 4]), loss: two, lambda: 1)
    }
  }
}
