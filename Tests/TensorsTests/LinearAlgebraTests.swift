import Tensors
import TestSupport
import Testing

@Suite struct LinearAlgebraTests {
  @Test(arguments: [(1, 1), (3, 5), (70, 33), (4, 0), (0, 4)])
  func gramEqualsTheProductAndIsSymmetric(shape: (rows: Int, columns: Int)) {
    var generator = SeededGenerator(seed: 9)
    let x = generator.normalMatrix(rows: shape.rows, columns: shape.columns)
    for (form, other) in [(BLAS.Form.plain, BLAS.Form.transposed), (.transposed, .plain)] {
      let gram = BLAS.gram(x, form)
      let product = BLAS.product(x, form, x, other)
      #expect((gram.rows, gram.columns) == (product.rows, product.columns))
      for (a, b) in zip(gram.elements, product.elements) { #expect(abs(a - b) <= 1e-12) }
      #expect(gram == gram.transposed)
    }
  }

  @Test(arguments: 0..<12)
  func productEqualsTheTripleLoop(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let (m, n, k) = (
      1 + random.integer(below: 30), 1 + random.integer(below: 30), 1 + random.integer(below: 30)
    )
    let a = random.normalMatrix(rows: m, columns: k)
    let b = random.normalMatrix(rows: k, columns: n)
    var expected = Matrix(rows: m, columns: n)
    for i in 0..<m {
      for j in 0..<n { for l in 0..<k { expected[i, j] += a[i, l] * b[l, j] } }
    }
    let products = [
      BLAS.product(a, .plain, b), BLAS.product(a.transposed, .transposed, b),
      BLAS.product(a, .plain, b.transposed, .transposed),
      BLAS.product(a.transposed, .transposed, b.transposed, .transposed),
    ]
    for product in products {
      let distance = product.relativeDistance(to: expected)
      #expect(distance < 1e-13)
    }
  }

  @Test func gemmScalesAndAdds() {
    let (a, b): ([Double], [Double]) = ([1, 2, 3, 4], [5, 6, 7, 8])
    var c: [Double] = [1, 1, 1, 1]
    BLAS.gemm(m: 2, n: 2, k: 2, alpha: 2, a, lda: 2, b, ldb: 2, beta: -1, &c, ldc: 2)
    #expect(c == [37, 43, 85, 99])
  }

  @Test func vectorOperationsFollowTheirFormulas() {
    var y = [1.0, 2, 3]
    BLAS.add(2, [1, 0, -1], to: &y)
    let dot = BLAS.dot([1, 2, 3], [4, -5, 6])
    let norm = BLAS.norm([3e200, 4e200])
    #expect(y == [3, 2, 1])
    #expect(dot == 12)
    #expect(abs(norm - 5e200) < 1e186)
  }

  @Test(arguments: [1, 2, 7, 20])
  func eigenvectorsRebuildASymmetricMatrix(order: Int) throws {
    var random = SeededGenerator(seed: UInt64(order))
    let a = random.normalMatrix(rows: order, columns: order)
    let symmetric = BLAS.product(a, .transposed, a)
    let (values, vectors) = try LAPACK.symmetricEigen(symmetric)
    var scaled = vectors
    for i in 0..<order { for j in 0..<order { scaled[i, j] *= values[i] } }
    let rebuilt = BLAS.product(vectors, .transposed, scaled).relativeDistance(to: symmetric)
    let orthogonal = BLAS.product(vectors, .plain, vectors, .transposed)
      .relativeDistance(to: .identity(order))
    #expect(values == values.sorted())
    #expect(rebuilt < 1e-13)
    #expect(orthogonal < 1e-13)
  }

  @Test(arguments: [(1, 1), (5, 3), (3, 5), (12, 12)])
  func singularVectorsRebuildTheMatrix(rows: Int, columns: Int) throws {
    var random = SeededGenerator(seed: UInt64(rows * 31 + columns))
    let matrix = random.normalMatrix(rows: rows, columns: columns)
    let (u, values, vt) = try LAPACK.singularValues(matrix)
    var scaled = vt
    for i in values.indices { for j in 0..<columns { scaled[i, j] *= values[i] } }
    let rebuilt = BLAS.product(u, .plain, scaled).relativeDistance(to: matrix)
    #expect(values == values.sorted(by: >))
    #expect(rebuilt < 1e-13)
  }

  @Test func emptyMatricesHaveEmptyFactors() throws {
    let (u, values, vt) = try LAPACK.singularValues(Matrix(rows: 3, columns: 0))
    let eigen = try LAPACK.symmetricEigen(Matrix(rows: 0, columns: 0))
    #expect(u == Matrix(rows: 3, columns: 0))
    #expect(values.isEmpty)
    #expect(vt == Matrix(rows: 0, columns: 0))
    #expect(eigen.values.isEmpty)
  }

  @Test func choleskySolvesPositiveDefiniteSystems() throws {
    var random = SeededGenerator(seed: 9)
    let a = random.normalMatrix(rows: 12, columns: 8)
    let gram = BLAS.product(a, .transposed, a)
    let solution = (0..<8).map { _ in random.normal() }
    let rightHandSide = BLAS.product(gram, .plain, Matrix(rows: 8, columns: 1, elements: solution))
    let found = try LAPACK.solvePositiveDefinite(gram, rightHandSide.elements)
    let distance = Matrix([found]).relativeDistance(to: Matrix([solution]))
    #expect(distance < 1e-11)
    // In place only the lower triangle is read.
    var lower = gram
    for i in 0..<8 { for j in i + 1..<8 { lower[i, j] = .nan } }
    let again = try LAPACK.solvePositiveDefinite(overwriting: &lower, rightHandSide.elements)
    #expect(Matrix([again]).relativeDistance(to: Matrix([solution])) < 1e-11)
    let factor = lower
    for i in 0..<8 {
      for j in 0...i {
        let entry = (0...j).reduce(0) { $0 + factor[i, $1] * factor[j, $1] }
        #expect(abs(entry - gram[i, j]) <= 1e-13 * abs(gram[i, i]))
      }
    }
  }

  @Test func anIndefiniteMatrixIsRefused() {
    let error = #expect(throws: LAPACK.Failure.self) {
      try LAPACK.solvePositiveDefinite(Matrix([[1, 2], [2, 1]]), [1, 1])
    }
    let text = error?.description
    #expect(error?.info == 2)
    #expect(
      text
        == "dpotrf: expected info 0, found 2. The matrix has non-finite entries or is not of the "
        + "required kind.")
  }

  @Test func notANumberIsRefusedByTheSingularValues() {
    let matrix = Matrix([[1, .nan], [0, 1]])
    let error = #expect(throws: LAPACK.Failure.self) { try LAPACK.singularValues(matrix) }
    #expect(error?.routine == "dgesdd")
  }
}
