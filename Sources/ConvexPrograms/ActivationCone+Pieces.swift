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

  /// The cone cut by planes through its rays into parts of at most four facets, where there are such cuts.
  ///
  /// A part has the facets of the cone on its side of the cut, less those that the rays say are redundant. Leaving one
  /// out makes a part larger, so that the parts always cover the cone.
  ///
  /// - Returns: The cone itself where it has at most four facets, fewer than 3 or more than 4 dimensions, or no cut helps.
  package func pieces(depth: Int = 12) -> [Piece] {
    let (h, count) = (facets.columns, facets.rows)
    guard count > 4, 3...4 ~= h, depth > 0 else { return [Piece(cone: self, interior: nil)] }
    let rays = self.rays()
    var best: (parts: [ActivationCone], cost: Int)?
    for chosen in Self.subsets(of: rays.count, size: h - 1) {
      guard let normal = Self.normal(to: chosen.map { rays[$0] }) else { continue }
      let products = rays.map { ray in zip(normal, ray).reduce(0) { $0 + $1.0 * $1.1 } }
      guard products.contains(where: { $0 > 1e-7 }), products.contains(where: { $0 < -1e-7 })
      else { continue }
      let parts = [1.0, -1].map { side in cut(by: normal.map { side * $0 }) }
      // Both parts must have fewer rays than the cone, so that cutting comes to an end.
      let counts = parts.map { $0.rays().count }
      let cost = counts.reduce(0) { $0 + $1 * $1 }
      guard counts.allSatisfy({ $0 < rays.count }), cost < best?.cost ?? .max else { continue }
      best = (parts, cost)
    }
    guard let best else { return [Piece(cone: self, interior: depth < 12 ? middle() : nil)] }
    return best.parts.flatMap { part in
      part.facets.rows <= 4
        ? [Piece(cone: part, interior: part.middle())] : part.pieces(depth: depth - 1)
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
