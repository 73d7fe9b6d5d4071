import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// Nearest points of growing cones from the face of the vector before, against projections from nothing.
struct ConeFaceIdentityTests {
  /// Rows of length one that all have a positive product with some direction.
  private func rows(_ generator: inout SeededGenerator, h: Int, count: Int) -> Matrix {
    let inside = (0..<h).map { _ in generator.normal() }
    var rows = generator.normalMatrix(rows: count, columns: h)
    for r in 0..<count where BLAS.dot(Array(rows.row(r)), inside) < 0 {
      for e in 0..<h { rows[r, e] *= -1 }
    }
    return rows.withUnitRows
  }

  /// Vectors wander, and rows are added at the end, as in a solver.
  @Test(arguments: [(2, 6), (3, 12), (9, 60), (32, 90)], 0..<4)
  func pointsAreThoseOfProjectionsFromNothing(shape: (Int, Int), seed: Int) {
    let (h, count) = shape
    var generator = SeededGenerator(seed: UInt64(100 * h + seed))
    let rows = rows(&generator, h: h, count: count)
    var face = ConeFace(dimension: h)
    var z = (0..<h).map { _ in generator.normal() }
    for step in 0..<120 {
      let known = min(count, 1 + step)
      for e in 0..<h { z[e] += (step % 10 == 9 ? 2 : 0.1) * generator.normal() }
      z.withUnsafeBufferPointer { z in
        rows.elements.withUnsafeBufferPointer { rows in
          guard let z = z.baseAddress, let rows = rows.baseAddress else { return }
          face.project(z, rows: rows, count: known)
        }
      }
      let twin = ActivationCone(normals: rows.selectingRows(Array(0..<known))).projection(of: z)
      let distance = BLAS.norm(zip(face.point, twin).map { $0 - $1 })
      #expect(distance <= 1e-11 * BLAS.norm(z))
      // `v = z + G' m`, the multipliers are positive, and the active rows have products of zero.
      var sum = z
      for (row, multiplier) in zip(face.active, face.multipliers) {
        #expect(multiplier > 0)
        BLAS.add(multiplier, Array(rows.row(row)), to: &sum)
        #expect(abs(BLAS.dot(Array(rows.row(row)), face.point)) <= 1e-13 * BLAS.norm(z))
      }
      #expect(BLAS.norm(zip(sum, face.point).map { $0 - $1 }) <= 1e-10 * BLAS.norm(z))
    }
  }

  /// `V' V = d d' + s^2 (F - d d')`, where `F` projects on the vectors at right angles to the active rows.
  @Test(arguments: [(3, 5), (9, 40), (20, 50)], [0.7, 0])
  func rootsOfTheDerivativeMultiplyToIt(shape: (Int, Int), shrinkage: Double) {
    let (h, count) = shape
    var generator = SeededGenerator(seed: UInt64(h))
    let rows = rows(&generator, h: h, count: count)
    for _ in 0..<20 {
      let z = (0..<h).map { _ in generator.normal() }
      var face = ConeFace(dimension: h)
      z.withUnsafeBufferPointer { z in
        rows.elements.withUnsafeBufferPointer { rows in
          guard let z = z.baseAddress, let rows = rows.baseAddress else { return }
          face.project(z, rows: rows, count: count)
        }
      }
      guard face.norm > 1e-6 else { continue }
      let roots = face.spanRoots(shrinkage: shrinkage)
      let v = Matrix(rows: roots.count / h, columns: h, elements: roots)
      #expect(v.rows == (shrinkage > 0 ? h - face.active.count : 1))
      let product = BLAS.product(v, .transposed, v, .plain)
      let d = face.point.map { $0 / face.norm }
      // On the direction of the point the factor is 1, on the rest of the face its square, on active rows 0.
      #expect(BLAS.norm(zip(apply(product, d), d).map { $0 - $1 }) <= 1e-12)
      for row in face.active {
        #expect(BLAS.norm(apply(product, Array(rows.row(row)))) <= 1e-11)
      }
      let trace = (0..<h).reduce(0) { $0 + product[$1, $1] }
      let rest = Double(h - face.active.count - 1)
      #expect(abs(trace - 1 - rest * shrinkage * shrinkage) <= 1e-11)
      // The square of a symmetric matrix with these three values has these three values too.
      let square = BLAS.product(product, .plain, product, .plain)
      let traceOfSquare = (0..<h).reduce(0) { $0 + square[$1, $1] }
      let fourth = shrinkage * shrinkage * shrinkage * shrinkage
      #expect(abs(traceOfSquare - 1 - rest * fourth) <= 1e-11)
    }
  }

  private func apply(_ matrix: Matrix, _ vector: [Double]) -> [Double] {
    BLAS.product(
      matrix, .plain, Matrix(rows: vector.count, columns: 1, elements: vector), .plain
    ).elements
  }
}
