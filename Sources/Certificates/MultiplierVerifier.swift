import Tensors

/// Checks the cells and multipliers of a file against patches, pooling and a dual point.
///
/// Nothing here searches, and nothing is shared with the search that wrote the file. That the cells cover
/// the plane, and that no row changes its sign inside one, is decided without rounding (`PlanarRay`):
/// rays are patches turned by a right angle.
///
/// **Rounding.** The map `T` of a cell is a sum of products that are added where a row becomes active
/// and taken away again as the same numbers, with the errors of the sums carried along. It is off by at
/// most `delta = (2^-50 + N^2 2^-102) mass + N 2^-700`, so `|T u| <= lambda - delta` is what is proven of
/// the computed map. Entries of the matrix are off by at most
/// `e = (a c + 8) 2^-52 (lambda^2 + |T|^2 + sum nu |a_i| |a_j|)`, and the matrix is accepted only when
/// every symmetric matrix within `e` of it is positive semidefinite.
struct MultiplierVerifier {
  /// Stacked patches, `[N, 2]`.
  let rows: Matrix
  /// Pooling weights `P`, `[a, K]`.
  let weights: Matrix
  /// Dual point, `[n, c]`.
  let dual: Matrix
  /// The bound to prove.
  let lambda: Double

  /// What `check` refuses, in the words of an error.
  typealias Refusal = CertificateError

  static func refusal(_ place: String, _ expected: String, _ found: String) -> Refusal {
    CertificateError(
      place: "multipliers, \(place)", expected: expected, found: found,
      advice: "The file proves nothing for these data. Write it again.")
  }

  /// Proves `|Phi(u)' dual|_F <= lambda |u|` for every filter `u`, or throws.
  ///
  /// - Parameter cells: Cells in counter-clockwise order.
  /// - Throws: `CertificateError` that names the cell and what is wrong with it.
  /// - Complexity: O(`N log N + N a c`).
  func check(_ cells: [MultiplierCertificate.Cell]) throws {
    try checkRange()
    let normals = try cells.indices.map { try facets(of: cells[$0], index: $0) }
    let first = try firstCell(of: normals)
    let order = cells.indices.map { (first + $0) % cells.count }
    // On its first facet a cell begins at the row turned clockwise.
    let rays = order.map { PlanarRay(x: normals[$0][0].y, y: -normals[$0][0].x) }
    let (entering, leaving) = try crossings(rays)
    var map = CompensatedMap(entryCount: 2 * weights.rows * dual.columns)
    // Active from the ray where a row begins to the one where it ends, in the first cell perhaps from before.
    for r in entering.indices {
      guard let start = entering[r], let end = leaving[r] else { continue }
      if start == 0 || (start > end && end > 0) { add(r, sign: 1, to: &map) }
    }
    let (starts, ends) = (lists(entering, rays.count), lists(leaving, rays.count))
    let limit = lambda - delta
    guard limit > 0 else {
      throw Self.refusal("lambda", "more than the rounding margin \(delta)", "\(lambda)")
    }
    for (place, index) in order.enumerated() {
      if place > 0 {
        for r in starts[place] { add(r, sign: 1, to: &map) }
        for r in ends[place] { add(r, sign: -1, to: &map) }
      }
      try checkMatrix(map.values, limit, cells[index], normals[index], index: index)
    }
  }

  private func checkRange() throws {
    guard rows.columns == 2 else {
      throw Self.refusal("patches", "patch dimension 2", "\(rows.columns)")
    }
    let range = 0x1p-300...0x1p300
    guard rows.elements.allSatisfy({ $0 == 0 || range ~= abs($0) }), range ~= lambda,
      dual.elements.allSatisfy({ abs($0) <= 0x1p300 })
    else {
      throw Self.refusal(
        "numbers", "patches and lambda of sizes 2^-300 to 2^300, and a finite dual point", "others")
    }
  }

  /// The inner normals of a cell of the plane.
  private func facets(
    of cell: MultiplierCertificate.Cell, index: Int
  ) throws -> [PlanarRay] {
    guard cell.facets.count == 2 else {
      throw Self.refusal("cell \(index)", "2 facets", "\(cell.facets.count)")
    }
    return try cell.facets.map { facet in
      guard 0..<rows.rows ~= facet.row, facet.sign.magnitude == 1 else {
        throw Self.refusal(
          "cell \(index)", "a row from 0 to \(rows.rows - 1) and a sign 1 or -1",
          "row \(facet.row), sign \(facet.sign)")
      }
      let sign = Double(facet.sign)
      let normal = PlanarRay(x: sign * rows[facet.row, 0], y: sign * rows[facet.row, 1])
      guard normal.x != 0 || normal.y != 0 else {
        throw Self.refusal("cell \(index)", "a row that is not zero", "row \(facet.row)")
      }
      return normal
    }
  }

  /// Checks that the cells go round the plane once, and finds the first that begins at an angle not below 0.
  ///
  /// Every cell turns by more than 0 and less than half a turn, and begins where the one before ends, so
  /// the turns add up to as many full turns as there are cells that contain the direction of angle 0.
  private func firstCell(of normals: [[PlanarRay]]) throws -> Int {
    var first: Int?
    for (index, pair) in normals.enumerated() {
      let start = PlanarRay(x: pair[0].y, y: -pair[0].x)
      let end = PlanarRay(x: -pair[1].y, y: pair[1].x)
      guard PlanarRay.turn(start, end) > 0 else {
        throw Self.refusal("cell \(index)", "facets in counter-clockwise order", "others")
      }
      let next = normals[(index + 1) % normals.count][0]
      guard PlanarRay.areAlike(end, PlanarRay(x: next.y, y: -next.x)) else {
        throw Self.refusal(
          "cell \(index)", "an end where cell \((index + 1) % normals.count) begins",
          "a hole or an overlap")
      }
      let begins = start.y == 0 && start.x > 0
      guard begins || (start.y < 0 && end.y > 0) else { continue }
      guard first == nil else {
        throw Self.refusal("cell \(index)", "cells that go round once", "a second turn")
      }
      first = begins ? index : (index + 1) % normals.count
    }
    guard let first else { throw Self.refusal("cells", "cells that go round once", "none") }
    return first
  }

