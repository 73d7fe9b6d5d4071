import Arrangements
import Tensors

/// Checks the multipliers of a file for filters of any dimension, cell by cell of an arrangement that is enumerated here.
///
/// A cell of the file speaks about every pattern with which the signs of all its facets agree: there each `a_i . u` is not
/// negative, whether or not it is a facet. Every pattern of the arrangement must be proven by one such cell, so a file
/// that lacks a cell, or has one of the wrong signs, proves nothing.
///
/// **Rounding.** The map `T` of a pattern is a sum over `N` patches, off by at most `delta = (N + h + 8) 2^-50 mass`; so
/// `|T u| <= lambda - delta` is proven of the computed map. Entries of the matrix are off by at most
/// `2^-52 (a c + 4 m + 8)` of the sizes that are added for `m` multipliers, and its smallest eigenvalue by `64 h^2 2^-52`
/// of its norm; the matrix is accepted only when the computed eigenvalue is above `h` times the first plus the second.
///
/// **Merged rows.** Cells are those of the lines of `EssentialRows`, whose rows stand for the rows here up to `e`
/// relative: `e` is 0, `2^-51` for rounded quotients, `2^-23` for bytes in single precision. A filter `u` lies in the
/// closure of a cell of the lines, on which `x_r . u` may have the other sign only where `|x_r . u| <= e |x_r| |u|`.
/// Features then differ from the map of the pattern by at most `e mass`, which `delta` includes, and a product
/// `(a . u) (b . u)` of facets is at least `-e |a| |b| |u|^2`, so the eigenvalue must exceed `e sum nu |a| |b|` as well.
struct CellMultiplierVerifier {
  /// Most cells that are checked, both of each pair.
  static let maximumCells = 20_000

  /// Stacked patches, `[N, h]`.
  let rows: Matrix
  /// Pooling weights `P`, `[a, K]`.
  let weights: Matrix
  /// Dual point, `[n, c]`.
  let dual: Matrix
  /// The bound to prove.
  let lambda: Double

  /// Proves `|Phi(u)' dual|_F <= lambda |u|` for every filter `u`, or throws.
  ///
  /// - Parameter cells: Cells in any order.
  /// - Throws: `CertificateError` that says what is wrong, `ArrangementError` when all patches are zero or span too many
  ///   dimensions.
  /// - Complexity: O(`cells^2 facets + cells N a c h`).
  func check(_ cells: [MultiplierCertificate.Cell]) throws {
    try checkNumbers(cells)
    let arrangement = try CentralArrangement(normals: rows)
    // Twice the bound covers the rounding of the sums that it is multiplied with.
    let merging = 2 * arrangement.essential.representationError
    let delta = delta(merging)
    let limit = lambda - delta
    guard limit > 0 else {
      throw MultiplierVerifier.refusal(
        "lambda", "more than the rounding margin \(delta)", "\(lambda)")
    }
    var count = 0
    for half in try CellEnumeration(arrangement).cells {
      count += 2
      guard count <= Self.maximumCells else {
        throw MultiplierVerifier.refusal(
          "cells", "an arrangement of at most \(Self.maximumCells) cells", "more")
      }
      for lines in [half, half.complement] {
        try check(arrangement.essential.expand(lines), cells, limit, merging)
      }
    }
  }

  /// Finds a cell of the file that proves one pattern.
  private func check(
    _ pattern: ActivationPattern, _ cells: [MultiplierCertificate.Cell], _ limit: Double,
    _ merging: Double
  ) throws {
    let map = self.map(pattern)
    var isNamed = false
    for cell in cells {
      let fits = cell.facets.allSatisfy { pattern[$0.row] == ($0.sign > 0) }
      guard fits else { continue }
      isNamed = true
      if try isProven(map, cell, limit, merging) { return }
    }
    throw MultiplierVerifier.refusal(
      "pattern \(pattern)", "a cell that proves it",
      isNamed ? "cells whose multipliers do not" : "no cell with its signs")
  }

