import ConvexPrograms
import Tensors
import TestSupport
import Testing

/// Projections on cones: optimality conditions over random cones, thin and degenerate ones too.
struct ActivationConeIdentityTests {
  /// A random cone around a random direction, with normals that are not all facets.
  private func cone(_ seed: Int, h: Int, rows: Int, flatness: Double) -> ActivationCone {
    var generator = SeededGenerator(seed: UInt64(seed))
    let inside = (0..<h).map { _ in generator.normal() }
    var normals = generator.normalMatrix(rows: rows, columns: h)
    let length = BLAS.dot(inside, inside)
    for r in 0..<rows {
      // Moving rows towards the hyperplane of the direction makes the cone thin, then the sign puts it inside.
      let product = BLAS.dot(Array(normals.row(r)), inside)
      let wanted = abs(product) * flatness
      for e in 0..<h { normals[r, e] += (wanted - product) / length * inside[e] }
    }
    return ActivationCone(normals: normals)
  }

  /// `p` is the projection of `z` on a cone exactly when `G p >= 0`, `p . (z - p) = 0`, and `u . (z - p) <= 0` for every
  /// `u` of the cone, which holds where `z - p = -G' m` with `m >= 0`.
  @Test(arguments: [(2, 2), (2, 6), (3, 3), (3, 9), (4, 12), (6, 20)], [1, 1e-3, 1e-6])
  func projectionsMeetTheirOptimalityConditions(shape: (Int, Int), flatness: Double) throws {
    let (h, rows) = shape
    for seed in 1...20 {
      let cone = cone(seed, h: h, rows: rows, flatness: flatness)
      var generator = SeededGenerator(seed: UInt64(1000 + seed))
      let z = (0..<h).map { _ in generator.normal() }
      let size = BLAS.norm(z)
      let p = cone.projection(of: z)
      let rest = zip(z, p).map { $0 - $1 }
      #expect(cone.contains(p))
      #expect(abs(BLAS.dot(p, rest)) <= 1e-13 * size * size)
      // Points of the cone: projections of other vectors.
      for _ in 0..<20 {
        let u = cone.projection(of: (0..<h).map { _ in generator.normal() })
        #expect(BLAS.dot(u, rest) <= 1e-12 * size)
      }
      let again = cone.projection(of: p)
      let shift = zip(again, p).map { $0 - $1 }
      #expect(BLAS.norm(shift) <= 1e-13 * size)
    }
  }

  @Test func projectionOnAWedgeIsTheOneByHand() {
    let wedge = ActivationCone(normals: Matrix([[0, 2], [1, -1]]))
    #expect(wedge.facets.row(0).elementsEqual([0, 1]))
    // Inside, beyond one facet, beyond the tip.
    let inside = wedge.projection(of: [3, 1])
    #expect(inside == [3, 1])
    let below = wedge.projection(of: [3, -1])
    #expect(below == [3, 0])
    let above = wedge.projection(of: [1, 3])
    #expect(abs(above[0] - 2) <= 1e-15 && abs(above[1] - 2) <= 1e-15)
    let behind = wedge.projection(of: [-3, 0.5])
    #expect(behind == [0, 0])
  }

  @Test func scalingNormalsAndRepeatingThemChangesNothing() {
    let plain = cone(3, h: 3, rows: 5, flatness: 1)
    var doubled = Matrix(
      rows: 10, columns: 3, elements: plain.facets.elements + plain.facets.elements)
    for e in 15..<30 { doubled.elements[e] *= 7 }
    let other = ActivationCone(normals: doubled)
    var generator = SeededGenerator(seed: 9)
    for _ in 0..<50 {
      let z = (0..<3).map { _ in generator.normal() }
      let (p, q) = (plain.projection(of: z), other.projection(of: z))
      let shift = zip(p, q).map { $0 - $1 }
      #expect(BLAS.norm(shift) <= 1e-13 * BLAS.norm(z))
    }
  }
}
