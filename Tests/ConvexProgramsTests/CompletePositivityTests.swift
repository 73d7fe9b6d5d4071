import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// Complete positivity with factors that multiply back, and spike-free matrices against a search.
struct CompletePositivityTests {
  @Test(
    arguments: [(1, 1), (2, 1), (4, 2), (5, 2), (6, 3), (8, 4), (12, 5)],
    1...3 as ClosedRange<UInt64>)
  func productsOfNonNegativeFactorsAreFactored(shape: (Int, Int), seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let planted = Matrix(
      rows: shape.0, columns: shape.1,
      elements: (0..<shape.0 * shape.1).map { _ in random.uniform() })
    let matrix = BLAS.product(planted, .plain, planted, .transposed)
    guard case .factored(let factor) = try CompletePositivity(of: matrix) else {
      Issue.record("no factor was found")
      return
    }
    #expect(factor.elements.allSatisfy { $0 >= 0 })
    let product = BLAS.product(factor, .plain, factor, .transposed)
    #expect(product.relativeDistance(to: matrix) <= 1e-9)
  }

  @Test func partsAreFactoredEachByItself() throws {
    let matrix = Matrix([
      [2, 0, 1, 0, 0], [0, 1, 0, 2, 0], [1, 0, 2, 0, 0], [0, 2, 0, 4, 0], [0, 0, 0, 0, 0],
    ])
    guard case .factored(let factor) = try CompletePositivity(of: matrix) else {
      Issue.record("no factor was found")
      return
    }
    let product = BLAS.product(factor, .plain, factor, .transposed)
    #expect(factor.columns == 3)
    #expect(product.relativeDistance(to: matrix) <= 1e-13)
  }

  @Test func negativeEntriesRefute() throws {
    let answer = try CompletePositivity(of: Matrix([[1, 0.2, -0.1], [0.2, 1, 0], [-0.1, 0, 1]]))
    #expect(answer == .negativeEntry(row: 0, column: 2, value: -0.1))
  }

  /// Non-negative and positive semidefinite, but not completely positive (the cycle of five).
  @Test func orderFiveIsUndecidedWhereThereIsNoFactor() throws {
    let matrix = Matrix([
      [1, 1, 0, 0, 1], [1, 2, 1, 0, 0], [0, 1, 2, 1, 0], [0, 0, 1, 1, 1], [1, 0, 0, 1, 6],
    ])
    #expect(try CompletePositivity(of: matrix) == .undecided)
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func spikeFreenessAgreesWithASearch(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let (n, h) = (2 + Int(seed % 3), 4)
    var rows = WhitenedProblems.orthonormalRows(n, h, seed: seed)
    let shift = 0.6 * random.normal()
    // A common part of one sign tilts the rows towards or away from each other.
    for i in 0..<n { for k in 0..<h { rows[i, k] += shift * rows[(i + 1) % n, k] } }
    let answer = try SpikeFreeness(of: rows)
    #expect(answer != .undecided)
    // (X u)_+ = X w with the least norm of w against |u|, for many u.
    let gram = BLAS.product(rows, .plain, rows, .transposed)
    func length(_ y: [Double]) throws -> Double {
      BLAS.dot(y, try LAPACK.solvePositiveDefinite(gram, y))
    }
    var worst = -Double.infinity
    for _ in 0..<4000 {
      let y = (0..<n).map { _ in random.normal() * (random.uniform() < 0.5 ? 1 : 0.05) }
      worst = max(worst, try length(y.map { max(0, $0) }) / length(y))
    }
    #expect(answer.isSpikeFree == (worst <= 1 + 1e-9))
  }

  @Test func dependentRowsAreNotSpikeFree() throws {
    let rows = Matrix([[1, 0], [0, 1], [1, 1]])
    #expect(try SpikeFreeness(of: rows) == .dependentRows(directions: 3, rank: 2))
    #expect(try SpikeFreeness(of: Matrix([[1, 0], [-2, 0]])).isSpikeFree == false)
  }

  @Test func positiveMultiplesAndZerosDoNotMatter() throws {
    let rows = Matrix([[1, 0, 0], [0, 0, 0], [3, 0, 0], [0, -2, 0], [0, -0.5, 0]])
    #expect(try SpikeFreeness(of: rows).isSpikeFree)
  }
}
