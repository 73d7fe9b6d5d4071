import Certificates
import Tensors
import Testing

/// Linear programs, vertices and supports of small polytopes against all bases.
struct MassPolytopeTests {
  /// A random polytope `{x >= 0 : A x = A x0}` with a fixed sum, and a member.
  private func polytope(
    _ seed: UInt64
  ) throws -> (polytope: MassPolytope, rows: Matrix, member: [Double]) {
    var generator = SeededGenerator(seed: seed)
    let m = 2 + generator.integer(below: 6)
    let r = 1 + generator.integer(below: min(m, 4))
    var rows = Matrix(rows: r, columns: m, repeating: 1)
    for i in 1..<max(1, r) { for j in 0..<m { rows[i, j] = generator.normal() } }
    // Repeated columns make degenerate vertices; so do small integers.
    if seed % 3 == 0 { for i in 1..<max(1, r) { rows[i, m - 1] = rows[i, 0] } }
    if seed % 3 == 1 {
      for i in 1..<max(1, r) { for j in 0..<m { rows[i, j] = rows[i, j].rounded() } }
    }
    let member = (0..<m).map { _ in max(0, generator.normal()) }
    let svd = try LAPACK.singularValues(rows)
    let rank = svd.values.filter { $0 > 1e-9 * (svd.values.first ?? 0) }.count
    let equations = svd.vt.selectingRows(Array(0..<rank))
    return (try MassPolytope(equations: equations, member: member), equations, member)
  }

  /// All vertices: solutions of every basis that are nonnegative.
  private func bruteForce(_ rows: Matrix, _ member: [Double]) -> [[Double]] {
    let (r, m) = (rows.rows, rows.columns)
    let target = BLAS.product(
      rows, .plain, Matrix(rows: m, columns: 1, elements: member))
    var result: [[Double]] = []
    for bits in 0..<1 << m where bits.nonzeroBitCount == r {
      let basis = (0..<m).filter { bits >> $0 & 1 == 1 }
      var square = Matrix(rows: r, columns: r)
      for i in 0..<r { for (k, j) in basis.enumerated() { square[i, k] = rows[i, j] } }
      guard let svd = try? LAPACK.singularValues(square), svd.values.last ?? 0 > 1e-9,
        let solution = try? LAPACK.solve(square, target)
      else { continue }
      guard solution.elements.allSatisfy({ $0 > -1e-10 }) else { continue }
      var x = [Double](repeating: 0, count: m)
      for (k, j) in basis.enumerated() { x[j] = max(0, solution[k, 0]) }
      result.append(x)
    }
    return result
  }

  private func distance(_ x: [Double], _ y: [Double]) -> Double {
    BLAS.norm(zip(x, y).map { $0 - $1 })
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func linearProgramsAgreeWithAllBases(seed: UInt64) throws {
    var (polytope, rows, member) = try polytope(seed)
    let vertices = bruteForce(rows, member)
    var generator = SeededGenerator(seed: seed + 1000)
    for _ in 0..<5 {
      let weights = member.map { _ in generator.normal() }
      let (value, point) = try polytope.maximize(weights)
      let best = vertices.map { BLAS.dot($0, weights) }.max() ?? .nan
      #expect(abs(value - best) <= 1e-8)
      #expect(vertices.contains { distance($0, point) <= 1e-7 })
    }
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func verticesAreAllAndTheSmallestSupportIsFound(seed: UInt64) throws {
    let (polytope, rows, member) = try polytope(seed)
    let known = bruteForce(rows, member)
    let (points, isComplete) = try polytope.vertices(limit: 10_000)
    #expect(isComplete)
    for x in known { #expect(points.contains { distance($0, x) <= 1e-7 }) }
    for x in points { #expect(known.contains { distance($0, x) <= 1e-7 }) }
    var search = SmallestSupport(polytope, nodeLimit: 10_000)
    let (masses, isSmallest) = try search.solve()
    #expect(isSmallest)
    let fewest = known.map { x in x.filter { $0 > 1e-8 }.count }.min()
    #expect(masses.filter { $0 > 1e-8 }.count == fewest)
    // One basis is looked at, whatever there is.
    #expect(try polytope.vertices(limit: 1).points.count <= 1)
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func theLeastNormIsThatOfNoOtherMember(seed: UInt64) throws {
    let (polytope, rows, member) = try polytope(seed)
    let x = try polytope.leastNorm()
    let difference = zip(x, member).map { $0 - $1 }
    let residual = BLAS.product(
      rows, .plain, Matrix(rows: difference.count, columns: 1, elements: difference))
    #expect(BLAS.norm(residual.elements) <= 1e-9)
    #expect(x.allSatisfy { $0 >= 0 })
    // The angle to every vertex is obtuse at the nearest point: <x, v - x> >= 0.
    for vertex in bruteForce(rows, member) {
      #expect(BLAS.dot(x, vertex) >= BLAS.dot(x, x) - 1e-8)
    }
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func excludedCoordinatesStayZero(seed: UInt64) throws {
    let (polytope, rows, member) = try polytope(seed)
    let vertices = bruteForce(rows, member)
    for j in member.indices {
      let isPossible = vertices.contains { $0[j] <= 1e-9 }
      guard var smaller = try polytope.excluding(j) else {
        #expect(!isPossible)
        continue
      }
      #expect(isPossible)
      var generator = SeededGenerator(seed: seed)
      let weights = member.map { _ in generator.normal() }
      let (value, point) = try smaller.maximize(weights)
      #expect(point[j] <= 1e-9)
      let best = vertices.filter { $0[j] <= 1e-9 }.map { BLAS.dot($0, weights) }.max() ?? .nan
      #expect(abs(value - best) <= 1e-8)
    }
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func nonnegativeLeastSquaresMeetsItsConditions(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let (r, m) = (3 + generator.integer(below: 5), 1 + generator.integer(below: 5))
    var a = Matrix(rows: r, columns: m)
    for e in a.elements.indices { a.elements[e] = generator.normal() }
    let b = (0..<r).map { _ in generator.normal() }
    let x = NonnegativeLeastSquares.solve(a, b)
    var rest = b
    for j in 0..<m { BLAS.add(-x[j], Array(a.transposed.row(j)), to: &rest) }
    for j in 0..<m {
      let slope = BLAS.dot(Array(a.transposed.row(j)), rest)
      #expect(x[j] >= 0)
      #expect(slope <= 1e-9)
      if x[j] > 0 { #expect(abs(slope) <= 1e-9) }
    }
  }
}