  /// Where each row becomes active and where it ends to be, as places of rays; nil for zero rows.
  ///
  /// - Throws: `CertificateError` when a row changes its sign inside a cell.
  private func crossings(_ rays: [PlanarRay]) throws -> (entering: [Int?], leaving: [Int?]) {
    var (entering, leaving) = (
      [Int?](repeating: nil, count: rows.rows), [Int?](repeating: nil, count: rows.rows)
    )
    for r in 0..<rows.rows where rows[r, 0] != 0 || rows[r, 1] != 0 {
      let ray = PlanarRay(x: rows[r, 1], y: -rows[r, 0])
      guard let start = place(of: ray, in: rays), let end = place(of: ray.opposite, in: rays) else {
        throw Self.refusal("row \(r)", "one sign on every cell", "a change of sign inside a cell")
      }
      (entering[r], leaving[r]) = (start, end)
    }
    return (entering, leaving)
  }

  private func place(of ray: PlanarRay, in rays: [PlanarRay]) -> Int? {
    var (low, high) = (0, rays.count)
    while low < high {
      let middle = (low + high) / 2
      if PlanarRay.precedes(rays[middle], ray) { low = middle + 1 } else { high = middle }
    }
    return low < rays.count && PlanarRay.areAlike(rays[low], ray) ? low : nil
  }

  private func lists(_ places: [Int?], _ count: Int) -> [[Int]] {
    var result = [[Int]](repeating: [], count: count)
    for (r, place) in places.enumerated() { if let place { result[place].append(r) } }
    return result
  }

  /// Adds or takes away what a row contributes to the map.
  private func add(_ r: Int, sign: Double, to map: inout CompensatedMap) {
    let (count, outputs) = (weights.columns, dual.columns)
    for q in 0..<weights.rows {
      let weight = weights[q, r % count]
      guard weight != 0 else { continue }
      for j in 0..<outputs {
        let b = sign * (weight * dual[r / count, j])
        for e in 0..<2 { map.add(b * rows[r, e], at: 2 * (q * outputs + j) + e) }
      }
    }
  }

  /// What the norm of a computed value can be below the true one.
  private var delta: Double {
    let count = weights.columns
    let pooled = (0..<count).map { k in
      (0..<weights.rows).reduce(0) { $0 + weights[$1, k] * weights[$1, k] }.squareRoot()
    }
    var mass = 0.0
    for r in 0..<rows.rows {
      let size = (rows[r, 0] * rows[r, 0] + rows[r, 1] * rows[r, 1]).squareRoot()
      mass += size * pooled[r % count] * BLAS.norm(Array(dual.row(r / count)))
    }
    let n = Double(rows.rows)
    return mass * (0x1p-50 + n * n * 0x1p-102) + n * 0x1p-700
  }

  private func checkMatrix(
    _ map: [Double], _ limit: Double, _ cell: MultiplierCertificate.Cell, _ normals: [PlanarRay],
    index: Int
  ) throws {
    var (xx, xy, yy) = (limit * limit, 0.0, limit * limit)
    var size = limit * limit
    for entry in 0..<map.count / 2 {
      let (x, y) = (map[2 * entry], map[2 * entry + 1])
      xx -= x * x
      xy -= x * y
      yy -= y * y
      size += x * x + y * y
    }
    for multiplier in cell.multipliers {
      let nu = multiplier.value
      guard nu >= 0, nu.isFinite, 0..<2 ~= multiplier.first, 0..<2 ~= multiplier.second else {
        throw Self.refusal(
          "cell \(index)", "multipliers not below 0 of facets 0 and 1",
          "\(nu) of \(multiplier.first) and \(multiplier.second)")
      }
      let (a, b) = (normals[multiplier.first], normals[multiplier.second])
      xx -= nu * a.x * b.x
      xy -= nu * 0.5 * (a.x * b.y + a.y * b.x)
      yy -= nu * a.y * b.y
      size += nu * (abs(a.x) + abs(a.y)) * (abs(b.x) + abs(b.y))
    }
    let operations = map.count / 2 + 8 * (cell.multipliers.count + 1)
    let error = Double(operations) * 0x1p-52 * size
    let (left, right, off) = (xx - error, yy - error, abs(xy) + error)
    guard left >= 0, right >= 0, left * right * (1 - 0x1p-50) >= off * off else {
      throw Self.refusal(
        "cell \(index)", "a positive semidefinite matrix, rounding included",
        "[[\(xx), \(xy)], [\(xy), \(yy)]] with margin \(error)")
    }
  }
}

/// Sums that carry the errors of their additions along.
struct CompensatedMap {
  private var sums: [Double]
  private var errors: [Double]

  /// A map of zeros.
  init(entryCount: Int) {
    sums = [Double](repeating: 0, count: entryCount)
    errors = sums
  }

  /// Adds a number to an entry.
  mutating func add(_ x: Double, at entry: Int) {
    let old = sums[entry]
    let sum = old + x
    let part = sum - old
    errors[entry] += (old - (sum - part)) + (x - part)
    sums[entry] = sum
  }

  /// The entries.
  var values: [Double] { zip(sums, errors).map { $0 + $1 } }
}