  private func checkNumbers(_ cells: [MultiplierCertificate.Cell]) throws {
    let range = 0x1p-300...0x1p300
    guard rows.elements.allSatisfy({ $0 == 0 || range ~= abs($0) }), range ~= lambda,
      dual.elements.allSatisfy({ abs($0) <= 0x1p300 })
    else {
      throw MultiplierVerifier.refusal(
        "numbers", "patches and lambda of sizes 2^-300 to 2^300, and a finite dual point", "others")
    }
    for (index, cell) in cells.enumerated() {
      for facet in cell.facets {
        guard 0..<rows.rows ~= facet.row, facet.sign.magnitude == 1,
          rows.row(facet.row).contains(where: { $0 != 0 })
        else {
          throw MultiplierVerifier.refusal(
            "cell \(index)",
            "rows from 0 to \(rows.rows - 1) that are not zero, with signs 1 or -1",
            "row \(facet.row), sign \(facet.sign)")
        }
      }
      for multiplier in cell.multipliers {
        guard multiplier.value >= 0, multiplier.value.isFinite,
          cell.facets.indices ~= multiplier.first, cell.facets.indices ~= multiplier.second
        else {
          throw MultiplierVerifier.refusal(
            "cell \(index)", "multipliers not below 0 of its \(cell.facets.count) facets",
            "\(multiplier.value) of \(multiplier.first) and \(multiplier.second)")
        }
      }
    }
  }

  /// The map `T` of a pattern, `[a c, h]`.
  private func map(_ pattern: ActivationPattern) -> Matrix {
    let (h, count, c) = (rows.columns, weights.columns, dual.columns)
    var result = Matrix(rows: weights.rows * c, columns: h)
    for r in 0..<rows.rows where pattern[r] {
      for q in 0..<weights.rows where weights[q, r % count] != 0 {
        for j in 0..<c {
          let b = weights[q, r % count] * dual[r / count, j]
          for e in 0..<h { result[q * c + j, e] += b * rows[r, e] }
        }
      }
    }
    return result
  }

  /// What the norm of a computed value can be below the true one, for rows merged up to `merging` relative.
  private func delta(_ merging: Double) -> Double {
    let count = weights.columns
    var mass = 0.0
    for r in 0..<rows.rows {
      let pooled = (0..<weights.rows).reduce(0) { $0 + abs(weights[$1, r % count]) }
      mass += BLAS.norm(Array(rows.row(r))) * pooled * BLAS.norm(Array(dual.row(r / count)))
    }
    return mass * (Double(rows.rows + rows.columns + 8) * 0x1p-50 + merging)
      + Double(rows.rows) * 0x1p-700
  }

  /// Whether `limit^2 I - T'T - sum nu (a b' + b a') / 2` is positive semidefinite, rounding included.
  private func isProven(
    _ map: Matrix, _ cell: MultiplierCertificate.Cell, _ limit: Double, _ merging: Double
  ) throws -> Bool {
    let h = rows.columns
    var matrix = BLAS.product(map, .transposed, map, .plain)
    for e in matrix.elements.indices { matrix.elements[e] *= -1 }
    var size = limit * limit + BLAS.dot(map.elements, map.elements)
    var products = 0.0
    for e in 0..<h { matrix[e, e] += limit * limit }
    for multiplier in cell.multipliers {
      let (first, second) = (cell.facets[multiplier.first], cell.facets[multiplier.second])
      let factor = 0.5 * multiplier.value * Double(first.sign * second.sign)
      for e in 0..<h {
        for f in 0..<h {
          matrix[e, f] -=
            factor
            * (rows[first.row, e] * rows[second.row, f] + rows[second.row, e] * rows[first.row, f])
        }
      }
      products +=
        multiplier.value * BLAS.norm(Array(rows.row(first.row)))
        * BLAS.norm(Array(rows.row(second.row)))
    }
    size += products
    guard size.isFinite, matrix.firstNonFiniteIndex == nil else { return false }
    let least = try LAPACK.symmetricEigen(matrix).values.min() ?? -.infinity
    let operations = Double(map.rows + 4 * cell.multipliers.count + 8)
    let margin =
      Double(h) * operations * 0x1p-52 * size
      + Double(64 * h * h) * 0x1p-52 * BLAS.norm(matrix.elements) + merging * products
    return least >= margin
  }
}
