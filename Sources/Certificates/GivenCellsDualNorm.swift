import Arrangements
import ConvexPrograms
package import Tensors

/// Upper bound on the dual norm of ReLU networks with one output and one window whose filters lie in given cells.
///
/// On the closure `{u : s_r x_r . u >= 0}` of a cell with pattern `D` a neuron is linear, and its pooled correlation is
/// `t . u` with `t = sum_i Lambda_i sum_k P_k D_ik x_ik`. For any multipliers `rho >= 0` and any rows
///
///     max { +-t . u : u in the cell, |u| <= 1 } <= |+-t + sum_r rho_r s_r x_r|
///
/// because what is added is not negative there. Multipliers come from projections (`CellProjections`), which look at as
/// many rows as they need and are not trusted: the right side is evaluated here, and the bound holds whatever they are, a
/// row too many or too few, exact or not.
///
/// - Source: Weak duality for the projection on a polyhedral cone (Moreau).
package enum GivenCellsDualNorm {
  /// The bound over the cells of the masks given.
  ///
  /// - Parameters:
  ///   - patches: Data with linear pooling.
  ///   - weights: Pooling weights `P`, `[1, K]`.
  ///   - masks: Pattern of each cell over the patches as packed bits.
  ///   - dual: Dual point `Lambda`, `[n, 1]`.
  /// - Returns: The bound; infinite when the data overflow.
  /// - Complexity: O(`n K h`) per cell, and a few products of all patches with as many points as there are cells.
  package static func upperBound(
    _ patches: PooledPatches, weights: Matrix, masks: [[UInt64]], dual: Matrix
  ) -> Double {
    let h = patches.patchDimension
    var slope = [Double](repeating: 0, count: masks.count * h)
    slope.withUnsafeMutableBufferPointer { slope in
      nonisolated(unsafe) let slope = slope
      Parallel.forEachChunk(of: masks.count, chunk: 1, threads: patches.threads) { b, _ in
        let t = MaskedDualNorm.correlation(patches, weights: weights, mask: masks[b], dual: dual)
        for e in 0..<h { slope[b * h + e] = t.elements[e] }
      }
    }
    guard slope.allSatisfy(\.isFinite) else { return .infinity }
    let projections = CellProjections(
      rows: patches.rows.withUnitRows,
      patterns: masks.map { ActivationPattern(bits: $0, count: patches.rows.rows) },
      threads: patches.threads)
    _ = projections.dualNorm(slope: slope)
    var largest = 0.0
    for block in 0..<2 * masks.count {
      let cell = block % masks.count
      let ascent = slope[cell * h..<(cell + 1) * h].map { block < masks.count ? -$0 : $0 }
      let terms = projections.multipliers(of: block).map { row, multiplier in
        (row: row, multiplier: multiplier / BLAS.norm(Array(patches.rows.row(row))))
      }
      let bound = bound(ascent, patches.rows, mask: masks[cell], multipliers: terms)
      largest = max(largest, bound)
    }
    return largest
      + patches.roundingMargin(mass: patches.massBound(weights: weights, dual: dual), size: 1)
  }

  /// An upper bound of `ascent . u` over unit vectors `u` of a cell, from any multipliers of any rows.
  ///
  /// - Parameters:
  ///   - ascent: A vector of length `h`.
  ///   - rows: Patches, `[n K, h]`.
  ///   - mask: Pattern of the cell as packed bits.
  ///   - multipliers: Rows with multipliers; those that are not positive and finite are left out.
  /// - Returns: `|ascent + sum_r rho_r s_r x_r|` or `|ascent|`, whichever is less, raised by its rounding.
  package static func bound(
    _ ascent: [Double], _ rows: Matrix, mask: [UInt64],
    multipliers: [(row: Int, multiplier: Double)]
  ) -> Double {
    let h = ascent.count
    let size = BLAS.norm(ascent)
    var (rest, mass, count) = (ascent, size, 0)
    for (row, rho) in multipliers where rho > 0 && rho.isFinite {
      let isActive = (mask[row >> 6] >> UInt64(row & 63)) & 1 == 1
      BLAS.add(isActive ? rho : -rho, Array(rows.row(row)), to: &rest)
      mass += rho * BLAS.norm(Array(rows.row(row)))
      count += 1
    }
    // A sum of `count + 1` terms is off by `(count + 1) 2^-53` of their sizes, its norm by `(h / 2 + 2) 2^-53` of itself.
    let rounding = 1 + Double(h + 8) * 0x1p-53
    let shifted = BLAS.norm(rest) * rounding + Double(2 * count + 8) * 0x1p-53 * mass
    let plain = size * rounding
    return shifted < plain ? shifted : plain.isNaN ? .infinity : plain
  }
}

extension ProblemView {
  /// The first filter that does not certainly lie in the closure of one of the cells given; nil when all do.
  ///
  /// A product counts as above zero when it exceeds the rounding of its own terms, `(h + 2) 2^-53 sum_e |x_re u_e|`, and as
  /// zero when every term is. Zero filters lie in every cell.
  ///
  /// - Parameter filters: Filters of ReLU neurons, `[m, h]`.
  /// - Returns: The number of the filter.
  /// - Complexity: O(`m n K (h + P / 64)`).
  func firstOutside(of filters: Matrix) -> Int? {
    guard activation == .relu, let masks else { return nil }
    let (rows, h) = (allPatches.rows, filters.columns)
    let words = (rows.rows + 63) / 64
    return (0..<filters.rows).first { j in
      // Rows whose product is certainly not negative, and those whose is certainly not positive.
      var above = [UInt64](repeating: 0, count: words)
      var below = above
      for r in 0..<rows.rows {
        let side = Self.side(rows.row(r), filters.row(j), h)
        if side >= 0 { above[r >> 6] |= 1 << UInt64(r & 63) }
        if side <= 0 { below[r >> 6] |= 1 << UInt64(r & 63) }
      }
      let last = rows.rows % 64 == 0 ? UInt64.max : (1 << UInt64(rows.rows % 64)) - 1
      return !masks.contains { mask in
        (0..<words).allSatisfy { w in
          let all = w == words - 1 ? last : .max
          return ((mask[w] & above[w]) | (~mask[w] & below[w])) & all == all
        }
      }
    }
  }

  /// The certain sign of an inner product; not a number where rounding leaves it open.
  private static func side(
    _ row: ArraySlice<Double>, _ filter: ArraySlice<Double>, _ count: Int
  ) -> Double {
    var (sum, size, isZero) = (0.0, 0.0, true)
    for (x, u) in zip(row, filter) where x != 0 && u != 0 {
      let term = x * u
      sum += term
      size += abs(term)
      isZero = false
    }
    if isZero { return 0 }
    // Terms that underflow are off by less than the least normal number.
    let error = Double(count + 2) * 0x1p-53 * size + Double(count) * .leastNormalMagnitude
    return sum > error ? 1 : sum < -error ? -1 : .nan
  }
}
