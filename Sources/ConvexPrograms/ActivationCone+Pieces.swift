import Tensors

extension ActivationCone {
  /// A part of a cone, with a unit vector inside where the rays give one.
  package struct Piece {
    package let cone: ActivationCone
    package let interior: [Double]?
  }

  /// Products of unit vectors below this count as zero when rays are looked for; it decides which rows are dropped and
  /// where a cone is cut, never what the pieces cover.
  private static let tolerance = 1e-10

  /// Cuts after each other, at most.
  package static let deepest = 24

  /// The cone cut by planes through its rays into parts of at most four facets, where there are such cuts.
  ///
  /// A part has the facets of the cone on its side of the cut, less those that the rays say are redundant. Leaving one
  /// out makes a part larger, so that the parts always cover the cone.
  ///
  /// - Returns: The cone itself where it has at most four facets, fewer than 3 or more than 4 dimensions, or no cut helps.
  package func pieces(depth: Int = Self.deepest) -> [Piece] {
    let (h, count) = (facets.columns, facets.rows)
    guard count > 4, 3...4 ~= h, depth > 0 else { return [Piece(cone: self, interior: nil)] }
    let rays = self.rays()
    let graph = RayGraph(self, rays)
    var candidates: [(normal: [Double], cost: Int)] = []
    for chosen in Self.subsets(of: rays.count, size: h - 1) {
      guard let normal = Self.normal(to: chosen.map { rays[$0] }) else { continue }
      // Both parts must have fewer rays and facets than the cone together, so that cutting comes to an end. Fewer rays is
      // too much to ask: an octahedron need not have a plane through three corners that meets no edge elsewhere.
      guard let sizes = graph.sizes(cutBy: normal), sizes.allSatisfy({ $0 < rays.count + count })
      else { continue }
      candidates.append((normal, sizes.reduce(0) { $0 + $1 * $1 }))
    }
    // The first of the cheapest.
    let order = candidates.indices.sorted {
      (candidates[$0].cost, $0) < (candidates[$1].cost, $1)
    }
    for index in order {
      let parts = [1.0, -1].map { side in cut(by: candidates[index].normal.map { side * $0 }) }
      // What was counted may be wrong where rays nearly coincide.
      guard parts.allSatisfy({ $0.rays().count + $0.facets.rows < rays.count + count })
      else { continue }
      return parts.flatMap { part in
        part.facets.rows <= 4
          ? [Piece(cone: part, interior: part.middle())] : part.pieces(depth: depth - 1)
      }
    }
    return [Piece(cone: self, interior: depth < Self.deepest ? middle() : nil)]
  }

  /// Which rays lie on which facets, and which two share an edge: what cuts are counted with, without making them.
  private struct RayGraph {
    private let rays: [[Double]]
    private let facetCount: Int
    /// Whether ray `r` lies on facet `f`, at `r facetCount + f`.
    private let isOn: [Bool]
    private let edges: [(Int, Int)]

    init(_ cone: ActivationCone, _ rays: [[Double]]) {
      let count = cone.facets.rows
      let on = rays.flatMap { ray in
        (0..<count).map { f in
          abs(zip(cone.facets.row(f), ray).reduce(0) { $0 + $1.0 * $1.1 }) <= 1e-8
        }
      }
      // Two rays share an edge where no third lies on all the facets that both lie on.
      var edges: [(Int, Int)] = []
      for i in rays.indices {
        for j in i + 1..<max(rays.count, i + 1) {
          let common = (0..<count).filter { on[i * count + $0] && on[j * count + $0] }
          let isEdge = rays.indices.allSatisfy { k in
            k == i || k == j || !common.allSatisfy { on[k * count + $0] }
          }
          if isEdge { edges.append((i, j)) }
        }
      }
      (self.rays, facetCount, isOn, self.edges) = (rays, count, on, edges)
    }

