import Tensors

/// Lists the cells of the plane and a multiplier for each, for a dual point that is feasible.
///
/// In coordinates of a cell's rays `w_1`, `w_2` the form `lambda^2 |u|^2 - |T u|^2` has a matrix `N` that
/// is copositive, and the product of the facets only an entry beside the diagonal: the multiplier that
/// takes a positive `N_12` away leaves a matrix that is positive semidefinite.
struct MultiplierWriter {
  /// Stacked patches, `[N, 2]`.
  let rows: Matrix
  /// Pooling weights `P`, `[a, K]`.
  let weights: Matrix
  /// Dual point, `[n, c]`.
  let dual: Matrix
  /// Bound on the dual norm.
  let lambda: Double

  /// A direction in which rows change their sign.
  private struct Crossing {
    let ray: PlanarRay
    /// Rows that become active here when one goes round counter-clockwise, and -1 - r for rows that end to be.
    var rows: [Int]
    /// A row whose facet begins at the ray.
    let facet: MultiplierCertificate.Facet
  }

  /// The cells in counter-clockwise order.
  ///
  /// - Throws: `CertificateError` when all patches lie on one line.
  /// - Complexity: O(`N log N + N a c`).
  func cells() throws -> [MultiplierCertificate.Cell] {
    let crossings = crossings()
    guard crossings.count > 2 else {
      throw CertificateError(
        place: "multipliers", expected: "patches that span the plane",
        found: crossings.isEmpty ? "zero patches only" : "patches on one line",
        advice: "Use the exact bound, which needs no multipliers here.")
    }
    var map = [Double](repeating: 0, count: 2 * weights.rows * dual.columns)
    // Rows that end to be active before they begin are active between the last ray and the first.
    var hasBegun = [Bool](repeating: false, count: rows.rows)
    for r in crossings.lazy.flatMap(\.rows) {
      if r >= 0 { hasBegun[r] = true } else if !hasBegun[-1 - r] { add(-1 - r, sign: 1, to: &map) }
    }
    return crossings.indices.map { index in
      for r in crossings[index].rows {
        add(r >= 0 ? r : -1 - r, sign: r >= 0 ? 1 : -1, to: &map)
      }
      return cell(from: crossings[index], to: crossings[(index + 1) % crossings.count], map)
    }
  }

  private func crossings() -> [Crossing] {
    var all: [(ray: PlanarRay, row: Int)] = []
    for r in 0..<rows.rows where rows[r, 0] != 0 || rows[r, 1] != 0 {
      let ray = PlanarRay(x: rows[r, 1], y: -rows[r, 0])
      all += [(ray, r), (ray.opposite, -1 - r)]
    }
    all.sort { PlanarRay.precedes($0.ray, $1.ray) }
    var result: [Crossing] = []
    for (ray, row) in all {
      if let last = result.last, PlanarRay.areAlike(last.ray, ray) {
        result[result.count - 1].rows.append(row)
      } else {
        let facet = MultiplierCertificate.Facet(
          row: row >= 0 ? row : -1 - row, sign: row >= 0 ? 1 : -1)
        result.append(Crossing(ray: ray, rows: [row], facet: facet))
      }
    }
    return result
  }

  private func add(_ r: Int, sign: Double, to map: inout [Double]) {
    let (count, outputs) = (weights.columns, dual.columns)
    for q in 0..<weights.rows where weights[q, r % count] != 0 {
      for j in 0..<outputs {
        let b = sign * weights[q, r % count] * dual[r / count, j]
        for e in 0..<2 { map[2 * (q * outputs + j) + e] += b * rows[r, e] }
      }
    }
  }

  private func cell(
    from start: Crossing, to end: Crossing, _ map: [Double]
  ) -> MultiplierCertificate.Cell {
    let (v, w) = (start.ray, end.ray)
    var beside = lambda * lambda * (v.x * w.x + v.y * w.y)
    for entry in 0..<map.count / 2 {
      let (x, y) = (map[2 * entry], map[2 * entry + 1])
      beside -= (x * v.x + y * v.y) * (x * w.x + y * w.y)
    }
    // Facets (-v.y, v.x) and (w.y, -w.x) are det(v, w) on the other ray.
    let determinant = v.x * w.y - v.y * w.x
    let nu = 2 * beside / (determinant * determinant)
    return MultiplierCertificate.Cell(
      facets: [
        start.facet,
        MultiplierCertificate.Facet(row: end.facet.row, sign: -end.facet.sign),
      ],
      multipliers: nu > 0 && nu.isFinite
        ? [MultiplierCertificate.Multiplier(first: 0, second: 1, value: nu)] : [])
  }
}