    /// Rays and facets together of both parts; nil where all rays are on one side.
    func sizes(cutBy normal: [Double]) -> [Int]? {
      let sides = rays.map { ray -> Int in
        let product = zip(normal, ray).reduce(0) { $0 + $1.0 * $1.1 }
        return product > 1e-7 ? 1 : product < -1e-7 ? -1 : 0
      }
      guard sides.contains(1), sides.contains(-1) else { return nil }
      let crossings = edges.count { sides[$0.0] * sides[$0.1] < 0 }
      return [1, -1].map { side in
        let facets = (0..<facetCount).count { f in
          sides.indices.contains { sides[$0] == side && isOn[$0 * facetCount + f] }
        }
        return sides.count { $0 != -side } + crossings + facets + 1
      }
    }
  }

  /// The part on one side of a plane, without facets that its rays show redundant.
  private func cut(by normal: [Double]) -> ActivationCone {
    let all = ActivationCone(
      normals: Matrix(
        rows: facets.rows + 1, columns: facets.columns, elements: facets.elements + normal))
    let rays = all.rays()
    let kept = (0..<all.facets.rows).filter { f in
      f == facets.rows || all.isFacet(f, rays)
    }
    return ActivationCone(normals: all.facets.selectingRows(kept))
  }

  /// Whether the rays on a row's plane span it.
  private func isFacet(_ row: Int, _ rays: [[Double]]) -> Bool {
    let normal = facets.row(row)
    let on = rays.filter { ray in abs(zip(normal, ray).reduce(0) { $0 + $1.0 * $1.1 }) <= 1e-8 }
    return Self.subsets(of: on.count, size: facets.columns - 1).contains { chosen in
      Self.normal(to: chosen.map { on[$0] }) != nil
    }
  }

  /// The mean of the unit rays, of length one.
  private func middle() -> [Double]? {
    var sum = [Double](repeating: 0, count: facets.columns)
    for ray in rays() { BLAS.add(1, ray, to: &sum) }
    let norm = BLAS.norm(sum)
    guard norm > 0 else { return nil }
    let unit = sum.map { $0 / norm }
    let products = (0..<facets.rows).map { f in BLAS.dot(Array(facets.row(f)), unit) }
    return products.allSatisfy { $0 > 0 } ? unit : nil
  }

  /// Unit vectors along the extreme rays.
  private func rays() -> [[Double]] {
    var found: [[Double]] = []
    for chosen in Self.subsets(of: facets.rows, size: facets.columns - 1) {
      guard let line = Self.normal(to: chosen.map { Array(facets.row($0)) }) else { continue }
      for ray in [line, line.map { -$0 }] {
        let isInside = (0..<facets.rows).allSatisfy { f in
          zip(facets.row(f), ray).reduce(0) { $0 + $1.0 * $1.1 } >= -Self.tolerance
        }
        let isKnown = found.contains { other in
          zip(other, ray).reduce(0) { $0 + $1.0 * $1.1 } > 1 - 1e-14
        }
        if isInside, !isKnown { found.append(ray) }
      }
    }
    return found
  }

  /// The unit vector at right angles to two vectors of three entries, or three of four; nil when they are dependent.
  private static func normal(to vectors: [[Double]]) -> [Double]? {
    let h = vectors.count + 1
    let minors = (0..<h).map { left -> Double in
      let columns = (0..<h).filter { $0 != left }
      let entries = vectors.map { vector in columns.map { vector[$0] } }
      let sign: Double = left % 2 == 0 ? 1 : -1
      return sign * determinant(entries)
    }
    let norm = BLAS.norm(minors)
    return norm > tolerance ? minors.map { $0 / norm } : nil
  }

  private static func determinant(_ m: [[Double]]) -> Double {
    guard m.count > 2 else { return m[0][0] * m[1][1] - m[0][1] * m[1][0] }
    return (0..<m.count).reduce(0) { sum, k in
      let rest = m.dropFirst().map { row in row.indices.filter { $0 != k }.map { row[$0] } }
      return sum + (k % 2 == 0 ? 1 : -1) * m[0][k] * determinant(rest)
    }
  }

  private static func subsets(of count: Int, size: Int) -> [[Int]] {
    guard size > 0 else { return [[]] }
    guard count >= size else { return [] }
    return subsets(of: count - 1, size: size)
      + subsets(of: count - 1, size: size - 1).map { $0 + [count - 1] }
  }
}
